import { displayKey } from '@plumb/api';
import type { ObjectKey } from '@plumb/api';
import type { Health } from '../health.ts';

export interface ObjectHealth {
  readonly key: ObjectKey;
  readonly health: Health;
}

export interface AggregateHealth {
  /**
   * `current`: nothing left to await. `failed`: something Failed and all else has its verdict, so that waiting on cannot
   * help (Flux's fail-fast rule). `in-progress`: an event may still change it.
   */
  status: 'current' | 'failed' | 'in-progress';
  /** The objects that are not Current, in the order given. */
  unready: readonly ObjectHealth[];
  /** Flux's words for a wait that ended here; '' when all is Current. At most about 2,000 characters. */
  message: string;
}

const MESSAGE_LIMIT = 2_000;

/** The verdict over many objects. No objects are Current. */
export function aggregate(healths: readonly ObjectHealth[]): AggregateHealth {
  const unready = healths.filter(({ health }) => health.status !== 'Current');
  if (unready.length === 0) return { status: 'current', unready, message: '' };
  const failed = unready.every(({ health }) => health.status === 'Failed');
  const begin = failed ? 'failed early due to stalled resources' : 'timeout waiting for';
  return { status: failed ? 'failed' : 'in-progress', unready, message: `${begin}: [${list(unready)}]` };
}

function list(unready: readonly ObjectHealth[]): string {
  let text = '';
  for (const [index, { key, health }] of unready.entries()) {
    const detail = health.message === '' ? '' : `: ${health.message}`;
    const entry = `${index === 0 ? '' : ', '}${displayKey(key)} status: '${health.status}'${detail}`;
    if (text.length + entry.length > MESSAGE_LIMIT && index > 0) return `${text}, and ${unready.length - index} more`;
    text += entry.slice(0, MESSAGE_LIMIT);
  }
  return text;
}
