import type { Metrics } from './metrics.ts';

/** What is measured of one kind of unit. */
interface Measured {
  /** `age`: milliseconds that the oldest has waited. */
  queue: { age: number; depth: number };
  share: { size: number };
  controller: { driftLoops: number; leftDrifted: number };
  clusters: { observed: number };
}

/** Tells of all units together; read from memory when it is asked for. */
export function measureUnits(metrics: Metrics, kinds: readonly Measured[]): void {
  const sum = (value: (kind: Measured) => number) => () => kinds.reduce((all, kind) => all + value(kind), 0);
  metrics.gauge(
    'plumb_queue_age_seconds',
    'How long the oldest Kustomization or HelmRelease that waits has waited.',
    () => Math.max(...kinds.map(({ queue }) => queue.age)) / 1_000,
  );
  metrics.gauge(
    'plumb_units_owned',
    'Kustomizations and HelmReleases this replica works on.',
    sum(({ share }) => share.size),
  );
  metrics.gauge(
    'plumb_queue_depth',
    'Kustomizations and HelmReleases waiting to run.',
    sum(({ queue }) => queue.depth),
  );
  metrics.gauge(
    'plumb_drift_loops',
    'Objects that somebody changes again as often as they are put right.',
    sum(({ controller }) => controller.driftLoops),
  );
  metrics.gauge(
    'plumb_objects_drifted',
    'Objects that somebody changed or deleted and that are left so, as they or their unit ask.',
    sum(({ controller }) => controller.leftDrifted),
  );
  metrics.gauge(
    'plumb_objects_observed',
    'Live objects kept in view, in all clusters.',
    sum(({ clusters }) => clusters.observed),
  );
}
