import { keyOf } from '@plumb/api';
import { expect, test } from 'vitest';

import { CONFIG_MAP, configMap, deployment, failureOf, uniqueName, widget } from './fixtures.ts';
import type { Subject } from './fixtures.ts';

/** Create, read, update, patch. */
export function writeContract(subject: () => Subject): void {
  test('a missing object reads as null', async () => {
    const { cluster, namespace } = subject();
    expect(await cluster.get({ ...CONFIG_MAP, namespace, name: uniqueName() })).toBeNull();
  });

  test('a created object has what the server gives, and passes as it came', async () => {
    const { cluster } = subject();
    const sent = configMap(subject(), { a: '1' }, { labels: { app: 'x' } });
    const created = await cluster.create(sent, { fieldManager: 'alice' });
    expect(created).toMatchObject({
      ...sent,
      metadata: { ...sent.metadata, uid: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
    expect(created.metadata.resourceVersion).toMatch(/^\d+$/);
    expect(created.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(created.metadata.managedFields).toMatchObject([
      { manager: 'alice', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1' },
    ]);
    expect(await cluster.get(keyOf(sent))).toEqual(created);
  });

  test('an integer beyond 2^53 keeps every digit', async () => {
    const { cluster } = subject();
    const sent = widget(subject(), { size: 1, free: { big: 9_007_199_254_740_993n } });
    await cluster.create(sent);
    expect((await cluster.get(keyOf(sent)))?.['spec']).toMatchObject({ free: { big: 9_007_199_254_740_993n } });
  });

  test('a second create is a conflict', async () => {
    const { cluster } = subject();
    const sent = configMap(subject(), {});
    await cluster.create(sent);
    const error = await failureOf(cluster.create(sent));
    expect(error).toMatchObject({ code: 'api-conflict', status: 409 });
    expect(error.message).toBe(`configmaps "${sent.metadata.name}" already exists`);
  });

  test('a namespace that does not exist takes nothing', async () => {
    const { cluster } = subject();
    const sent = configMap(subject(), {}, { namespace: 'no-such-namespace' });
    expect(await failureOf(cluster.create(sent))).toMatchObject({
      code: 'api-not-found',
      message: 'namespaces "no-such-namespace" not found',
    });
    expect(await failureOf(cluster.apply(sent, { fieldManager: 'a' }))).toMatchObject({ code: 'api-not-found' });
  });

  test('a kind that is not served is not found', async () => {
    const { cluster, namespace } = subject();
    const error = await failureOf(
      cluster.get({ group: 'nothing.example', version: 'v1', kind: 'Thing', namespace, name: 'x' }),
    );
    expect(error).toMatchObject({
      code: 'api-not-found',
      message: expect.stringContaining('no matches for kind "Thing" in version "nothing.example/v1"'),
    });
  });

  test('an update needs the latest version, and makes a newer one', async () => {
    const { cluster } = subject();
    const first = await cluster.create(configMap(subject(), { a: '1' }));
    const second = await cluster.update({ ...first, data: { a: '2' } });
    expect(second).toMatchObject({ data: { a: '2' }, metadata: { uid: first.metadata.uid } });
    expect(second.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion);
    const error = await failureOf(cluster.update({ ...first, data: { a: '3' } }));
    expect(error).toMatchObject({ code: 'api-conflict' });
    expect(error.message).toContain('the object has been modified');
    const other = { ...second, metadata: { ...second.metadata, uid: '00000000-0000-0000-0000-000000000000' } };
    expect(await failureOf(cluster.update(other))).toMatchObject({ code: 'api-conflict' });
  });

  test('a write that changes nothing makes no new version', async () => {
    const { cluster } = subject();
    const sent = configMap(subject(), { a: '1' });
    const first = await cluster.create(sent, { fieldManager: 'alice' });
    const again = await cluster.patch(keyOf(sent), { data: { a: '1' } }, { type: 'merge', fieldManager: 'alice' });
    expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });

  test('an update of what is not there is not found', async () => {
    const { cluster } = subject();
    expect(await failureOf(cluster.patch(keyOf(configMap(subject(), {})), {}, { type: 'merge' }))).toMatchObject({
      code: 'api-not-found',
    });
  });

  test.each([
    { type: 'merge' as const, patch: { data: { a: null, b: '2' } } },
    { type: 'strategic' as const, patch: { data: { a: null, b: '2' } } },
    {
      type: 'json' as const,
      patch: [
        { op: 'remove', path: '/data/a' },
        { op: 'add', path: '/data/b', value: '2' },
      ],
    },
  ])('a $type patch changes, adds and removes fields', async ({ type, patch }) => {
    const { cluster } = subject();
    const sent = configMap(subject(), { a: '1', c: '3' });
    await cluster.create(sent);
    expect((await cluster.patch(keyOf(sent), patch, { type }))['data']).toEqual({ b: '2', c: '3' });
  });

  test('a json patch whose test fails changes nothing', async () => {
    const { cluster } = subject();
    const sent = configMap(subject(), { a: '1' });
    await cluster.create(sent);
    const patch = [
      { op: 'test', path: '/data/a', value: 'other' },
      { op: 'replace', path: '/data/a', value: '2' },
    ];
    expect(await failureOf(cluster.patch(keyOf(sent), patch, { type: 'json' }))).toMatchObject({ code: 'api-invalid' });
    expect((await cluster.get(keyOf(sent)))?.['data']).toEqual({ a: '1' });
  });

  test('a strategic patch merges containers by name', async () => {
    const { cluster } = subject();
    const sent = deployment(subject(), { name: 'c', image: 'a:1', env: [{ name: 'A', value: '1' }] });
    await cluster.create(sent);
    const containers = [{ name: 'c', env: [{ name: 'B', value: '2' }] }];
    const { spec } = (await cluster.patch(
      keyOf(sent),
      { spec: { template: { spec: { containers } } } },
      { type: 'strategic' },
    )) as {
      spec?: { template: { spec: { containers: { image: string; env: { name: string }[] }[] } } };
    };
    expect(spec?.template.spec.containers).toMatchObject([{ image: 'a:1' }]);
    expect(spec?.template.spec.containers[0]?.env.map(({ name }) => name).sort()).toEqual(['A', 'B']);
  });

  test('a patch that names a version is refused when that is not the latest', async () => {
    const { cluster } = subject();
    const sent = configMap(subject(), { a: '1' });
    const { resourceVersion = '' } = (await cluster.create(sent)).metadata;
    await cluster.patch(keyOf(sent), { data: { a: '2' } }, { type: 'merge' });
    const stale = cluster.patch(keyOf(sent), { metadata: { resourceVersion }, data: { a: '3' } }, { type: 'merge' });
    expect(await failureOf(stale)).toMatchObject({ code: 'api-conflict' });
  });

  test('a dry run answers as the write would, and stores nothing', async () => {
    const { cluster } = subject();
    const sent = configMap(subject(), { a: '1' });
    expect(await cluster.create(sent, { dryRun: true })).toMatchObject({ data: { a: '1' } });
    expect(await cluster.apply(sent, { fieldManager: 'a', dryRun: true })).toMatchObject({ data: { a: '1' } });
    expect(await cluster.get(keyOf(sent))).toBeNull();
    const created = await cluster.create(sent);
    expect(await cluster.patch(keyOf(sent), { data: { a: '2' } }, { type: 'merge', dryRun: true })).toMatchObject({
      data: { a: '2' },
    });
    expect(await cluster.get(keyOf(sent))).toEqual(created);
  });

  test('what is immutable does not change', async () => {
    const { cluster } = subject();
    const sent = { ...configMap(subject(), { a: '1' }), immutable: true };
    await cluster.create(sent);
    const error = await failureOf(cluster.patch(keyOf(sent), { data: { a: '2' } }, { type: 'merge' }));
    expect(error).toMatchObject({ code: 'api-invalid', message: expect.stringContaining('field is immutable') });
    const rollout = deployment(subject(), { name: 'c', image: 'a:1' });
    await cluster.create(rollout);
    const selector = { matchLabels: { app: 'other' } };
    const moved = cluster.patch(
      keyOf(rollout),
      { spec: { selector, template: { metadata: { labels: { app: 'other' } } } } },
      { type: 'merge' },
    );
    expect(await failureOf(moved)).toMatchObject({
      code: 'api-invalid',
      message: expect.stringContaining('field is immutable'),
    });
  });
}
