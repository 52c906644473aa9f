import { APPLY_MANAGER, keyOf, PlumbError, type ChangePlan, type KubeObject } from '@plumb/api';
import type { ChangeFacts, ObjectFate } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import { clusterWith, MemoryCluster } from '@plumb/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Content } from './content.ts';
import { planChange, type PlanRequest } from './plan-change.ts';

const LABELS = { 'kustomize.toolkit.fluxcd.io/name': 'apps', 'kustomize.toolkit.fluxcd.io/namespace': 'shop' };

const object = (kind: string, name: string, fields: object, annotations?: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, namespace: 'shop', labels: LABELS, ...(annotations && { annotations }) },
  ...fields,
});
const map = (name: string, data: Record<string, string>): KubeObject => object('ConfigMap', name, { data });
const secret = (name: string, data: Record<string, string>): KubeObject => object('Secret', name, { data });
const base64 = (text: string): string => Buffer.from(text).toString('base64');

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = new MemoryCluster();
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
});

async function apply(...objects: KubeObject[]): Promise<void> {
  for (const one of objects) await cluster.apply(one, { fieldManager: APPLY_MANAGER, force: true });
}

const facts = (objects: readonly ObjectFate[]): ChangeFacts => ({
  unit: { kind: 'Kustomization', namespace: 'shop', name: 'apps', labels: { tier: 'web' } },
  namespaceLabels: null,
  cluster: 'own',
  source: { kind: 'GitRepository', namespace: 'shop', name: 'shop', revision: 'main@sha1:1' },
  cause: 'routine',
  digest: 'sha256:1',
  authors: { unknown: 'nobody asked' },
  objects,
  owned: 3,
});

/** The cluster, with some of its calls replaced, at whatever priority. */
function seenAs(calls: Partial<Cluster>): Cluster {
  const seen: Cluster = clusterWith(cluster, { ...calls, withPriority: () => seen });
  return seen;
}

type Planned = [action: ObjectFate['action'], object: KubeObject, more?: Partial<Content>];

function plan(objects: readonly Planned[], more: Partial<PlanRequest> = {}): Promise<ChangePlan> {
  const contents = objects
    .filter(([action]) => action !== 'delete')
    .map(([, body, rest]): Content => ({ key: keyOf(body), body, path: `${body.metadata.name}.yaml`, ...rest }));
  const change = facts(objects.map(([action, body]) => ({ key: keyOf(body), action })));
  const { signal } = new AbortController();
  return planChange({
    change,
    contents,
    trial: { cluster, force: false, hidesValues: false },
    secrets: [],
    signal,
    ...more,
  });
}

const fates = ({ objects }: ChangePlan): string[] =>
  objects.map(({ key, action, outcome }) => `${action} ${key.kind}/${key.name}: ${outcome}`);

test('has what gates were told, and of each object both sides and what would change of it; what goes comes first', async () => {
  await apply(map('going', { a: '1' }), map('settings', { a: '1', b: '1' }), map('same', { a: '1' }));
  const made = await plan([
    ['change', map('settings', { a: '2', b: '1' })],
    ['change', map('same', { a: '1' })],
    ['create', map('coming', { a: '1' })],
    ['delete', map('going', {})],
  ]);
  const { objects: _, ...change } = facts([]);
  expect(made).toMatchObject({ apiVersion: 'plumb.dev/v1', kind: 'ChangePlan', change, unlisted: 0 });
  expect(fates(made)).toEqual([
    'delete ConfigMap/going: deleted',
    'create ConfigMap/coming: created',
    'change ConfigMap/same: unchanged',
    'change ConfigMap/settings: changed',
  ]);
  const [going, coming, , settings] = made.objects;
  expect(going).toMatchObject({ path: '', object: null, oldObject: { data: { a: '1' } }, fields: [] });
  expect(coming).toMatchObject({ path: 'coming.yaml', object: { data: { a: '1' } }, oldObject: null, fields: [] });
  expect(settings).toMatchObject({ object: { data: { a: '2', b: '1' } }, oldObject: { data: { a: '1', b: '1' } } });
  expect(settings?.fields).toEqual([{ path: 'data.a', before: '1', after: '2' }]);
  expect(settings?.oldObject?.metadata).not.toHaveProperty('managedFields');
});

