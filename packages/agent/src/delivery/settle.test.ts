import type { KindRef, ObjectKey } from '@plumb/api';
import { keyId, PlumbError } from '@plumb/api';
import type { Health, Observed } from '@plumb/core';
import { describe, expect, test } from 'vitest';
import { kustomization } from '../testing/builders.ts';
import type { Sight } from './settle.ts';
import { healthNow, healthTargets, lookAgain } from './settle.ts';
import type { StoredBundle } from './unit.ts';
import { UnitMemory } from './unit.ts';

const key = (kind: string, name: string, namespace = 'shop'): ObjectKey => ({
  group: kind === 'Kustomization' ? 'kustomize.toolkit.fluxcd.io' : '',
  version: 'v1',
  kind,
  namespace,
  name,
});
const bundle = { objects: [{ key: key('ConfigMap', 'a') }, { key: key('ConfigMap', 'b') }] } as unknown as StoredBundle;

/** A cluster that serves these kinds; true: namespaced. */
function sight(
  kinds: Record<string, boolean>,
  healths: Record<string, Health> = {},
): Sight & { watched: string[]; kept: string[][] } {
  const watched: string[] = [];
  const kept: string[][] = [];
  const resource = ({ kind }: KindRef) => Promise.resolve(kind in kinds ? { namespaced: kinds[kind] } : null);
  return {
    watched,
    kept,
    unit: 'u1',
    cluster: { resource } as Sight['cluster'],
    tenant: null,
    live: {
      get: (id) => (healths[id] === undefined ? undefined : ({ health: healths[id] } as Observed)),
      watchObject: async (seen) => void watched.push(keyId(seen)),
      keepOnly: (_unit, ids) => void kept.push([...ids]),
    },
  };
}

const checks = (...names: object[]) => kustomization({ spec: { healthChecks: names as never } });

describe('a tenant', () => {
  const unit = checks({ apiVersion: 'v1', kind: 'Secret', name: 'x', namespace: 'other' });
  const forbidden = new PlumbError('api-forbidden', 'secrets "x" is forbidden', { fault: 'user', policy: 'retry' });

  test('is told nothing of what it may not read, but the refusal itself', async () => {
    const seen = sight({ Secret: true }, { [keyId(key('Secret', 'x', 'other'))]: { status: 'Current', message: '' } });
    const tenant = { get: () => Promise.reject(forbidden) };
    const targets = await healthTargets(unit, bundle, [], { ...seen, tenant });
    expect(
      healthNow(targets, seen.live, new UnitMemory({ kind: 'Kustomization', namespace: 'shop', name: 'apps' }, 'u')),
    ).toEqual([
      { key: key('Secret', 'x', 'other'), health: { status: 'Failed', message: 'secrets "x" is forbidden' } },
    ]);
    expect(seen.watched).toEqual([]);
  });

  test('is looked for again, and sees it once it may', async () => {
    const seen = sight({ Secret: true });
    let allowed = false;
    const tenant = { get: () => (allowed ? Promise.resolve(null) : Promise.reject(forbidden)) };
    const before = await healthTargets(unit, bundle, [], { ...seen, tenant });
    allowed = true;
    expect(await lookAgain(before, { ...seen, tenant })).toEqual([{ key: key('Secret', 'x', 'other'), served: true }]);
    expect(seen.watched).toHaveLength(1);
  });
});

describe('what is waited for', () => {
  test('is nothing unless somebody asks', async () => {
    expect(await healthTargets(kustomization(), bundle, [], sight({}))).toEqual([]);
  });

  test('is all that was applied, but for what was left alone and the unit itself', async () => {
    const unit = kustomization({ spec: { wait: true } });
    const itself = { key: key('Kustomization', 'apps') };
    const all = { ...bundle, objects: [...bundle.objects, itself] } as unknown as StoredBundle;
    const skipped = [{ key: key('ConfigMap', 'b'), action: 'skipped' as const }];
    expect(await healthTargets(unit, all, skipped, sight({}))).toEqual([{ key: key('ConfigMap', 'a'), served: true }]);
  });

  test.each<[string, object, Record<string, boolean>, ObjectKey]>([
    [
      'as it is named',
      { apiVersion: 'v1', kind: 'Secret', name: 'x', namespace: 'other' },
      { Secret: true },
      key('Secret', 'x', 'other'),
    ],
    [
      "in the unit's own namespace",
      { apiVersion: 'v1', kind: 'Secret', name: 'x' },
      { Secret: true },
      key('Secret', 'x'),
    ],
    [
      'in no namespace where its kind has none',
      { apiVersion: 'v1', kind: 'Node', name: 'x' },
      { Node: false },
      key('Node', 'x', ''),
    ],
    [
      'of apps/v1',
      { kind: 'Deployment', name: 'x' },
      { Deployment: true },
      { ...key('Deployment', 'x'), group: 'apps' },
    ],
  ])('is an object of a health check %s', async (_name, check, kinds, expected) => {
    const seen = sight(kinds);
    expect(await healthTargets(checks(check), bundle, [], seen)).toEqual([{ key: expected, served: true }]);
    expect(seen.watched).toEqual([keyId(expected)]);
    expect(seen.kept).toEqual([[keyId(expected)]]);
  });

  test.each([{ healthChecks: [] }, { wait: true, healthChecks: [{ apiVersion: 'v1', kind: 'Secret', name: 'x' }] }])(
    'is watched by name no more once %j names nothing',
    async (spec) => {
      const seen = sight({ Secret: true });
      await healthTargets(kustomization({ spec: spec as never }), bundle, [], seen);
      expect([seen.watched, seen.kept]).toEqual([[], [[]]]);
    },
  );

  test('is looked for again while its kind is not served', async () => {
    const unit = checks({ apiVersion: 'v1', kind: 'Till', name: 'main' });
    const targets = await healthTargets(unit, bundle, [], sight({}));
    expect(targets).toEqual([{ key: key('Till', 'main'), served: false }]);
    expect(await lookAgain(targets, sight({}))).toEqual(targets);
    const seen = sight({ Till: false });
    expect(await lookAgain(targets, seen)).toEqual([{ key: key('Till', 'main', ''), served: true }]);
    expect(seen.watched).toEqual([keyId(key('Till', 'main', ''))]);
  });
});

describe('health now', () => {
  const unit = new UnitMemory({ kind: 'Kustomization', namespace: 'shop', name: 'apps' }, 'u1');
  const job = key('Job', 'migrate');
  const now = (served: boolean, healths: Record<string, Health> = {}): Health | undefined =>
    healthNow([{ key: job, served }], sight({}, healths).live, unit)[0]?.health;
  const ended = (end: 'complete' | 'failed'): void => {
    unit.applied.set(keyId(job), { desiredDigest: 'd', ownedHash: '', uid: '', resourceVersion: '', ended: end });
  };

  test('is what the watch has brought', () => {
    const health: Health = { status: 'InProgress', message: 'Job in progress' };
    expect(now(true, { [keyId(job)]: health })).toEqual(health);
    expect(now(true)).toEqual({ status: 'NotFound', message: 'object not found' });
  });

  test('names a kind that is not served', () => {
    expect(now(false)).toEqual({ status: 'NotFound', message: 'the cluster serves no kind Job in v1' });
  });

  test('is how a Job ended that is no longer there', () => {
    ended('complete');
    expect(now(true)?.status).toBe('Current');
    ended('failed');
    expect(now(true)?.status).toBe('Failed');
  });
});
