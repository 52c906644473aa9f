import type { GitRepository, Said } from '@plumb/api';
import { checkGitRepository, FINALIZER, ownMessages, say } from '@plumb/api';
import { requestedAt } from '../../runtime/flux-object.ts';

/** What is kept of a source between runs. Lost on restart; then the remote is asked once. Times in milliseconds. */
export interface SourceMemory {
  uid: string;
  /** The last run that succeeded: the generation it was for, and when it ended. */
  succeeded: { generation: number; at: number } | null;
  failed: { generation: number; retryAt: number; count: number } | null;
  /** How often something else than the object itself has made it due. */
  wakes: number;
  /** In [0, 1): where in the jitter's range the next run lies. */
  spread: number;
}

/** All a decision is made from. */
export interface Seen {
  object: GitRepository | undefined;
  memory: SourceMemory;
  now: number;
  /** Milliseconds, jitter included. */
  interval: number;
}

export type Step =
  | { do: 'forget' }
  | { do: 'finalize' }
  | { do: 'rest' }
  | { do: 'refuse'; said: Said }
  | { do: 'fetch' }
  | { do: 'idle'; after: number };

export function decide(seen: Seen): Step {
  const { object, memory, now, interval } = seen;
  if (object === undefined) return { do: 'forget' };
  if (object.metadata.deletionTimestamp !== undefined) {
    return object.metadata.finalizers?.includes(FINALIZER) ? { do: 'finalize' } : { do: 'forget' };
  }
  if (object.spec.suspend === true) return { do: 'rest' };
  const flaw = specFlaw(object);
  if (flaw !== null) return { do: 'refuse', said: flaw };
  const requested = requestedAt(object);
  if (requested !== undefined && requested !== object.status?.lastHandledReconcileAt) return { do: 'fetch' };
  const next = nextFetch(object.metadata.generation ?? 0, memory, interval);
  return now >= next ? { do: 'fetch' } : { do: 'idle', after: next - now };
}

/** When the remote is to be asked next, in milliseconds; a spec it was not asked for yet is due since ever. */
function nextFetch(generation: number, { succeeded, failed }: SourceMemory, interval: number): number {
  if (failed?.generation === generation) return failed.retryAt;
  return succeeded?.generation === generation ? succeeded.at + interval : 0;
}

function specFlaw(object: GitRepository): Said | null {
  const checked = checkGitRepository(object);
  return checked.ok ? null : say(ownMessages.invalidSpec, { problems: checked.problems });
}
