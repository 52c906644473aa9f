import type { ImageRule, JsonObject, Json } from '@plumb/api';
import { isAbout, type Occasion } from './causes.ts';

/** Fields that hold a container, or a list of them: those of Pods, and those of Argo Workflows, Tekton and others who name them alike. */
const CONTAINERS = new Set([
  'container',
  'containers',
  'initContainer',
  'initContainers',
  'ephemeralContainers',
  'script',
  'sidecar',
  'sidecars',
  'stepTemplate',
  'steps',
]);

export type ImageField = NonNullable<ImageRule['fields']>[number];

/** Of what is no text. */
const LONGEST = 200;

/** Kinds that are a container themselves. */
const KNOWN: readonly ImageField[] = [{ group: 'tekton.dev', kind: 'StepAction', path: 'spec.image' }];

/** Every image an object names to be run or mounted, wherever it holds a container, the spec of a pod, or an object of a kind with such a field. */
export function imagesOf(object: JsonObject, fields: readonly ImageField[] = []): string[] {
  const found = new Set<string>();
  collect(object, [...KNOWN, ...fields], found);
  return [...found];
}

function collect(node: Json, fields: readonly ImageField[], found: Set<string>): void {
  if (node === null || typeof node !== 'object') return;
  if (Array.isArray(node)) {
    for (const item of node) collect(item, fields, found);
    return;
  }
  for (const { path } of fields.filter((field) => isOf(field, node))) noteAt(node, path.split('.'), found);
  for (const [name, value] of Object.entries(node)) {
    for (const item of Array.isArray(value) ? value : [value]) noteIn(name, item, found);
    collect(value, fields, found);
  }
}

function isOf({ group, kind }: ImageField, object: JsonObject): boolean {
  if (fieldOf(object, 'kind') !== kind) return false;
  const version = fieldOf(object, 'apiVersion');
  return group === undefined || (typeof version === 'string' && version.startsWith(`${group}/`));
}

/** Lists are gone through, and of a `*` all that a map holds. What is there and no text is none that can be allowed. */
function noteAt(node: Json | undefined, [name, ...rest]: readonly string[], found: Set<string>): void {
  if (node === null || node === undefined) return;
  if (Array.isArray(node)) {
    for (const item of node) noteAt(item, name === undefined ? [] : [name, ...rest], found);
  } else if (name === undefined) {
    found.add(typeof node === 'string' ? node : JSON.stringify(node).slice(0, LONGEST));
  } else if (name === '*' && typeof node === 'object') {
    for (const item of Object.values(node)) noteAt(item, rest, found);
  } else noteAt(fieldOf(node, name), rest, found);
}

/** The image of a container; of a volume (KEP-4639), or of a disk of KubeVirt. */
function noteIn(name: string, entry: Json, found: Set<string>): void {
  const images = CONTAINERS.has(name)
    ? [fieldOf(entry, 'image')]
    : name === 'volumes'
      ? [fieldOf(fieldOf(entry, 'image'), 'reference'), fieldOf(fieldOf(entry, 'containerDisk'), 'image')]
      : [];
  for (const image of images) if (typeof image === 'string') found.add(image);
}

function fieldOf(value: Json | undefined, name: string): Json | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** As go-digest knows them: an image with any other is pulled by nobody. */
const DIGEST = /@(?:sha256:[a-f\d]{64}|sha384:[a-f\d]{96}|sha512:[a-f\d]{128})$/;

/** What is wrong with an image; null when nothing is. */
export function imageProblem({ registries, digests }: ImageRule, image: string): string | null {
  if (digests === true && !DIGEST.test(image)) return `image ${image} is not named by digest`;
  if (isOfRegistries(registries, image)) return null;
  return `image ${image} is not of ${(registries ?? []).join(', ')}`;
}

/** Whether an image may come from where its name says. */
export function isOfRegistries(registries: ImageRule['registries'], image: string): boolean {
  if (registries === undefined) return true;
  // Of what is no name nobody knows what will be made of it: it may hold a variable.
  const { repository } = referenceOf(image) ?? {};
  return registries.map(registryOf).some((one) => repository === one || repository?.startsWith(`${one}/`));
}

function registryOf(allowed: string): string {
  return allowed.replace(/\/+$/, '').replace(LEGACY, DOCKER);
}

const DOCKER = 'docker.io';
const LEGACY = /^index\.docker\.io(?=\/|$)/;

/** As distribution/reference has it: no path leads up, and no host is spelt in a way that only some read. */
const REPOSITORY = /^(?:[A-Za-z\d.-]+|\[[a-f\d:]+\])(?::\d+)?(?:\/[a-z\d]+(?:(?:[._]|__|-+)[a-z\d]+)*)+$/;

/** Where an image is looked up: its repository, and the digest or tag in it. Null where its name is none. */
export function referenceOf(image: string): { repository: string; reference: string; isDigest: boolean } | null {
  const repository = repositoryOf(image);
  if (!REPOSITORY.test(repository)) return null;
  const digest = DIGEST.exec(image)?.[0].slice(1);
  if (digest !== undefined) return { repository, reference: digest, isDigest: true };
  if (image.includes('@')) return null;
  const tag = /:([\w][\w.-]{0,127})$/.exec(image.slice(image.lastIndexOf('/') + 1))?.[1] ?? 'latest';
  return { repository, reference: tag, isDigest: false };
}

/** Registry and path of an image, without tag and digest, as distribution/reference reads it: short names are of docker.io. */
export function repositoryOf(image: string): string {
  const [named = ''] = image.split('@');
  const slash = named.lastIndexOf('/');
  const colon = named.indexOf(':', slash + 1);
  const name = (colon < 0 ? named : named.slice(0, colon)).replace(LEGACY, DOCKER);
  const [first = '', ...rest] = name.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  const full = isHost ? name : `${DOCKER}/${name}`;
  const [host = '', ...path] = full.split('/');
  return host === DOCKER && path.length === 1 ? `${DOCKER}/library/${path.join('/')}` : full;
}

/** The names of what is asked of images beside where they come from. */
export const SIGNATURES_RULE = 'images/signatures';
export const VULNERABILITIES_RULE = 'images/vulnerabilities';

/** The rules over images that a policy has for a change. */
export function imageRules(
  images: ImageRule | undefined,
  occasion: Occasion,
): { rule: string; action: 'Deny' | 'Warn' }[] {
  if (images === undefined || !isAbout(images.causes, occasion)) return [];
  const { action = 'Deny', signatures, vulnerabilities } = images;
  const rules = ['images', signatures && SIGNATURES_RULE, vulnerabilities && VULNERABILITIES_RULE];
  return rules.filter((rule) => rule !== undefined).map((rule) => ({ rule, action }));
}
