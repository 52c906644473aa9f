import { keyOf } from '@plumb/api';
import type { Json, KubeObject } from '@plumb/api';
import { expect, test } from 'vitest';

import { appliedFields, configMap, deployment, failureOf, widget } from './fixtures.ts';
import type { Subject } from './fixtures.ts';

/** Server-side apply: who owns what, and what follows from it (KEP-555). */
export function applyContract(subject: () => Subject): void {
  const apply = (object: KubeObject, fieldManager: string, force = false): Promise<KubeObject> =>
    subject().cluster.apply(object, { fieldManager, force });

  test('creates what is not there, owned by who applied it', async () => {
    const sent = configMap(subject(), { a: '1' }, { labels: { app: 'x' } });
    const live = await apply(sent, 'alice');
    expect(live).toMatchObject({ data: { a: '1' }, metadata: { labels: { app: 'x' } } });
    expect(live.metadata.managedFields).toHaveLength(1);
    expect(appliedFields(live, 'alice')).toEqual({
      'f:data': { 'f:a': {} },
      'f:metadata': { 'f:labels': { 'f:app': {} } },
    });
  });

  test('the same again makes no new version', async () => {
    const sent = configMap(subject(), { a: '1' });
    const first = await apply(sent, 'alice');
    expect(await apply(sent, 'alice')).toEqual(first);
  });

  test('a field that is no longer applied goes', async () => {
    const sent = configMap(subject(), { a: '1', b: '2' }, { annotations: { note: 'x' } });
    await apply(sent, 'alice');
    const live = await apply({ ...sent, metadata: { ...sent.metadata, annotations: {} }, data: { a: '1' } }, 'alice');
    expect(live['data']).toEqual({ a: '1' });
    expect(live.metadata.annotations ?? {}).toEqual({});
  });

  test('a field somebody else owns too stays', async () => {
    const sent = configMap(subject(), { a: '1', b: '2' });
    await apply(sent, 'alice');
    await apply({ ...sent, data: { b: '2' } }, 'bob');
    expect((await apply({ ...sent, data: { a: '1' } }, 'alice'))['data']).toEqual({ a: '1', b: '2' });
  });

  test('a field nobody applied stays as it is', async () => {
    const { cluster } = subject();
    const sent = configMap(subject(), { a: '1' });
    await apply(sent, 'alice');
    await cluster.patch(keyOf(sent), { data: { hand: 'made' } }, { type: 'merge', fieldManager: 'kubectl-edit' });
    expect((await apply({ ...sent, data: { a: '2' } }, 'alice'))['data']).toEqual({ a: '2', hand: 'made' });
  });

  test("another's field is a conflict that names manager and field", async () => {
    const sent = configMap(subject(), { a: '1', b: '1' });
    await apply(sent, 'alice');
    const error = await failureOf(apply({ ...sent, data: { a: '2' } }, 'bob'));
    expect(error).toMatchObject({ code: 'api-conflict', status: 409 });
    expect(error.message).toBe('Apply failed with 1 conflict: conflict with "alice": .data.a');
    const several = await failureOf(apply({ ...sent, data: { a: '2', b: '2' } }, 'bob'));
    expect(several.message).toBe('Apply failed with 2 conflicts: conflicts with "alice":\n- .data.a\n- .data.b');
  });

  test('force takes the field, and the other loses it', async () => {
    const sent = configMap(subject(), { a: '1', b: '1' });
    await apply(sent, 'alice');
    const live = await apply({ ...sent, data: { a: '2' } }, 'bob', true);
    expect(live['data']).toEqual({ a: '2', b: '1' });
    expect(appliedFields(live, 'alice')).toEqual({ 'f:data': { 'f:b': {} } });
    expect(appliedFields(live, 'bob')).toEqual({ 'f:data': { 'f:a': {} } });
  });

  test('an update takes the field from its applier', async () => {
    const { cluster } = subject();
    const sent = configMap(subject(), { a: '1', b: '1' });
    await apply(sent, 'alice');
    const live = await cluster.patch(keyOf(sent), { data: { a: 'drift' } }, { type: 'merge', fieldManager: 'mallory' });
    expect(appliedFields(live, 'alice')).toEqual({ 'f:data': { 'f:b': {} } });
    const update = live.metadata.managedFields?.find((entry) => entry.manager === 'mallory');
    expect(update).toMatchObject({ operation: 'Update', fieldsV1: { 'f:data': { 'f:a': {} } } });
    expect(await failureOf(apply(sent, 'alice'))).toMatchObject({
      message: expect.stringContaining('"mallory" using v1: .data.a'),
    });
    const back = await apply(sent, 'alice', true);
    expect(back['data']).toEqual({ a: '1', b: '1' });
    expect(back.metadata.managedFields).toHaveLength(1);
  });

  test('ownership that is given up in managedFields is given up; the value stays, and the next apply leaves it', async () => {
    const { cluster } = subject();
    const sent = configMap(subject(), { a: '1', b: '1' });
    const live = await apply(sent, 'alice');
    const managedFields = live.metadata.managedFields?.map((entry) => ({
      ...entry,
      fieldsV1: { 'f:data': { 'f:b': {} } },
    }));
    const patch = [
      { op: 'replace', path: '/metadata/managedFields', value: managedFields as unknown as Json },
      { op: 'replace', path: '/metadata/resourceVersion', value: live.metadata.resourceVersion ?? '' },
    ];
    const released = await cluster.patch(keyOf(sent), patch, { type: 'json', fieldManager: 'alice' });
    expect(released['data']).toEqual({ a: '1', b: '1' });
    expect(released.metadata.managedFields).toHaveLength(1);
    expect(appliedFields(released, 'alice')).toEqual({ 'f:data': { 'f:b': {} } });
    expect((await apply({ ...sent, data: { b: '2' } }, 'alice'))['data']).toEqual({ a: '1', b: '2' });
    const late = cluster.patch(keyOf(sent), patch, { type: 'json', fieldManager: 'alice' });
    expect(await failureOf(late)).toMatchObject({ code: 'api-conflict' });
  });

  test('containers, ports and variables are owned one by one', async () => {
    const container = { name: 'c', image: 'a:1', ports: [{ containerPort: 80 }], env: [{ name: 'A', value: '1' }] };
    const sent = deployment(subject(), container);
    await apply(sent, 'alice');
    const theirs = {
      ...sent,
      spec: { template: { spec: { containers: [{ name: 'c', env: [{ name: 'B', value: '2' }] }] } } },
    };
    const live = await apply(theirs, 'bob');
    expect(containersOf(live)).toMatchObject([{ name: 'c', image: 'a:1', env: [{ name: 'A' }, { name: 'B' }] }]);
    const owned = (fields: unknown): unknown =>
      (fields as Nested)?.['f:spec']?.['f:template']?.['f:spec']?.['f:containers']?.['k:{"name":"c"}'];
    expect(owned(appliedFields(live, 'alice'))).toEqual({
      '.': {},
      'f:name': {},
      'f:image': {},
      'f:env': { 'k:{"name":"A"}': { '.': {}, 'f:name': {}, 'f:value': {} } },
      'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
    });
    expect(owned(appliedFields(live, 'bob'))).toEqual({
      '.': {},
      'f:name': {},
      'f:env': { 'k:{"name":"B"}': { '.': {}, 'f:name': {}, 'f:value': {} } },
    });
    const without = await apply(
      { ...sent, spec: { ...(sent['spec'] as object), template: templateOf(sent, { name: 'c', image: 'a:1' }) } },
      'alice',
    );
    expect(containersOf(without)).toMatchObject([{ name: 'c', image: 'a:1', env: [{ name: 'B', value: '2' }] }]);
    expect((containersOf(without)[0] as { ports?: unknown }).ports).toBeUndefined();
  });

  test('a selector is owned whole', async () => {
    const live = await apply(deployment(subject(), { name: 'c', image: 'a:1' }), 'alice');
    expect((appliedFields(live, 'alice') as Nested)['f:spec']?.['f:selector']).toEqual({});
  });

  test('the lists of a custom kind are owned as its schema says', async () => {
    const sent = widget(subject(), { size: 1, words: ['a', 'b'], parts: [{ id: '1', value: 'x' }] });
    const live = await apply(sent, 'alice');
    expect((appliedFields(live, 'alice') as Nested)['f:spec']).toEqual({
      'f:size': {},
      'f:words': {},
      'f:parts': { 'k:{"id":"1"}': { '.': {}, 'f:id': {}, 'f:value': {} } },
    });
    const merged = await apply({ ...sent, spec: { parts: [{ id: '2', value: 'y' }] } }, 'bob');
    expect(merged['spec']).toMatchObject({
      parts: [
        { id: '1', value: 'x' },
        { id: '2', value: 'y' },
      ],
    });
    const error = await failureOf(apply({ ...sent, spec: { words: ['c'] } }, 'bob'));
    expect(error.message).toContain('.spec.words');
  });

  test('refuses managed fields, a wrong uid and an empty manager', async () => {
    const { cluster } = subject();
    const sent = configMap(subject(), { a: '1' });
    const live = await apply(sent, 'alice');
    expect(await failureOf(apply(live, 'alice'))).toMatchObject({
      code: 'api-invalid',
      message: 'metadata.managedFields must be nil',
    });
    const other = { ...sent, metadata: { ...sent.metadata, uid: '00000000-0000-0000-0000-000000000000' } };
    expect(await failureOf(apply(other, 'alice'))).toMatchObject({
      code: 'api-invalid',
      message: expect.stringContaining('metadata.uid: Invalid value'),
    });
    expect(await failureOf(cluster.apply(sent, { fieldManager: '' }))).toMatchObject({ code: 'api-invalid' });
  });
}

interface Nested {
  [step: string]: Nested | undefined;
}

function containersOf(object: KubeObject): unknown[] {
  return (object['spec'] as { template: { spec: { containers: unknown[] } } }).template.spec.containers;
}

function templateOf(object: KubeObject, container: object): object {
  const { template } = object['spec'] as { template: { metadata: object } };
  return { ...template, spec: { containers: [container] } };
}
