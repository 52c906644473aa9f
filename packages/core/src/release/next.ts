import type { ActionName, ReleaseFacts } from './facts.ts';
import { failuresOf, ignoresTestFailures, isExhausted, remediationOf, resumeDelay, resumesOf } from './failures.ts';
import type { ReleaseAction } from './failures.ts';
import { latestSnapshot, previousSnapshot } from './history.ts';
import type { ReleaseState, StateName } from './state.ts';

/** What to do about a release now. Times are milliseconds; `why` is for an event or the log. */
export type Next =
  | { readonly do: 'act'; readonly action: Exclude<ActionName, 'rollback'>; readonly why: string }
  /** `to` is the number of the record whose manifest is applied again. */
  | { readonly do: 'act'; readonly action: 'rollback'; readonly to: number; readonly why: string }
  /** All is as declared, or differs in a way that is only told. */
  | { readonly do: 'rest' }
  /** Somebody alive is at work; the end of that wakes the unit. */
  | { readonly do: 'wait'; readonly why: string }
  /** A new run, that soon; 0 means as soon as its turn comes, with the backoff of failures. */
  | { readonly do: 'retry-later'; readonly after: number; readonly why: string }
  /** Stalled, with Flux's reason and message. It is tried again when something changes, or by itself after that time. */
  | {
      readonly do: 'exhausted';
      readonly reason: 'RetriesExceeded' | 'MissingRollbackTarget';
      readonly text: string;
      readonly after: number;
    };

/** Actions of one type are never done twice in a run (helm-controller's action types). */
const TYPES = {
  install: 'release',
  upgrade: 'release',
  rollback: 'remedy',
  'uninstall-remediation': 'remedy',
  unlock: 'unlock',
  test: 'test',
  uninstall: 'uninstall',
  correct: 'correct',
} as const satisfies Record<ActionName, string>;

/** What is to be done in a state. Pure. */
export function nextOf({ name, reason }: ReleaseState, facts: ReleaseFacts): Next {
  const next = DECISIONS[name](facts, reason);
  if (next.do !== 'act') return next;
  const isOver = facts.done.some((done) => TYPES[done] === 'remedy' || TYPES[done] === TYPES[next.action]);
  return isOver ? endOfRun(facts, next.action) : next;
}

type Decide = (facts: ReleaseFacts, reason: string) => Next;

const REST: Next = { do: 'rest' };

const DECISIONS = {
  Locked: (facts, reason) => unlessHeld(facts, act('unlock', `${reason}, and whoever worked on it did not finish`)),
  Moved: (facts, reason) => unlessHeld(facts, act('uninstall', reason)),
  Absent: nextWhenAbsent,
  Unmanaged: (_facts, reason) => act('upgrade', reason),
  OutOfSync: (facts, reason) => tryOrGiveUp(facts, { counted: 'upgrade', action: 'upgrade', reason }),
  Failed: (facts) => unlessForced(facts, () => nextWhenFailed(facts)),
  Untested: (facts) => unlessForced(facts, () => act('test', 'release has not been tested')),
  Drifted: (facts) => unlessForced(facts, () => (facts.drifted === 'correct' ? act('correct', DRIFT) : REST)),
  InSync: (facts) => unlessForced(facts, () => REST),
} as const satisfies Record<StateName, Decide>;

const DRIFT = 'objects were changed by others';
const FORCED = 'force requested through annotation';
const CHANGED = 'what the release depends on changed since it was given up';
const LOCKED = 'a lockdown cut it short';
const DUE = 'it was given up for a while, and is tried once more';
const AGAIN = 'the rest is done in another run';

function unlessHeld({ held }: ReleaseFacts, next: Next): Next {
  return held ? { do: 'wait', why: 'the release is being worked on' } : next;
}

/** A forced upgrade is done once, whatever the state. */
function unlessForced(facts: ReleaseFacts, otherwise: () => Next): Next {
  return facts.forceRequested && !wasTried(facts) ? act('upgrade', FORCED) : otherwise();
}

/** Whether this run installed or upgraded already. */
function wasTried({ done }: ReleaseFacts): boolean {
  return done.some((one) => TYPES[one] === 'release');
}

function act(action: Exclude<ActionName, 'rollback'>, why: string): Next {
  return { do: 'act', action, why };
}

/** A release that the remedy of its last failure uninstalled stays so until it is tried again. */
function nextWhenAbsent(facts: ReleaseFacts, reason: string): Next {
  const { release } = facts;
  const wasRemoved = latestSnapshot(release.status?.history)?.action === 'uninstall-remediation';
  const counted = wasRemoved && isExhausted(release, 'upgrade') ? 'upgrade' : 'install';
  return tryOrGiveUp(facts, { counted, action: 'install', reason });
}

interface Try {
  /** Whose failures count. */
  counted: ReleaseAction;
  action: ReleaseAction;
  reason: string;
}

/** An install or upgrade while retries are left, or somebody forces it, or it is time to try again. */
function tryOrGiveUp(facts: ReleaseFacts, { counted, action, reason }: Try): Next {
  if (!isExhausted(facts.release, counted)) return act(action, reason);
  if (facts.forceRequested && !wasTried(facts)) return act(action, FORCED);
  const resumed = resumeReason(facts, counted);
  return resumed === null ? giveUp(facts, counted) : act(action, resumed);
}

