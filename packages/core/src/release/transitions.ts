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

/**
 * The states that may follow an action when nobody interferes. Of one that was killed, those that may follow besides: it may have come as far as
 * any other way leads.
 */
export const TRANSITIONS = {
  Absent: {
    succeeded: ['InSync', 'Untested'],
    failed: ['Failed'],
    unstored: ['Absent'],
    killed: ['Locked'],
  },
  Unmanaged: {
    succeeded: ['InSync', 'Untested'],
    failed: ['Failed'],
    unstored: ['Unmanaged'],
    killed: ['Locked'],
  },
  OutOfSync: {
    succeeded: ['InSync', 'Untested'],
    failed: ['Failed'],
    unstored: ['OutOfSync'],
    killed: ['Locked'],
  },
  Locked: {
    succeeded: ['Failed'],
    failed: ['Locked'],
    unstored: ['Locked'],
    killed: ['Unmanaged'],
  },
  Drifted: {
    succeeded: ['InSync', 'Untested'],
    failed: ['Drifted', 'Failed'],
    unstored: ['Drifted'],
    killed: ['Locked'],
  },
  Untested: {
    succeeded: ['InSync', 'Drifted', 'Untested'],
    failed: ['Failed', 'InSync', 'Drifted'],
    unstored: ['Untested'],
    killed: ['Locked'],
  },
  Failed: {
    succeeded: ['InSync', 'Untested', 'OutOfSync', 'Absent'],
    failed: ['Failed'],
    unstored: ['Failed'],
    killed: ['Locked', 'Unmanaged'],
  },
  InSync: {
    succeeded: ['InSync', 'Untested'],
    failed: ['Failed'],
    unstored: ['InSync'],
    killed: ['Locked'],
  },
  Moved: {
    succeeded: ['Absent', 'Unmanaged', 'Locked', 'Untested', 'Drifted', 'InSync'],
    failed: ['Moved'],
    unstored: ['Moved'],
    killed: [],
  },
} as const satisfies Record<StateName, Record<ActionOutcome, readonly StateName[]>>;

/** The states that may follow when an action that a state allows ends so. */
export function statesAfter(state: StateName, outcome: ActionOutcome): ReadonlySet<StateName> {
  const after = TRANSITIONS[state];
  return new Set(outcome === 'killed' ? Object.values(after).flat() : after[outcome]);
}
