import type { State } from '../history.ts';
import { isRecord, readRecord } from './record.ts';

/** What is done to a release, as Helm's records tell it, and events do. */
export type Deed = 'install' | 'upgrade' | 'rollback' | 'uninstall' | 'unlock';

const BROUGHT_IN: Readonly<Record<string, Deed>> = {
  'pending-install': 'install',
  'pending-upgrade': 'upgrade',
};
const ROLLED_BACK = 'Rollback to ';
const UNLOCKED = 'Release unlocked from stale';

/** How often each was done to each record: `upgrade shop/cart.v3`. A rollback counts for the record it went to. */
export type Deeds = ReadonlyMap<string, number>;

/** What came to its end, by all the states that all records went through. */
export function deedsOf(histories: Iterable<readonly State[]>): Deeds {
  const deeds = new Map<string, number>();
  for (const states of histories) {
    for (const [index, state] of states.entries()) {
      const done = deedOf(states[index - 1], state);
      if (done !== null) deeds.set(done, (deeds.get(done) ?? 0) + 1);
    }
  }
  return deeds;
}

function deedOf(before: State | undefined, now: State): string | null {
  const was = before?.object ?? null;
  if (was === null || !isRecord(was)) return null;
  const from = readRecord(was);
  const shown = `${from.namespace}/${from.name}.v${from.version}`;
  if (now.object === null) return from.status === 'uninstalling' ? `uninstall ${shown}` : null;
  const { status: to, description } = readRecord(now.object);
  if (to === from.status) return null;
  if (to === 'deployed' && from.status === 'pending-rollback')
    return `rollback ${from.namespace}/${from.name}.v${description.replace(ROLLED_BACK, '')}`;
  if (to === 'deployed') return `${BROUGHT_IN[from.status] ?? 'nothing'} ${shown}`;
  if (to === 'uninstalled') return `uninstall ${shown}`;
  return to === 'failed' && description.startsWith(UNLOCKED) ? `unlock ${shown}` : null;
}
