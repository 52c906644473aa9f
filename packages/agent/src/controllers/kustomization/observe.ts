import type { Kustomization } from '@plumb/api';
import type { Dependable } from '@plumb/core';
import { jitter, unitDriftMode } from '@plumb/core';
import { dueDrift } from '../../delivery/drift.ts';
import { configsOf, watchedVersions } from '../../delivery/references.ts';
import type { UnitMemory } from '../../delivery/unit.ts';
import type { FluxObjects } from '../../runtime/flux-objects.ts';
import { intervalOf } from '../../runtime/flux-object.ts';
import type { OnDemandObjects } from '../../runtime/on-demand-objects.ts';
import type { SourceObjects } from '../../runtime/source-objects.ts';
import type { WatchedConfigs } from '../../runtime/watched-configs.ts';
import type { Seen } from './decide.ts';

export interface Eyes {
  kustomizations: FluxObjects;
  sources: Pick<SourceObjects, 'get' | 'access'>;
  helmReleases: OnDemandObjects;
  configs: Pick<WatchedConfigs, 'versionOf'>;
  now: number;
  random: number;
  settings: Seen['settings'] & { jitterPercent: number };
}

/** Reads what a decision needs; all of it is in memory. */
export function observeUnit(id: string, memory: UnitMemory, eyes: Eyes): Seen {
  const { delivered, failed, settling, driftFailed, answering, awaitingSince } = memory;
  const object = eyes.kustomizations.get(id) as Kustomization | undefined;
  const kind = object?.spec.sourceRef.kind ?? '';
  memory.spread ??= eyes.random;
  return {
    object,
    now: eyes.now,
    source: object === undefined ? undefined : eyes.sources.get(kind, sourceId(object)),
    sources: eyes.sources.access(kind),
    configs: object === undefined ? [] : watchedVersions(configsOf(object), memory.ref.namespace, eyes.configs),
    dependency: (other) => findDependency(other, eyes),
    helmReleases: eyes.helmReleases,
    expressions: memory.expressions,
    delivered,
    failed,
    settling,
    answering,
    awaiting: awaitingSince !== null,
    drifted: object === undefined ? 0 : dueDrift(memory, eyes.now, unitDriftMode(object)).size,
    driftEnded: memory.driftEnded,
    driftRetryAt: driftFailed.retryAt,
    interval: object === undefined ? 0 : jitter(intervalOf(object), eyes.settings.jitterPercent, memory.spread),
    settings: eyes.settings,
  };
}

/** Where the objects stand that a unit may depend on. */
type Dependables = Pick<Eyes, 'kustomizations' | 'helmReleases'>;

export function findDependency(id: string, { kustomizations, helmReleases }: Dependables): Dependable | undefined {
  const [objects, key] = placeOf(id, { kustomizations, helmReleases });
  return objects.get(key) as Dependable | undefined;
}

/** Names what `findDependency` gives: another text whenever that is other. */
export function dependencyVersion(id: string, eyes: Dependables): string {
  const [objects, key] = placeOf(id, eyes);
  return objects.version(key);
}

function placeOf(id: string, { kustomizations, helmReleases }: Dependables): [FluxObjects | OnDemandObjects, string] {
  if (!id.startsWith(HELM_RELEASES)) return [kustomizations, id];
  return [helmReleases, id.slice(HELM_RELEASES.length)];
}

const HELM_RELEASES = 'HelmRelease/';

/** `namespace/name` of a unit's source. */
export function sourceId({ spec, metadata }: Kustomization): string {
  return `${spec.sourceRef.namespace ?? metadata.namespace ?? ''}/${spec.sourceRef.name}`;
}
