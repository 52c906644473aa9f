import type { HelmRelease, ReleaseSnapshot } from '@plumb/api';
import { backoffDelay, releaseTimeoutOf, unitDriftMode } from '@plumb/core';
import type { WantedRelease } from '@plumb/core';
import { awayOf } from '../../delivery/destination.ts';
import { driftToLookAt } from '../../releases/correct.ts';
import { Job } from '../../releases/job.ts';
import { perform } from '../../releases/perform.ts';
import type { Task, TaskEnd } from '../../releases/task.ts';
import type { EventRecord } from '../../runtime/events.ts';
import type { Hands } from './act.ts';
import { keepInForce } from './keep.ts';
import type { ReleaseMemory } from './memory.ts';
import { actionContext, inForceOf } from './see-release.ts';
import { afterTask } from './task-report.ts';

interface Context {
  memory: ReleaseMemory;
  hands: Hands;
}

const DRIFT_BACKOFF = { min: 250, max: 60_000 };

/** One that was cut short has not failed. @returns whether it failed as it did before, which was told */
export function noteCorrection({ error }: TaskEnd, memory: ReleaseMemory, { clock }: Pick<Hands, 'clock'>): boolean {
  if (error?.code === 'cancelled') return false;
  const { unit, correctionFailure: before } = memory;
  const count = error === null ? 0 : unit.driftFailed.count + 1;
  const wait = count === 0 ? 0 : Math.max(error?.retryAfter ?? 0, backoffDelay(count, clock.random(), DRIFT_BACKOFF));
  unit.driftFailed = { count, retryAt: count === 0 ? 0 : clock.now() + wait };
  memory.correctionFailure = error?.message ?? null;
  return error !== null && error.message === before;
}

/**
 * Keeps the release in force as its record has it, while nothing newer can be brought in: what others changed of it is put right, or told, as its spec says
 * now. Nothing is done where no release is in force, or something is under way. Never throws: what cannot be read is read by the next run.
 * @returns what is to be told
 */
export async function repairInForce(release: HelmRelease, context: Context): Promise<EventRecord[]> {
  const { memory, hands } = context;
  const isAway = awayOf(memory.unit.destination) !== null;
  if (memory.job !== null || hands.signal.aborted || isAway) return [];
  // Where nobody looks at drift, no record is read to see that.
  if (memory.unit.bundle === null && unitDriftMode(release) === 'ignore') return [];
  try {
    return await repair(release, context);
  } catch {
    return [];
  }
}

async function repair(release: HelmRelease, context: Context): Promise<EventRecord[]> {
  const { memory, hands } = context;
  const { unit } = memory;
  const inForce = await inForceOf(release, context);
  const snapshot = inForce?.known.snapshot ?? null;
  if (inForce === null || snapshot === null) return [];
  const { known, isDoubted } = inForce;
  await keepInForce(release, { known, last: inForce.read, isDoubted }, context);
  const now = hands.clock.now();
  const isDue = now >= unit.driftFailed.retryAt && driftToLookAt(unit, unitDriftMode(release), now).size > 0;
  if (!isDue) return [];
  const task: Task = { action: 'correct', to: null, desired: null, last: inForce.read, owned: [], count: null };
  const timeout = releaseTimeoutOf(release.spec);
  memory.task = { action: task.action, timeout, startedAt: now, begun: release };
  const job = new Job<TaskEnd>((self, cancelled) =>
    hands.hold((lasting) => {
      const announce = (): Promise<void> => Promise.resolve();
      const parts = { memory, hands, job: self, announce, secrets: [], lasting, cancelled };
      const made = actionContext(release, parts);
      const gates = made.gates && { ...made.gates, revision: snapshot.chartVersion };
      // What the release was made with may have come from Secrets, whatever its spec says by now.
      return perform(task, { ...made, gates, store: inForce.store, hidesValues: true });
    }),
  );
  memory.job = job;
  try {
    const ended = await job.ended;
    if (ended.error?.code === 'cancelled') return [];
    hands.records?.note(unit);
    memory.isRepairHeld = ended.error?.code === 'gated';
    const isTold = noteCorrection(ended, memory, hands);
    return isTold ? [] : afterTask(release, ended, wantedOf(snapshot), hands.clock.time()).events;
  } finally {
    memory.job = null;
    memory.task = null;
  }
}

/** What was declared when a release was made, as far as events tell of it. */
function wantedOf({ name, chartName, chartVersion, configDigest }: ReleaseSnapshot): WantedRelease {
  const made = { postRenderersDigest: '', commonMetadataDigest: '' };
  return { releaseName: name, chartName, chartVersion, configDigest, ...made };
}
