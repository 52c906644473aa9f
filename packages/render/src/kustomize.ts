import { parseJson, PlumbError, systemError } from '@plumb/api';
import { EngineError } from '@plumb/engine';
import type { Engine } from '@plumb/engine';
import { checkIdentities } from './assemble.ts';
import { declaredIn, toObject } from './declared.ts';
import type { Declared } from './declared.ts';
import { decryptInputs } from './decrypt.ts';
import { buildError } from './errors.ts';
import type { Kustomization } from './kustomization.ts';
import { plainWords } from './kustomize-words.ts';
import { limits } from './limits.ts';
import { withoutContent, withoutSecrets } from './mask.ts';
import { join } from './paths.ts';
import { declarePlain } from './plain.ts';
import type { Manifests } from './plain.ts';
import { Reach } from './reach.ts';
import type { Reached } from './reach.ts';
import type { BuildOptions } from './renderer.ts';
import { restoreOrigins } from './remote/origins.ts';
import type { Sites } from './remote/sites.ts';
import { isTouched } from './touched.ts';
import type { Found } from './tree-view.ts';
import { checkAliases, parseDocuments } from './yaml/documents.ts';
import { checkMarks } from './yaml/marks.ts';
import { isOrdinary } from './yaml/ordinary.ts';

/** Fewer bytes than the least that an object with an apiVersion, a kind and a name takes. */
const smallestObject = 32;

export interface KustomizeRoot {
  dir: Found;
  /** The kustomization file; for a generated one the path it would have. */
  path: string;
  kustomization: Kustomization;
  /** The file's bytes when it is built as it is; null when it was generated or the spec changed it. */
  content: Uint8Array | null;
}

/** What was declared, and the files it was declared in. */
export interface Declaration {
  declared: Declared[];
  warnings: string[];
  files: ReadonlyMap<string, Uint8Array>;
  /** What stood in files that were decrypted. */
  secrets: readonly string[];
}

/**
 * Builds a kustomization. One that only lists manifests is read here: kustomize takes time that grows faster than the number of objects.
 * Everything else goes to the helper with all it can reach.
 */
export async function kustomizeBuild(
  engine: Engine,
  sites: Sites,
  root: KustomizeRoot,
  options: BuildOptions,
): Promise<Declaration> {
  const until = performance.now() + options.deadline;
  const reached = await new Reach(sites).collect(root.dir, root);
  const listed = reached.onlyLists ? await declareListed(reached, options) : null;
  if (listed !== null) return { declared: listed, warnings: [], files: reached.files, secrets: [] };
  checkResources(reached, sites);
  for (const [place, text] of reached.texts) checkAliases(place, text);
  const secrets = options.decrypt === undefined ? [] : await decryptInputs(reached, options.decrypt);
  // Generators and patches put them anywhere.
  const told = secrets.length === 0 ? undefined : 'an object of a build with decrypted files';
  const files = [...reached.files].map(([path, content]) => ({ path, content }));
  const deadline = Math.max(1, Math.ceil(until - performance.now()));
  const path = root.dir.path === '' ? '.' : root.dir.path;
  const { tenant = '', signal } = options;
  const more = { tenant, ...(signal === undefined ? {} : { signal }) };
  try {
    const { objects, warnings } = await engine.kustomizeBuild({ files, path, deadline, ...more });
    const declared = objects.map(({ json, origin }): Declared => {
      const place = origin === '' ? root.path : sites.label(origin);
      const body = restoreOrigins(toObject(parseJson(json), place, told), sites, root.dir.path);
      return { body, origin: { path: place, document: -1 }, place, file: origin };
    });
    const plain = warnings.map((text) => plainWarning(withoutSecrets(text, secrets)));
    return { declared, warnings: [...new Set(plain)], files: reached.files, secrets };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw explain(error, reached, { root, sites, hide: (text) => withoutSecrets(text, secrets) });
  }
}

/** @returns null where kustomize must have its say: it would do more than read, or something is wrong and it knows best whether */
async function declareListed(reached: Reached, options: BuildOptions): Promise<Declared[] | null> {
  const manifests = resourcesOf(reached);
  if (![...manifests.values()].every(isOrdinary)) return null;
  try {
    const declared = await declarePlain(manifests, options);
    checkIdentities(declared);
    return isTouched(declared) ? null : declared;
  } catch (error) {
    if (error instanceof PlumbError && error.code === 'build-failed') return null;
    throw error;
  }
}

function resourcesOf({ files, resources }: Reached): Manifests {
  return new Map([...resources].map((path) => [path, files.get(path) ?? new Uint8Array()]));
}

/**
 * The helper writes aliases out and takes long for many objects: what it could not end is refused before it gets there. Small files
 * without aliases are not parsed.
 */
function checkResources(reached: Reached, sites: Sites): void {
  const resources = resourcesOf(reached);
  const bytes = resources.values().reduce((sum, content) => sum + content.byteLength, 0);
  let objects = 0;
  for (const [path, content] of resources) {
    const shown = sites.label(path);
    checkMarks(shown, content);
    if (bytes >= limits.objects * smallestObject) objects += declaredIn(shown, parseDocuments(shown, content)).length;
    else checkAliases(shown, content);
    if (objects > limits.objects) throw buildError(shown, `with it the build has more than ${limits.objects} objects`);
  }
}

/** Without the mark it is printed with. It may quote what it read. */
function plainWarning(line: string): string {
  return withoutContent(line.replace(/^# Warning: /, ''));
}

/** Finds the file behind a failed build, which kustomize seldom says plainly; else its own words, shortened. */
function explain(
  error: EngineError,
  reached: Reached,
  { root, sites, hide }: { root: KustomizeRoot; sites: Sites; hide: (text: string) => string },
): PlumbError {
  const words = sites.labels(plainWords(error.message));
  switch (error.code) {
    case 'failed':
      findMistake(reached, sites, error.message);
      return buildError(root.path, hide(withoutContent(words)), hide(error.message));
    case 'timeout':
      return systemError('timeout', `the build of ${root.path} did not end in time: ${error.message}`, error);
    case 'cancelled':
      return systemError('cancelled', `the build of ${root.path} was cancelled`, error);
    default:
      return systemError('engine-failed', `the build of ${root.path} failed: ${error.message}`, error);
  }
}

/** @throws PlumbError for the first resource file that no build could use, or the second place of an object that is there twice. */
function findMistake(reached: Reached, sites: Sites, message: string): void {
  const files = [...resourcesOf(reached)];
  const declared = files.flatMap(([path, content]) => {
    const label = sites.label(path);
    return declaredIn(label, parseDocuments(label, content));
  });
  // Files of one base may be built twice under two prefixes, and then hold one name rightly.
  if (message.includes('already registered id')) checkIdentities(declared);
}

/** The kustomization a plain folder gets: what the scan found, in its order. */
export function generatedKustomization(dir: Found, resources: readonly string[]): KustomizeRoot {
  const kustomization: Kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [...resources],
  };
  return { dir, path: join(dir.path, 'kustomization.yaml'), kustomization, content: null };
}
