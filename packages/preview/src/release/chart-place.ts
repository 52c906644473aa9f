import { statSync } from 'node:fs';
import { dirname, posix, relative } from 'node:path';
import { chartSourceOf } from '@plumb/agent';
import type { HelmRelease, KubeObject, UnitRef } from '@plumb/api';
import { displayKey, GIT_REPOSITORY, userError } from '@plumb/api';
import {
  contentOf,
  openLocal,
  packContent,
  repositoryRoot,
  type ChartContent,
  type LocalArtifact,
} from '@plumb/sources';
import { readUnitSource, refuseIncluded } from '../source.ts';
import { chartIn, withValues, withVersionMetadata } from './chart-content.ts';
import { chartDifference, fromOffer, liveChart, type LoadedChart, type OfferRequest } from './chart-offer.ts';

export interface ChartRequest extends OfferRequest {
  /** A folder or an archive on this machine, absolute; empty: the chart is where the release says. */
  chartPath: string;
  /** The folder that stands in the clone of the source, absolute. */
  folder: string;
  /** Of that clone, and of the one that chartPath is in; empty: the files as they stand. */
  revision: string;
  /** Objects of files: they take the place of those in the cluster. */
  given: readonly KubeObject[];
  /** Environment git is given. */
  env: Readonly<Record<string, string>>;
}

/**
 * Brings the chart of a release: from this machine, or from where the cluster offers it.
 * @throws PlumbError that says where it was looked for, and what to give
 */
export async function loadChart(request: ChartRequest): Promise<LoadedChart> {
  const { chartPath, release } = request;
  if (chartPath !== '') return fromPath(request);
  const local = release.spec.chart?.spec.sourceRef.kind === GIT_REPOSITORY.kind ? await fromRepository(request) : null;
  if (local !== null) return local;
  return fromOffer(request);
}

/** A folder of a tree, or a file in it. */
interface Place {
  artifact: LocalArtifact;
  path: string;
  links: 'followed' | 'left-out';
}

async function fromPath(request: ChartRequest): Promise<LoadedChart> {
  const { chartPath, revision, env, release } = request;
  const isFile = statSync(chartPath, { throwIfNoEntry: false })?.isFile() === true || chartPath.endsWith('.tgz');
  const dir = repositoryRoot(isFile ? dirname(chartPath) : chartPath);
  const asked = revision === '' ? {} : { revision };
  const artifact = await openLocal({ dir, source: chartSourceOf(release), content: 'all', env, ...asked });
  try {
    return await packed({ artifact, path: relative(dir, chartPath), links: 'followed' }, request, []);
  } finally {
    await artifact.close();
  }
}

/** @returns null where the clone has no such chart, and the cluster may have it */
async function fromRepository(request: ChartRequest): Promise<LoadedChart | null> {
  const { release, folder, revision, given, cluster, env, signal } = request;
  const { name, namespace = release.metadata.namespace ?? '' } = release.spec.chart?.spec.sourceRef ?? { name: '' };
  const ref: UnitRef = { kind: GIT_REPOSITORY.kind, namespace, name };
  const source = await readUnitSource({ ref, given, cluster, signal });
  const dir = repositoryRoot(folder);
  const asked = revision === '' ? {} : { revision };
  const artifact = await openLocal({ dir, source: ref, content: source.content, env, ...asked });
  try {
    const path = plain(release.spec.chart?.spec.chart ?? '');
    await refuseIncluded(path, source, artifact);
    if (!(await isThere(artifact, path))) {
      if (cluster !== null) return null;
      const text = `the chart '${path}' of ${displayKey(ref)} is not in ${dir}${revision === '' ? '' : ` at ${revision}`}: run this in a clone of it, or give the chart with --chart-path`;
      throw userError('invalid-path', text);
    }
    return await packed({ artifact, path, links: 'left-out' }, request, source.notes);
  } finally {
    await artifact.close();
  }
}

async function isThere({ tree }: LocalArtifact, path: string): Promise<boolean> {
  return (await tree.id(path)) !== null || (await tree.read(path)) !== null;
}

function plain(path: string): string {
  const name = posix.normalize(path).replace(/^\.?\/+|\/+$/g, '');
  return name === '.' ? '' : name;
}

