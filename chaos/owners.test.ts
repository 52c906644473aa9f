import { shardOwner } from '@plumb/core';
import { expect, test } from 'vitest';
import type { AuditedRequest } from '../test/support/audit.ts';
import { ownership } from './owners.ts';
import type { ReplicaNews } from './owners.ts';

const NAMESPACE = 'shop';
const ALL = ['a', 'b', 'c'];
/** A unit that `a` owns among all, and `b` among those without `a`. */
const UNIT = Array.from({ length: 100 }, (_, index) => `unit-${index}`).find((name) => {
  const id = `Kustomization/${NAMESPACE}/${name}`;
  return shardOwner(id, ALL) === 'a' && shardOwner(id, ['b', 'c']) === 'b';
});

function news(name: string, at: number, event: string, members: readonly string[] = []): ReplicaNews {
  return { name, at, event, member: name, members };
}

const agreed = (at: number, members: readonly string[]): ReplicaNews[] =>
  members.map((name) => news(name, at, 'agreed', members));

function write(user: string, from: number, to = from + 5): AuditedRequest {
  const what = { verb: 'patch', resource: 'configmaps', namespace: NAMESPACE, name: 'map' };
  return { user, as: '', from, to, status: 200, dryRun: false, ...what };
}

interface Case {
  what: string;
  told: ReplicaNews[];
  writes: AuditedRequest[];
  wrong: string[];
}

const start = agreed(1_000, ALL);
const without = agreed(20_000, ['b', 'c']);
const back = [news('a', 30_000, 'lease-lost'), news('a', 30_500, 'joined'), ...agreed(31_000, ALL)];
const DONE_WITHOUT = 'a did patch configmaps after b was agreed without it';

test.each<Case>([
  { what: 'its owner', told: start, writes: [write('a', 2_000)], wrong: [] },
  { what: 'its owner in the millisecond of the agreement', told: start, writes: [write('a', 999.5)], wrong: [] },
  {
    what: 'another than its owner',
    told: start,
    writes: [write('b', 2_000)],
    wrong: ['b did patch configmaps though by its agreement a owns it'],
  },
  {
    what: 'one that was never agreed',
    told: [news('a', 1_000, 'joined')],
    writes: [write('a', 2_000)],
    wrong: ['a did patch configmaps before any agreement'],
  },
  {
    what: 'one that knows that its lease is lost',
    told: [...start, news('a', 15_000, 'lease-lost')],
    writes: [write('a', 15_100)],
    wrong: ['a did patch configmaps after its lease was lost'],
  },
  {
    what: 'one that was killed, and has joined and not agreed',
    told: [...start, news('a', 5_000, 'joined')],
    writes: [write('a', 5_100)],
    wrong: ['a did patch configmaps before any agreement'],
  },
  {
    what: 'the old owner, the new one, and the old one when it has joined again',
    told: [...start, ...without, ...back],
    writes: [write('a', 2_000), write('b', 21_000), write('a', 31_010)],
    wrong: [],
  },
  {
    what: 'one that goes on after a stop, before it says that its lease is lost',
    told: [...start, ...without, ...back],
    writes: [write('b', 21_000), write('a', 29_990)],
    wrong: [DONE_WITHOUT],
  },
  {
    what: 'one that goes on after a stop, before the new owner did anything',
    told: [...start, ...without, ...back],
    writes: [write('a', 20_001)],
    wrong: [DONE_WITHOUT],
  },
  {
    what: 'its owner in the millisecond in which the others are agreed without it',
    told: [...start, ...without],
    writes: [write('a', 20_000.9)],
    wrong: [],
  },
  {
    what: 'one that goes on after a stop, and finds itself agreed on what was before',
    told: [...start, ...without, news('a', 29_980, 'agreed', ALL), ...back],
    writes: [write('b', 21_000), write('a', 29_990)],
    wrong: [DONE_WITHOUT],
  },
  {
    what: 'the new owner, after one that was stopped found itself agreed on what was before',
    told: [...start, ...without, news('a', 29_980, 'agreed', ['a', 'c']), ...back],
    writes: [write('b', 29_990)],
    wrong: [],
  },
  {
    what: 'one that joins while the others are not yet agreed on it',
    told: [
      ...agreed(1_000, ['b', 'c']),
      news('a', 2_000, 'joined'),
      ...agreed(2_001, ['b', 'c']),
      ...agreed(3_000, ALL),
    ],
    writes: [write('a', 3_010)],
    wrong: [],
  },
  {
    what: 'its owner and the next one at once',
    told: [...start, ...without],
    writes: [write('a', 19_000, 21_100), write('b', 21_000)],
    wrong: ['a was not done when b began'],
  },
])('a unit that is changed by $what: $wrong', ({ told, writes, wrong }) => {
  const unit = UNIT ?? '';
  const owned = { namespace: NAMESPACE, source: 'shop', units: [{ name: unit, objects: ['configmaps/map'] }] };
  expect(ownership(owned, writes, told).problems).toEqual(wrong.map((text) => `Kustomization/shop/${unit}: ${text}`));
});
