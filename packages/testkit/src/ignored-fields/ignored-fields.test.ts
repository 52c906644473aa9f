import { MemoryCluster } from '@plumb/memory-cluster';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { brokenBy, trials, WIDGET_DEFINITION } from './trials.ts';

test('giving up ignored fields and applying the rest changes no ignored value, whoever wrote it', async () => {
  const cluster = new MemoryCluster();
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  await cluster.create(WIDGET_DEFINITION);
  let count = 0;
  await fc.assert(
    fc.asyncProperty(trials(), async (trial) => {
      expect(await brokenBy(cluster, trial, { name: `x${count++}`, namespace: 'shop' })).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
