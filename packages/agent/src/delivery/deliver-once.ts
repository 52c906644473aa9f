import type { Kustomization, ObjectKey, UnitRef } from '@plumb/api';
import { APPLY_MANAGER } from '@plumb/api';
import type { GroupKind, Plan } from '@plumb/core';
import { OWNERSHIPS } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import type { Bundle } from '@plumb/render';
import { systemClock } from '../runtime/clock.ts';
import type { Delivery } from './deliver.ts';
import { deliver } from './deliver.ts';
import { refuseEmptying } from './gate.ts';
import { usesSecrets } from './hide-secrets.ts';
import { LiveObjects } from './live.ts';
import { storeBundle, UnitMemory } from './unit.ts';

export interface OnceOptions {
  cluster: Cluster;
  ref: UnitRef;
  /** What the unit owns before. */
  inventory: readonly ObjectKey[];
  customStageKinds?: readonly GroupKind[];
  /** Milliseconds the next stage waits for definitions and classes. */
  stageTimeout: number;
  signal: AbortSignal;
}

/**
 * Delivers a bundle into a cluster as the agent would, with nothing known of earlier runs and nothing kept afterwards: for rehearsals against a
 * cluster in memory.
 * @returns the plan that was made, and how it ended; null without a plan: it failed before
 */
export async function deliverOnce(
  unit: Kustomization,
  bundle: Bundle,
  options: OnceOptions,
): Promise<{ plan: Plan | null; delivery: Delivery }> {
  const { cluster, ref, inventory, customStageKinds = [], stageTimeout, signal } = options;
  const live = new LiveObjects({ cluster, ownership: OWNERSHIPS.Kustomization, onChange: () => undefined });
  let plan: Plan | null = null;
  const request = {
    cause: 'routine',
    inventory,
    prune: unit.spec.prune,
    customStageKinds,
    gates: [(made: Plan) => void (plan = made), refuseEmptying(unit.spec.path ?? './')],
    loadBodies: () => Promise.resolve(),
    saveInventory: () => Promise.resolve(),
  } as const;
  const context = {
    cluster,
    live,
    clock: systemClock,
    unit: new UnitMemory(ref, unit.metadata.uid ?? ''),
    bundle: storeBundle(bundle, { specDigest: '', configs: '', revision: '', artifactDigest: '' }),
    fieldManager: APPLY_MANAGER,
    overriddenManagers: [],
    force: unit.spec.force === true,
    deliveredBefore: false,
    inForce: false,
    drift: 'correct' as const,
    hidesValues: usesSecrets(unit, null),
    parallel: 1,
    stageTimeout,
    signal,
    onAnswer: () => undefined,
  };
  try {
    const delivery = await deliver(request, context);
    return { plan, delivery };
  } finally {
    await live.close();
  }
}
