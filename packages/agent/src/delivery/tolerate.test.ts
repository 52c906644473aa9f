import type { KubeObject } from '@plumb/api';
import { APPLY_MANAGER, keyId, keyOf, OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL, printJson, userError } from '@plumb/api';
import type { Action, DriftMode, Observed } from '@plumb/core';
import { DEFAULT_RULES, observe } from '@plumb/core';
import { MemoryCluster } from '@plumb/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ApplyContext } from './apply.ts';
import { isToBeLookedAt, keepMode, toldDrift, ownAmong, tolerate } from './tolerate.ts';
import type { FoundDrift } from './tolerate.ts';
import { UnitMemory } from './unit.ts';

const LABELS = { [OWNER_NAME_LABEL]: 'apps', [OWNER_NAMESPACE_LABEL]: 'shop' };

function object(kind: string, fields: object): KubeObject {
  const apiVersion = kind === 'Job' ? 'batch/v1' : 'v1';
  return { apiVersion, kind, metadata: { name: 'x', namespace: 'shop', labels: LABELS }, ...fields };
}

let cluster: MemoryCluster;
let unit: UnitMemory;
beforeEach(async () => {
  cluster = new MemoryCluster();
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  unit = new UnitMemory({ kind: 'Kustomization', namespace: 'shop', name: 'apps' }, 'u1');
});

/** One declared object whose drift the plan leaves, as the delivery sees it. */
class Left {
  readonly declared: KubeObject;
  readonly action: Action;
  drift: DriftMode = 'warn';
  hidesValues = false;

  constructor(declared: KubeObject) {
    this.declared = declared;
    this.action = { kind: 'tolerate', key: keyOf(declared), index: 0 };
  }

  get id(): string {
    return keyId(this.action.key);
  }

  async apply(): Promise<void> {
    const live = await cluster.apply(this.declared, { fieldManager: APPLY_MANAGER, force: true });
    const { ownedHash, uid, resourceVersion } = observe(live, APPLY_MANAGER);
    unit.applied.set(this.id, { desiredDigest: 'd', ownedHash, uid, resourceVersion });
  }

  /** Somebody changes it, and the watch brings that. */
  async edit(patch: object): Promise<void> {
    const live = await cluster.patch(this.action.key, patch as never, { type: 'merge', fieldManager: 'kubectl-edit' });
    unit.drifted.set(this.id, live);
  }

  context(): ApplyContext {
    const bytes = Buffer.from(printJson(this.declared));
    const stored = {
      key: this.action.key,
      digest: 'd',
      rules: DEFAULT_RULES,
      ignored: [],
      origin: { path: 'a.yaml', document: 0 },
      pack: { bytes },
      at: 0,
      size: bytes.length,
    };
    const seen = new Map<string, Observed>();
    const note = (object: KubeObject): Observed => {
      const observed = observe(object, APPLY_MANAGER);
      seen.set(keyId(keyOf(object)), observed);
      return observed;
    };
    const live = { get: (id: string) => seen.get(id), note };
    const { drift, hidesValues } = this;
    const signal = new AbortController().signal;
    const clock = { now: () => 0 };
    const parts = { cluster, unit, live, clock, signal, drift, hidesValues, parallel: 1, fieldManager: APPLY_MANAGER };
    return { ...parts, bundle: { objects: [stored] } } as unknown as ApplyContext;
  }

  async look(): Promise<FoundDrift[]> {
    const { found, error } = await tolerate([this.action], this.context());
    if (error !== null) throw error;
    return found;
  }
}

const settings = (): Left => new Left(object('ConfigMap', { data: { colour: 'green' } }));

