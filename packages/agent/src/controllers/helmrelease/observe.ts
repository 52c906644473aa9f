import type { HelmRelease } from '@plumb/api';
import { jitter, unitDriftMode } from '@plumb/core';
import type { Dependable } from '@plumb/core';
import { watchedVersions } from '../../delivery/references.ts';
import { driftToLookAt } from '../../releases/correct.ts';
import { configsOf } from '../../releases/values.ts';
import { intervalOf } from '../../runtime/flux-object.ts';
import type { FluxObjects } from '../../runtime/flux-objects.ts';
import { objectId } from '../../runtime/flux-objects.ts';
import type { SourceObjects } from '../../runtime/source-objects.ts';
import type { WatchedConfigs } from '../../runtime/watched-configs.ts';
import type { Hands } from './act.ts';
import { inputsOf, type Seen } from './decide.ts';
import type { ReleaseMemory } from './memory.ts';
import { entriesOf, newestMark, placeOf } from './see-release.ts';
import { sourceOf } from './source.ts';

export interface Eyes {
  helmReleases: FluxObjects;
  kustomizations: FluxObjects;
  sources: Pick<SourceObjects, 'get' | 'access'>;
  configs: Pick<WatchedConfigs, 'versionOf'>;
  storage: Hands['storage'];
  now: number;
  random: number;
  settings: Seen['settings'] & { jitterPercent: number };
}

/** Reads what a decision needs; all of it is in memory. */
export function observeRelease(id: string, memory: ReleaseMemory, eyes: Eyes): Seen {
  const object = eyes.helmReleases.get(id) as HelmRelease | undefined;
  const { unit, underway, reconciled, failed, job, changed } = memory;
  unit.spread ??= eyes.random;
  const common = {
    now: eyes.now,
    dependency: (other: string) => findDependency(other, eyes),
    expressions: unit.expressions,
    reconciled,
    failed,
    underway: underway?.inputs ?? null,
    isBusy: job !== null && !job.hasEnded,
    hasEnded: job?.hasEnded === true,
    answering: unit.answering,
    awaiting: unit.awaitingSince !== null,
    driftRetryAt: unit.driftFailed.retryAt,
    settings: eyes.settings,
  };
  if (object?.spec === undefined) {
    const nothing = { source: undefined, access: eyes.sources.access(''), inputs: '', drifted: 0, interval: 0 };
    return { ...common, ...nothing, object, isStorageNews: false, changed: false };
  }
  const ref = sourceOf(object);
  const source = eyes.sources.get(ref.kind, objectId(ref));
  const configs = watchedVersions(configsOf(object), unit.ref.namespace, eyes.configs);
  return {
    ...common,
    object,
    source,
    access: eyes.sources.access(ref.kind),
    inputs: inputsOf(object, source, configs),
    drifted: driftToLookAt(unit, unitDriftMode(object), eyes.now).size,
    isStorageNews: isStorageNews(object, memory, eyes),
    changed: changed && memory.isExhausted,
    interval: jitter(intervalOf(object), eyes.settings.jitterPercent, unit.spread),
  };
}

/** Whether the newest record is another than the one that was looked at last. */
function isStorageNews(object: HelmRelease, { known, reconciled }: ReleaseMemory, eyes: Eyes): boolean {
  if (known === null) return false;
  const entries = entriesOf(object, placeOf(object, reconciled?.wanted ?? null), eyes);
  return entries !== undefined && newestMark(entries) !== known.mark;
}

/** Where the objects stand that a release may depend on. */
type Dependables = Pick<Eyes, 'kustomizations' | 'helmReleases'>;

export function findDependency(id: string, dependables: Dependables): Dependable | undefined {
  const [objects, key] = whereIs(id, dependables);
  return objects.get(key) as Dependable | undefined;
}

/** Names what `findDependency` gives: another text whenever that is other. */
export function dependencyVersion(id: string, dependables: Dependables): string {
  const [objects, key] = whereIs(id, dependables);
  return objects.version(key);
}

const HELM_RELEASES = 'HelmRelease/';

function whereIs(id: string, { kustomizations, helmReleases }: Dependables): [FluxObjects, string] {
  return id.startsWith(HELM_RELEASES) ? [helmReleases, id.slice(HELM_RELEASES.length)] : [kustomizations, id];
}
