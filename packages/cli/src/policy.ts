import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { Decryption } from '@plumb/agent';
import { keyOf, systemError, userError, type KubeObject } from '@plumb/api';
import { createDecryptor } from '@plumb/engine';
import {
  isLockdown,
  isPolicy,
  objectsIn,
  type Approver,
  type PolicyFlaw,
  type PolicyReport,
  type RepositoryTools,
} from '@plumb/preview';
import { createRenderer } from '@plumb/render';
import { createDownloads, createRemoteBases, repositoryRoot } from '@plumb/sources';
import type { Context } from './context.ts';
import { decryptEnvironment, decryptProgram } from './decryption.ts';
import { gitEnvironment } from './git-environment.ts';
import { partsOf } from './lists.ts';
import { choice, flag, list, text, type OptionValues } from './options.ts';
import { commonOptions, engineOf, LONGEST, manifestsOf } from './preview.ts';
import { printReport } from './terminal/print-report.ts';
import { endOf } from './terminal/visible.ts';

/** What all commands that judge by policies share. */
export const policyOptions = {
  namespace: text(
    '-n, --namespace <name>',
    'FLUX_SYSTEM_NAMESPACE',
    'namespace of units and policies in files that name none',
    'flux-system',
  ),
  with: text(
    '--with <files>',
    null,
    'files, with commas, of what only a cluster has: ConfigMaps, Secrets, Namespaces, GitRepositories',
  ),
  source: list(
    '--source <names>',
    'sources that this repository stands for, as Kind/namespace/name; by default every GitRepository',
  ),
  approvedBy: list(
    '--approved-by <people>',
    'judge as if these people had approved, as user=group+group, with the groups that count',
  ),
  at: text(
    '--at <time>',
    null,
    'judge windows as at this time, as 2026-11-03T12:00:00Z; by default now, and of a recorded change when it was judged',
  ),
  strict: flag('--strict', null, 'exit with 1 also where something is waited for, or cannot be judged here'),
  output: choice('-o, --output <format>', 'text for people, json, yaml, or github: annotations for GitHub Actions', [
    'text',
    'json',
    'yaml',
    'github',
  ]),
  kubeVersion: text(
    '--kube-version <version>',
    null,
    'Kubernetes version that templates of charts see; by default the newest known',
  ),
  enginePath: commonOptions.enginePath,
} as const;

export type PolicyOptions = OptionValues<typeof policyOptions>;

const PASSES = 0;
const DENIED = 1;
const FAILED = 2;

/** Hands what builds and judges to `work`, and lets go of it. */
export async function withTools<T>(
  options: PolicyOptions,
  context: Context,
  work: (tools: RepositoryTools) => Promise<T>,
): Promise<T> {
  const engine = engineOf(options, context);
  const environment = decryptEnvironment(context.environment);
  const decryptor = createDecryptor({ path: decryptProgram(context.root), environment });
  const dir = await mkdtemp(join(tmpdir(), 'plumb-policy-'));
  const env = gitEnvironment(context.environment);
  const remotes = createRemoteBases({ dir: join(dir, 'bases'), env });
  const downloads = createDownloads({ dir: join(dir, 'charts'), env });
  try {
    return await work({
      engine,
      renderer: createRenderer({ engine }),
      decryption: new Decryption({ decryptor, verifyMac: true, surroundings: null }),
      remotes,
      downloads,
      kubeVersion: options.kubeVersion,
      env,
      signal: AbortSignal.timeout(LONGEST),
    });
  } finally {
    await remotes.close();
    await downloads.close();
    await decryptor.close();
    await engine.close();
    await rm(dir, { recursive: true, force: true });
  }
}

/** The repository around a folder, and the folder in it. */
export function placeOf(asked: string, { folder }: Pick<Context, 'folder'>): { root: string; folder: string } {
  const at = resolve(folder, asked === '' ? '.' : asked);
  const root = repositoryRoot(at);
  return { root, folder: relative(root, at) };
}

