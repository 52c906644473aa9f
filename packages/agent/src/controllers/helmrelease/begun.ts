import type { HelmRelease, HelmReleaseStatus } from '@plumb/api';
import { storageNamespaceOf } from '@plumb/core';
import type { Desired } from '../../releases/wanted.ts';
import type { Step } from './decide.ts';
import type { ReleaseMemory } from './memory.ts';

/** An object with what was asked of it when something was begun: what comes of that answers nothing newer (I6, I7). */
export function asBegun(object: HelmRelease, { metadata, spec }: HelmRelease): HelmRelease {
  const { annotations: _newer, generation: _now, ...rest } = object.metadata;
  const { annotations, generation } = metadata;
  const asked = { ...(annotations && { annotations }), ...(generation !== undefined && { generation }) };
  return { ...object, spec, metadata: { ...rest, ...asked } };
}

/** What a run answers: an action under way what it was begun for, anything else what stands there now. */
export function begunWith(object: HelmRelease, step: Step, { underway, job }: ReleaseMemory): HelmRelease {
  const isNew =
    step.do === 'refuse' || step.do === 'absorb' || step.do === 'await' || (step.do === 'reconcile' && step.isFresh);
  return isNew || job === null ? object : (underway?.begun ?? object);
}

/** What is tried now (helm-controller, reconcileRelease). */
export function attempted(release: HelmRelease, { chart, values }: Desired): HelmReleaseStatus {
  const { status = {} } = release;
  return {
    lastAttemptedGeneration: release.metadata.generation ?? 0,
    lastAttemptedRevision: chart.version,
    ...(chart.ociDigest === '' && status.lastAttemptedRevisionDigest === undefined
      ? {}
      : { lastAttemptedRevisionDigest: chart.ociDigest }),
    lastAttemptedConfigDigest: values.digest,
    storageNamespace: storageNamespaceIn(release),
  };
}

/** A release that moves away is still where it was. */
function storageNamespaceIn({ status, ...release }: HelmRelease): string {
  const known = status?.storageNamespace ?? '';
  return known === '' || (status?.history ?? []).length === 0 ? storageNamespaceOf(release as HelmRelease) : known;
}
