import { asPlumbError, CHANGE, type Change, type KubeObject } from '@plumb/api';
import { reflect } from '@plumb/kube';
import { forbidden, type GateCluster } from './asking.ts';
import { hasEnded } from './changes.ts';
import type { Decided } from './decide.ts';

/** What came of an approval or a rejection, as far as was waited for. */
export type Heard =
  /** The change is over, or waits for more. */
  | { outcome: 'told'; change: Change }
  /** Nothing that the change asks for was met by it. */
  | { outcome: 'not counted'; change: Change }
  /** All gates are open; it is being applied still. */
  | { outcome: 'applying'; change: Change }
  /** Somebody deleted the change. */
  | { outcome: 'gone' };

export interface Patience {
  /** Until the agent counts an approval. Milliseconds. */
  counted: number;
  /** Until the change is applied. Milliseconds. */
  applied: number;
}

/** Waits, by watch, until the agent has said what came of an approval. @throws PlumbError where the change cannot be watched */
export async function whatCameOf(
  cluster: GateCluster,
  decided: Decided,
  { counted, applied }: Patience,
  signal: AbortSignal,
): Promise<Heard> {
  const { namespace = '', name } = decided.change.metadata;
  const over = new AbortController();
  const end = Promise.withResolvers<Heard>();
  let last = decided.change;
  const reflector = reflect(
    cluster,
    CHANGE,
    {
      upsert: (object: KubeObject) => {
        last = object as unknown as Change;
        if (standingOf(last, decided) === 'told') end.resolve({ outcome: 'told', change: last });
      },
      remove: () => end.resolve({ outcome: 'gone' }),
      synced: () => undefined,
    },
    {
      namespace,
      fieldSelector: `metadata.name=${name}`,
      signal: AbortSignal.any([signal, over.signal]),
      onInterruption: (thrown) => {
        const error = asPlumbError(thrown);
        if (error.code === 'api-forbidden') end.reject(forbidden(error, CHANGE, 'list and watch'));
      },
    },
  );
  reflector.ready().catch(() => undefined);
  const timers = [
    setTimeout(() => {
      if (standingOf(last, decided) === 'not counted') end.resolve({ outcome: 'not counted', change: last });
    }, counted),
    setTimeout(() => {
      const outcome = standingOf(last, decided);
      end.resolve({ outcome, change: last });
    }, applied),
  ];
  signal.addEventListener('abort', () => end.reject(signal.reason), { once: true });
  try {
    return await end.promise;
  } finally {
    for (const timer of timers) clearTimeout(timer);
    over.abort();
    await reflector.done();
  }
}

/** How an approval stands with a change, by what the agent wrote since. */
export function standingOf(change: Change, { approval, change: before }: Decided): 'told' | 'not counted' | 'applying' {
  const { status } = change;
  if (hasEnded(change)) return 'told';
  if (status?.phase === 'Applying') return 'applying';
  const mark = `Approval/${approval} `;
  const isCounted = status?.requirements?.some(({ evidence = [] }) => evidence.some((text) => text.startsWith(mark)));
  return isCounted === true || status?.message !== before.status?.message ? 'told' : 'not counted';
}
