import type { HelmRelease, KubeObject } from '@plumb/api';
import { apiVersionOf, asPlumbError, HELM_APPLY_MANAGER, HELM_CHART, keyOf, printJson, systemError } from '@plumb/api';
import { isSameUnit, ownerOf } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import type { SourceObjects } from '../../runtime/source-objects.ts';
import { objectId } from '../../runtime/flux-objects.ts';
import type { ReleaseMemory } from './memory.ts';
import { helmChartOf } from './source.ts';

interface Making {
  cluster: Cluster;
  sources: Pick<SourceObjects, 'generation'>;
  signal: AbortSignal;
}

/**
 * Makes the HelmChart that spec.chart stands for, for whoever fetches charts, and deletes the one that it stood for before. What is as it was applied last costs no
 * request.
 * @returns what status.helmChart is to say; empty for none
 */
export async function keepHelmChart(release: HelmRelease, memory: ReleaseMemory, making: Making): Promise<string> {
  const chart = helmChartOf(release);
  const before = release.status?.helmChart ?? '';
  const name = chart === null ? '' : objectId({ namespace: chart.metadata.namespace ?? '', name: chart.metadata.name });
  if (before !== '' && before !== name) await dropHelmChart(release, before, making);
  if (chart === null) return '';
  const text = printJson(chart as never);
  const seen = making.sources.generation(HELM_CHART.kind, name);
  const { chart: last } = memory;
  const isKept =
    last !== null && last.text === text && (seen === undefined || seen === `${last.uid} ${last.generation}`);
  if (isKept) return name;
  const { cluster, signal } = making;
  if ((await cluster.resource(HELM_CHART)) === null) {
    throw systemError('apply-failed', `the cluster serves no kind ${HELM_CHART.kind} in ${apiVersionOf(HELM_CHART)}`);
  }
  const { metadata } = await cluster.apply(chart, { fieldManager: HELM_APPLY_MANAGER, force: true, signal });
  memory.chart = { text, uid: metadata.uid ?? '', generation: metadata.generation ?? 0 };
  return name;
}

/** Deletes a HelmChart that was made for this release, and no other. */
export async function dropHelmChart(
  release: HelmRelease,
  id: string,
  { cluster, signal }: Pick<Making, 'cluster' | 'signal'>,
): Promise<void> {
  const slash = id.indexOf('/');
  const key = { ...HELM_CHART, namespace: id.slice(0, slash), name: id.slice(slash + 1) };
  try {
    if ((await cluster.resource(HELM_CHART)) === null) return;
    const there = await cluster.get(key, { signal });
    if (there === null || !isOurs(there, release)) return;
    const { uid } = there.metadata;
    await cluster.delete(keyOf(there), { ...(uid === undefined ? {} : { preconditions: { uid } }), signal });
  } catch (thrown) {
    const { message } = asPlumbError(thrown);
    throw systemError('apply-failed', `failed to delete HelmChart '${id}': ${message}`, thrown);
  }
}

function isOurs(chart: KubeObject, { metadata }: HelmRelease): boolean {
  const unit = { kind: 'HelmRelease', namespace: metadata.namespace ?? '', name: metadata.name };
  return isSameUnit(ownerOf(chart, HELM_APPLY_MANAGER), unit);
}
