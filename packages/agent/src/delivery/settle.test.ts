import type { KindRef, ObjectKey } from '@plumb/api';
import { keyId, PlumbError } from '@plumb/api';
import type { Health, Observed } from '@plumb/core';
import { describe, expect, test } from 'vitest';
import { kustomization } from '../testing/builders.ts';
import type { Tenant } from './readable.ts';
import type { Sight, Target } from './settle.ts';
import { healthNow, healthTargets, isInView, lookAgain } from './settle.ts';
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
  const resource = ({ kind }: KindRef) =>
    Promise.resolve(kind in kinds ? { resource: `${kind.toLowerCase()}s`, namespaced: kinds[kind] } : null);
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

const forbidden = (name: string): PlumbError =>
  new PlumbError('api-forbidden', `"${name}" is forbidden`, { fault: 'user', policy: 'retry' });

/** May read what is allowed; `asked` lists its questions and reads. */
function tenantWith(allowed: { all?: boolean | 'unasked'; names?: string[] }): Tenant & { asked: string[] } {
  const asked: string[] = [];
  const status = { allowed: allowed.all === true };
  return {
    asked,
    create: (review) => {
      const { verb, resource, namespace } = (review['spec'] as { resourceAttributes: Record<string, string> })
        .resourceAttributes;
      asked.push(`${verb} all ${resource} of ${namespace}`);
      return allowed.all === 'unasked' ? Promise.reject(forbidden('review')) : Promise.resolve({ status } as never);
    },
    get: ({ name }) => {
      asked.push(`get ${name}`);
      return allowed.names?.includes(name) === true ? Promise.resolve(null) : Promise.reject(forbidden(name));
    },
  };
}

describe('a tenant', () => {
  const unit = checks({ apiVersion: 'v1', kind: 'Secret', name: 'x', namespace: 'other' });
  const secret = key('Secret', 'x', 'other');
  const memory = new UnitMemory({ kind: 'Kustomization', namespace: 'shop', name: 'apps' }, 'u');

  test('is told nothing of what it may not read, but the refusal itself', async () => {
    const seen = sight({ Secret: true }, { [keyId(secret)]: { status: 'Current', message: '' } });
    const targets = await healthTargets(unit, bundle, [], { ...seen, tenant: tenantWith({}) });
    expect(healthNow(targets, seen.live, memory)).toEqual([
      { key: secret, health: { status: 'Failed', message: '"x" is forbidden' } },
    ]);
    expect(seen.watched).toEqual([]);
  });

  test('is looked for again, and sees it once it may', async () => {
    const seen = sight({ Secret: true });
    const before = await healthTargets(unit, bundle, [], { ...seen, tenant: tenantWith({}) });
    const after = await lookAgain(unit, before, { ...seen, tenant: tenantWith({ names: ['x'] }) });
    expect(after).toEqual([{ key: secret, served: true }]);
    expect(seen.watched).toHaveLength(1);
  });
});

describe('a tenant that waits for its own objects', () => {
  const unit = kustomization({ spec: { wait: true } });
  const seen = sight({ ConfigMap: true, Job: true });
  const keys = [key('ConfigMap', 'a'), key('Job', 'b'), key('ConfigMap', 'c'), key('ConfigMap', 'd')];
  const objects = { ...bundle, objects: keys.map((each) => ({ key: each })) } as unknown as StoredBundle;
  const targets = (tenant: Tenant): Promise<Target[]> => healthTargets(unit, objects, [], { ...seen, tenant });

  test('asks once for all of a kind and namespace, and reads none', async () => {
    const tenant = tenantWith({ all: true });
    expect(await targets(tenant)).toEqual(keys.map((each) => ({ key: each, served: true })));
    expect(tenant.asked).toEqual(['get all configmaps of shop', 'get all jobs of shop']);
  });

  test('sees what it may read by name', async () => {
    const tenant = tenantWith({ names: ['a', 'b', 'c', 'd'] });
    expect((await targets(tenant)).every(isInView)).toBe(true);
  });

  test.each(['all', 'unasked'] as const)('is told nothing from the first that is refused on (%s)', async (how) => {
    const tenant = tenantWith({ all: how === 'all' ? false : 'unasked', names: ['a', 'b'] });
    const words = { refused: '"c" is forbidden' };
    const found = await targets(tenant);
    expect(found).toEqual(keys.map((each, index) => ({ key: each, served: true, ...(index < 2 ? {} : words) })));
    expect(tenant.asked).not.toContain('get d');
    expect(seen.watched).toEqual([]);
  });

  test('sees them once it may', async () => {
    const before = await targets(tenantWith({}));
    const after = await lookAgain(unit, before, { ...seen, tenant: tenantWith({ all: true }) });
    expect(after).toEqual(keys.map((each) => ({ key: each, served: true })));
  });

  test('fails by an answer that is no refusal', async () => {
    const away = new PlumbError('api-unavailable', 'away', { fault: 'system', policy: 'retry' });
    const tenant = { ...tenantWith({}), create: () => Promise.reject(away) };
    await expect(targets(tenant)).rejects.toThrow('away');
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
    expect(await lookAgain(unit, targets, sight({}))).toEqual(targets);
    const seen = sight({ Till: false });
    expect(await lookAgain(unit, targets, seen)).toEqual([{ key: key('Till', 'main', ''), served: true }]);
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