/** The objects of `--with`. */
export function givenObjects(options: Pick<PolicyOptions, 'with'>): Promise<KubeObject[]> {
  return manifestsOf(partsOf(options.with));
}

/** The objects of files, and of all YAML files in folders. @throws PlumbError where there is no policy or lockdown among them */
export async function policyObjects(
  paths: readonly string[],
  { folder }: Pick<Context, 'folder'>,
): Promise<KubeObject[]> {
  const files = (await Promise.all(paths.map((path) => filesOf(resolve(folder, path))))).flat();
  const objects = (
    await Promise.all(files.map(async (file) => objectsIn(relative(folder, file), await readFile(file))))
  ).flat();
  if (objects.some((one) => isPolicy(one) || isLockdown(one))) return objects;
  throw userError('invalid-spec', `there is no ReleasePolicy, ClusterReleasePolicy or Lockdown in ${paths.join(', ')}`);
}

async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path).catch((error: unknown) => {
    throw systemError(
      'invalid-path',
      `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  });
  if (!found.isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name));
  return files.map((entry) => join(entry.parentPath, entry.name)).toSorted();
}

/** What in the files of policies they look up: who authors are, and labels of namespaces. */
export function lookedUp(objects: readonly KubeObject[], namespace: string): KubeObject[] {
  return objects
    .filter((object) => keyOf(object).group === '' && ['ConfigMap', 'Namespace'].includes(object.kind))
    .map((object) =>
      object.kind === 'Namespace'
        ? object
        : { ...object, metadata: { ...object.metadata, namespace: object.metadata.namespace ?? namespace } },
    );
}

/** @throws PlumbError for what is no time */
export function timeOf({ at }: Pick<PolicyOptions, 'at'>): number {
  if (at === '') return Date.now();
  const time = /^\d{4}-\d{2}-\d{2}T.*(?:Z|[+-]\d{2}:\d{2})$/.test(at) ? Date.parse(at) : Number.NaN;
  if (Number.isNaN(time)) throw userError('invalid-spec', `--at: '${at}' is no time as 2026-11-03T12:00:00Z`);
  return time;
}

/** @throws PlumbError where somebody has no name */
export function approversOf({ approvedBy }: Pick<PolicyOptions, 'approvedBy'>): Approver[] {
  return approvedBy.map((one) => {
    const at = one.indexOf('=');
    const user = at < 0 ? one : one.slice(0, at);
    const groups = at < 0 ? [] : one.slice(at + 1).split('+');
    if (user === '' || groups.includes(''))
      throw userError('invalid-spec', `--approved-by: '${one}' is not of the form alice=sre+oncall`);
    return { user, groups };
  });
}

/** @throws PlumbError that names every policy that cannot be judged by */
export function refuseFlawed(flaws: readonly PolicyFlaw[]): void {
  if (flaws.length === 0) return;
  const lines = flaws.map(({ policy, flaw }) => `${policy} is invalid: ${flaw}`);
  throw userError('invalid-spec', lines.join('\n'));
}

/** 0: nothing is denied; 1: something is, or a rule over the content cannot be judged; 2: something cannot be built. */
function codeOf({ verdicts, unjudged, failures }: PolicyReport, { strict }: Pick<PolicyOptions, 'strict'>): number {
  if (failures.length > 0) return FAILED;
  const outcomes = verdicts.flatMap(({ rules }) => rules.map(({ outcome }) => outcome));
  if (outcomes.some((outcome) => outcome === 'denied' || outcome === 'failed')) return DENIED;
  const isOpen = unjudged.length > 0 || outcomes.some((outcome) => outcome === 'waits' || outcome === 'unknown');
  return strict && isOpen ? DENIED : PASSES;
}

/** Prints what a judgement comes to, or why there is none. @returns the exit code */
export async function tellReport(
  judging: Promise<PolicyReport>,
  options: Pick<PolicyOptions, 'output' | 'strict'>,
  context: Context,
): Promise<number> {
  try {
    const report = await judging;
    printReport(report, options, context);
    return codeOf(report, options);
  } catch (thrown) {
    context.stderr.write(endOf(thrown));
    return FAILED;
  }
}
