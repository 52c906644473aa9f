import type { JsonObject, KubeObject } from '@plumb/api';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ownedHash } from './owned-hash.ts';
import { DEPLOYMENT, KINDS, MANAGER } from './testdata/samples.ts';

const { live } = DEPLOYMENT;
const applied = ownedHash(live.applied, MANAGER);

describe('on a real Deployment', () => {
  test.each(['args', 'image', 'label-removed', 'removed', 'scaled', 'takeover'] as const)(
    'the hash changes: %s',
    (state) => {
      expect(ownedHash(live[state], MANAGER)).not.toBe(applied);
    },
  );

  test.each(['others-added', 'shared'] as const)('the hash stays: %s', (state) => {
    expect(ownedHash(live[state], MANAGER)).toBe(applied);
  });

  test('status, metadata and times of managedFields do not count', () => {
    const { metadata } = live.applied;
    const later = {
      ...live.applied,
      status: { readyReplicas: 3 },
      metadata: {
        ...metadata,
        resourceVersion: '99',
        generation: 9,
        managedFields:
          metadata.managedFields?.map((entry) => ({ ...entry, time: 'later', apiVersion: 'apps/v2' })) ?? [],
      },
    };
    expect(ownedHash(later, MANAGER)).toBe(applied);
  });

  test('nor does the order of any keys', () => {
    expect(ownedHash(reversed(live.applied) as KubeObject, MANAGER)).toBe(applied);
  });

  test('a typical Deployment takes less than a millisecond of processor time', () => {
    for (let warm = 0; warm < 2_000; warm += 1) ownedHash(live['others-added'], MANAGER);
    const batches = [1, 2, 3].map(() => {
      const before = process.cpuUsage();
      for (let run = 0; run < 300; run += 1) ownedHash(live['others-added'], MANAGER);
      return process.cpuUsage(before).user / 300;
    });
    expect(Math.min(...batches)).toBeLessThan(1_000);
  });
});

test('who owns nothing has no hash', () => {
  expect(ownedHash(live.applied, 'helm-controller')).toBe('');
  expect(ownedHash({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } }, MANAGER)).toBe('');
});

test('updates and subresources of the same manager are not its applies', () => {
  const metadata = {
    name: 'x',
    managedFields: [
      { manager: MANAGER, operation: 'Update' as const, fieldsV1: { 'f:data': { 'f:a': {} } } },
      { manager: MANAGER, operation: 'Apply' as const, subresource: 'status', fieldsV1: { 'f:status': {} } },
    ],
  };
  expect(ownedHash({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: '1' } }, MANAGER)).toBe('');
});

test('every sample hashes, and differently', () => {
  const hashes = KINDS.map((sample) => ownedHash(sample.live, MANAGER));
  expect(new Set(hashes).size).toBe(KINDS.length);
  expect(hashes).not.toContain('');
});

const config = (own: JsonObject, fields: Record<string, unknown>, others: JsonObject[] = []): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: 'x',
    managedFields: [
      ...others.map((fieldsV1) => ({ manager: 'other', operation: 'Update' as const, fieldsV1 })),
      { manager: MANAGER, operation: 'Apply' as const, fieldsV1: own },
    ],
  },
  ...fields,
});
const hash = (own: JsonObject, fields: Record<string, unknown>, others?: JsonObject[]): string =>
  ownedHash(config(own, fields, others), MANAGER);

describe('what a path without children stands for', () => {
  const own = { 'f:spec': { 'f:selector': {} } };

  test('a value owned whole counts in full', () => {
    expect(hash(own, { spec: { selector: { a: 'b' } } })).not.toBe(hash(own, { spec: { selector: { a: 'c' } } }));
  });

  test('a container others filled counts only by being ours', () => {
    const others = [{ 'f:spec': { 'f:selector': { '.': {}, 'f:a': {} } } }];
    expect(hash(own, { spec: { selector: { a: 'b' } } }, others)).toBe(
      hash(own, { spec: { selector: { a: 'c' } } }, others),
    );
    const whole = [{ 'f:spec': { 'f:selector': {} } }];
    expect(hash(own, { spec: { selector: { a: 'b' } } }, whole)).not.toBe(
      hash(own, { spec: { selector: { a: 'c' } } }, whole),
    );
  });

  test('absent, null and empty are three things', () => {
    expect(
      new Set([hash(own, { spec: {} }), hash(own, { spec: { selector: null } }), hash(own, { spec: { selector: {} } })])
        .size,
    ).toBe(3);
  });

  test('an entry without a set owns nothing in particular, yet is ours', () => {
    const metadata = {
      name: 'x',
      managedFields: [{ manager: MANAGER, operation: 'Apply' as const }, { manager: 'other' }],
    };
    expect(ownedHash({ apiVersion: 'v1', kind: 'ConfigMap', metadata }, MANAGER)).toMatch(/^[0-9a-f]{16}$/);
  });
});

