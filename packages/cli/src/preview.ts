import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { Decryption } from '@plumb/agent';
import type { Kustomization, KubeObject, UnitRef } from '@plumb/api';
import { PlumbError, systemError, userError } from '@plumb/api';
import { createDecryptor, createEngine, type Engine } from '@plumb/engine';
import type { Cluster } from '@plumb/kube';
import { connect } from '@plumb/kube';
import type { Built } from '@plumb/preview';
import {
  buildUnit,
  KUSTOMIZATIONS,
  liveUnit,
  readUnitSource,
  refuseIncluded,
  unitAmong,
  withLiveStatus,
} from '@plumb/preview';
import { createRenderer, readManifests } from '@plumb/render';
import type { RemoteBases } from '@plumb/sources';
import { createRemoteBases, openLocal, repositoryRoot } from '@plumb/sources';
import type { Context } from './context.ts';
import { decryptEnvironment, decryptProgram } from './decryption.ts';
import { gitEnvironment } from './git-environment.ts';
import { partsOf } from './lists.ts';
import type { OptionValues } from './options.ts';
import { flag, text } from './options.ts';
import { visibleText } from './terminal/visible.ts';

/** What all of `build` and `diff` share. The names are those of the flux command line where it has them. */
export const commonOptions = {
  with: text(
    '--with <files>',
    null,
    'files, with commas, of ConfigMaps, Secrets and the GitRepository that take the place of those in the cluster',
  ),
  kubeconfig: text('--kubeconfig <path>', 'KUBECONFIG', "kubeconfig of the cluster; '' for none"),
  context: text('--context <name>', null, 'context of the kubeconfig; by default its current one'),
  enginePath: text(
    '--engine-path <path>',
    'PLUMB_ENGINE_PATH',
    'the engine helper; by default the one built in this clone',
  ),
} as const;

/** Of Kustomizations. */
export const previewOptions = {
  path: text(
    '--path <folder>',
    null,
    'folder of the manifests on this machine; by default spec.path in the repository around the current folder',
  ),
  revision: text(
    '--revision <revision>',
    null,
    'read the files of this Git revision, not those that stand in the folder',
  ),
  kustomizationFile: text(
    '-f, --kustomization-file <file>',
    null,
    'take the Kustomization from this file, not from the cluster',
  ),
  namespace: text('--namespace <name>', 'FLUX_SYSTEM_NAMESPACE', 'namespace of the Kustomization', 'flux-system'),
  ...commonOptions,
  strictSubstitutions: flag(
    '--strict-substitutions',
    null,
    'fail where a variable is used which is not there and has no default',
    true,
  ),
  noRemoteBases: flag('--no-remote-bases', null, 'fail where a kustomization names a repository or file elsewhere'),
  rehearse: flag(
    '--rehearse',
    null,
    'carry the change out in memory, and print its stages, their order, what it waits for and what it would prune',
  ),
} as const;

export type PreviewOptions = OptionValues<typeof previewOptions>;

export interface Opened {
  built: Built;
  /** Null without a kubeconfig. */
  cluster: Cluster | null;
}

/** What a command wants to know. */
export interface Wish {
  /** The unit's name; may be empty where a file holds just one. */
  name: string;
  /** Also what the unit owns, which only a cluster can tell. */
  owned: boolean;
}

/** Builds the unit that the options name, hands it to `work`, and lets go of everything. */
export async function withPreview<T>(
  wish: Wish,
  options: PreviewOptions,
  context: Context,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const signal = AbortSignal.timeout(LONGEST);
  const cluster = await clusterOf(options);
  const engine = engineOf(options, context);
  const decryptor = createDecryptor({
    path: decryptProgram(context.root),
    environment: decryptEnvironment(context.environment),
  });
  try {
    const unit = await unitOf(wish, options, { cluster, signal });
    const place = placeOf(unit, options, context.folder);
    const given = await manifestsOf(partsOf(options.with));
    const beside = options.kustomizationFile === '' ? [] : await manifestsOf([options.kustomizationFile]);
    const source = await readUnitSource({ ref: sourceOf(unit), given: [...given, ...beside], cluster, signal });
    for (const note of source.notes) context.stderr.write(`note: ${visibleText(note)}\n`);
    const { revision } = options;
    const env = gitEnvironment(context.environment);
    await using remotes = options.noRemoteBases ? null : await passingRemotes(env);
    const asked = revision === '' ? {} : { revision };
    const artifact = await openLocal({ dir: place.root, source: source.ref, content: source.content, env, ...asked });
    try {
      await refuseIncluded(place.path, source, artifact);
      const built = await buildUnit({
        unit: { ...unit, spec: { ...unit.spec, path: place.path } },
        artifact,
        renderer: createRenderer({ engine }),
        cluster,
        given,
        remotes: remotes?.bases ?? null,
        strictSubstitutions: options.strictSubstitutions,
        decryption: new Decryption({ decryptor, verifyMac: true, surroundings: null }),
        signal,
      });
      return await work({ built, cluster });
    } finally {
      await artifact.close();
    }
  } finally {
    await decryptor.close();
    await engine.close();
    await cluster?.close();
  }
}

