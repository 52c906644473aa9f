import { CHANGE, gateCrds, type Change, type ChangeSpec, type KubeObject, type ObjectKey } from '@plumb/api';
import type { ChangeFacts, GateVerdict, Requirement } from '@plumb/core';
import { clusterWith, FakeClock, MemoryCluster } from '@plumb/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { OnDemandObjects } from '../runtime/on-demand-objects.ts';
import { changeDigest, changeName, ChangeRecords, isNews, type ChangeIdentity } from './change-records.ts';

const UNIT = { kind: 'Kustomization', namespace: 'shop', name: 'apps', uid: 'u1' } as const;
const IDENTITY: ChangeIdentity = { unit: UNIT, place: '', bundleDigest: 'b1', leaving: ['x', 'y'] };

describe('a digest', () => {
  test('is the same for the same, whatever order what leaves is in', () => {
    expect(changeDigest({ ...IDENTITY, leaving: ['y', 'x'] })).toBe(changeDigest(IDENTITY));
    expect(changeDigest(IDENTITY)).toMatch(/^sha256:[a-f\d]{64}$/);
  });

  test.each<[string, Partial<ChangeIdentity>]>([
    ['kind', { unit: { ...UNIT, kind: 'HelmRelease' } }],
    ['namespace', { unit: { ...UNIT, namespace: 'other' } }],
    ['name', { unit: { ...UNIT, name: 'other' } }],
    ['unit of the same name', { unit: { ...UNIT, uid: 'u2' } }],
    ['cluster', { place: 'prod' }],
    ['bundle', { bundleDigest: 'b2' }],
    ['object that leaves', { leaving: ['x', 'z'] }],
    ['object that leaves too', { leaving: ['x', 'y', 'z'] }],
    ['object less that leaves', { leaving: ['x'] }],
    ['one that leaves with the name of two', { leaving: ['x","y'] }],
    ['split of names', { unit: { ...UNIT, namespace: 'sho', name: 'papps' } }],
  ])('is another for another %s', (_what, parts) => {
    expect(changeDigest({ ...IDENTITY, ...parts })).not.toBe(changeDigest(IDENTITY));
  });
});

test.each([
  ['apps', 'ks-apps-aaaaaaaaaaaa'],
  ['a'.repeat(253), `ks-${'a'.repeat(200)}-aaaaaaaaaaaa`],
  [`${'a'.repeat(199)}.b`, `ks-${'a'.repeat(199)}-aaaaaaaaaaaa`],
  [`${'a'.repeat(198)}-.b`, `ks-${'a'.repeat(198)}-aaaaaaaaaaaa`],
])('the change of %s has a name that the API server takes', (name, expected) => {
  expect(changeName({ ...UNIT, name }, `sha256:${'a'.repeat(64)}`)).toBe(expected);
});

test('what is declared anew is news', () => {
  const causes = ['routine', 'emergency', 'drift', 'rollback', 'prune', 'rebuild'] as const;
  expect(causes.filter(isNews)).toEqual(['routine', 'emergency', 'prune']);
});

let cluster: MemoryCluster;
let clock: FakeClock;
let stop: AbortController;
let changes: OnDemandObjects;
let records: ChangeRecords;

beforeEach(async () => {
  cluster = new MemoryCluster();
  clock = new FakeClock();
  stop = new AbortController();
  for (const object of gateCrds()) await cluster.create(object);
  for (const name of ['shop', 'evil'])
    await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  changes = new OnDemandObjects(cluster, CHANGE, { clock, signal: stop.signal });
  records = new ChangeRecords(changes, () => clock.time());
  await changes.known(5_000);
});
afterEach(async () => {
  stop.abort();
  await changes.done();
});

