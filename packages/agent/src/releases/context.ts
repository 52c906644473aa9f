import type { HelmRelease, ObjectKey, ReleaseSnapshot } from '@plumb/api';
import { asPlumbError, formatDuration, PlumbError, systemError } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import type { Engine } from '@plumb/engine';
import type { Expressions } from '../delivery/expressions.ts';
import { hideSecrets } from '../delivery/hide-secrets.ts';
import type { LiveObjects } from '../delivery/live.ts';
import type { UnitMemory } from '../delivery/unit.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ReleaseGates } from './gate.ts';
import type { ReleaseRecord } from './record.ts';
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
  /** A value of any object may come from a Secret: what may quote one is not shown. */
  hidesValues: boolean;
  job: Waiting;
  /** Holds changes back; null: nothing does. */
  gates: ReleaseGates | null;
  /** Aborts when the action is to end. */
  signal: AbortSignal;
  /** Aborts when nothing may be sent any more, not even how it ended. */
  lasting: AbortSignal;
  /**
   * Writes into the status what the release is about to be, and what it owns; resolves when it is there. What an earlier process made is
   * found by its newest record and by the status: where the status tells nothing of it, it has to before another record is the newest.
   * @throws PlumbError `cancelled` when the object is gone or not ours any more
   */
  announce: (snapshot: ReleaseSnapshot | null, owned: readonly ObjectKey[]) => Promise<void>;
  /** What the record says is known to be ours from now on, whenever this process ends. */
  vouch: (record: ReleaseRecord) => Promise<void>;
  /** Called when an apply's answer is in. */
  onAnswer: (id: string) => void;
}

/** For tidying up after what was cut short: that goes on unless nothing may be sent any more. */
export function lastingOf(context: ActionContext): ActionContext {
  return { ...context, signal: context.lasting };
}

/** Until when what a failed try left may be deleted; null: not at all. Who stops an action without anything newer, as a lockdown does, stops that too. */
export function tidyingOf({ signal, lasting }: Pick<ActionContext, 'signal' | 'lasting'>): AbortSignal | null {
  if (lasting.aborted) return null;
  if (!signal.aborted) return signal;
  return signal.reason instanceof Superseded ? lasting : null;
}

/** Why an action ends before its time: what it is for is another thing by now. */
export class Superseded extends Error {
  /** `Kind/namespace/name` of what changed. */
  readonly trigger: string;
  constructor(trigger: string) {
    super(`New reconciliation triggered by ${trigger}`);
    this.trigger = trigger;
  }
}

/** What an action failed of. Whatever its last request met, one that was ended before its time says who ended it; whoever refused a value may have repeated it. */
export function failureOf(thrown: unknown, { signal, secrets }: Pick<ActionContext, 'signal' | 'secrets'>): PlumbError {
  if (!signal.aborted) return hideSecrets(asPlumbError(thrown), secrets);
  const { reason } = signal as { reason: unknown };
  if (reason instanceof Superseded) return systemError('cancelled', reason.message, thrown);
  const why = reason instanceof PlumbError ? `: ${reason.message}` : '';
  return systemError('cancelled', `it was cut short${why}`, thrown);
}

/**
 * A step of an action in a time of its own. Whatever its requests met when that was over, it is told as such.
 * @param timeout milliseconds
 */
export async function inTime<T extends { error: PlumbError | null }>(
  { what, timeout }: { what: string; timeout: number },
  { signal }: Pick<ActionContext, 'signal'>,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const time = AbortSignal.timeout(Math.min(timeout, LONGEST));
  const isOver = (): boolean => time.aborted && !signal.aborted;
  const late = (cause: unknown): PlumbError =>
    new PlumbError('timeout', `${what} did not end within ${formatDuration(timeout)}`, {
      fault: 'user',
      policy: 'retry',
      cause,
    });
  try {
    const done = await work(AbortSignal.any([signal, time]));
    return done.error !== null && isOver() ? { ...done, error: late(done.error) } : done;
  } catch (thrown) {
    throw isOver() ? late(thrown) : thrown;
  }
}

/** No timer runs longer. */
const LONGEST = 2 ** 31 - 1;

/** Whether the cluster knows a kind as namespaced; null for one that it does not serve. */
export function namespacedIn(cluster: Cluster) {
  return async (kind: { group: string; version: string; kind: string }): Promise<boolean | null> =>
    (await cluster.resource(kind))?.namespaced ?? null;
}
