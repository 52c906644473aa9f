import type { HelmRelease } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import type { Engine } from '@plumb/engine';
import type { Expressions } from '../delivery/expressions.ts';
import type { LiveObjects } from '../delivery/live.ts';
import type { UnitMemory } from '../delivery/unit.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ReleaseStore } from './storage.ts';

/** What lets work wait without holding a worker. */
export interface Waiting {
  wait<W>(waiting: Promise<W>): Promise<W>;
  waitForNudge(ms: number, signal: AbortSignal): Promise<void>;
}

/** What an action on a release works with. */
export interface ActionContext {
  release: HelmRelease;
  unit: UnitMemory;
  /** The cluster of the release, as the identity it is made by. */
  cluster: Cluster;
  live: LiveObjects;
  store: ReleaseStore;
  engine: Engine;
  expressions: Expressions;
  clock: Clock;
  /** Requests the release may have under way at once. */
  parallel: number;
  /** Milliseconds that what comes next waits for definitions and classes. */
  stageTimeout: number;
  /** Texts that must not be shown. */
  secrets: readonly string[];
  job: Waiting;
  /** Aborts when the action is to end. */
  signal: AbortSignal;
  /** Aborts when nothing may be sent any more, not even how it ended. */
  lasting: AbortSignal;
  /** Called when an apply's answer is in. */
  onAnswer: (id: string) => void;
}

/** Whether the cluster knows a kind as namespaced; null for one that it does not serve. */
export function namespacedIn(cluster: Cluster) {
  return async (kind: { group: string; version: string; kind: string }): Promise<boolean | null> =>
    (await cluster.resource(kind))?.namespaced ?? null;
}
