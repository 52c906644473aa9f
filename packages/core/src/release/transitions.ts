import type { ActionName } from './facts.ts';
import type { StateName } from './state.ts';

/** What a state allows to be done; nothing else ever is. */
export const STATE_ACTIONS = {
  Absent: ['install'],
  Unmanaged: ['upgrade'],
  OutOfSync: ['upgrade'],
  Locked: ['unlock'],
  Drifted: ['correct', 'upgrade'],
  Untested: ['test', 'upgrade'],
  Failed: ['upgrade', 'rollback', 'uninstall-remediation'],
  InSync: ['upgrade'],
  Moved: ['uninstall'],
} as const satisfies Record<StateName, readonly ActionName[]>;

/**
 * How an action ends: it succeeds; it fails and leaves a mark (a failed record, a failed test); it fails before it left any; or its
 * process is killed, anywhere in between.
 */
export type ActionOutcome = 'succeeded' | 'failed' | 'unstored' | 'killed';

/** The states that may follow an action when nobody interferes. */
export const TRANSITIONS = {
  Absent: {
    succeeded: ['InSync', 'Untested'],
    failed: ['Failed'],
    unstored: ['Absent'],
    killed: ['Absent', 'Locked', 'InSync', 'Untested', 'Failed', 'OutOfSync', 'Unmanaged'],
  },
  Unmanaged: {
    succeeded: ['InSync', 'Untested'],
    failed: ['Failed'],
    unstored: ['Unmanaged'],
    killed: ['Unmanaged', 'Locked', 'InSync', 'Untested', 'Failed', 'OutOfSync'],
  },
  OutOfSync: {
    succeeded: ['InSync', 'Untested'],
    failed: ['Failed'],
    unstored: ['OutOfSync'],
    killed: ['OutOfSync', 'Locked', 'InSync', 'Untested', 'Failed'],
  },
  Locked: {
    succeeded: ['Failed'],
    failed: ['Locked'],
    unstored: ['Locked'],
    killed: ['Locked', 'Failed'],
  },
  Drifted: {
    succeeded: ['InSync', 'Untested'],
    failed: ['Drifted', 'Failed'],
    unstored: ['Drifted'],
    killed: ['Drifted', 'Locked', 'InSync', 'Untested', 'Failed'],
  },
  Untested: {
    succeeded: ['InSync', 'Drifted', 'Untested'],
    failed: ['Failed', 'InSync', 'Drifted'],
    unstored: ['Untested'],
    killed: ['Untested', 'Locked', 'Failed'],
  },
  Failed: {
    succeeded: ['InSync', 'Untested', 'OutOfSync', 'Absent'],
    failed: ['Failed'],
    unstored: ['Failed'],
    killed: ['Failed', 'Locked', 'InSync', 'Untested', 'OutOfSync', 'Absent'],
  },
  InSync: {
    succeeded: ['InSync', 'Untested'],
    failed: ['Failed'],
    unstored: ['InSync'],
    killed: ['InSync', 'Locked', 'Untested', 'Failed'],
  },
  Moved: {
    succeeded: ['Absent', 'Unmanaged', 'Locked', 'Untested', 'Drifted', 'InSync'],
    failed: ['Moved'],
    unstored: ['Moved'],
    killed: ['Moved'],
  },
} as const satisfies Record<StateName, Record<ActionOutcome, readonly StateName[]>>;