/** Why a release that was given up is tried again all the same; null while it is not. */
function resumeReason(facts: ReleaseFacts, action: ReleaseAction): string | null {
  if (wasTried(facts)) return null;
  if (facts.changedSinceExhausted) return CHANGED;
  return leftToWait(facts, action) === 0 ? DUE : null;
}

/** Time until a release that was given up is tried again by itself. */
function leftToWait(facts: ReleaseFacts, action: ReleaseAction): number {
  const isFresh = wasTried(facts) || facts.done.some((one) => TYPES[one] === 'remedy');
  const waited = isFresh ? 0 : facts.sinceLastTry;
  return Math.max(resumeDelay(resumesOf(facts.release, action)) - waited, 0);
}

function giveUp(facts: ReleaseFacts, action: ReleaseAction): Next {
  const text = `Failed to ${action} after ${failuresOf(facts.release, action)} attempt(s)`;
  return { do: 'exhausted', reason: 'RetriesExceeded', text, after: leftToWait(facts, action) };
}

function nextWhenFailed(facts: ReleaseFacts): Next {
  const { release } = facts;
  const tried = release.status?.lastAttemptedReleaseAction;
  if (tried === undefined || failuresOf(release, tried) === 0) {
    return act('upgrade', 'release conditions have changed since last failure');
  }
  const { retryInterval, remediateLastFailure, strategy } = remediationOf(release, tried);
  if (retryInterval !== null) return retry(facts, retryInterval);
  if (wasLockedDown(facts)) return tryOrGiveUp(facts, { counted: tried, action: 'upgrade', reason: LOCKED });

  const isSpent = isExhausted(release, tried);
  const resumed = isSpent ? resumeReason(facts, tried) : null;
  if (resumed !== null) return act('upgrade', resumed);
  if (remedyFailed(facts)) {
    return isSpent ? giveUp(facts, tried) : act('upgrade', 'the remedy failed too: trying again what it was for');
  }
  if (isSpent && !remediateLastFailure) return giveUp(facts, tried);
  return strategy === 'rollback' ? rollback(facts) : act('uninstall-remediation', `${tried} failed`);
}

function retry(facts: ReleaseFacts, retryInterval: number): Next {
  const left = wasTried(facts) ? retryInterval : Math.max(retryInterval - facts.sinceLastTry, 0);
  return left === 0 ? act('upgrade', 'retrying upgrade for failed release') : retryLater(left);
}

function retryLater(after: number): Next {
  return { do: 'retry-later', after, why: 'it is tried again when its retryInterval is over' };
}

/** A try that a lockdown ended has not failed, whatever failed before it: there is nothing to remedy. */
function wasLockedDown({ release, last }: ReleaseFacts): boolean {
  const action = latestSnapshot(release.status?.history)?.action;
  return last?.interrupted === 'locked-down' && (action === 'install' || action === 'upgrade');
}

/**
 * A remedy that failed, or whose tests did, is not done again: what it was to remedy is tried again. One that was cut short is.
 */
function remedyFailed({ release, last }: ReleaseFacts): boolean {
  const action = latestSnapshot(release.status?.history)?.action;
  return (action === 'rollback' || action === 'uninstall-remediation') && (last?.interrupted ?? null) === null;
}

function rollback(facts: ReleaseFacts): Next {
  const { release, target, fallback } = facts;
  const previous = previousSnapshot(release.status?.history, ignoresTestFailures(release));
  if (target === 'there' && previous !== undefined) {
    return { do: 'act', action: 'rollback', to: previous.version, why: 'upgrade failed' };
  }
  if (fallback !== null) {
    const why = `${TARGET_FLAWS[target]}: going back to v${fallback}, the newest good release in storage`;
    return { do: 'act', action: 'rollback', to: fallback, why };
  }
  if (target === 'missing' || target === 'changed') {
    const reason = `${TARGET_FLAWS[target]}: trying the upgrade again`;
    return tryOrGiveUp(facts, { counted: 'upgrade', action: 'upgrade', reason });
  }
  const resumed = resumeReason(facts, 'upgrade');
  if (resumed !== null) return act('upgrade', resumed);
  return {
    do: 'exhausted',
    reason: 'MissingRollbackTarget',
    text: 'Failed to perform remediation: missing target release for rollback: cannot remediate failed release',
    after: leftToWait(facts, 'upgrade'),
  };
}

const TARGET_FLAWS = {
  there: 'no release to roll back to is known',
  none: 'no release to roll back to is known',
  missing: 'the release to roll back to is gone from storage',
  changed: 'the release to roll back to was changed by others',
} as const satisfies Record<ReleaseFacts['target'], string>;

/** What is left to do has to wait for another run: for how long, the strategy and the failures say. */
function endOfRun(facts: ReleaseFacts, left: ActionName): Next {
  const tried = facts.release.status?.lastAttemptedReleaseAction;
  const isTry = TYPES[left] === 'release' || TYPES[left] === 'remedy';
  if (tried === undefined || !isTry) return { do: 'retry-later', after: 0, why: AGAIN };
  const { retryInterval } = remediationOf(facts.release, tried);
  if (retryInterval !== null && wasTried(facts)) return retryLater(retryInterval);
  return isExhausted(facts.release, tried) ? giveUp(facts, tried) : { do: 'retry-later', after: 0, why: AGAIN };
}
