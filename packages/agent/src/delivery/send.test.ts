import { OWNERSHIPS } from '@plumb/core';
import type { KubeObject, ObjectKey } from '@plumb/api';
import { APPLY_MANAGER, keyId, OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL } from '@plumb/api';
import { DEFAULT_RULES } from '@plumb/core';
import { MemoryCluster } from '@plumb/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ApplyContext } from './apply.ts';
import { LiveObjects } from './live.ts';
import { record } from './send.ts';
import type { StoredObject } from './unit.ts';
import { UnitMemory } from './unit.ts';

const KEY: ObjectKey = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'settings' };
const LABELS = { [OWNER_NAME_LABEL]: 'apps', [OWNER_NAMESPACE_LABEL]: 'shop' };
const DECLARED = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: 'shop', labels: LABELS },
  data: { colour: 'green' },
};
const STORED = { key: KEY, digest: 'd', rules: DEFAULT_RULES } as unknown as StoredObject;

let cluster: MemoryCluster;
let live: LiveObjects;
let unit: UnitMemory;
let answer: KubeObject;
beforeEach(async () => {
  cluster = new MemoryCluster();
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  unit = new UnitMemory({ kind: 'Kustomization', namespace: 'shop', name: 'apps' }, 'u1');
  live = new LiveObjects({ cluster, ownership: OWNERSHIPS.Kustomization, onChange: () => undefined });
  await live.watchKinds([KEY]);
  answer = await cluster.apply(DECLARED, { fieldManager: APPLY_MANAGER, force: true });
});
afterEach(() => live.close());

const shown = (holds: () => boolean): Promise<boolean> => live.until(holds, 5_000, AbortSignal.timeout(5_000));
const recorded = (): void => record(STORED, answer, { live, unit, clock: { now: () => 0 } } as unknown as ApplyContext);
const edit = async (patch: object): Promise<void> => {
  const { metadata } = await cluster.patch(KEY, patch as never, { type: 'merge', fieldManager: 'kubectl-edit' });
  await shown(() => live.get(keyId(KEY))?.resourceVersion === metadata.resourceVersion);
};

describe('an answer', () => {
  test('that nothing overtook settles drift', () => {
    unit.drifted.set(keyId(KEY), 'unread');
    recorded();
    expect(unit.drifted.size).toBe(0);
  });

  test('that a change of our fields overtook leaves drift', async () => {
    await edit({ data: { colour: 'red' } });
    recorded();
    expect(unit.drifted.get(keyId(KEY))).toBe('unread');
  });

  test("that a change of somebody else's fields overtook leaves none", async () => {
    await edit({ data: { size: 'large' } });
    recorded();
    expect(unit.drifted.size).toBe(0);
  });

  test('that a deletion overtook leaves the object gone', async () => {
    await shown(() => live.get(keyId(KEY)) !== undefined);
    await cluster.delete(KEY);
    await shown(() => live.get(keyId(KEY)) === undefined);
    recorded();
    expect(unit.drifted.get(keyId(KEY))).toBe('gone');
  });
});
