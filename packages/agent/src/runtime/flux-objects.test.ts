import type { JsonObject, KubeObject } from '@plumb/api';
import { crds, GIT_REPOSITORY, KUSTOMIZATION } from '@plumb/api';
import { clusterWith, MemoryCluster } from '@plumb/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FluxObjects } from './flux-objects.ts';

let cluster: MemoryCluster;
let stop: AbortController;

beforeEach(async () => {
  cluster = new MemoryCluster();
  stop = new AbortController();
  for (const crd of crds()) await cluster.apply(crd, { fieldManager: 'test' });
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
});
afterEach(() => stop.abort());

test('an empty account of a Kustomization is none', async () => {
  const spec: JsonObject = { sourceRef: { kind: 'GitRepository', name: 'shop' }, interval: '1m', prune: true };
  await cluster.create({
    apiVersion: `${KUSTOMIZATION.group}/${KUSTOMIZATION.version}`,
    kind: KUSTOMIZATION.kind,
    metadata: { name: 'apps', namespace: 'shop' },
    spec: { ...spec, serviceAccountName: '' },
  });
  const objects = new FluxObjects(cluster, KUSTOMIZATION, { signal: stop.signal });
  await objects.ready();
  expect(objects.get('shop/apps')?.['spec']).toEqual(expect.not.objectContaining({ serviceAccountName: '' }));
});

test('a written status that the API server has lost with a restore is told, and stands no more', async () => {
  const rewound = Promise.withResolvers<void>();
  await cluster.create({
    apiVersion: `${GIT_REPOSITORY.group}/${GIT_REPOSITORY.version}`,
    kind: GIT_REPOSITORY.kind,
    metadata: { name: 'web', namespace: 'shop' },
  });
  const objects = new FluxObjects(cluster, GIT_REPOSITORY, { signal: stop.signal, checkInterval: 20 });
  objects.listenRewound(rewound.resolve);
  await objects.ready();
  const object = objects.get('shop/web') as KubeObject;
  objects.note({
    ...object,
    metadata: { ...object.metadata, resourceVersion: '999999' },
    status: { observedGeneration: 2 },
  });
  expect(objects.get('shop/web')?.['status']).toEqual({ observedGeneration: 2 });
  await rewound.promise;
  expect(objects.get('shop/web')?.['status']).toEqual({ observedGeneration: -1 });
});

test('an answer stands before the watch shows it, and is not set back by what the watch still has to show', async () => {
  const created = await cluster.create({
    apiVersion: `${GIT_REPOSITORY.group}/${GIT_REPOSITORY.version}`,
    kind: GIT_REPOSITORY.kind,
    metadata: { name: 'web', namespace: 'shop' },
  });
  const shown = Promise.withResolvers<void>();
  const late = clusterWith(cluster, {
    async *watch(...args) {
      await shown.promise;
      yield* cluster.watch(...args);
    },
  });
  const objects = new FluxObjects(late, GIT_REPOSITORY, { signal: stop.signal });
  await objects.ready();
  const key = { ...GIT_REPOSITORY, namespace: 'shop', name: 'web' };
  const label = (value: string): Promise<KubeObject> =>
    cluster.patch(key, { metadata: { labels: { value } } }, { type: 'merge' });
  const values: unknown[] = [];
  const last = Promise.withResolvers<void>();
  objects.listen((_id, object) => {
    values.push(object?.metadata.labels?.['value']);
    if (object?.metadata.labels?.['value'] === 'third') last.resolve();
  });
  await label('first');
  const second = await label('second');
  objects.note(second);
  objects.note(created);
  await label('third');
  shown.resolve();
  await last.promise;
  expect(values).toEqual(['second', 'third']);
});

test('a late answer about an object that is gone does not stand for the one made anew, nor bring it back', async () => {
  const web: KubeObject = {
    apiVersion: `${GIT_REPOSITORY.group}/${GIT_REPOSITORY.version}`,
    kind: GIT_REPOSITORY.kind,
    metadata: { name: 'web', namespace: 'shop' },
  };
  const key = { ...GIT_REPOSITORY, namespace: 'shop', name: 'web' };
  const old = await cluster.create(web);
  const objects = new FluxObjects(cluster, GIT_REPOSITORY, { signal: stop.signal });
  await objects.ready();
  const shows = (uid: string | undefined): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (objects.get('shop/web')?.metadata.uid === uid) resolve();
      };
      objects.listen(look);
      look();
    });
  await cluster.delete(key);
  await shows(undefined);
  objects.note(old);
  expect(objects.get('shop/web')).toBeUndefined();
  const anew = await cluster.create(web);
  await shows(anew.metadata.uid);
  objects.note(old);
  expect(objects.get('shop/web')?.metadata.uid).toBe(anew.metadata.uid);
});

test('a read that shows less than was known has the server looked at: it may have gone back', async () => {
  await cluster.create({
    apiVersion: `${GIT_REPOSITORY.group}/${GIT_REPOSITORY.version}`,
    kind: GIT_REPOSITORY.kind,
    metadata: { name: 'web', namespace: 'shop' },
  });
  const objects = new FluxObjects(cluster, GIT_REPOSITORY, { signal: stop.signal });
  const rewound = new Promise<void>((resolve) => objects.listenRewound(resolve));
  await objects.ready();
  const object = objects.get('shop/web') as KubeObject;
  objects.note({ ...object, metadata: { ...object.metadata, resourceVersion: '999999' } });
  await objects.refresh('shop/web', stop.signal);
  await rewound;
  expect(objects.get('shop/web')?.metadata.resourceVersion).toBe(object.metadata.resourceVersion);
});
