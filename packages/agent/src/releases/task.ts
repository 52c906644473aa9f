import type { ObjectKey, PlumbError, ReleaseSnapshot } from '@plumb/api';
import { systemError } from '@plumb/api';
import type { ActionName, HelmStatus, WantedRelease } from '@plumb/core';
import type { Change } from '../delivery/apply.ts';
import type { DriftNote } from '../delivery/drift.ts';
import type { StoredBundle } from '../delivery/unit.ts';
import type { SeenLast } from './snapshots.ts';
import type { StoredRelease } from './storage.ts';
import type { Desired } from './wanted.ts';

/** What is to be done to a release, and what is known of it. */
export interface Task {
  action: ActionName;
  /** Of a rollback: the number of the record it goes to. */
  to: number | null;
  desired: Desired | null;
  /** Reads the newest record, once. */
  last: () => Promise<StoredRelease | null>;
  /** What the status says the release owns. */
  owned: readonly ObjectKey[];
  /** Records in storage, where that is known. */
  count: number | null;
}

/** How it ended. */
export interface TaskEnd {
  action: ActionName;
  error: PlumbError | null;
  /** It was cut short, because this is another thing by now: `Kind/namespace/name`. */
  trigger?: string;
  /** Whether a record, or of tests any run, tells of it. */
  stored: boolean;
  /** Snapshots of the records that were written, the newest first. */
  snapshots: readonly ReleaseSnapshot[];
  /** The newest record now; null: there is none. Undefined: it is as it was. */
  last?: SeenLast | null;
  /** What the release is held to now; undefined: as before, null: nothing. */
  bundle?: StoredBundle | null;
  /** What it owns now; undefined: as before. */
  inventory?: readonly ObjectKey[];
  changes: readonly Change[];
  /** Drift that was to be put right. */
  drift: readonly DriftNote[];
  /** Drift that is new and left as it is. */
  found: readonly DriftNote[];
  /** Tests that were run. */
  tests: number;
  /** Status of the record that was unlocked, or was to be. */
  unlocked?: HelmStatus;
  /** Of a rollback: what it went to. Of an unlock that failed: what is locked. */
  target?: Pick<ReleaseSnapshot, 'namespace' | 'name' | 'version' | 'chartName' | 'chartVersion'>;
  /** What the render warned of. */
  warnings: readonly string[];
  /** Milliseconds. */
  took: number;
  /** What was declared when it began; null where nothing was. */
  wanted: WantedRelease | null;
}

/** The same, for who does not know what was asked for, nor how long it took. */
export type Ended = Omit<TaskEnd, 'action' | 'to' | 'trigger' | 'took' | 'wanted'>;

export const NOTHING_DONE = {
  stored: false,
  snapshots: [],
  changes: [],
  drift: [],
  found: [],
  tests: 0,
  warnings: [],
} as const;

export async function lastIn(task: Task): Promise<StoredRelease> {
  const last = await task.last();
  if (last === null) throw systemError('internal', 'there is no release to work on');
  return last;
}

export function desiredIn({ desired }: Task): Desired {
  if (desired === null) throw systemError('internal', 'nothing is declared');
  return desired;
}