/** Packs a chart as a source does: with the values files and the version that spec.chart asks for. */
async function packed(place: Place, request: ChartRequest, notes: readonly string[]): Promise<LoadedChart> {
  const { artifact, path, links } = place;
  const { release, engine, signal } = request;
  const file = path === '' ? null : await artifact.tree.read(path);
  const isArchive = file !== null;
  const content = isArchive ? await contentOf(file) : await chartIn({ tree: artifact.tree, folder: path, links });
  const valued = await withValuesFiles(content, artifact, request);
  const live = valuesFilesOf(release).length === 0 ? null : await liveChart(request);
  const { metadata, note } = versionMetadata(artifact.revision, release, live);
  const whole = metadata === '' ? valued : withVersionMetadata(valued, metadata);
  const archive = isArchive && whole === content ? file : await packContent(whole);
  const bounds = { deadline: READ, tenant: release.metadata.namespace ?? '', signal };
  const described = await engine.helmChart({ chart: archive, ...bounds }).catch((error: unknown) => {
    throw userError(
      'build-failed',
      `the chart in '${path === '' ? '.' : path}' cannot be used: ${String(error)}`,
      error,
    );
  });
  const { version } = described;
  const chart = { archive: () => Promise.resolve(archive), metadata: described, version, ociDigest: '' };
  return { chart, notes: [...notes, ...note] };
}

const READ = 30_000;

/** spec.chart.spec.valuesFiles take the place of the chart's own values: of a HelmRepository in the chart, else in the source. */
async function withValuesFiles(
  content: ChartContent,
  { tree }: LocalArtifact,
  { release, engine, signal }: ChartRequest,
): Promise<ChartContent> {
  const files = valuesFilesOf(release);
  if (files.length === 0) return content;
  const { sourceRef, ignoreMissingValuesFiles = false } = release.spec.chart?.spec ?? {};
  const layers: { path: string; yaml: string }[] = [];
  for (const path of files) {
    const found = sourceRef?.kind === 'HelmRepository' ? content.get(plain(path)) : await tree.read(plain(path));
    if (found !== undefined && found !== null) layers.push({ path, yaml: Buffer.from(found).toString() });
    else if (!ignoreMissingValuesFiles)
      throw userError('build-failed', `no values file found at path '${path}' (spec.chart.spec.valuesFiles)`);
  }
  const bounds = { deadline: READ, tenant: release.metadata.namespace ?? '', signal };
  const merged = await engine.helmValues({ layers: layers.map(({ yaml }) => ({ yaml })), ...bounds });
  if ('json' in merged) return withValues(content, merged.json);
  throw userError(
    'build-failed',
    `values file '${layers[merged.layer]?.path ?? ''}' cannot be merged: ${merged.error}`,
  );
}

/** The chart's own values alone are no others. */
function valuesFilesOf({ spec }: HelmRelease): readonly string[] {
  const files = spec.chart?.spec.valuesFiles ?? [];
  return files.length === 1 && plain(files[0] ?? '') === 'values.yaml' ? [] : files;
}

/**
 * What a source appends to the version of a chart that it packs: the commit, where any is reason for a new one, and the generation of the HelmChart, where other
 * values files make other charts of one version.
 */
function versionMetadata(
  revision: string,
  release: HelmRelease,
  live: KubeObject | null,
): { metadata: string; note: string[] } {
  const { reconcileStrategy, sourceRef } = release.spec.chart?.spec ?? {};
  const parts: string[] = [];
  const note: string[] = [];
  const commit = /@sha1:([0-9a-f]{12})/.exec(revision)?.[1];
  const asksForCommit = reconcileStrategy === 'Revision' && sourceRef?.kind === GIT_REPOSITORY.kind;
  if (asksForCommit && commit !== undefined) parts.push(commit);
  if (asksForCommit && commit === undefined) note.push(NO_COMMIT);
  if (valuesFilesOf(release).length > 0) parts.push(String(generationOf(live, release)));
  if (release.spec.chartRef?.kind === 'OCIRepository') note.push(NO_DIGEST);
  return { metadata: parts.join('.'), note };
}

const NO_COMMIT =
  'the version of the chart gets the commit appended (spec.chart.spec.reconcileStrategy), which is not known of files as they stand: --revision names one';
const NO_DIGEST =
  'the version of the chart gets the digest of its OCI artifact appended, which is not known of a chart on this machine';

/** That of the HelmChart as it will be. */
function generationOf(live: KubeObject | null, release: HelmRelease): number {
  const generation = live?.metadata.generation ?? 0;
  return live !== null && chartDifference(live, release) === null ? generation : generation + 1;
}
