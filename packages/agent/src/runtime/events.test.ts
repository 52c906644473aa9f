import type { KubeObject } from '@plumb/api';
import { systemError, userError } from '@plumb/api';
import { FakeClock, MemoryCluster } from '@plumb/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { kustomization } from '../testing/builders.ts';
import type { EventRecord } from './events.ts';
import { EventRecorder } from './events.ts';

const about = kustomization() as KubeObject;
const failed: EventRecord = { type: 'Warning', reason: 'BuildFailed', message: 'no' };

let cluster: MemoryCluster;
let clock: FakeClock;
let events: EventRecorder;
let dropped: Error[];

beforeEach(async () => {
  cluster = new MemoryCluster();
  clock = new FakeClock();
  dropped = [];
  const onDrop = (error: Error): unknown => dropped.push(error);
  events = new EventRecorder({ cluster, clock, instance: 'test', onDrop });
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
});

async function tell(event: EventRecord, object = about): Promise<void> {
  events.record(object, 'kustomize-controller', event);
  await events.flush();
}

const written = async (): Promise<KubeObject[]> =>
  (await cluster.list({ group: '', version: 'v1', kind: 'Event' })).items;

test('an event names its object, who says it and when', async () => {
  await tell({ ...failed, annotations: { 'example.com/revision': 'main' } });
  expect(await written()).toMatchObject([
    {
      metadata: { namespace: 'shop', annotations: { 'example.com/revision': 'main' } },
      involvedObject: { kind: 'Kustomization', namespace: 'shop', name: 'apps', uid: 'u1' },
      type: 'Warning',
      reason: 'BuildFailed',
      message: 'no',
      reportingComponent: 'kustomize-controller',
      reportingInstance: 'test',
      firstTimestamp: '2026-01-01T00:00:00Z',
      count: 1,
    },
  ]);
});

test('equal events are counted on one, others are not', async () => {
  await tell(failed);
  await clock.advance(5_000);
  await tell(failed);
  await tell({ ...failed, message: 'still no' });
  const counts = (await written()).map(({ message, count, lastTimestamp }) => [message, count, lastTimestamp]);
  expect(counts).toEqual([
    ['no', 2, '2026-01-01T00:00:05Z'],
    ['still no', 1, '2026-01-01T00:00:05Z'],
  ]);
});

test('after ten minutes of silence the same is news again', async () => {
  await tell(failed);
  await clock.advance(600_000);
  await tell(failed);
  expect(await written()).toHaveLength(2);
});

test('an event that is gone is made anew', async () => {
  await tell(failed);
  const [first] = await written();
  await cluster.delete({
    group: '',
    version: 'v1',
    kind: 'Event',
    namespace: 'shop',
    name: first?.metadata.name ?? '',
  });
  await tell(failed);
  expect(await written()).toMatchObject([{ message: 'no', count: 1 }]);
  expect(dropped).toEqual([]);
});

test('a long message is cut, a long name too', async () => {
  const long = { ...about, metadata: { ...about.metadata, name: 'n'.repeat(253) } };
  await tell({ ...failed, message: 'm'.repeat(2_000) }, long);
  const [event] = await written();
  expect(event?.['message']).toHaveLength(1_024);
  expect(event?.metadata.name.length).toBeLessThanOrEqual(253);
  expect(event?.['involvedObject']).toMatchObject({ name: 'n'.repeat(253) });
});

test('what cannot be written is dropped and counted, and fails nobody', async () => {
  const refused = userError('api-forbidden', 'no');
  cluster.faults.fail(refused);
  await tell(failed);
  expect(dropped).toEqual([refused]);
});

describe('where the API server does not answer', () => {
  const lost = systemError('api-unavailable', 'connection lost');
  const told = async (): Promise<void> => {
    const telling = tell(failed);
    await clock.advance(60_000);
    await telling;
  };

  test('an event is written again', async () => {
    cluster.faults.fail(lost, 4);
    await told();
    expect(await written()).toMatchObject([{ message: 'no', count: 1 }]);
    expect(dropped).toEqual([]);
  });

  test('it is counted again on the one there is', async () => {
    await tell(failed);
    cluster.faults.fail(lost);
    await told();
    expect(await written()).toMatchObject([{ message: 'no', count: 2 }]);
  });

  test('it is there once if only the answer was lost', async () => {
    cluster.faults.fail(lost, 1, ({ verb }) => verb === 'create');
    const remove = cluster.faults.add({
      after: () => {
        remove();
        throw lost;
      },
    });
    await told();
    expect(await written()).toMatchObject([{ message: 'no', count: 1 }]);
    expect(dropped).toEqual([]);
  });

  test('it is dropped after five tries', async () => {
    cluster.faults.fail(lost, 5);
    await told();
    expect(await written()).toEqual([]);
    expect(dropped).toEqual([lost]);
  });

  test('none of more than a thousand waits for another try', async () => {
    cluster.faults.fail(lost, 1_001);
    const many = Array.from({ length: 1_001 }, (_, index) => tell({ ...failed, message: `no ${index}` }));
    await clock.advance(60_000);
    await Promise.all(many);
    expect(dropped.length).toBeGreaterThan(0);
    expect(dropped.length + (await written()).length).toBe(1_001);
  });
});