const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`;

function spec(letter: string, parts: Partial<ChangeSpec> = {}): ChangeSpec {
  const rest = {
    cluster: 'own',
    cause: 'routine',
    revision: 'main@sha1:1',
    bundleDigest: `bundle-${letter}`,
    authors: [],
  } as const;
  return { unit: UNIT, digest: digestOf(letter), ...rest, authors: [], ...parts };
}

const FACTS = {
  cause: 'routine',
  objects: [
    { key: { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'a' }, action: 'create' },
    { key: { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'b' }, action: 'delete' },
  ],
} as unknown as ChangeFacts;

const requirement = (rule: string, verdict: Requirement['verdict'] = 'Missing', message = 'it'): Requirement => ({
  policy: 'ReleasePolicy/shop/p',
  generation: 1,
  rule,
  verdict,
  message,
  evidence: [],
});

function held(...requirements: Requirement[]): GateVerdict {
  const state = requirements.some(({ verdict }) => verdict === 'Denied') ? 'rejected' : 'held';
  return { state, isEmergency: false, requirements, opensAt: null };
}
const WAITS = held(requirement('approvals/two'));

const keyOf = (letter: string, namespace = 'shop'): ObjectKey => ({
  ...CHANGE,
  namespace,
  name: changeName(UNIT, digestOf(letter)),
});
async function read(letter: string): Promise<Change> {
  return (await cluster.get(keyOf(letter))) as unknown as Change;
}
const phaseOf = async (letter: string): Promise<string | undefined> => (await read(letter)).status?.phase;

/** What is declared anew is held. */
async function holdNewer(letter: string): Promise<void> {
  await records.hold(spec(letter), FACTS, WAITS, cluster);
  await records.supersede(spec(letter), cluster);
}

describe('a change that is held', () => {
  test('is recorded with what it is and what it waits for', async () => {
    await records.hold(spec('a'), FACTS, WAITS, cluster);
    expect(await read('a')).toMatchObject({
      spec: spec('a'),
      status: {
        phase: 'Pending',
        message: 'waits for it',
        counts: { create: 1, change: 0, delete: 1 },
        objects: [
          { object: 'ConfigMap/shop/a', action: 'create' },
          { object: 'ConfigMap/shop/b', action: 'delete' },
        ],
        requirements: [{ rule: 'approvals/two', verdict: 'Missing', at: '2026-01-01T00:00:00Z' }],
      },
    });
    expect(records.find(UNIT, keyOf('a').name)?.status?.phase).toBe('Pending');
  });

  test('goes with its unit, though not before it where it is of its deletion', async () => {
    const owner = { apiVersion: 'kustomize.toolkit.fluxcd.io/v1', kind: UNIT.kind, name: UNIT.name, uid: UNIT.uid };
    await records.hold(spec('a'), FACTS, WAITS, cluster);
    expect((await read('a')).metadata.ownerReferences).toEqual([owner]);
    await records.hold(spec('b', { bundleDigest: '' }), FACTS, WAITS, cluster);
    expect((await read('b')).metadata.ownerReferences).toBeUndefined();
    await records.leave(await read('b'), cluster);
    expect((await read('b')).metadata.ownerReferences).toEqual([owner]);
  });

  test.each<[string, Requirement[], string]>([
    ['waits for people', [requirement('approvals/two'), requirement('windows')], 'Pending'],
    ['waits for one of those who may pass in a window', [requirement('windows/who')], 'Pending'],
    ['waits for the end of a lockdown', [requirement('freeze')], 'Pending'],
    ['waits for time alone', [requirement('approvals/two', 'Met'), requirement('windows')], 'Approved'],
    ['is denied', [requirement('images', 'Denied'), requirement('windows')], 'Rejected'],
  ])('that %s is %s', async (_what, requirements, phase) => {
    await records.hold(spec('a'), FACTS, held(...requirements), cluster);
    expect(await phaseOf('a')).toBe(phase);
  });

  test('is written again only when something is new', async () => {
    await records.hold(spec('a'), FACTS, WAITS, cluster);
    const before = (await read('a')).metadata.resourceVersion;
    clock.jump(60_000);
    await records.hold(spec('a'), FACTS, WAITS, cluster);
    expect((await read('a')).metadata.resourceVersion).toBe(before);
  });

  test('keeps of each verdict when it was found first', async () => {
    await records.hold(spec('a'), FACTS, held(requirement('a'), requirement('b')), cluster);
    clock.jump(60_000);
    await records.hold(spec('a'), FACTS, held(requirement('a', 'Missing', 'more'), requirement('b', 'Met')), cluster);
    expect((await read('a')).status?.requirements?.map(({ at, message }) => [at, message])).toEqual([
      ['2026-01-01T00:00:00Z', 'more'],
      ['2026-01-01T00:01:00Z', 'it'],
    ]);
  });

  test('takes no more room than its kind allows', async () => {
    const long = { ...requirement('a', 'Missing', 'm'.repeat(20_000)), evidence: ['e'.repeat(2_000)] };
    const objects = Array.from({ length: 700 }, () => FACTS.objects[0]);
    await records.hold(spec('a'), { ...FACTS, objects } as ChangeFacts, held(long), cluster);
    const { status } = await read('a');
    expect(status?.message).toHaveLength(8_192);
    expect(status?.objects).toHaveLength(500);
    expect(status?.counts?.create).toBe(700);
    expect(status?.requirements?.[0]?.message).toHaveLength(2_048);
    expect(status?.requirements?.[0]?.evidence?.[0]).toHaveLength(512);
  });

  test('tells of the revision that it is found in now', async () => {
    await records.hold(spec('a'), FACTS, WAITS, cluster);
    await records.hold(spec('a', { revision: 'main@sha1:2' }), FACTS, WAITS, cluster);
    expect((await read('a')).spec.revision).toBe('main@sha1:2');
  });
});

describe('a record that somebody else made', () => {
  const forged = (namespace: string, parts: Partial<ChangeSpec>): KubeObject => ({
    apiVersion: 'plumb.dev/v1',
    kind: 'Change',
    metadata: { name: keyOf('a').name, namespace },
    spec: { ...spec('a'), ...parts } as unknown as KubeObject['spec'],
  });
  const inView = (namespace: string): Promise<unknown> =>
    expect.poll(() => changes.get(`${namespace}/${keyOf('a').name}`)).toBeDefined();

  test('describes the change as it is before anybody is asked to approve it', async () => {
    await cluster.create(
      forged('shop', { revision: 'harmless', authors: [{ name: 'Bob', email: 'bob@example.com' }] }),
    );
    await inView('shop');
    await records.hold(spec('a'), FACTS, WAITS, cluster);
    expect((await read('a')).spec).toEqual(spec('a'));
  });

  test("does so when it is in nobody's view yet", async () => {
    await cluster.create(forged('shop', { revision: 'harmless' }));
    await records.hold(spec('a'), FACTS, WAITS, cluster);
    expect((await read('a')).spec).toEqual(spec('a'));
  });

  test('in another namespace is not that of the unit it names', async () => {
    await cluster.create(forged('evil', {}));
    await inView('evil');
    expect(records.find(UNIT, keyOf('a').name)).toBeUndefined();
    await records.hold(spec('a'), FACTS, WAITS, cluster);
    await cluster.delete(keyOf('a', 'evil'));
    await expect.poll(() => changes.get(`evil/${keyOf('a').name}`)).toBeUndefined();
    expect(records.find(UNIT, keyOf('a').name)?.metadata.namespace).toBe('shop');
  });
});

describe('the plan of a change', () => {
  const PLAN = { path: '/x', digest: 'sha256:d', bytes: 1, objects: 2, left: 0, at: '2026-01-01T00:00:00Z' };
  const held = async (parts: Partial<ChangeSpec> = {}, facts = FACTS) =>
    (await records.hold(spec('a', parts), facts, WAITS, cluster)).status?.plan;

  beforeEach(async () => {
    const change = await records.hold(spec('a'), FACTS, WAITS, cluster);
    await records.notePlan(change, PLAN, cluster);
  });

  test('stands while it is held for the same, and passes along', async () => {
    expect(await held()).toEqual(PLAN);
    await records.move(await read('a'), { phase: 'Applying', message: 'it passed' }, cluster);
    expect((await read('a')).status?.plan).toEqual(PLAN);
  });

  test.each<[string, Partial<ChangeSpec>, ChangeFacts]>([
    ['another revision', { revision: 'main@sha1:2' }, FACTS],
    ['another cause', { cause: 'drift' }, FACTS],
    ['other objects', {}, { ...FACTS, objects: FACTS.objects.slice(0, 1) }],
  ])('falls with %s', async (_what, parts, facts) => {
    expect(await held(parts, facts)).toBeUndefined();
    expect((await read('a')).status).not.toHaveProperty('plan');
  });

  test('falls where the change was over: what is there is another thing by now', async () => {
    await records.move(await read('a'), { phase: 'Applied', message: 'done' }, cluster);
    expect((await read('a')).status?.plan).toEqual(PLAN);
    expect(await held()).toBeUndefined();
  });
});

describe('an emergency', () => {
  const told = async (letter: string): Promise<string> => (await read(letter)).spec.cause;

  test('is told as the cause for as long as it is one', async () => {
    await records.hold(spec('a'), FACTS, WAITS, cluster);
    await records.hold(spec('a', { cause: 'emergency' }), FACTS, WAITS, cluster);
    expect(await told('a')).toBe('emergency');
    await records.hold(spec('a'), FACTS, WAITS, cluster);
    expect(await told('a')).toBe('routine');
    await records.move(await read('a'), { phase: 'Applying', message: 'open', cause: 'emergency' }, cluster);
    await records.move(await read('a'), { phase: 'Applied', message: 'done' }, cluster);
    expect(await read('a')).toMatchObject({ spec: { cause: 'emergency' }, status: { phase: 'Applied' } });
  });
});

describe('something newer', () => {
  test('supersedes what is held, and not what is over', async () => {
    await records.hold(spec('a'), FACTS, WAITS, cluster);
    await records.move(await read('a'), { phase: 'Failed', message: 'no' }, cluster);
    await holdNewer('b');
    await holdNewer('c');
    expect(await Promise.all(['a', 'b', 'c'].map(phaseOf))).toEqual(['Failed', 'Superseded', 'Pending']);
    expect((await read('b')).status?.endedAt).toBe('2026-01-01T00:00:00Z');
  });

  test('is of the same unit', async () => {
    const other = { ...UNIT, name: 'other' };
    await records.hold(spec('a', { unit: other }), FACTS, WAITS, cluster);
    await holdNewer('b');
    expect(records.find(other, changeName(other, digestOf('a')))?.status?.phase).toBe('Pending');
  });

  test('comes again when what it superseded is declared anew', async () => {
    for (const letter of ['a', 'b', 'a']) await holdNewer(letter);
    expect(await Promise.all(['a', 'b'].map(phaseOf))).toEqual(['Pending', 'Superseded']);
    expect((await read('a')).status).not.toHaveProperty('endedAt');
    await records.move(await read('a'), { phase: 'Failed', message: 'no' }, cluster);
    await records.move(await read('a'), { phase: 'Applying', message: 'again' }, cluster);
    expect((await read('a')).status).not.toHaveProperty('endedAt');
  });

  test('lets the oldest go that are over, twenty stay', async () => {
    const letters = Array.from({ length: 23 }, (_, index) => String.fromCodePoint(97 + index));
    for (const letter of letters) {
      await holdNewer(letter);
      clock.jump(1_000);
    }
    // What the last one superseded is seen to be over by the next.
    await records.supersede(spec(letters.at(-1) ?? ''), cluster);
    const { items } = await cluster.list(CHANGE, { namespace: 'shop' });
    expect(items.map(({ metadata }) => metadata.name).toSorted()).toEqual(
      letters
        .slice(2)
        .map((letter) => keyOf(letter).name)
        .toSorted(),
    );
  });
});

describe('a change that passes', () => {
  test('bears when it was decided, and how it ended', async () => {
    await records.hold(spec('a'), FACTS, WAITS, cluster);
    const requirements = [requirement('approvals/two', 'Met')];
    await records.move(await read('a'), { phase: 'Applying', message: 'it passed', requirements }, cluster);
    expect(records.applying(UNIT).map(({ metadata }) => metadata.name)).toEqual([keyOf('a').name]);
    clock.jump(5_000);
    await records.move(await read('a'), { phase: 'Applied', message: 'done' }, cluster);
    expect((await read('a')).status).toMatchObject({
      phase: 'Applied',
      decidedAt: '2026-01-01T00:00:00Z',
      endedAt: '2026-01-01T00:00:05Z',
      requirements: [{ verdict: 'Met' }],
    });
    expect(records.applying(UNIT)).toEqual([]);
  });

  test('is told as it was when a repair of it is held later', async () => {
    await records.hold(spec('a'), FACTS, WAITS, cluster);
    await records.move(await read('a'), { phase: 'Applied', message: 'done' }, cluster);
    const told = await read('a');
    const repair = await records.hold(spec('a', { cause: 'drift' }), { ...FACTS, cause: 'drift' }, WAITS, cluster);
    expect(repair).toMatchObject({ metadata: { name: `${told.metadata.name}-drift` }, status: { phase: 'Pending' } });
    expect(await read('a')).toEqual(told);
    // What is declared anew is the same change.
    await holdNewer('a');
    expect(await phaseOf('a')).toBe('Pending');
  });

  test('is counted among those that are held until then', async () => {
    await records.hold(spec('a'), FACTS, WAITS, cluster);
    await records.hold(spec('b', { cause: 'drift' }), { ...FACTS, cause: 'drift' }, WAITS, cluster);
    expect(records.held).toBe(2);
    await records.move(await read('a'), { phase: 'Applying', message: 'it passed' }, cluster);
    expect(records.held).toBe(1);
  });

  test('is forgotten when its record is deleted', async () => {
    await records.hold(spec('a'), FACTS, WAITS, cluster);
    await cluster.delete(keyOf('a'));
    await expect.poll(() => records.find(UNIT, keyOf('a').name)).toBeUndefined();
  });
});

test('what cannot be written is not taken for written', async () => {
  const failing = clusterWith(cluster, { patch: () => Promise.reject(new Error('away')) });
  await expect(records.hold(spec('a'), FACTS, WAITS, failing)).rejects.toThrow('away');
  expect(records.find(UNIT, keyOf('a').name)?.status).toBeUndefined();
  await records.hold(spec('a'), FACTS, WAITS, cluster);
  expect(await phaseOf('a')).toBe('Pending');
});