describe('drift that is left', () => {
  test('is told with its values, and is not drift to be put right any more', async () => {
    const left = settings();
    await left.apply();
    await left.edit({ data: { colour: 'red' } });
    expect(await left.look()).toEqual([
      {
        key: left.action.key,
        how: 'changed',
        paths: ['data.colour'],
        managers: ['kubectl-edit'],
        changes: [{ path: 'data.colour', declared: '"green"', live: '"red"' }],
        more: 0,
      },
    ]);
    expect(unit.drifted.size).toBe(0);
    expect(toldDrift(unit)).toEqual([left.action.key]);
  });

  test('is told again only when it is another', async () => {
    const left = settings();
    await left.apply();
    await left.edit({ data: { colour: 'red' } });
    await left.look();
    await left.edit({ metadata: { annotations: { note: 'mine' } } });
    expect(await left.look()).toEqual([]);
    await left.edit({ data: { colour: 'blue' } });
    expect(await left.look()).toMatchObject([{ changes: [{ live: '"blue"' }] }]);
  });

  test('is not told when an earlier process told it', async () => {
    const left = settings();
    await left.apply();
    await left.edit({ data: { colour: 'red' } });
    await left.look();
    const told = unit.tolerated.get(left.id)?.told ?? '';
    unit = new UnitMemory(unit.ref, 'u1');
    unit.toldBefore = new Map([[left.id, told]]);
    expect(await left.look()).toEqual([]);
    expect(toldDrift(unit)).toEqual([left.action.key]);
  });

  test('is told as a deletion of what is gone', async () => {
    const left = settings();
    unit.drifted.set(left.id, 'gone');
    expect(await left.look()).toMatchObject([{ how: 'removed', changes: [] }]);
  });

  test('is no deletion of what only left the watch', async () => {
    const left = settings();
    await left.apply();
    await left.edit({ metadata: { labels: { [OWNER_NAME_LABEL]: null } } });
    unit.drifted.set(left.id, 'gone');
    expect(await left.look()).toMatchObject([{ how: 'changed', paths: [`metadata.labels[${OWNER_NAME_LABEL}]`] }]);
  });

  test('is read where it was not kept', async () => {
    const left = settings();
    await left.apply();
    await left.edit({ data: { colour: 'red' } });
    unit.drifted.set(left.id, 'unread');
    expect(await left.look()).toMatchObject([{ paths: ['data.colour'] }]);
  });

  test('is none where the object is as declared', async () => {
    const left = settings();
    await left.apply();
    unit.drifted.set(left.id, 'unread');
    expect(await left.look()).toEqual([]);
    expect([unit.drifted.size, unit.tolerated.size]).toEqual([0, 0]);
  });

  test.each([
    ['a Secret', new Left(object('Secret', { data: { key: btoa('old') } })), { data: { key: btoa('new') } }, false],
    ['a unit that puts secret values into its objects', settings(), { data: { colour: 'red' } }, true],
  ])('hides the values of %s', async (_what, left, patch, hides) => {
    left.hidesValues = hides;
    await left.apply();
    await left.edit(patch);
    expect(await left.look()).toMatchObject([{ changes: [{ declared: '***', live: '***' }] }]);
  });

  test('is none of a Job that ran and was removed', async () => {
    const left = new Left(object('Job', { spec: { ttlSecondsAfterFinished: 10 } }));
    expect(await left.look()).toEqual([]);
    expect(unit.applied.get(left.id)?.ended).toBe('complete');
  });
});

describe('what holds for it', () => {
  test('ignore: nothing is told; from then on warn: it is', async () => {
    const left = settings();
    left.drift = 'ignore';
    await left.apply();
    await left.edit({ data: { colour: 'red' } });
    expect(await left.look()).toEqual([]);
    expect(toldDrift(unit)).toEqual([]);
    left.drift = 'warn';
    expect(isToBeLookedAt(left.action, left.context())).toBe(true);
    expect(await left.look()).toMatchObject([{ paths: ['data.colour'] }]);
  });

  test('warn, then ignore: it is named no more, and not looked at', async () => {
    const left = settings();
    await left.apply();
    await left.edit({ data: { colour: 'red' } });
    await left.look();
    expect(isToBeLookedAt(left.action, left.context())).toBe(false);
    left.drift = 'ignore';
    expect(isToBeLookedAt(left.action, left.context())).toBe(false);
    keepMode([left.action], left.context());
    expect(toldDrift(unit)).toEqual([]);
  });
});

test('what we made so ourselves, for another declaration, is no drift', async () => {
  const left = settings();
  await cluster.apply({ ...left.declared, data: { colour: 'red' } }, { fieldManager: APPLY_MANAGER, force: true });
  expect([...(await ownAmong([left.action], left.context()))]).toEqual([left.action]);
  expect((await tolerate([left.action], left.context())).found).toEqual([]);
  expect(unit.tolerated.size).toBe(0);
});

