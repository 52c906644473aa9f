import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type Cluster } from '@plumb/kube';
import { afterEach, describe, expect, inject, test } from 'vitest';

import { freshNamespace } from '../control-plane.ts';
import { ChaosProxy } from './chaos-proxy.ts';
import type { FaultMix } from './faults.ts';

const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap' };

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(http1 = false): Promise<{ proxy: ChaosProxy; cluster: Cluster; namespace: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'plumb-chaos-'));
  const proxy = await ChaosProxy.start({ kubeconfig: inject('kubeconfig'), dir, seed: 7, http1 });
  const cluster = await connect({ kubeconfig: proxy.kubeconfig });
  cleanups.push(
    () => rm(dir, { recursive: true, force: true }),
    () => proxy.close(),
    () => cluster.close(),
  );
  return { proxy, cluster, namespace: await freshNamespace(cluster) };
}

const object = (namespace: string, name: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
});

test.each([false, true])('passes requests and watches on as they are (HTTP/1.1: %s)', async (http1) => {
  const { cluster, namespace } = await start(http1);
  const { resourceVersion } = await cluster.list(CONFIG_MAP, { namespace });
  const signal = AbortSignal.timeout(10_000);
  const events = cluster.watch(CONFIG_MAP, { namespace, resourceVersion, signal });
  await cluster.create(object(namespace, 'a'));
  for await (const event of events) {
    if (event.type === 'added' && event.object.metadata.name === 'a') break;
  }
  expect(signal.aborted).toBe(false);
});

describe('goes wrong on order', () => {
  const cases: { mix: FaultMix; fails: object }[] = [
    { mix: { conflict: 1 }, fails: { code: 'api-conflict' } },
    { mix: { refused: 1 }, fails: { code: 'api-unavailable', status: 429, retryAfter: undefined } },
    { mix: { throttled: 1 }, fails: { code: 'api-unavailable', status: 429, retryAfter: 1_000 } },
    { mix: { 'unavailable-503': 1 }, fails: { code: 'api-unavailable', status: 503 } },
    { mix: { truncated: 1 }, fails: { message: expect.stringContaining('not valid JSON') } },
    { mix: { 'cut-midway': 1 }, fails: { code: 'api-unavailable' } },
    { mix: { 'cut-before': 1 }, fails: { code: 'api-unavailable' } },
  ];
  test.each(cases)('$mix', async ({ mix, fails }) => {
    const { proxy, cluster, namespace } = await start();
    proxy.set(mix);
    await expect(cluster.create(object(namespace, 'a'))).rejects.toMatchObject(fails);
    proxy.set({});
  });

  test('a list as it was', async () => {
    const { proxy, cluster, namespace } = await start();
    const before = await cluster.list(CONFIG_MAP, { namespace });
    await cluster.create(object(namespace, 'a'));
    proxy.set({ 'stale-list': 1 });
    expect(await cluster.list(CONFIG_MAP, { namespace })).toEqual(before);
  });
});

test('the time of day that answers tell is set off from that of the API server', async () => {
  const { proxy, cluster, namespace } = await start();
  const before = cluster.connection.time ?? 0;
  proxy.shift = 3_600_000;
  const other = await connect({ kubeconfig: proxy.kubeconfig });
  await other.list(CONFIG_MAP, { namespace });
  expect((other.connection.time ?? 0) - before).toBeGreaterThanOrEqual(3_600_000 - 1_000);
  await other.close();
});
