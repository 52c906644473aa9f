import { PlumbError } from '@plumb/api';
import type { Engine } from '@plumb/engine';
import { assemble } from './assemble.ts';
import { decryptObjects } from './decrypt.ts';
import { buildError, pathError, shown } from './errors.ts';
import { parseKustomization, saysNothing } from './kustomization.ts';
import { generatedKustomization, kustomizeBuild } from './kustomize.ts';
import type { Declaration, KustomizeRoot } from './kustomize.ts';
import { withoutSecretsIn } from './mask.ts';
import { checkCancelled } from './pace.ts';
import { displayPath, relative } from './paths.ts';
import { declarePlain } from './plain.ts';
import { readKustomization } from './reach.ts';
import { ReadLog } from './reads.ts';
import { remoteEntry } from './remote/entry.ts';
import { Sites } from './remote/sites.ts';
import type { BuildOptions, BuildSpec, Renderer } from './renderer.ts';
import { hasKustomization, scan } from './scan.ts';
import type { Scanned } from './scan.ts';
import { substitute } from './substitute.ts';
import { isTouched } from './touched.ts';
import { hasTransforms, withTransforms } from './transforms.ts';
import { Budget, TreeView } from './tree-view.ts';
import type { Found } from './tree-view.ts';
import { unchanged } from './unchanged.ts';
import { checkTotal } from './yaml/marks.ts';

/** Builds bundles: what is only to be read by itself, everything else through the engine's kustomize. */
export function createRenderer({ engine }: { engine: Engine }): Renderer {
  return {
    unchanged,
    async build(artifact, asked, options) {
      const log = new ReadLog();
      const budget = new Budget();
      const view = new TreeView(artifact.tree, log, budget);
      const sites = new Sites(view, budget, options);
      checkComponents(asked);
      const spec = asked.ignoreMissingComponents === true ? await withoutMissing(view, asked) : asked;
      const declaration = await declare(engine, sites, spec, options);
      checkCancelled(options);
      const { warnings, secrets } = declaration;
      const { decrypt, substitution } = options;
      try {
        const plain = decrypt === undefined ? declaration : await decryptObjects(declaration, decrypt);
        const { declared } = plain;
        const objects =
          substitution === undefined ? declared : await substitute(engine, declared, substitution, options);
        const all = new Set([...secrets, ...plain.secrets, ...(substitution?.secrets ?? [])]);
        const reads = { rules: artifact.rules, ids: log.ids(), remotes: sites.reads() };
        return assemble(objects, spec, { reads, warnings, secrets: [...all] });
      } catch (error) {
        // Generators and patches put what was decrypted anywhere, into names too.
        throw withoutSecretsIn(error, secrets);
      }
    },
  };
}

async function declare(engine: Engine, sites: Sites, spec: BuildSpec, options: BuildOptions): Promise<Declaration> {
  const { view } = sites.local;
  const dir = await resolveFolder(view, spec.path);
  if (await hasKustomization(view, dir.path)) {
    const file = await readKustomization(view, dir, displayPath(dir.path));
    const kustomization = parseKustomization(file.path, file.content);
    const changed = hasTransforms(spec) || saysNothing(kustomization);
    const root: KustomizeRoot = changed
      ? { dir, path: file.path, kustomization: withTransforms(kustomization, spec, file.path), content: null }
      : { dir, path: file.path, kustomization, content: file.content };
    return await kustomizeBuild(engine, sites, root, options);
  }
  view.recordFolder(dir);
  const scanned = await scan(view, dir);
  const manifests = scanned.filter(({ found }) => found.type === 'file');
  checkCancelled(options);
  const { declared, files } = await readPlain(view, manifests, options);
  const isPlain = manifests.length === scanned.length && !hasTransforms(spec) && !isTouched(declared);
  if (isPlain) return { declared, warnings: [], files, secrets: [] };
  const root = generatedKustomization(
    dir,
    scanned.map(({ shown }) => relative(dir.path, shown)),
  );
  root.kustomization = withTransforms(root.kustomization, spec, root.path);
  return await kustomizeBuild(engine, sites, root, options);
}

/** Those of the spec are folders of the artifact, as in Flux. */
function checkComponents({ components }: BuildSpec): void {
  for (const [index, value] of components.entries()) {
    if (remoteEntry({ entry: `components[${index}]`, value }, 'spec') !== null)
      throw buildError('spec', `component path ${shown(value)} must be local and relative`);
  }
}

/** The spec without the components that are not there. That they were looked for is recorded: one that comes is built. */
async function withoutMissing(view: TreeView, spec: BuildSpec): Promise<BuildSpec> {
  const dir = await resolveFolder(view, spec.path);
  const found = await Promise.all(
    spec.components.map((value, index) => view.resolve(dir.path, value, `spec: components[${index}]`)),
  );
  return { ...spec, components: spec.components.filter((_, index) => found[index] !== null) };
}

async function readPlain(
  view: TreeView,
  manifests: readonly Scanned[],
  options: BuildOptions,
): Promise<Pick<Declaration, 'declared' | 'files'>> {
  const contents = await view.readAll(manifests.map(({ found }) => found));
  checkTotal(contents);
  const files = new Map(manifests.map(({ shown }, index) => [shown, contents[index] ?? new Uint8Array()]));
  return { declared: await declarePlain(files, options), files };
}

/** The folder of spec.path; a leading slash means the root, as Flux takes it. */
async function resolveFolder(view: TreeView, path: string): Promise<Found> {
  const found = await view.resolve('', path, 'spec.path').catch((error: unknown) => {
    if (error instanceof PlumbError && error.code === 'build-failed') throw pathError(error.message, error);
    throw error;
  });
  const shown = displayPath(path);
  if (found === null) throw pathError(`kustomization path not found: stat ${shown}: no such file or directory`);
  if (found.type === 'file') throw pathError(`kustomization path not found: ${shown} is a file, not a folder`);
  return found;
}
