import { crds } from '@plumb/api';
import type { ErrorCode, HelmRelease, Kustomization, KubeObject } from '@plumb/api';
import { systemError } from '@plumb/api';
import { MemoryCluster } from '@plumb/memory-cluster';
import { expect, test, vi } from 'vitest';
import { HELM_RELEASES, KUSTOMIZATIONS, unitAmong, withLiveStatus } from './read-unit.ts';

const { signal } = new AbortController();
const unit = { metadata: { name: 'apps', namespace: 'flux-system' }, spec: {} } as Kustomization;

test('a unit that is not in the cluster owns nothing', async () => {
  const cluster = new MemoryCluster();
  vi.spyOn(cluster, 'get').mockResolvedValue(null);
  expect(await withLiveStatus(KUSTOMIZATIONS, cluster, unit, signal)).toBe(unit);
});

test.each<ErrorCode>(['api-forbidden', 'api-unavailable'])(
  '%s is not taken for a unit that owns nothing',
  async (code) => {
    const cluster = new MemoryCluster();
    vi.spyOn(cluster, 'get').mockRejectedValue(systemError(code, 'no answer'));
    await expect(withLiveStatus(KUSTOMIZATIONS, cluster, unit, signal)).rejects.toMatchObject({ code });
  },
);

function releaseObject(name: string, spec: object = {}): KubeObject {
  return {
    apiVersion: 'helm.toolkit.fluxcd.io/v2',
    kind: 'HelmRelease',
    metadata: { name },
    spec: { interval: '10m', chartRef: { kind: 'HelmChart', name: 'cart' }, ...spec },
  };
}

function releaseOf(...given: Parameters<typeof releaseObject>): HelmRelease {
  return unitAmong(HELM_RELEASES, [releaseObject(...given)], { name: '', namespace: 'shop' }, 'x.yaml');
}

test('a unit of a file gets the generation that it would have, and the status of the live one', async () => {
  const cluster = new MemoryCluster();
  for (const definition of crds()) await cluster.create(definition);
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  const live = await cluster.create({ ...releaseObject('cart'), metadata: { name: 'cart', namespace: 'shop' } });
  const key = { group: 'helm.toolkit.fluxcd.io', version: 'v2', kind: 'HelmRelease', namespace: 'shop', name: 'cart' };
  await cluster.patch(key, { status: { failures: 2 } }, { type: 'merge', subresource: 'status' });
  const { uid, generation = 0 } = live.metadata;
  const same = await withLiveStatus(HELM_RELEASES, cluster, releaseOf('cart'), signal);
  expect(same).toMatchObject({ metadata: { uid, generation }, status: { failures: 2 } });
  const other = await withLiveStatus(HELM_RELEASES, cluster, releaseOf('cart', { values: { a: 1 } }), signal);
  expect(other.metadata.generation).toBe(generation + 1);
});

test.each([
  { name: '', among: [], message: 'x.yaml holds no HelmRelease of helm.toolkit.fluxcd.io' },
  { name: 'b', among: ['a'], message: "x.yaml holds no HelmRelease 'b' of helm.toolkit.fluxcd.io" },
  { name: '', among: ['a', 'b'], message: 'x.yaml holds several HelmReleases (a, b): say which one' },
])('of $among $name is refused', ({ name, among, message }) => {
  const objects = among.map((each) => releaseObject(each));
  expect(() => unitAmong(HELM_RELEASES, objects, { name, namespace: 'shop' }, 'x.yaml')).toThrow(message);
});