test('writes nothing', async () => {
  await apply(map('settings', { a: '1' }));
  const before = await cluster.list({ group: '', version: 'v1', kind: 'ConfigMap' });
  await plan([
    ['change', map('settings', { a: '2' })],
    ['create', map('coming', {})],
    ['delete', map('settings', {})],
  ]);
  expect(await cluster.list({ group: '', version: 'v1', kind: 'ConfigMap' })).toEqual(before);
});

describe('of secrets', () => {
  test('only shows whether they differ, on both sides and wherever they are repeated', async () => {
    await apply(
      secret('token', { password: base64('hunter2first'), same: base64('hunter2same') }),
      map('copy', { all: 'as hunter2first', same: 'as hunter2same', open: 'a' }),
    );
    const next = secret('token', { password: base64('hunter2second'), same: base64('hunter2same'), more: base64('x') });
    const made = await plan([
      ['change', next],
      ['change', map('copy', { all: 'as hunter2second', same: 'as hunter2same', open: 'b' })],
    ]);
    expect(JSON.stringify(made)).not.toMatch(/hunter2|aHVudGVyM/);
    const [copy, token] = made.objects;
    expect(token?.object).toMatchObject({ data: { password: '*** (after)', same: '***', more: '*** (after)' } });
    expect(token?.oldObject).toMatchObject({ data: { password: '*** (before)', same: '***' } });
    expect(token?.fields).toEqual([
      { path: 'data.more', after: '*** (after)' },
      { path: 'data.password', before: '*** (before)', after: '*** (after)' },
    ]);
    expect(copy?.object).toMatchObject({ data: { all: '*** (after)', same: '***', open: 'b' } });
    expect(copy?.oldObject).toMatchObject({ data: { all: '*** (before)', same: '***', open: 'a' } });
  });

  test('what is declared in clear is masked as well', async () => {
    const made = await plan([['create', object('Secret', 'token', { stringData: { password: 'hunter2first' } })]]);
    expect(JSON.stringify(made)).not.toMatch(/hunter2|aHVudGVyM/);
    expect(made.objects[0]?.object).toMatchObject({ data: { password: '*** (after)' } });
  });

  test('what kubectl keeps of an object is left out', async () => {
    const last = { 'kubectl.kubernetes.io/last-applied-configuration': '{"hunter2": "first"}', note: 'a' };
    await apply(object('ConfigMap', 'settings', { data: { a: '1' } }, last));
    const made = await plan([['change', map('settings', { a: '2' })]]);
    expect(made.objects[0]?.oldObject?.metadata.annotations).toEqual({ note: 'a' });
    expect(JSON.stringify(made)).not.toContain('hunter2');
  });

  test('what was made of a value that nobody knows any more shows only that it differs', async () => {
    await apply(
      map('settings', { made: 'for tokenfirst', open: 'a', gone: 'for tokenfirst too' }),
      map('going', { a: 'tokenfirst' }),
    );
    const made = await plan(
      [
        ['change', map('settings', { made: 'for tokensecond', open: 'b' })],
        ['delete', map('going', {})],
      ],
      { secrets: ['tokensecond'] },
    );
    expect(JSON.stringify(made)).not.toMatch(/tokenfirst|tokensecond/);
    const [going, settings] = made.objects;
    expect(going?.oldObject).toMatchObject({
      metadata: { name: 'going', labels: LABELS },
      data: { a: '*** (before)' },
    });
    expect(settings?.object).toMatchObject({ data: { made: '*** (after)', open: 'b' } });
    expect(settings?.oldObject).toMatchObject({ data: { made: '*** (before)', open: 'a', gone: '*** (before)' } });
    expect(settings?.fields).toEqual([
      { path: 'data.gone', before: '*** (before)' },
      { path: 'data.made', before: '*** (before)', after: '*** (after)' },
      { path: 'data.open', before: 'a', after: 'b' },
    ]);
  });
});

test('of what goes with a unit that used Secrets no text is shown, though nobody knows them', async () => {
  await apply(map('going', { a: 'tokenfirst' }));
  const trial = { cluster, force: false, hidesValues: true };
  const made = await plan([['delete', map('going', {})]], { trial });
  expect(made.objects[0]?.oldObject).toMatchObject({ metadata: { name: 'going' }, data: { a: '*** (before)' } });
});