test('integers beyond 2^53 are told apart', () => {
  const own = { 'f:spec': { 'f:n': {} } };
  expect(hash(own, { spec: { n: 9007199254740993n } })).not.toBe(hash(own, { spec: { n: 9007199254740992n } }));
});

describe('for any object', () => {
  const names = fc.constantFrom('a', 'b', 'c', 'd');
  const scalar = fc.oneof(fc.integer(), fc.string(), fc.boolean());
  const { tree } = fc.letrec<{ tree: Record<string, unknown> }>((tie) => ({
    tree: fc.dictionary(
      names,
      fc.oneof({ depthSize: 'small' }, scalar, fc.array(scalar, { maxLength: 3 }), tie('tree')),
      { minKeys: 1 },
    ),
  }));
  const paths = (at: Record<string, unknown>, above: readonly string[] = []): string[][] =>
    Object.entries(at).flatMap(([name, value]) =>
      isTree(value) ? paths(value, [...above, name]) : [[...above, name]],
    );
  const anyCase = tree.chain((spec) => {
    const all = paths(spec);
    return fc
      .record({
        spec: fc.constant(spec),
        owned: fc.subarray(all),
        pick: fc.nat(),
        value: fc.string().map((text) => `new ${text}`),
      })
      .map((rest) => ({ ...rest, all }));
  });

  test('a change of an owned value shows, a change of any other does not', () => {
    fc.assert(
      fc.property(anyCase, ({ spec, owned, all, pick, value }) => {
        const target = all[pick % Math.max(all.length, 1)];
        if (target === undefined) return;
        const own = fieldSet(owned);
        const changed = replaced(spec, target, value);
        const isOwned = owned.includes(target);
        expect(hash(own, { spec: changed }) === hash(own, { spec })).toBe(!isOwned);
        expect(hash(own, { spec: removed(spec, target) }) === hash(own, { spec })).toBe(!isOwned);
      }),
    );
  });

  test('a path lost to another manager shows, whatever the value', () => {
    fc.assert(
      fc.property(anyCase, ({ spec, owned, pick }) => {
        const lost = owned[pick % Math.max(owned.length, 1)];
        if (lost === undefined) return;
        const rest = owned.filter((path) => path !== lost);
        expect(hash(fieldSet(rest), { spec }, [fieldSet([lost])])).not.toBe(hash(fieldSet(owned), { spec }));
      }),
    );
  });

  test('shuffled keys and what others own beside us do not show', () => {
    fc.assert(
      fc.property(anyCase, ({ spec, owned, all }) => {
        const own = fieldSet(owned);
        const others = [fieldSet(all.filter((path) => !owned.includes(path)))];
        expect(hash(reversed(own) as JsonObject, reversed({ spec }) as Record<string, unknown>, others)).toBe(
          hash(own, { spec }),
        );
      }),
    );
  });
});

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
}

function fieldSet(paths: readonly (readonly string[])[]): JsonObject {
  const root: JsonObject = {};
  for (const path of paths) {
    let at = root;
    for (const name of ['spec', ...path]) at = (at[`f:${name}`] ??= {}) as JsonObject;
  }
  return root;
}

function replaced(
  at: Record<string, unknown>,
  [name = '', ...rest]: readonly string[],
  value: unknown,
): Record<string, unknown> {
  return { ...at, [name]: rest.length === 0 ? value : replaced(at[name] as Record<string, unknown>, rest, value) };
}

function removed(at: Record<string, unknown>, [name = '', ...rest]: readonly string[]): Record<string, unknown> {
  if (rest.length > 0) return { ...at, [name]: removed(at[name] as Record<string, unknown>, rest) };
  return Object.fromEntries(Object.entries(at).filter(([other]) => other !== name));
}

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, part]) => [key, reversed(part)]),
  );
}
