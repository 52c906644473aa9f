import type { ImageRule, JsonObject, Json } from '@plumb/api';
import { isAbout, type Occasion } from './causes.ts';

const CONTAINERS = ['containers', 'initContainers', 'ephemeralContainers'];

/** Every image an object names to be run or mounted, wherever it holds the spec of a pod. */
export function imagesOf(object: JsonObject): string[] {
  const found = new Set<string>();
  collect(object, found);
  return [...found];
}

function collect(node: Json, found: Set<string>): void {
  if (node === null || typeof node !== 'object') return;
  if (Array.isArray(node)) {
    for (const item of node) collect(item, found);
    return;
  }
  for (const [name, value] of Object.entries(node)) {
    if (Array.isArray(value)) for (const item of value) note(imageIn(name, item), found);
    collect(value, found);
  }
}

/** The image of one entry of a list of containers, or of one of volumes (KEP-4639). */
function imageIn(list: string, entry: Json): Json | undefined {
  if (CONTAINERS.includes(list)) return fieldOf(entry, 'image');
  return list === 'volumes' ? fieldOf(fieldOf(entry, 'image'), 'reference') : undefined;
}

function fieldOf(value: Json | undefined, name: string): Json | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject && Object.hasOwn(value, name) ? value[name] : undefined;
}

function note(image: Json | undefined, found: Set<string>): void {
  if (typeof image === 'string') found.add(image);
}

/** As go-digest knows them: an image with any other is pulled by nobody. */
const DIGEST = /@(?:sha256:[a-f\d]{64}|sha384:[a-f\d]{96}|sha512:[a-f\d]{128})$/;

/** What is wrong with an image; null when nothing is. */
export function imageProblem({ registries, digests }: ImageRule, image: string): string | null {
  if (digests === true && !DIGEST.test(image)) return `image ${image} is not named by digest`;
  if (registries === undefined) return null;
  const repository = repositoryOf(image);
  const isAllowed = registries.map(registryOf).some((one) => repository === one || repository.startsWith(`${one}/`));
  return isAllowed ? null : `image ${image} is not of ${registries.join(', ')}`;
}

function registryOf(allowed: string): string {
  return allowed.replace(/\/+$/, '').replace(LEGACY, DOCKER);
}

const DOCKER = 'docker.io';
const LEGACY = /^index\.docker\.io(?=\/|$)/;

/** Where an image is looked up: its repository, and the digest or tag in it. Null where its name is none. */
export function referenceOf(image: string): { repository: string; reference: string; isDigest: boolean } | null {
  const repository = repositoryOf(image);
  if (!/^[^/\s?#@]+(?:\/[a-z\d._-]+)+$/.test(repository)) return null;
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