test('what somebody else has there is no new object', async () => {
  await cluster.create({ ...map('settings', { a: '1' }), metadata: { name: 'settings', namespace: 'shop' } });
  const made = await plan([['create', map('settings', { a: '2' })]]);
  expect(made.objects[0]).toMatchObject({ action: 'create', outcome: 'changed', oldObject: { data: { a: '1' } } });
});

test('what is not ours any more does not go', async () => {
  await cluster.create({ ...map('going', { a: '1' }), metadata: { name: 'going', namespace: 'shop' } });
  expect(fates(await plan([['delete', map('going', {})]]))).toEqual(['delete ConfigMap/going: unchanged']);
});

test('what has to be deleted to be made anew is told so', async () => {
  await apply(map('settings', { a: '1' }));
  const made = await plan([
    ['change', map('settings', { a: '2' })],
    ['delete', map('settings', {})],
  ]);
  expect(fates(made)).toEqual(['delete ConfigMap/settings: recreated', 'change ConfigMap/settings: changed']);
});

test('a hook is made anew whenever it runs: nobody looks at what is there', async () => {
  await apply(map('hook', { a: '1' }));
  const made = await plan([['create', map('hook', { a: '2' }), { role: 'hook: pre-install' }]]);
  expect(made.objects[0]).toMatchObject({
    outcome: 'created',
    role: 'hook: pre-install',
    object: { data: { a: '2' } },
  });
});

describe('is bounded', () => {
  const many = (count: number): Planned[] =>
    Array.from({ length: count }, (_, index) => ['change', map(`m${String(index).padStart(5, '0')}`, { a: '2' })]);

  test('objects that the unit has are read by a list, not one by one', async () => {
    await apply(...many(40).map(([, one]) => ({ ...one, data: { a: '1' } })));
    let read = 0;
    const get: Cluster['get'] = (...args) => ((read += 1), cluster.get(...args));
    const made = await plan(many(40), { trial: { cluster: seenAs({ get }), force: false, hidesValues: false } });
    expect(new Set(fates(made).map((one) => one.replace(/.*: /, '')))).toEqual(new Set(['changed']));
    expect(read).toBe(0);
  });

  test('five hundred objects are looked at, and ten thousand listed', async () => {
    let tried = 0;
    const counted: Cluster['apply'] = (...args) => ((tried += 1), cluster.apply(...args));
    const made = await plan(many(10_002), {
      trial: { cluster: seenAs({ apply: counted }), force: false, hidesValues: false },
    });
    expect(tried).toBe(500);
    expect([made.objects.length, made.unlisted]).toEqual([10_000, 2]);
    expect(made.objects[500]).toMatchObject({
      outcome: 'unread',
      message: 'only the first 500 objects are looked at',
      object: null,
    });
  });

  test('where the cluster cannot be reached it says so of what nobody looked at', async () => {
    const away = new PlumbError('api-unavailable', 'no answer', { fault: 'system', policy: 'retry' });
    const trial = { cluster: seenAs({ get: () => Promise.reject(away) }), force: false, hidesValues: false };
    const made = await plan([['change', map('settings', { a: '2' })]], { trial });
    expect(made.objects).toMatchObject([{ outcome: 'unread', message: 'no answer' }]);
  });

  test('what may not be read fails by itself', async () => {
    await apply(map('settings', { a: '1' }), map('other', { a: '1' }));
    const no = new PlumbError('api-forbidden', 'forbidden', { fault: 'user', policy: 'retry' });
    const get: Cluster['get'] = (key, options) =>
      key.name === 'other' ? Promise.reject(no) : cluster.get(key, options);
    const trial = { cluster: seenAs({ get }), force: false, hidesValues: false };
    const made = await plan(
      [
        ['change', map('settings', { a: '2' })],
        ['change', map('other', { a: '2' })],
      ],
      { trial },
    );
    expect(fates(made)).toEqual(['change ConfigMap/other: failed', 'change ConfigMap/settings: changed']);
  });

  test('it ends when the run does', async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(plan([['change', map('settings', { a: '2' })]], { signal: controller.signal })).rejects.toThrow(
      /abort|cancel/i,
    );
  });
});
