import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { printJson, type Change, type ChangePlan, type PlannedObject } from '@plumb/api';
import type { MemoryCluster } from '@plumb/memory-cluster';
import { beforeEach, describe, expect, test } from 'vitest';
import { diffsOfPlan, readPlan } from './plan.ts';
import { clusterWithGates, heldChange, judged, NAMESPACE, object } from './testing/gate-bench.ts';

const { signal } = new AbortController();
const NAME = 'ks-apps-1';

const key = (name: string): PlannedObject['key'] => {
  return { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name };
};
const planned = (outcome: PlannedObject['outcome'], more: Partial<PlannedObject> = {}): PlannedObject => {
  const rest = { path: '', message: '', object: null, oldObject: null, fields: [] };
  return { key: key(outcome), action: 'change', outcome, ...rest, ...more };
};
const PLAN: ChangePlan = {
  apiVersion: 'plumb.dev/v1',
  kind: 'ChangePlan',
  change: {
    unit: { kind: 'Kustomization', namespace: NAMESPACE, name: 'apps', labels: {} },
    namespaceLabels: null,
    cluster: 'own',
    source: { kind: 'GitRepository', namespace: NAMESPACE, name: 'shop', revision: 'main@sha1:1' },
    cause: 'routine',
    digest: `sha256:${NAME}`,
    authors: { unknown: 'nobody asked' },
    owned: 1,
  },
  objects: [planned('changed', { fields: [{ path: 'data.a', after: 2 }] })],
  unlisted: 0,
};

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await clusterWithGates();
});

const sha256 = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;
const packed = (text: string): string => gzipSync(text).toString('base64');

/** A change whose plan is kept. */
async function kept(
  text = printJson(PLAN),
  { data = packed(text), digest = `sha256:${NAME}`, named = sha256(text) } = {},
): Promise<Change> {
  await heldChange(cluster, NAME);
  await cluster.create(object('Plan', { name: NAME, namespace: NAMESPACE }, { digest, data }));
  return judged(cluster, NAME, { plan: { path: '/x', digest: named, at: '2026-11-27T12:00:00Z' } });
}

test('a plan is read as it was kept', async () => {
  expect(await readPlan(cluster, await kept(), signal)).toEqual(PLAN);
});

describe('a plan that cannot be relied on is refused', () => {
  test.each<[string, Parameters<typeof kept>, string]>([
    ['of another content', [undefined, { named: 'sha256:other' }], 'it is not the one that the Change names'],
    ['that is not compressed', [undefined, { data: 'aaaa' }], 'it cannot be unpacked'],
    ['of another change', [undefined, { digest: 'sha256:other' }], 'it is of the digest'],
    [
      'that says it is of another change',
      [printJson({ ...PLAN, change: { ...PLAN.change, digest: 'sha256:other' } })],
      'it is of the digest sha256:other',
    ],
    ['that is no JSON', ['{'], 'it is no JSON'],
    ['that is none', ['{}'], 'apiVersion is required'],
  ])('%s', async (_what, given, why) => {
    const change = await kept(...given);
    await expect(readPlan(cluster, change, signal)).rejects.toThrow(
      `the plan of Change ${NAMESPACE}/${NAME} cannot be relied on: ${why}`,
    );
  });
});

describe('a change without a plan says why, and where else to look', () => {
  test.each<[string, Change['status'] & object, string]>([
    ['that the agent has not made', { phase: 'Pending' }, 'the agent has not made it, or is making it still'],
    [
      'that could not be kept',
      { phase: 'Pending', plan: { problem: 'no room', at: '2026-11-27T12:00:00Z' } },
      'no room',
    ],
    [
      'that is gone',
      { phase: 'Pending', plan: { path: '/x', digest: 'd', at: '2026-11-27T12:00:00Z' } },
      `Plan ${NAMESPACE}/${NAME} is gone`,
    ],
  ])('%s', async (_what, status, why) => {
    const change = { ...(await heldChange(cluster, NAME)), status };
    await expect(readPlan(cluster, change, signal)).rejects.toThrow(
      `Change ${NAMESPACE}/${NAME} has no plan: ${why}; plumb diff shows what its unit would change now`,
    );
  });
});

test('of a plan a diff has what would change, and what nobody knows', () => {
  const objects = [
    planned('deleted', { action: 'delete' }),
    planned('created', { role: 'hook: pre-upgrade' }),
    planned('unchanged'),
    planned('unread', { message: 'no answer' }),
    ...PLAN.objects,
  ];
  expect(diffsOfPlan({ objects })).toEqual([
    { key: key('deleted'), change: 'deleted', fields: [], message: '' },
    { key: key('created'), change: 'created', fields: [], message: '', role: 'hook: pre-upgrade' },
    { key: key('unread'), change: 'untried', fields: [], message: 'no answer' },
    { key: key('changed'), change: 'changed', message: '', fields: [{ path: 'data.a', before: undefined, after: 2 }] },
  ]);
});
