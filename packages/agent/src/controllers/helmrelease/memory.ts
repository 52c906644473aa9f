import type { HelmRelease, ReleaseSnapshot, Said, UnitRef } from '@plumb/api';
import type { ActionName, LastRelease, WantedRelease } from '@plumb/core';
import { UnitMemory } from '../../delivery/unit.ts';
import type { Job } from '../../releases/job.ts';
import type { TaskEnd } from '../../releases/task.ts';
import type { Desired } from '../../releases/wanted.ts';

/** The newest record of a release, and the version of its Secret at which it was looked at. */
export interface KnownRelease {
  last: LastRelease | null;
  snapshot: ReleaseSnapshot | null;
  /** Names the record as storage has it; empty where that is not watched. */
  mark: string;
  /** What the record says (releases/vouched.ts), as it was read; null where we wrote it ourselves. */
  content: string | null;
}

/** A reconciliation under way: it may take several runs, for nothing that is waited for holds a worker. */
export interface Underway {
  inputs: string;
  /** The object it began with: what came since is for the next one. */
  begun: HelmRelease;
  desired: Desired;
  /** What was done already. */
  done: ActionName[];
  startedAt: number;
}

/** The last reconciliation that came to its end. */
export interface Reconciled {
  inputs: string;
  wanted: WantedRelease;
  at: number;
}

/** The last one failed with these inputs: it is not tried again before `retryAt`. */
export interface FailedRun {
  said: Said | null;
  inputs: string;
  retryAt: number;
  count: number;
  /** What failed, or was held, was the repair of drift itself. */
  holdsDrift?: boolean;
}

/** A HelmChart as it was applied last. */
export interface AppliedChart {
  text: string;
  uid: string;
  generation: number;
}

/** All that is kept of one HelmRelease between runs. Nothing depends on it but speed. */
export class ReleaseMemory {
  readonly unit: UnitMemory;
  underway: Underway | null = null;
  job: Job<TaskEnd> | null = null;
  /** What the job does, since when, and what it was begun for. */
  task: { action: ActionName; timeout: number; startedAt: number; begun: HelmRelease } | null = null;
  known: KnownRelease | null = null;
  /** Others changed the newest record since what objects are held to was taken from it. */
  isEdited = false;
  reconciled: Reconciled | null = null;
  failed: FailedRun | null = null;
  chart: AppliedChart | null = null;
  /** What status.helmChart is to say; undefined where that is not known yet. */
  helmChart: string | undefined;
  /** When the last install or upgrade ended. */
  triedAt: number | null = null;
  /** Why the last correction of drift failed: it is told once. */
  correctionFailure: string | null = null;
  /** Gates hold back the repair of what is in force, while something newer waits too. */
  isRepairHeld = false;
  /** Retries are spent: what the release depends on wakes it. */
  isExhausted = false;
  /** Something that it depends on changed since. */
  changed = false;
  /** The inputs for which it was tried again because what it waited for in vain had turned healthy, since it came to rest. */
  resumedFor: string | null = null;

  constructor(ref: UnitRef, uid: string) {
    this.unit = new UnitMemory(ref, uid);
  }
}
