import { setTimeout as sleep } from 'node:timers/promises';
import { keyOf } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { freshNamespace, testCluster } from '../control-plane.ts';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { brokenBy, trials, WIDGET_DEFINITION, WIDGETS } from './trials.ts';

let cluster: Cluster;
let namespace: string;

beforeAll(async () => {
  cluster = await testCluster();
  namespace = await freshNamespace(cluster);
  await cluster.apply(WIDGET_DEFINITION, { fieldManager: 'test', force: true });
  // Discovery tells no event when a kind is there.
  for (let tries = 0; tries < 100 && !(await isServed()); tries++) await sleep(100);
});
afterAll(async () => {
  await cluster.delete(keyOf(WIDGET_DEFINITION));
  await cluster.delete({ group: '', version: 'v1', kind: 'Namespace', namespace: '', name: namespace });
  await cluster.close();
});

async function isServed(): Promise<boolean> {
  const widgets = { group: WIDGETS, version: 'v1', kind: 'Widget' };
  await cluster.discover({ refresh: true });
  if ((await cluster.resource(widgets)) === null) return false;
  return cluster.list(widgets).then(
    () => true,
    () => false,
  );
}

test('giving up ignored fields and applying the rest changes no ignored value, whoever wrote it', async () => {
  let count = 0;
  await fc.assert(
    fc.asyncProperty(trials(), async (trial) => {
      expect(await brokenBy(cluster, trial, { name: `x${count++}`, namespace })).toEqual([]);
    }),
    { numRuns: 60 },
  );
});