test('an object that cannot be read stays to be looked at', async () => {
  const left = settings();
  unit.drifted.set(left.id, 'unread');
  const context = left.context();
  const forbidden = {
    ...context,
    cluster: { resource: () => Promise.reject(new Error('no')) },
  } as unknown as ApplyContext;
  const { found, error } = await tolerate([left.action], forbidden);
  expect([found, error?.message]).toEqual([[], 'no']);
  expect(isToBeLookedAt(left.action, context)).toBe(true);
});

describe('drift of a unit with an account of its own', () => {
  /** The delivery of a tenant: what the account may not read is refused. */
  const look = async (left: Left, refused: boolean): Promise<FoundDrift[]> => {
    unit.actAs('system:serviceaccount:shop:tenant');
    const tenant = {
      resource: () => Promise.resolve({}),
      get: () =>
        refused ? Promise.reject(userError('api-forbidden', 'no get for the tenant')) : cluster.get(left.action.key),
    };
    const { found, error } = await tolerate([left.action], {
      ...left.context(),
      cluster: tenant,
    } as unknown as ApplyContext);
    if (error !== null) throw error;
    return found;
  };
  const drifted = async (): Promise<Left> => {
    const left = settings();
    await left.apply();
    await left.edit({ data: { colour: 'red' } });
    return left;
  };

  const bareOf = (left: Left): FoundDrift => {
    return { key: left.action.key, how: 'changed', paths: [], managers: [], changes: [], more: 0 };
  };

  test('is told with its values where the account may read it, as it is by then', async () => {
    const left = await drifted();
    await cluster.patch(left.action.key, { data: { colour: 'blue' } }, { type: 'merge', fieldManager: 'kubectl-edit' });
    expect(await look(left, false)).toMatchObject([{ paths: ['data.colour'], changes: [{ live: '"blue"' }] }]);
  });

  test('is told as nothing but a change where the account may not, and again when it is another', async () => {
    const left = await drifted();
    const bare = bareOf(left);
    expect(await look(left, true)).toEqual([bare]);
    expect(toldDrift(unit)).toEqual([left.action.key]);
    expect(unit.tolerated.get(left.id)?.note).toEqual({
      key: left.action.key,
      how: 'changed',
      paths: [],
      managers: [],
    });
    await left.edit({ data: { colour: 'blue' } });
    expect(await look(left, true)).toEqual([bare]);
  });

  test('is none where what differs is not ours, though the account may not read it', async () => {
    const left = settings();
    await left.apply();
    await left.edit({ metadata: { annotations: { note: 'mine' } } });
    expect(await look(left, true)).toEqual([]);
    expect(toldDrift(unit)).toEqual([]);
  });

  test('that is ignored is not read', async () => {
    const left = await drifted();
    left.drift = 'ignore';
    expect(await look(left, true)).toEqual([]);
    expect(unit.tolerated.get(left.id)?.mode).toBe('ignore');
  });

  describe.each(['gone', 'unread'] as const)(
    'of which nothing was kept (%s), and which the account may not read',
    (what) => {
      const unkept = async (): Promise<Left> => {
        const left = settings();
        await left.apply();
        unit.drifted.set(left.id, what);
        return left;
      };

      test('is told as nothing but a change, once', async () => {
        const left = await unkept();
        expect(await look(left, true)).toEqual([bareOf(left)]);
        expect(toldDrift(unit)).toEqual([left.action.key]);
        expect([unit.drifted.size, isToBeLookedAt(left.action, left.context())]).toEqual([0, false]);
      });

      test('is left without a word where it is ignored, and told from then on that it is not', async () => {
        const left = await unkept();
        left.drift = 'ignore';
        expect(await look(left, true)).toEqual([]);
        expect([unit.drifted.size, toldDrift(unit)]).toEqual([0, []]);
        left.drift = 'warn';
        expect(await look(left, true)).toEqual([bareOf(left)]);
      });
    },
  );

  test('that was none while it was ignored is none now', async () => {
    const left = settings();
    left.drift = 'ignore';
    await left.apply();
    unit.tolerated.set(left.id, { key: left.action.key, mode: 'ignore', seen: '', told: '', note: null });
    left.drift = 'warn';
    expect(await look(left, true)).toEqual([]);
    expect(isToBeLookedAt(left.action, left.context())).toBe(false);
  });

  test('that nothing shows is left for the next time', async () => {
    const left = settings();
    await left.apply();
    await expect(look(left, true)).rejects.toThrow('no get for the tenant');
    expect(unit.tolerated.size).toBe(0);
  });
});
