import { keyOf } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import { expect, test } from 'vitest';

import { configMap, failureOf, NAMESPACE, uniqueName, untilGone } from './fixtures.ts';
import type { Subject } from './fixtures.ts';

/** How objects end. */
export function deletionContract(subject: () => Subject): void {
  const owned = async (owner: KubeObject): Promise<KubeObject> => {
    const { uid = '', name } = owner.metadata;
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid, blockOwnerDeletion: true }];
    return subject().cluster.create(configMap(subject(), {}, { ownerReferences }));
  };

  test('a deleted object is gone; what is not there is not deleted', async () => {
    const { cluster } = subject();
    const sent = configMap(subject(), {});
    await cluster.create(sent);
    expect(await cluster.delete(keyOf(sent))).toBe(true);
    expect(await cluster.get(keyOf(sent))).toBeNull();
    expect(await cluster.delete(keyOf(sent))).toBe(false);
  });

  test.each([
    { what: 'uid', preconditions: { uid: '00000000-0000-0000-0000-000000000000' } },
    { what: 'version', preconditions: { resourceVersion: '1' } },
  ])('another $what than expected is a conflict', async ({ preconditions }) => {
    const { cluster } = subject();
    const sent = configMap(subject(), {});
    const created = await cluster.create(sent);
    expect(await failureOf(cluster.delete(keyOf(sent), { preconditions }))).toMatchObject({ code: 'api-conflict' });
    expect(await cluster.get(keyOf(sent))).toEqual(created);
    const { uid = '', resourceVersion = '' } = created.metadata;
    expect(await cluster.delete(keyOf(sent), { preconditions: { uid, resourceVersion } })).toBe(true);
  });

  test('a finalizer holds the object until it is taken off', async () => {
    const { cluster } = subject();
    const sent = configMap(subject(), {}, { finalizers: ['contract.plumb.dev/hold'] });
    await cluster.create(sent);
    expect(await cluster.delete(keyOf(sent))).toBe(true);
    const held = await cluster.get(keyOf(sent));
    expect(held?.metadata.deletionTimestamp).toMatch(/Z$/);
    expect(await cluster.delete(keyOf(sent))).toBe(true);
    await cluster.patch(keyOf(sent), { metadata: { finalizers: null } }, { type: 'merge' });
    expect(await cluster.get(keyOf(sent))).toBeNull();
  });

  test('what an object owns goes with it', async () => {
    const { cluster } = subject();
    const owner = await cluster.create(configMap(subject(), {}));
    const dependent = await owned(owner);
    await cluster.delete(keyOf(owner), { propagationPolicy: 'Background' });
    await untilGone(cluster, keyOf(dependent));
    expect(await cluster.get(keyOf(dependent))).toBeNull();
  });

  test('in the foreground, what it owns goes first', async () => {
    const { cluster } = subject();
    const owner = await cluster.create(configMap(subject(), {}));
    const dependent = await owned(owner);
    await cluster.delete(keyOf(owner), { propagationPolicy: 'Foreground' });
    await untilGone(cluster, keyOf(owner));
    expect(await cluster.get(keyOf(dependent))).toBeNull();
  });

  test('orphans stay, without an owner', async () => {
    const { cluster } = subject();
    const owner = await cluster.create(configMap(subject(), {}));
    const dependent = await owned(owner);
    await cluster.delete(keyOf(owner), { propagationPolicy: 'Orphan' });
    await untilGone(cluster, keyOf(owner));
    const left = await cluster.get(keyOf(dependent));
    expect(left).not.toBeNull();
    expect(left?.metadata.ownerReferences ?? []).toEqual([]);
  });

  test('a namespace ends when its content has', async () => {
    const { cluster } = subject();
    const name = uniqueName();
    const namespace = await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    expect(namespace).toMatchObject({
      metadata: { labels: { 'kubernetes.io/metadata.name': name } },
      status: { phase: 'Active' },
    });
    const sent = configMap(subject(), {}, { namespace: name });
    await cluster.create(sent);
    expect(await cluster.delete({ ...NAMESPACE, namespace: '', name })).toBe(true);
    await untilGone(cluster, { ...NAMESPACE, namespace: '', name });
    expect(await cluster.get(keyOf(sent))).toBeNull();
  });
}
