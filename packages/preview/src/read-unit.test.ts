import type { ErrorCode, Kustomization } from '@plumb/api';
import { systemError } from '@plumb/api';
import { MemoryCluster } from '@plumb/memory-cluster';
import { expect, test, vi } from 'vitest';
import { withLiveStatus } from './read-unit.ts';

const { signal } = new AbortController();
const unit = { metadata: { name: 'apps', namespace: 'flux-system' }, spec: {} } as Kustomization;

test('a unit that is not in the cluster owns nothing', async () => {
  const cluster = new MemoryCluster();
  vi.spyOn(cluster, 'get').mockResolvedValue(null);
  expect(await withLiveStatus(cluster, unit, signal)).toBe(unit);
});

test.each<ErrorCode>(['api-forbidden', 'api-unavailable'])(
  '%s is not taken for a unit that owns nothing',
  async (code) => {
    const cluster = new MemoryCluster();
    vi.spyOn(cluster, 'get').mockRejectedValue(systemError(code, 'no answer'));
    await expect(withLiveStatus(cluster, unit, signal)).rejects.toMatchObject({ code });
  },
);
