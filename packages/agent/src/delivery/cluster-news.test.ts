import type { Kustomization, KubeObject, ObjectKey } from '@plumb/api';
import { keyId } from '@plumb/api';
import { OWNERSHIPS, type Observed } from '@plumb/core';
import { FakeClock } from '@plumb/testkit';
import { beforeEach, expect, test } from 'vitest';
import type { Destination } from './destination.ts';
import type { LiveChange } from './live.ts';
import { UnitMemory } from './unit.ts';
import type { Finisher } from '../runtime/finisher.ts';
import type { FluxObjects } from '../runtime/flux-objects.ts';
import type { KeyedQueue } from '../runtime/queue.ts';
import { kustomization } from '../testing/builders.ts';
import { ClusterNews } from './cluster-news.ts';

const KEY: ObjectKey = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'settings' };
const ID = keyId(KEY);
const REF = { kind: 'Kustomization', namespace: 'shop', name: 'apps' };
const destination = { live: { isNamed: () => false } } as unknown as Destination;

let clock: FakeClock;
let object: Kustomization;
let memory: UnitMemory;
let news: ClusterNews;
let said: string[];
let woken: string[];

beforeEach(() => {
  clock = new FakeClock();
  object = kustomization();
  memory = new UnitMemory(REF, 'u1');
  memory.destination = destination;
  memory.applied.set(ID, { desiredDigest: 'd', ownedHash: 'h', uid: 'u', resourceVersion: '1' });
  [said, woken] = [[], []];
  news = new ClusterNews({
    ownership: OWNERSHIPS.Kustomization,
    objects: { get: () => object as KubeObject } as unknown as FluxObjects,
    memories: new Map([['shop/apps', memory]]),
    finisher: { say: (_of: KubeObject, event: { reason: string }) => said.push(event.reason) } as unknown as Finisher,
    queue: () =>
      ({
        add: () => woken.push('now'),
        addAfter: (_id: string, ms: number) => woken.push(`in ${ms} ms`),
      }) as unknown as KeyedQueue,
    clock,
    namespace: undefined,
  });
});

/** Somebody deletes the object. */
function deletion(): LiveChange {
  const before = { uid: 'u', resourceVersion: '1', ownedHash: 'h', owner: REF } as Observed;
  const removed = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'shop' } };
  return { id: ID, key: KEY, before, after: undefined, object: removed };
}

function fought(): void {
  for (let times = 0; times < 6; times += 1) memory.fights.corrected(ID, clock.now());
}

test('drift wakes its unit at once', () => {
  news.onChange(deletion(), destination);
  expect([woken, said]).toEqual([['now'], []]);
});

test('who insists is named, and met later', () => {
  fought();
  news.onChange(deletion(), destination);
  expect([woken, said]).toEqual([['in 2000 ms'], ['DriftLoop']]);
});

test.each([
  ['of health wakes the unit that waited for it in vain, before its time', 'Current', true, ['now']],
  ['of health is nothing to any other', 'Current', false, []],
  ['of what is said of its health is nothing to it', 'InProgress', true, []],
])('a change %s', (_what, status, overdue, expected) => {
  memory.failed = { said: { text: 'late' } as never, inputs: '', retryAt: clock.now() + 60_000, count: 3 };
  if (overdue) memory.overdue.add(ID);
  const before = {
    uid: 'u',
    resourceVersion: '1',
    ownedHash: 'h',
    owner: REF,
    health: { status: 'InProgress', message: '' },
  };
  const after = { ...before, resourceVersion: '2', health: { status, message: 'again' } };
  news.onChange({ ...deletion(), before: before as Observed, after: after as Observed }, destination);
  expect(woken).toEqual(expected);
  expect(memory.failed.retryAt - clock.now()).toBe(expected.length > 0 ? 0 : 60_000);
});

test('drift of a suspended unit is kept for when it is resumed; no correction is told that will not be made', () => {
  object = kustomization({ spec: { suspend: true } });
  fought();
  news.onChange(deletion(), destination);
  news.wakeForNextDrift('shop/apps');
  expect([woken, said]).toEqual([[], []]);
  expect(memory.drifted.get(ID)).toBe('gone');
});
