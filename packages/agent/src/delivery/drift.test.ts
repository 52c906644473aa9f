import type { KubeObject, ObjectKey } from '@plumb/api';
import {
  APPLY_MANAGER,
  DRIFT_ANNOTATION,
  keyId,
  keyOf,
  OWNER_NAME_LABEL,
  OWNER_NAMESPACE_LABEL,
  printJson,
} from '@plumb/api';
import type { Plan } from '@plumb/core';
import { contentHash, DEFAULT_RULES, observe } from '@plumb/core';
import { MemoryCluster } from '@plumb/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ApplyContext } from './apply.ts';
import { dueDrift, explain, judge, nextDrift, tellApart } from './drift.ts';
import type { LiveChange } from './live.ts';
import type { AppliedRecord } from './unit.ts';
import { UnitMemory } from './unit.ts';

const KEY: ObjectKey = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'settings' };
const ID = keyId(KEY);

const declared: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: 'settings',
    namespace: 'shop',
    labels: { [OWNER_NAME_LABEL]: 'apps', [OWNER_NAMESPACE_LABEL]: 'shop' },
  },
  data: { colour: 'green', size: 'm' },
};

let cluster: MemoryCluster;
let unit: UnitMemory;
let applied: KubeObject;

beforeEach(async () => {
  cluster = new MemoryCluster();
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  unit = new UnitMemory({ kind: 'Kustomization', namespace: 'shop', name: 'apps' }, 'u1');
  applied = await cluster.apply(declared, { fieldManager: APPLY_MANAGER, force: true });
  record(applied);
});

function record(live: KubeObject): void {
  const { ownedHash, uid, resourceVersion } = observe(live, APPLY_MANAGER);
  unit.applied.set(ID, { desiredDigest: 'd', ownedHash, uid, resourceVersion });
}

function change(object: KubeObject, gone = false): LiveChange {
  const before = observe(applied, APPLY_MANAGER);
  return { id: ID, key: keyOf(object), before, after: gone ? undefined : observe(object, APPLY_MANAGER), object };
}

const edited = (data: Record<string, string | null>): Promise<KubeObject> =>
  cluster.patch(KEY, { data }, { type: 'merge', fieldManager: 'kubectl-edit' });

describe('a change of a live object', () => {
  test('to a declared field is drift', async () => {
    expect(judge(change(await edited({ colour: 'red' })), unit)).toBe(true);
    expect(unit.drifted.has(ID)).toBe(true);
  });

  test('that takes a declared field away is drift', async () => {
    expect(judge(change(await edited({ colour: null })), unit)).toBe(true);
  });

  test('to a field nobody declared is none', async () => {
    expect(judge(change(await edited({ note: 'mine' })), unit)).toBe(false);
    expect(unit.drifted.size).toBe(0);
  });

  test('that is our own apply is none', () => {
    expect(judge(change(applied), unit)).toBe(false);
  });

  test('that came before our apply is none', async () => {
    const red = await edited({ colour: 'red' });
    const again = await cluster.apply(declared, { fieldManager: APPLY_MANAGER, force: true });
    record(again);
    expect(judge(change(red), unit)).toBe(false);
  });

  test('while an apply of it is under way is judged later', async () => {
    unit.inFlight.add(ID);
    expect(judge(change(await edited({ colour: 'red' })), unit)).toBe(false);
  });

  test('to an object we never applied is none', async () => {
    unit.applied.clear();
    expect(judge(change(await edited({ colour: 'red' })), unit)).toBe(false);
  });

  test('that removes it is drift', () => {
    expect(judge(change(applied, true), unit)).toBe(true);
    expect(unit.drifted.get(ID)).toBe('gone');
  });

  test('that was taken back is drift no longer', async () => {
    const hash = unit.applied.get(ID)?.ownedHash ?? '';
    judge(change(await edited({ colour: 'red' })), unit);
    const back = await cluster.apply(declared, { fieldManager: APPLY_MANAGER, force: true });
    expect(observe(back, APPLY_MANAGER).ownedHash).toBe(hash);
    expect(judge(change(back), unit)).toBe(false);
    expect(unit.drifted.size).toBe(0);
  });
});

