import type { HelmRelease, KubeObject, Said, Source, UnitRef } from '@plumb/api';
import {
  apiVersionOf,
  EXTERNAL_ARTIFACT_KIND,
  GIT_REPOSITORY,
  HELM_CHART,
  HELM_OWNER_NAME_LABEL,
  HELM_OWNER_NAMESPACE_LABEL,
  helmReleaseMessages as messages,
  say,
} from '@plumb/api';
import type { JsonObject } from '@plumb/api';
import type { Access } from '../../runtime/source-objects.ts';

/** Where the chart of a release is offered: what chartRef names, or the HelmChart that is made of spec.chart. */
export function sourceOf({ spec, metadata }: HelmRelease): UnitRef {
  const own = metadata.namespace ?? '';
  const { chart, chartRef } = spec;
  if (chartRef !== undefined) return { kind: chartRef.kind, namespace: chartRef.namespace ?? own, name: chartRef.name };
  const namespace = chart?.spec.sourceRef.namespace ?? own;
  return { kind: HELM_CHART.kind, namespace, name: `${own}-${metadata.name}` };
}

/** The HelmChart that spec.chart stands for; null without one (helm-controller internal/reconcile/helmchart_template.go). */
export function helmChartOf(release: HelmRelease): KubeObject | null {
  const { chart, interval } = release.spec;
  if (chart === undefined) return null;
  const { namespace, name } = sourceOf(release);
  const { sourceRef, ...spec } = chart.spec;
  const { kind, name: source, apiVersion } = sourceRef;
  const { labels = {}, annotations } = chart.metadata ?? {};
  const owner = {
    [HELM_OWNER_NAME_LABEL]: release.metadata.name,
    [HELM_OWNER_NAMESPACE_LABEL]: release.metadata.namespace ?? '',
  };
  return {
    apiVersion: apiVersionOf(HELM_CHART),
    kind: HELM_CHART.kind,
    metadata: { name, namespace, labels: { ...labels, ...owner }, ...(annotations && { annotations }) },
    spec: {
      ...spec,
      interval: spec.interval ?? interval,
      sourceRef: { kind, name: source, ...(apiVersion === undefined ? {} : { apiVersion }) },
    } as JsonObject,
  };
}

interface Rules {
  crossNamespaceRefs: boolean;
  externalArtifacts: boolean;
}

/** What keeps a release from its source for good; null where nothing does. */
export function accessFlaw(release: HelmRelease, rules: Rules): Said | null {
  const source = sourceOf(release);
  if (source.namespace !== release.metadata.namespace && !rules.crossNamespaceRefs)
    return say(messages.accessDenied, { source });
  if (source.kind === EXTERNAL_ARTIFACT_KIND && !rules.externalArtifacts) return say(messages.gateDisabled, { source });
  return null;
}

/** Why a source cannot be used now; null where it can. Not in view is not found only where one can look. */
export function sourceFlaw(release: HelmRelease, source: Source | undefined, access: Access): Said | null {
  const ref = sourceOf(release);
  if (source === undefined) return say(messages.sourceNotFound, { source: ref, why: absence(ref, access) });
  const { status, metadata } = source;
  const isOutdated = status?.observedGeneration !== undefined && status.observedGeneration !== metadata.generation;
  if (isOutdated) return notReady(ref, 'latest generation of object has not been reconciled');
  if (status?.stalled !== undefined) return notReady(ref, status.stalled);
  return status?.artifact === undefined ? notReady(ref, 'does not have an artifact') : null;
}

function absence({ kind }: UnitRef, { availability, trouble }: Access): string {
  if (availability === 'not-served')
    return `not found: the cluster serves no kind ${kind} in ${apiVersionOf(GIT_REPOSITORY)}`;
  return availability === 'pending' ? `cannot be looked up: ${trouble ?? 'no answer yet'}` : 'not found';
}

function notReady(source: UnitRef, why: string): Said {
  return say(messages.sourceNotReady, { source, why });
}
