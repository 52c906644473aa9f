import type { HealthCheckExpr, KubeObject, ObjectKey } from '@plumb/api';
import { keyId, keyOf } from '@plumb/api';
import type { Health, Observed } from '@plumb/core';
import { beforeEach, expect, test } from 'vitest';
import { Verdicts, versionOf } from './verdicts.ts';

const ENTRIES: HealthCheckExpr[] = [{ apiVersion: 'shop.example/v1', kind: 'Till', current: 'status.open' }];
const CURRENT: Health = { status: 'Current', message: '' };
const OWN_RULE: Health = { status: 'Failed', message: 'as its kind says' };

const key = (name: string, kind = 'Till'): ObjectKey => ({
  group: 'shop.example',
  version: 'v1',
  kind,
  namespace: 'shop',
  name,
});

function till(name: string, version: number, more: object = {}): KubeObject {
  return {
    apiVersion: 'shop.example/v1',
    kind: 'Till',
    metadata: { name, namespace: 'shop', uid: `u-${name}`, resourceVersion: String(version), generation: 1 },
    ...more,
  };
}

const seenAs = ({ metadata }: KubeObject): Observed =>
  ({ uid: metadata.uid, resourceVersion: metadata.resourceVersion, health: OWN_RULE }) as Observed;

let verdicts: Verdicts;
let live: Map<string, Observed>;
const idOf = (object: KubeObject): string => keyId(keyOf(object));
const open = (again = false): (string | null)[] =>
  verdicts.takeOpen((id) => live.get(id), again).map(({ key: { name }, json }) => (json === null ? name : json));

/** A watch brings an object. */
function bring(object: KubeObject): boolean {
  const id = idOf(object);
  const before = live.get(id);
  const after = seenAs(object);
  live.set(id, after);
  return verdicts.note({ id, before, after, object });
}

function judgeAs(object: KubeObject, health: Health, passing = false): void {
  verdicts.put(idOf(object), { version: versionOf(seenAs(object)), health, passing });
}

const told = (object: KubeObject): Health | null => verdicts.healthOf(idOf(object), seenAs(object));

beforeEach(() => {
  verdicts = new Verdicts();
  live = new Map();
  verdicts.begin(ENTRIES, [key('a'), key('b'), key('c', 'Shelf')]);
});

test('an object that no entry is for keeps the health of its kind', () => {
  expect(verdicts.healthOf(keyId(key('c', 'Shelf')), seenAs(till('c', 1)))).toBeNull();
  expect(bring({ ...till('c', 1), kind: 'Shelf' })).toBe(false);
  expect(told(till('other', 1))).toBeNull();
});

test('what was seen before the wait has to be read, and is under way until it is judged', () => {
  live.set(keyId(key('a')), seenAs(till('a', 1)));
  expect(told(till('a', 1))).toEqual({ status: 'InProgress', message: '' });
  expect(open()).toEqual(['a']);
  judgeAs(till('a', 1), CURRENT);
  expect(told(till('a', 1))).toEqual(CURRENT);
  expect(open()).toEqual([]);
});

test('what a watch brings is judged by what it brought, without who set which field', () => {
  const object = till('a', 2, { status: { open: true } });
  object.metadata.managedFields = [{ manager: 'x' }] as never;
  expect(bring(object)).toBe(true);
  expect(open()).toEqual([JSON.stringify(till('a', 2, { status: { open: true } }))]);
});

test('only the last version that was brought is judged', () => {
  bring(till('a', 2));
  bring(till('a', 3));
  expect(open()).toEqual([JSON.stringify(till('a', 3))]);
  expect(open()).toEqual(['a']);
});

test('a verdict holds for its version alone', () => {
  judgeAs(till('a', 2), CURRENT);
  expect(told(till('a', 3))?.status).toBe('InProgress');
  bring(till('a', 3));
  judgeAs(till('a', 3), CURRENT);
  expect(told(till('a', 3))).toEqual(CURRENT);
  expect(told({ ...till('a', 3), metadata: { ...till('a', 3).metadata, uid: 'another' } })?.status).toBe('InProgress');
});

test('an object that was read before its event came is judged, and the event says so', () => {
  live.set(keyId(key('a')), seenAs(till('a', 1)));
  judgeAs(till('a', 2), CURRENT);
  expect(told(till('a', 1))?.status).toBe('InProgress');
  expect(bring(till('a', 2))).toBe(true);
  expect(open()).toEqual([]);
  expect(bring(till('a', 2))).toBe(false);
});

test('an event of the version that an apply of ours had told of already is news too', () => {
  live.set(keyId(key('a')), seenAs(till('a', 2)));
  expect(bring(till('a', 2))).toBe(true);
});

test('an object whose controller has not seen its spec yet is judged without its expressions', () => {
  const behind = till('a', 2, { status: { observedGeneration: 0, open: true } });
  expect(bring(behind)).toBe(true);
  expect(open()).toEqual([]);
  expect(told(behind)).toEqual({ status: 'InProgress', message: '' });
});

test('what could not be judged is tried again where that is asked for, and at its next event', () => {
  bring(till('a', 2));
  open();
  judgeAs(till('a', 2), { status: 'Unknown', message: 'the helper ended' }, true);
  expect(verdicts.passing).toBe(true);
  expect(open()).toEqual([]);
  expect(open(true)).toEqual(['a']);
  bring(till('a', 2));
  judgeAs(till('a', 2), CURRENT);
  expect(verdicts.passing).toBe(false);
});

test('an object that goes takes its verdict with it', () => {
  judgeAs(till('a', 2), CURRENT);
  expect(verdicts.note({ id: idOf(till('a', 2)), before: undefined, after: undefined, object: till('a', 2) })).toBe(
    true,
  );
  expect(told(till('a', 2))?.status).toBe('InProgress');
});

test('the next wait knows what was judged, unless something else judges now', () => {
  judgeAs(till('a', 2), CURRENT);
  judgeAs(till('b', 2), CURRENT);
  verdicts.end();
  verdicts.begin([...ENTRIES], [key('a')]);
  expect(told(till('a', 2))).toEqual(CURRENT);
  verdicts.begin([{ ...ENTRIES[0], current: 'true' } as HealthCheckExpr], [key('a'), key('b')]);
  expect(told(till('a', 2))?.status).toBe('InProgress');
  verdicts.begin([], [key('a')]);
  expect(told(till('a', 2))).toBeNull();
});

test('objects that wait take so much room and no more: what does not fit is read', () => {
  bring(till('a', 2, { data: 'x'.repeat(3_000_000) }));
  bring(till('b', 2, { data: 'x'.repeat(3_000_000) }));
  expect(open().map((json) => json?.length)).toEqual([expect.any(Number), 1]);
  bring(till('b', 3, { data: 'x'.repeat(3_000_000) }));
  verdicts.end();
  bring(till('a', 3, { data: 'x'.repeat(3_000_000) }));
  expect(open().map((json) => (json?.length ?? 0) > 1)).toEqual([true, false]);
});
