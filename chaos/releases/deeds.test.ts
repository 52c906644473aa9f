import { expect, test } from 'vitest';
import type { State } from '../history.ts';
import { deedsOf } from './deeds.ts';
import type { HelmRecord } from './record.ts';
import { secretOf } from './testing.ts';

/** The states of the Secret of `shop/alder.v2`; null: deleted. */
function states(...records: (Partial<HelmRecord> | null)[]): State[] {
  return records.map((record, index) => ({
    at: BigInt(index),
    uid: 'u',
    object: record === null ? null : secretOf({ version: 2, ...record }),
  }));
}

const pending = (action: string): Partial<HelmRecord> => ({ status: `pending-${action}` });
const UNLOCKED = { status: 'failed', description: "Release unlocked from stale 'pending-upgrade' state" };

test.each<[what: string, states: State[], deeds: Record<string, number>]>([
  ['an install', states(pending('install'), {}), { 'install shop/alder.v2': 1 }],
  [
    'an upgrade, whose hooks were noted',
    states(pending('upgrade'), pending('upgrade'), {}),
    { 'upgrade shop/alder.v2': 1 },
  ],
  [
    'a rollback, for what it went to',
    states(pending('rollback'), { description: 'Rollback to 1' }),
    { 'rollback shop/alder.v1': 1 },
  ],
  ['an unlock', states(pending('upgrade'), UNLOCKED), { 'unlock shop/alder.v2': 1 }],
  ['no unlock, but a failure', states(pending('upgrade'), { status: 'failed' }), {}],
  ['an uninstall', states({}, { status: 'uninstalling' }, null), { 'uninstall shop/alder.v2': 1 }],
  [
    'one that keeps its history',
    states({ status: 'uninstalling' }, { status: 'uninstalled' }),
    { 'uninstall shop/alder.v2': 1 },
  ],
  ['none: an old record goes', states({ status: 'superseded' }, null), {}],
  ['nothing yet', states(pending('install')), {}],
  [
    'the same twice',
    states(pending('install'), {}, { status: 'uninstalling' }, null, pending('install'), {}),
    { 'install shop/alder.v2': 2, 'uninstall shop/alder.v2': 1 },
  ],
])('records tell of %s', (_what, history, deeds) => {
  expect(Object.fromEntries(deedsOf([history]))).toEqual(deeds);
});