describe('drift that is left', () => {
  const left = (object: KubeObject, mode: 'warn' | 'ignore' = 'warn'): void => {
    unit.drifted.delete(ID);
    unit.tolerated.set(ID, { key: KEY, mode, seen: contentHash(object), told: 't', note: null });
  };

  test('is news only when it changes again', async () => {
    const red = await edited({ colour: 'red' });
    left(red);
    expect(judge(change(red), unit)).toBe(false);
    expect(judge(change(await edited({ colour: 'blue' })), unit)).toBe(true);
    expect([...dueDrift(unit, 0, 'warn')]).toEqual([ID]);
  });

  test('is over when somebody takes it back', async () => {
    left(await edited({ colour: 'red' }));
    const back = await cluster.apply(declared, { fieldManager: APPLY_MANAGER, force: true });
    expect(judge(change(back), unit)).toBe(true);
    expect([unit.tolerated.size, unit.driftEnded]).toEqual([0, true]);
  });

  test('is due when it is not to be left any more, or not so', async () => {
    left(await edited({ colour: 'red' }));
    expect([...dueDrift(unit, 0, 'warn')]).toEqual([]);
    expect([...dueDrift(unit, 0, 'correct')]).toEqual([ID]);
    expect([...dueDrift(unit, 0, 'ignore')]).toEqual([ID]);
  });

  test('as its object says, or as the live one does, whatever the unit says', async () => {
    const applies = unit.applied.get(ID) as AppliedRecord;
    applies.drift = 'warn';
    left(await edited({ colour: 'red' }));
    expect([...dueDrift(unit, 0, 'correct')]).toEqual([]);
    delete applies.drift;
    const annotations = { [DRIFT_ANNOTATION]: 'warn' };
    judge(change(await cluster.patch(KEY, { metadata: { annotations } }, { type: 'merge' })), unit);
    unit.drifted.delete(ID);
    expect([...dueDrift(unit, 0, 'correct')]).toEqual([]);
  });

  test('is told ever more slowly of an object that changes all the time, and put right at its own pace', async () => {
    await judge(change(await edited({ colour: 'red' })), unit);
    for (let told = 0; told < 6; told += 1) unit.tellings.corrected(ID, 1_000);
    expect(nextDrift(unit, 1_000, 'warn')).toBe(3_000);
    expect(dueDrift(unit, 1_000, 'warn').size).toBe(0);
    expect(dueDrift(unit, 1_000, 'correct').size).toBe(1);
  });
});

describe('what a repair tells', () => {
  const plan: Plan = {
    cause: 'drift',
    stages: [{ name: 'rest', actions: [{ kind: 'correct', key: KEY, index: 0 }] }],
    prune: [],
    unseen: [],
    refused: [],
  };
  const bytes = Buffer.from(printJson(declared));
  const stored = {
    key: KEY,
    digest: 'd',
    rules: DEFAULT_RULES,
    ignored: [],
    origin: { path: 'a.yaml', document: 0 },
    pack: { bytes },
    at: 0,
    size: bytes.length,
  };
  const notes = () => {
    const context = { unit, bundle: { objects: [stored] }, fieldManager: APPLY_MANAGER } as unknown as ApplyContext;
    return explain(plan, context);
  };

  test('who changed which paths, without a value', async () => {
    judge(change(await edited({ colour: 'canary' })), unit);
    expect(notes()).toEqual([{ key: KEY, how: 'changed', paths: ['data.colour'], managers: ['kubectl-edit'] }]);
  });

  test('only that it differed, where too much drifted to keep it all; what is kept stays', async () => {
    for (let other = 0; other < 63; other += 1) unit.drifted.set(`other ${other}`, 'gone');
    judge(change(await edited({ colour: 'red' })), unit);
    const blue = await edited({ colour: 'blue' });
    judge(change(blue), unit);
    expect(unit.drifted.get(ID)).toEqual(blue);
    unit.drifted.delete(ID);
    unit.drifted.set('one more', 'gone');
    judge(change(blue), unit);
    expect(unit.drifted.get(ID)).toBe('unread');
    expect(notes()).toEqual([{ key: KEY, how: 'changed', paths: [], managers: [] }]);
    judge(change(await cluster.apply(declared, { fieldManager: APPLY_MANAGER, force: true })), unit);
    expect(notes()).toEqual([]);
  });

  test('only that it differed, where the object is too long to keep', async () => {
    judge(change(await edited({ colour: 'x'.repeat(65_536) })), unit);
    expect(unit.drifted.get(ID)).toBe('unread');
  });

  test('nothing where nothing drifted', () => {
    expect(notes()).toEqual([]);
  });

  test('what was left until now', async () => {
    const note = { key: KEY, how: 'changed' as const, paths: ['data.colour'], managers: ['somebody'] };
    unit.tolerated.set(ID, { key: KEY, mode: 'warn', seen: 's', told: 't', note });
    expect(notes()).toEqual([note]);
  });

  test('a deletion, when the repair made another object', () => {
    judge(change(applied, true), unit);
    const tell = tellApart(notes(), unit);
    record({ ...applied, metadata: { ...applied.metadata, uid: 'another' } });
    expect(tell()).toEqual([{ key: KEY, how: 'removed', paths: [], managers: [] }]);
  });

  test('a lost label, when it was the same object all the time', () => {
    judge(change(applied, true), unit);
    const tell = tellApart(notes(), unit);
    record(applied);
    expect(tell()).toEqual([
      { key: KEY, how: 'changed', paths: [`metadata.labels[${OWNER_NAME_LABEL}]`], managers: [] },
    ]);
  });
});
