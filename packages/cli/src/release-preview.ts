import type { Secrets } from '@plumb/agent';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import type { HelmRelease, KubeObject } from '@plumb/api';
import { userError } from '@plumb/api';
import type { Engine } from '@plumb/engine';
import type { Cluster } from '@plumb/kube';
import type { DeclaredRelease, Room } from '@plumb/preview';
import { declareRelease, HELM_RELEASES, liveUnit, loadChart, roomOf, unitAmong, withLiveStatus } from '@plumb/preview';
import { readManifests } from '@plumb/render';
import { createDownloads, openLocal, repositoryRoot, type Downloads } from '@plumb/sources';
import type { Context } from './context.ts';
import { gitEnvironment } from './git-environment.ts';
import { partsOf } from './lists.ts';
import type { OptionValues } from './options.ts';
import { flag, text } from './options.ts';
import { clusterOf, commonOptions, engineOf, LONGEST, manifestsOf } from './preview.ts';
import { visibleText } from './terminal/visible.ts';

/** What `build` and `diff` of releases share. The names are those of the flux and helm command lines where they have them. */
const releaseOptions = {
  helmreleaseFile: text(
    '-f, --helmrelease-file <file>',
    null,
    'take the HelmRelease from this file, not from the cluster',
  ),
  chartPath: text(
    '--chart-path <path>',
    null,
    "folder or archive of the chart on this machine; by default the folder that a chart of a GitRepository has in the repository around the current folder, else what the cluster's HelmChart, OCIRepository or ExternalArtifact offers",
  ),
  revision: text(
    '--revision <revision>',
    null,
    'read the chart, and its values files, of this Git revision, not as they stand in the folder',
  ),
  namespace: text('--namespace <name>', 'FLUX_SYSTEM_NAMESPACE', 'namespace of the HelmRelease', 'flux-system'),
  ...commonOptions,
  kubeVersion: text(
    '--kube-version <version>',
    null,
    'Kubernetes version that templates see; by default that of the cluster, or the newest known without one',
  ),
  apiVersions: text(
    '--api-versions <list>',
    null,
    'API versions, with commas, that templates see beside those of the cluster, or of Kubernetes itself: monitoring.coreos.com/v1/ServiceMonitor',
  ),
  sourceHostOverride: text(
    '--source-host-override <host:port>',
    'SOURCE_CONTROLLER_LOCALHOST',
    "where to download charts that the cluster offers, instead of their address's host",
  ),
} as const;

export const buildReleaseOptions = {
  ...releaseOptions,
  isUpgrade: flag('--is-upgrade', null, 'render as for an upgrade, not as for an install'),
  includeCrds: flag('--include-crds', null, "print the definitions in the chart's folder crds too"),
  noHooks: flag('--no-hooks', null, 'leave hooks out'),
  notes: flag('--notes', null, "print the chart's NOTES.txt too, as comments"),
} as const;

export const diffReleaseOptions = {
  ...releaseOptions,
  against: text(
    '--against <revision>',
    null,
    'compare with what this Git revision declares (chart, HelmRelease and values of files), not with the cluster',
  ),
} as const;

type ReleaseOptions = OptionValues<typeof releaseOptions>;
export type BuildReleaseOptions = OptionValues<typeof buildReleaseOptions>;
export type DiffReleaseOptions = OptionValues<typeof diffReleaseOptions>;

export interface OpenedRelease {
  release: HelmRelease;
  /** As the identity that the release is made by; null without a kubeconfig. */
  cluster: Cluster | null;
  room: Room;
  engine: Engine;
  signal: AbortSignal;
  /** The release as it is declared now. */
  declare(secrets: Secrets): Promise<DeclaredRelease>;
  /** The release as the files at a Git revision declare it; null where they have none of it. */
  declareAt(revision: string, secrets: Secrets): Promise<DeclaredRelease | null>;
}

/** What a command wants to know. */
export interface Wish {
  /** The release's name; may be empty where a file holds just one. */
  name: string;
  /** Also what is known of it in the cluster. */
  live: boolean;
}

/** Reads the release that the options name, hands it to `work`, and lets go of everything. */
export async function withRelease<T>(
  wish: Wish,
  options: ReleaseOptions,
  context: Context,
  work: (opened: OpenedRelease) => Promise<T>,
): Promise<T> {
  const signal = AbortSignal.timeout(LONGEST);
  const { sourceHostOverride: hostOverride } = options;
  const cluster = await clusterOf(options);
  const engine = engineOf(options, context);
  const dir = await mkdtemp(join(tmpdir(), 'plumb-preview-'));
  const env = gitEnvironment(context.environment);
  const downloads = createDownloads({ dir, env, ...(hostOverride === '' ? {} : { hostOverride }) });
  try {
    const hands: Hands = { options, context, cluster, engine, downloads, env, told: new Set(), signal };
    const files = await filesNow(hands);
    const release = await releaseOf(wish, files, hands);
    const as = actingAs(release, cluster);
    const room = await roomOf({
      // What the chart is rendered for is another cluster.
      cluster: release.spec.kubeConfig === undefined ? as : null,
      kubeVersion: options.kubeVersion,
      apiVersions: partsOf(options.apiVersions),
      given: objectsOf(files),
      signal,
    });
    return await work({
      release,
      cluster: as,
      room,
      engine,
      signal,
      declare: (secrets) => declared(release, { files, revision: options.revision, secrets }, hands),
      declareAt: async (revision, secrets) => {
        const then = await filesAt(revision, files, hands);
        if (then === null) return null;
        const other = options.helmreleaseFile === '' ? release : among(then, wish, options);
        return declared({ ...other, metadata: release.metadata }, { files: then, revision, secrets }, hands);
      },
    });
  } finally {
    await downloads.close();
    await engine.close();
    await cluster?.close();
    await rm(dir, { recursive: true, force: true });
  }
}