export const LONGEST = 10 * 60_000;

/** Null without a kubeconfig. */
export async function clusterOf({
  kubeconfig,
  context,
}: Pick<PreviewOptions, 'kubeconfig' | 'context'>): Promise<Cluster | null> {
  if (kubeconfig === '') return null;
  return connect({ kubeconfig, ...(context === '' ? {} : { context }), userAgent: 'plumb-preview' });
}

export function engineOf({ enginePath }: Pick<PreviewOptions, 'enginePath'>, { root }: Pick<Context, 'root'>): Engine {
  return createEngine({ path: enginePath === '' ? join(root, 'build', 'engine') : enginePath, slots: 1 });
}

/** A kubeconfig may be there for other commands: what stands in files needs none. */
export function withHint(error: PlumbError, { kubeconfig, file }: { kubeconfig: string; file: string }): PlumbError {
  const isOfCluster = error.code.startsWith('api-') || error.message.includes(kubeconfig);
  if (kubeconfig === '' || file === '' || !isOfCluster) return error;
  const said = `${error.message}; with --kubeconfig '' no cluster is asked for what the files do not have`;
  return new PlumbError(error.code, said, { fault: error.fault, policy: error.policy, cause: error });
}

/** Remote bases for one build: nothing of them is kept. */
async function passingRemotes(
  env: Readonly<Record<string, string>>,
): Promise<AsyncDisposable & { bases: RemoteBases }> {
  const dir = await mkdtemp(join(tmpdir(), 'plumb-preview-'));
  const bases = createRemoteBases({ dir, env });
  const dispose = async (): Promise<void> => {
    await bases.close();
    await rm(dir, { recursive: true, force: true });
  };
  return { bases, [Symbol.asyncDispose]: dispose };
}

async function unitOf(
  { name, owned }: Wish,
  { kustomizationFile: file, namespace }: PreviewOptions,
  { cluster, signal }: { cluster: Cluster | null; signal: AbortSignal },
): Promise<Kustomization> {
  if (file === '') {
    if (name === '') throw userError('invalid-spec', 'say which Kustomization, or give it with --kustomization-file');
    if (cluster === null)
      throw userError(
        'invalid-spec',
        `Kustomization ${namespace}/${name} is in the cluster: give --kubeconfig, or --kustomization-file`,
      );
    return liveUnit(KUSTOMIZATIONS, cluster, { name, namespace }, signal);
  }
  const declared = unitAmong(KUSTOMIZATIONS, await manifestsOf([file]), { name, namespace }, file);
  return cluster === null || !owned ? declared : withLiveStatus(KUSTOMIZATIONS, cluster, declared, signal);
}

function sourceOf({ metadata, spec }: Kustomization): UnitRef {
  const { kind, name, namespace = metadata.namespace ?? '' } = spec.sourceRef;
  return { kind, namespace, name };
}

/** The root of the artifact, and the folder in it. */
function placeOf(unit: Kustomization, { path }: PreviewOptions, folder: string): { root: string; path: string } {
  const at = path === '' ? folder : resolve(folder, path);
  const root = repositoryRoot(at);
  return { root, path: path === '' ? (unit.spec.path ?? './') : `./${relative(root, at)}` };
}

/** The objects of files. @throws PlumbError that names the file */
export async function manifestsOf(files: readonly string[]): Promise<KubeObject[]> {
  const read = files.map(async (file) => {
    const content = await readFile(file).catch((error: unknown) => {
      throw systemError(
        'invalid-path',
        `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      );
    });
    return readManifests(file, content);
  });
  return (await Promise.all(read)).flat();
}
