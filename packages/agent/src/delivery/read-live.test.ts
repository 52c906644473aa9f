import { keyOf, OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL, PlumbError } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { MemoryCluster } from '@plumb/testkit';
import { beforeEach, expect, test } from 'vitest';
import { reader } from './read-live.ts';

const unit = { ref: { kind: 'Kustomization', namespace: 'flux-system', name: 'apps' } };
const { signal } = new AbortController();

let cluster: MemoryCluster;
let sent: string[];

/** Notes what is read. */
function counting(listing: 'allowed' | 'forbidden' = 'allowed'): Cluster {
  return new Proxy<Cluster>(cluster, {
    get(target, name: keyof Cluster) {
      const method = target[name];
      if (typeof method !== 'function') return method;
      return (...args: never[]) => {
        sent.push(name);
        if (name === 'list' && listing === 'forbidden')
          throw new PlumbError('api-forbidden', 'no lists', { fault: 'user', policy: 'retry' });
        return (method as (...args: never[]) => unknown).apply(target, args);
      };
    },
  });
}

async function make(count: number, owner = 'apps'): Promise<KubeObject[]> {
  const labels = { [OWNER_NAME_LABEL]: owner, [OWNER_NAMESPACE_LABEL]: 'flux-system' };
  const made = Array.from({ length: count }, (_, index) =>
    cluster.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `${owner}-${index}`, namespace: 'shop', labels },
    }),
  );
  return Promise.all(made);
}

async function readAll(objects: readonly KubeObject[], over: Cluster): Promise<(string | undefined)[]> {
  const keys = objects.map(keyOf);
  const read = reader(keys, { cluster: over, unit, signal });
  const found = await Promise.all(keys.map(read));
  return found.map((object) => object?.metadata.name);
}

beforeEach(async () => {
  cluster = new MemoryCluster();
  sent = [];
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
});

test('many objects of a kind are read by one list', async () => {
  const objects = await make(40);
  expect(await readAll(objects, counting())).toEqual(objects.map(({ metadata }) => metadata.name));
  expect(sent).toEqual(['list']);
});

test('few are read one by one', async () => {
  const objects = await make(3);
  expect(await readAll(objects, counting())).toEqual(objects.map(({ metadata }) => metadata.name));
  expect(sent).toEqual(['get', 'get', 'get']);
});

test('who may not list reads one by one', async () => {
  const objects = await make(40);
  expect(await readAll(objects, counting('forbidden'))).toEqual(objects.map(({ metadata }) => metadata.name));
  expect(sent.filter((verb) => verb === 'list')).toHaveLength(1);
  expect(sent.filter((verb) => verb === 'get')).toHaveLength(40);
});

test("another unit's object is not found among many", async () => {
  const objects = [...(await make(20)), ...(await make(1, 'other'))];
  expect((await readAll(objects, counting())).at(-1)).toBeUndefined();
});