interface Hands {
  options: ReleaseOptions;
  context: Context;
  cluster: Cluster | null;
  engine: Engine;
  downloads: Downloads;
  env: Readonly<Record<string, string>>;
  /** Notes that were told: what holds for two revisions is told once. */
  told: Set<string>;
  signal: AbortSignal;
}

/** Objects of files. */
interface Files {
  /** Of each file of `--with`. */
  given: ReadonlyMap<string, readonly KubeObject[]>;
  /** Those the release stands among. */
  beside: readonly KubeObject[];
}

async function filesNow({ options }: Hands): Promise<Files> {
  const { helmreleaseFile } = options;
  const given = new Map<string, KubeObject[]>();
  for (const file of partsOf(options.with)) given.set(file, await manifestsOf([file]));
  return { given, beside: helmreleaseFile === '' ? [] : await manifestsOf([helmreleaseFile]) };
}

/** The same files as a Git revision has them. Those that no revision knows stand for themselves. @returns null where it has not that of the release */
async function filesAt(revision: string, now: Files, { options, context, env }: Hands): Promise<Files | null> {
  const { helmreleaseFile } = options;
  const read = async (file: string): Promise<KubeObject[] | null> => {
    const place = resolve(context.folder, file);
    const dir = repositoryRoot(dirname(place));
    if (!existsSync(join(dir, '.git'))) return null;
    const source = { kind: 'GitRepository', namespace: '', name: '' };
    const artifact = await openLocal({ dir, source, content: 'all', env, revision });
    try {
      const content = await artifact.tree.read(relative(dir, place));
      return content === null ? null : readManifests(file, content);
    } finally {
      await artifact.close();
    }
  };
  const beside = helmreleaseFile === '' ? [] : await read(helmreleaseFile);
  if (beside === null) return null;
  const given = new Map<string, readonly KubeObject[]>();
  for (const [file, objects] of now.given) given.set(file, (await read(file)) ?? objects);
  return { given, beside };
}

function objectsOf({ given, beside }: Files): KubeObject[] {
  return [...[...given.values()].flat(), ...beside];
}

async function releaseOf(
  { name, live }: Wish,
  files: Files,
  { options, cluster, signal }: Hands,
): Promise<HelmRelease> {
  const { helmreleaseFile, namespace } = options;
  if (helmreleaseFile !== '') {
    const release = among(files, { name, live }, options);
    return cluster === null || !live ? release : withLiveStatus(HELM_RELEASES, cluster, release, signal);
  }
  if (name === '') throw userError('invalid-spec', 'say which HelmRelease, or give it with --helmrelease-file');
  if (cluster !== null) return liveUnit(HELM_RELEASES, cluster, { name, namespace }, signal);
  const text = `HelmRelease ${namespace}/${name} is in the cluster: give --kubeconfig, or --helmrelease-file`;
  throw userError('invalid-spec', text);
}

function among({ beside }: Files, { name }: Wish, { helmreleaseFile, namespace }: ReleaseOptions): HelmRelease {
  return unitAmong(HELM_RELEASES, beside, { name, namespace }, helmreleaseFile);
}

function actingAs({ spec, metadata }: HelmRelease, cluster: Cluster | null): Cluster | null {
  const { serviceAccountName: account } = spec;
  if (cluster === null || account === undefined) return cluster;
  return cluster.as(`system:serviceaccount:${metadata.namespace ?? ''}:${account}`);
}

async function declared(
  release: HelmRelease,
  { files, revision, secrets }: { files: Files; revision: string; secrets: Secrets },
  { options, context, cluster, engine, downloads, env, told, signal }: Hands,
): Promise<DeclaredRelease> {
  const { folder, stderr } = context;
  const chartPath = options.chartPath === '' ? '' : resolve(folder, options.chartPath);
  const common = { release, cluster, engine, given: objectsOf(files), signal };
  const { chart, notes } = await loadChart({ ...common, chartPath, folder, revision, downloads, env });
  for (const note of notes.filter((each) => !told.has(each))) stderr.write(`note: ${visibleText(note)}\n`);
  for (const note of notes) told.add(note);
  return declareRelease({ ...common, chart, secrets });
}
