import type { KubeObject } from '@plumb/api';
import { APPLY_MANAGER, keyOf, systemError } from '@plumb/api';
import { OWNERSHIPS, ownerLabels, type Plan } from '@plumb/core';
import { clusterWith, MemoryCluster } from '@plumb/testkit';
import { expect, test } from 'vitest';
import { systemClock } from '../runtime/clock.ts';
import { deliver } from './deliver.ts';
import { fatesOf } from './gate.ts';
import { LiveObjects } from './live.ts';
import { storeBundle, UnitMemory, type StoredBundle } from './unit.ts';

const REF = { kind: 'Kustomization', namespace: 'shop', name: 'apps' };

const configMap = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'shop', labels: ownerLabels(REF) },
  data: { colour: 'green' },
});

const STAMP = { specDigest: '', configs: '', revision: '', artifactDigest: '' };

function bundleOf(body: KubeObject): StoredBundle {
  const desired = { key: keyOf(body), body, digest: 'd', origin: { path: '', document: 0 }, ignored: [] };
  const reads = { rules: 'none', ids: new Map<string, string | null>(), remotes: [] };
  return storeBundle({ digest: 'b', objects: [desired], reads, warnings: [], secrets: [] }, STAMP);
}

test('a deletion that is cut off takes nothing from what is told of the applies before it', async () => {
  const [fresh, old] = [configMap('fresh'), configMap('old')] as const;
  const memory = new MemoryCluster();
  await memory.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  await memory.create(old, { fieldManager: APPLY_MANAGER });
  const cluster = clusterWith(memory, {
    delete: () => Promise.reject(systemError('cancelled', 'delete configmaps: cancelled')),
  });
  const live = new LiveObjects({ cluster, ownership: OWNERSHIPS.Kustomization, onChange: () => {} });
  const delivery = await deliver(
    {
      cause: 'routine',
      inventory: [keyOf(old)],
      prune: true,
      customStageKinds: [],
      gates: [],
      loadBodies: () => Promise.resolve(),
      saveInventory: () => Promise.resolve(),
    },
    {
      cluster,
      live,
      clock: systemClock,
      unit: new UnitMemory(REF, 'u1'),
      bundle: bundleOf(fresh),
      fieldManager: APPLY_MANAGER,
      overriddenManagers: [],
      force: false,
      deliveredBefore: false,
      inForce: false,
      drift: 'correct',
      hidesValues: false,
      parallel: 4,
      stageTimeout: 1_000,
      signal: new AbortController().signal,
      onAnswer: () => {},
    },
  );
  await live.close();
  expect(delivery.error?.code).toBe('cancelled');
  expect(delivery.changes).toEqual([{ key: keyOf(fresh), action: 'created' }]);
  expect(delivery.inventory).toEqual([keyOf(fresh), keyOf(old)]);
});

test('what is there by our own apply of something else is no drift that is left: gates see it before it is changed', async () => {
  const declared = configMap('settings');
  const cluster = new MemoryCluster();
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  await cluster.apply({ ...declared, data: { colour: 'red' } }, { fieldManager: APPLY_MANAGER, force: true });
  const live = new LiveObjects({ cluster, ownership: OWNERSHIPS.Kustomization, onChange: () => {} });
  const seen: string[] = [];
  const gate = (plan: Plan): void => {
    seen.push(...fatesOf(plan).map(({ action, key }) => `${action} ${key.name}`));
    throw systemError('gated', 'waits');
  };
  const request = {
    cause: 'routine',
    inventory: [keyOf(declared)],
    prune: true,
    customStageKinds: [],
    gates: [gate],
    loadBodies: () => Promise.resolve(),
    saveInventory: () => Promise.resolve(),
  } as const;
  const context = {
    cluster,
    live,
    clock: systemClock,
    unit: new UnitMemory(REF, 'u1'),
    bundle: bundleOf(declared),
    fieldManager: APPLY_MANAGER,
    overriddenManagers: [],
    force: false,
    deliveredBefore: true,
    inForce: true,
    drift: 'warn',
    hidesValues: false,
    parallel: 4,
    stageTimeout: 1_000,
    signal: new AbortController().signal,
    onAnswer: () => {},
  } as const;
  await expect(deliver(request, context)).rejects.toThrow('waits');
  expect(seen).toEqual(['change settings']);
  expect((await cluster.get(keyOf(declared)))?.['data']).toEqual({ colour: 'red' });
  await deliver({ ...request, gates: [] }, context);
  expect((await cluster.get(keyOf(declared)))?.['data']).toEqual({ colour: 'green' });
  await live.close();
});
