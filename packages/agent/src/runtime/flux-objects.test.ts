import { crds, GIT_REPOSITORY } from '@plumb/api';
import { MemoryCluster } from '@plumb/testkit';
import { expect, test } from 'vitest';
import { FluxObjects } from './flux-objects.ts';

test('a written status that the API server has lost with a restore is told, and stands no more', async () => {
  const cluster = new MemoryCluster();
  for (const crd of crds()) await cluster.apply(crd, { fieldManager: 'test' });
  const stop = new AbortController();
  const rewound = Promise.withResolvers<void>();
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  await cluster.create({
    apiVersion: `${GIT_REPOSITORY.group}/${GIT_REPOSITORY.version}`,
    kind: GIT_REPOSITORY.kind,
    metadata: { name: 'web', namespace: 'shop' },
  });
  const objects = new FluxObjects(cluster, GIT_REPOSITORY, { signal: stop.signal, checkInterval: 20 });
  objects.listenRewound(rewound.resolve);
  await objects.ready();
  objects.overlay('shop/web', { observedGeneration: 2 });
  objects.settleOverlay('shop/web', '999999');
  expect(objects.get('shop/web')?.['status']).toEqual({ observedGeneration: 2 });
  await rewound.promise;
  expect(objects.get('shop/web')?.['status']).toEqual({ observedGeneration: -1 });
  stop.abort();
  await objects.done();
});
