import { freshNamespace, testCluster } from '@plumb/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptances, objectOf, refusals } from './check.cases.ts';
import { setConditions } from './conditions.ts';
import { crds, gateCrds } from './crd.ts';
import type { JsonObject, KubeObject } from './object.ts';

let cluster: Awaited<ReturnType<typeof testCluster>>;
let namespace: string;

beforeAll(async () => {
  cluster = await testCluster();
  namespace = await freshNamespace(cluster);
});

afterAll(() => cluster.close());

function placed(entry: Parameters<typeof objectOf>[0], name: string): KubeObject {
  const object = objectOf(entry, name) as KubeObject & JsonObject;
  return { ...object, metadata: { name, namespace } };
}

describe('the CRDs on a real API server', () => {
  it('are accepted and stored as they are: no field of theirs is unknown or pruned', async () => {
    for (const crd of [...crds(), ...gateCrds()]) {
      const stored = await cluster.apply(crd, { fieldManager: 'plumb-test', force: true, dryRun: true });
      expect((stored['spec'] as JsonObject)['versions']).toEqual((crd['spec'] as JsonObject)['versions']);
    }
  });

  it.each(refusals)('refuse $kind, as the check at the border does: $name', async (entry) => {
    const error = await cluster.create(placed(entry, 'refused')).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'api-invalid', message: expect.stringContaining(entry.message) as string });
    expect((error as Error).message).toContain(`${entry.path}: `);
  });

  it.each(acceptances)('accept and fill $kind, as the check at the border does: $name', async (entry) => {
    const name = entry.name.toLowerCase().replaceAll(' ', '-');
    const created = await cluster.create(placed(entry, name), { dryRun: true });
    expect(created).toMatchObject({ metadata: { generation: 1 }, status: { observedGeneration: -1 } });
    expect(created['spec']).toEqual(entry.filled);
  });

  it('take a status whose message is as long as conditions allow', async () => {
    const spec = { url: 'https://git.example/shop', interval: '1m', suspend: true };
    const created = await cluster.create(placed({ kind: 'GitRepository', spec }, 'status'));
    const message = 'ä'.repeat(40_000);
    const conditions = setConditions(
      [],
      [{ type: 'Ready', status: 'False', reason: 'GitOperationFailed', message, observedGeneration: 1 }],
      new Date('2026-01-01T00:00:00Z'),
    );
    const key = { group: 'source.toolkit.fluxcd.io', version: 'v1', kind: 'GitRepository', namespace, name: 'status' };
    const patched = await cluster.patch(
      key,
      { status: { observedGeneration: created.metadata.generation ?? 0, conditions } },
      { type: 'merge', subresource: 'status', fieldManager: 'plumb-test' },
    );
    expect(patched['status']).toEqual({ observedGeneration: 1, conditions });
    await cluster.delete(key);
  });
});
