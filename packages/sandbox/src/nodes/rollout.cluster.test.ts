import type { KindRef, KubeObject } from '@plumb/api';
import { type Cluster, connect } from '@plumb/kube';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';

import { BEHAVIOUR_ANNOTATION } from './behaviour.ts';

const POD: KindRef = { group: '', version: 'v1', kind: 'Pod' };
const APPS = { group: 'apps', version: 'v1' };
const BATCH = { group: 'batch', version: 'v1' };

let cluster: Cluster;
let namespace: string;
let count = 0;

beforeAll(async () => {
  cluster = await connect({ kubeconfig: inject('kubeconfig') });
});

afterAll(() => cluster.close());

beforeEach(async () => {
  count += 1;
  namespace = `rollout-${process.pid}-${count}`;
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
});

function template(behaviour: string, spec: object = {}): object {
  return {
    metadata: { labels: { app: 'x' }, annotations: { [BEHAVIOUR_ANNOTATION]: behaviour } },
    spec: { containers: [{ name: 'main', image: 'shop/x:1' }], ...spec },
  };
}

function workload(kind: string, behaviour: string, spec: object): KubeObject {
  const selector = { matchLabels: { app: 'x' } };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'x', namespace },
    spec: { selector, template: template(behaviour), ...spec },
  };
}

function job(behaviour: string): KubeObject {
  const spec = { backoffLimit: 0, template: template(behaviour, { restartPolicy: 'Never' }) };
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'x', namespace }, spec };
}

/** Watches one object named x until its status says so. */
async function until(
  kind: KindRef,
  holds: (status: Record<string, unknown>, object: KubeObject) => boolean,
): Promise<KubeObject> {
  const { items, resourceVersion } = await cluster.list(kind, { namespace });
  const ok = (object: KubeObject): boolean => holds((object['status'] ?? {}) as Record<string, unknown>, object);
  const now = items.find(ok);
  if (now !== undefined) return now;
  const signal = AbortSignal.timeout(30_000);
  for await (const event of cluster.watch(kind, { namespace, resourceVersion, signal })) {
    if ((event.type === 'added' || event.type === 'modified') && ok(event.object)) return event.object;
  }
  throw new Error(`no ${kind.kind} came to that`);
}

function waitingReason(status: Record<string, unknown>): string | undefined {
  const containers = (status['containerStatuses'] ?? []) as { state?: { waiting?: { reason: string } } }[];
  return containers[0]?.state?.waiting?.reason;
}

function conditionIs(status: Record<string, unknown>, type: string): boolean {
  const conditions = (status['conditions'] ?? []) as { type: string; status: string }[];
  return conditions.some((condition) => condition.type === type && condition.status === 'True');
}

function createdAt(object: KubeObject | undefined): number {
  return Date.parse(object?.metadata.creationTimestamp ?? '');
}

function readyAt(object: KubeObject | undefined): number {
  const status = object?.['status'] as { conditions: { type: string; lastTransitionTime: string }[] } | undefined;
  return Date.parse(status?.conditions.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? '');
}

describe('on simulated nodes', () => {
  test('a Deployment becomes available, rolls to a new template, and scales down', async () => {
    await cluster.create(workload('Deployment', '', { replicas: 3 }));
    await until({ ...APPS, kind: 'Deployment' }, (status) => status['availableReplicas'] === 3);
    const key = { ...APPS, kind: 'Deployment', namespace, name: 'x' };
    await cluster.patch(
      key,
      { spec: { replicas: 2, template: { metadata: { labels: { version: '2' } } } } },
      { type: 'merge' },
    );
    const live = await until({ ...APPS, kind: 'Deployment' }, (status, { metadata }) => {
      const done = status['updatedReplicas'] === 2 && status['availableReplicas'] === 2 && status['replicas'] === 2;
      return done && status['observedGeneration'] === metadata.generation;
    });
    expect(live['status']).toMatchObject({ readyReplicas: 2 });
  });

  test('a crash loop and a missing image never become available, and say why', async () => {
    await cluster.create(workload('Deployment', 'crash-loop', { replicas: 1 }));
    await until(POD, (status) => waitingReason(status) === 'CrashLoopBackOff');
    const key = { ...APPS, kind: 'Deployment', namespace, name: 'x' };
    const metadata = { annotations: { [BEHAVIOUR_ANNOTATION]: 'image-pull-error' } };
    const live = await cluster.patch(key, { spec: { template: { metadata } } }, { type: 'merge' });
    await until(POD, (status) => waitingReason(status) === 'ImagePullBackOff');
    expect(live['status']).not.toHaveProperty('availableReplicas');
  });

  test('a StatefulSet starts its pods one after another, each with its volume', async () => {
    const claim = {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    await cluster.create(
      workload('StatefulSet', 'slow-start=1s', { serviceName: 'x', replicas: 3, volumeClaimTemplates: [claim] }),
    );
    await until({ ...APPS, kind: 'StatefulSet' }, (status) => status['readyReplicas'] === 3);
    const { items } = await cluster.list(POD, { namespace });
    const [first, second, third] = ['x-0', 'x-1', 'x-2'].map((name) =>
      items.find(({ metadata }) => metadata.name === name),
    );
    expect(createdAt(second)).toBeGreaterThanOrEqual(readyAt(first));
    expect(createdAt(third)).toBeGreaterThanOrEqual(readyAt(second));
    const claims = await cluster.list({ group: '', version: 'v1', kind: 'PersistentVolumeClaim' }, { namespace });
    expect(claims.items.map((item) => (item['status'] as { phase: string }).phase)).toEqual([
      'Bound',
      'Bound',
      'Bound',
    ]);
  });

  test('a DaemonSet runs on every node', async () => {
    await cluster.create(workload('DaemonSet', '', {}));
    const set = await until({ ...APPS, kind: 'DaemonSet' }, (status) => status['numberAvailable'] === 3);
    expect(set['status']).toMatchObject({ desiredNumberScheduled: 3 });
    const { items } = await cluster.list(POD, { namespace });
    expect(new Set(items.map((pod) => (pod['spec'] as { nodeName: string }).nodeName)).size).toBe(3);
  });

  test.each([
    ['', 'Complete'],
    ['fail', 'Failed'],
  ])('a Job whose pod is told %j ends %s', async (behaviour, type) => {
    await cluster.create(job(behaviour));
    const done = await until({ ...BATCH, kind: 'Job' }, (status) => conditionIs(status, type));
    expect(done['status']).toMatchObject(behaviour === '' ? { succeeded: 1 } : { failed: 1 });
  });

  test('a pod no node suits stays pending and says so', async () => {
    const spec = { containers: [{ name: 'main', image: 'shop/x:1' }], nodeSelector: { disk: 'tape' } };
    await cluster.create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x', namespace }, spec });
    const pod = await until(POD, (status) => status['conditions'] !== undefined);
    expect(pod['status']).toMatchObject({
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }],
    });
  });
});
