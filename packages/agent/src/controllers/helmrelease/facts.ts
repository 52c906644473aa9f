import type { HelmReleaseStatus, Said } from '@plumb/api';
import type { EventRecord } from '../../runtime/events.ts';

/** What a run did for a HelmRelease, for its report. */
export interface Facts {
  /** The status as far as the run has changed it. */
  status: HelmReleaseStatus | undefined;
  events: readonly EventRecord[];
  /** The action that is under way, and its timeout in milliseconds. */
  running: { action: string; timeout: number } | null;
  /** What somebody else has to end first. */
  held: Said | null;
  /** Retries are spent: nothing is tried before something changes, or for a long time. */
  isStalled: boolean;
}

export const NO_FACTS: Facts = { status: undefined, events: [], running: null, held: null, isStalled: false };
