import { gateAdmission, gateCrds, LOCKDOWN, PlumbError, type KubeObject } from '@plumb/api';
import { FakeClock, MemoryCluster } from '@plumb/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GateObjects } from './gate-objects.ts';

let cluster: MemoryCluster;
let clock: FakeClock;
let stop: AbortController;
let objects: GateObjects;

beforeEach(async () => {
  cluster = new MemoryCluster();
  clock = new FakeClock();
  stop = new AbortController();
  for (const object of [...gateCrds(), ...gateAdmission()]) await cluster.create(object);
  const scope = { signal: stop.signal };
  objects = new GateObjects({ cluster, clock, scope, onChange: () => undefined, onPolicy: () => undefined });
  await isInView();
});
afterEach(async () => {
  stop.abort();
  await objects.done();
});

const watches = (kind: string): number =>
  cluster.requests.filter((request) => request.verb === 'watch' && request.kind === kind).length;
/** Of any kind that was listed. */
function fewestWatches(): number {
  const kinds = cluster.requests.filter(({ verb }) => verb === 'list').map(({ kind }) => kind);
  return Math.min(...kinds.map(watches));
}
async function isInView(): Promise<void> {
  expect(await objects.known()).toBe('known');
  await expect.poll(() => fewestWatches()).toBe(1);
}
const lockdown: KubeObject = {
  apiVersion: 'plumb.dev/v1',
  kind: 'Lockdown',
  metadata: { name: 'l' },
  spec: { by: 'oncall', reason: 'fire', until: '2030-01-01T00:00:00Z' },
};

test('what has not been watched for more than a second is not known, and is again once nothing is missed', async () => {
  const restore = cluster.faults.add({
    times: 1_000_000,
    matches: ({ verb, kind }) => verb === 'watch' && kind === LOCKDOWN.kind,
    before: () => {
      throw new PlumbError('api-unavailable', 'the line is cut', { fault: 'system', policy: 'retry' });
    },
  });
  cluster.cutWatches();
  await expect.poll(() => fewestWatches()).toBeGreaterThan(1);
  expect(await objects.known()).toBe('known');
  await clock.advance(1_001);
  await cluster.create(lockdown);
  expect(await objects.known()).toEqual({
    trouble: 'objects of the kind Lockdown cannot be read: the line is cut',
  });
  restore();
  await expect.poll(() => objects.known(), { timeout: 10_000 }).toBe('known');
  expect(objects.lockdowns.map(({ name }) => name)).toEqual(['l']);
});
