import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import {
  checkChangePlan,
  LONGEST_PLAN,
  parseJson,
  PLAN,
  type Change,
  type ChangePlan,
  type PlannedObject,
} from '@plumb/api';
import { gateCrds } from '@plumb/api';
import { MemoryCluster } from '@plumb/testkit';
import { expect, test } from 'vitest';
import { keepPlan, packPlan } from './keep-plan.ts';

const body = (text: string): NonNullable<PlannedObject['object']> => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a' },
  data: { text },
});

function entry(name: string, more: Partial<PlannedObject> = {}): PlannedObject {
  return {
    key: { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name },
    action: 'change',
    path: '',
    outcome: 'changed',
    message: '',
    object: body('b'),
    oldObject: body('a'),
    fields: [{ path: 'data.text', before: 'a', after: 'b' }],
    ...more,
  };
}

function planOf(...objects: PlannedObject[]): ChangePlan {
  return {
    apiVersion: 'plumb.dev/v1',
    kind: 'ChangePlan',
    change: {
      unit: { kind: 'Kustomization', namespace: 'shop', name: 'apps', labels: {} },
      namespaceLabels: null,
      cluster: 'own',
      source: { kind: 'GitRepository', namespace: 'shop', name: 'shop', revision: 'main@sha1:1' },
      cause: 'routine',
      digest: 'sha256:1',
      authors: { unknown: 'nobody asked' },
      owned: 1,
    },
    objects,
    unlisted: 0,
  };
}

/** Nothing that compresses. */
const noise = (bytes: number): string => randomBytes(bytes / 2).toString('hex');

function unpacked(data: string): ChangePlan {
  const checked = checkChangePlan(parseJson(gunzipSync(Buffer.from(data, 'base64')).toString()));
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return checked.value;
}

test('a plan is packed whole where there is room', () => {
  const plan = planOf(entry('a'), entry('b', { outcome: 'unread', message: 'no answer', object: null }));
  const { data, left } = packPlan(plan);
  expect(unpacked(data)).toEqual(plan);
  expect(left).toBe(1);
});

test('of what has no room the largest object goes first, and what changes of it stays', () => {
  const large = entry('large', { object: body(noise(4_000_000)) });
  const { data, left } = packPlan(planOf(large, entry('small')));
  expect(data.length).toBeLessThanOrEqual(LONGEST_PLAN);
  expect(left).toBe(1);
  expect(unpacked(data).objects).toEqual([
    { ...large, object: null, oldObject: null, message: 'the plan has no room for the object itself' },
    entry('small'),
  ]);
});

test('what changes of an object goes where there is no room for that either', () => {
  const fields = [{ path: 'data.text', before: 'a', after: noise(4_000_000) }];
  const large = entry('large', { fields, message: 'spec.selector' });
  const { data } = packPlan(planOf(large, entry('small')));
  expect(data.length).toBeLessThanOrEqual(LONGEST_PLAN);
  const [first, second] = unpacked(data).objects;
  expect(first).toMatchObject({ fields: [], message: 'spec.selector; the plan has no room for what changes of it' });
  expect(second).toEqual(entry('small'));
});

/** A record of so many characters, of which none compress. */
function record(characters: number): NonNullable<ChangePlan['judged']> {
  const judged = {
    distrust: null,
    now: 0,
    clockTrouble: null,
    policies: [],
    lockdowns: [],
    approvals: [],
    earlier: [],
  };
  return { ...judged, identities: [], endorsements: [], findings: [{ waits: noise(characters) }] };
}

test('what it was judged by is kept, beside large objects too', () => {
  const plan = { ...planOf(entry('large', { object: body(noise(4_000_000)) })), judged: record(200_000) };
  const { data } = packPlan(plan);
  expect(data.length).toBeLessThanOrEqual(LONGEST_PLAN);
  expect(unpacked(data)).toMatchObject({ judged: plan.judged });
});

test('what it was judged by is left out where it is large, and that is told', () => {
  const plan = { ...planOf(entry('a')), judged: record(300_000) };
  const kept = unpacked(packPlan(plan).data);
  const unjudged = 'what it was judged by is 294 KiB, of which there is room for 256';
  expect(kept).toEqual({ ...planOf(entry('a')), unjudged });
});

test('many objects that compress well have room', () => {
  const objects = Array.from({ length: 500 }, (_, index) => entry(`a${index}`, { object: body('x'.repeat(4_000)) }));
  expect(packPlan(planOf(...objects)).left).toBe(0);
});

test('it is kept beside its change, goes with it, and takes the place of the one before', async () => {
  const cluster = new MemoryCluster();
  for (const object of gateCrds()) await cluster.create(object);
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  const change = {
    metadata: { name: 'ks-apps-1', namespace: 'shop', uid: 'u1' },
    spec: { digest: 'sha256:1' },
  } as unknown as Change;
  const now = Date.parse('2026-01-01T00:00:00Z');
  const first = await keepPlan(planOf(entry('a')), change, cluster, now);
  expect(first).toMatchObject({
    path: '/apis/plumb.dev/v1/namespaces/shop/plans/ks-apps-1',
    digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
    objects: 1,
    left: 0,
    at: '2026-01-01T00:00:00Z',
  });
  const second = await keepPlan(planOf(entry('a'), entry('b')), change, cluster, now);
  expect(second.digest).not.toBe(first.digest);
  const kept = await cluster.get({ ...PLAN, namespace: 'shop', name: 'ks-apps-1' });
  expect(kept?.metadata.ownerReferences).toEqual([
    { apiVersion: 'plumb.dev/v1', kind: 'Change', name: 'ks-apps-1', uid: 'u1', controller: true },
  ]);
  const spec = kept?.['spec'] as { data: string; digest: string } | undefined;
  expect(spec?.digest).toBe('sha256:1');
  expect(unpacked(spec?.data ?? '').objects).toHaveLength(2);
});
