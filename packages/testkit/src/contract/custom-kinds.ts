import { keyOf } from '@plumb/api';
import { expect, test } from 'vitest';

import { configMap, failureOf, widget, WIDGET } from './fixtures.ts';
import type { Subject } from './fixtures.ts';

/** Custom kinds: schema, generation, status; and what discovery says. */
export function customKindContract(subject: () => Subject): void {
  test('unknown fields are dropped and defaults filled in', async () => {
    const { cluster } = subject();
    const created = await cluster.create(widget(subject(), { size: 1, unknown: 'x', free: { any: 'thing' } }));
    expect(created['spec']).toEqual({ size: 1, colour: 'red', free: { any: 'thing' } });
  });

  test.each([
    { what: 'a field is missing', spec: {}, says: 'spec.size: Required value' },
    {
      what: 'a value is not on the list',
      spec: { size: 1, colour: 'green' },
      says: 'spec.colour: Unsupported value: "green"',
    },
    { what: 'a number is too small', spec: { size: 0 }, says: 'should be greater than or equal to 1' },
    { what: 'a type is wrong', spec: { size: 'big' }, says: 'must be of type integer' },
  ])('when $what, the object is refused with its path', async ({ spec, says }) => {
    const { cluster } = subject();
    const sent = widget(subject(), spec);
    const error = await failureOf(cluster.create(sent));
    expect(error).toMatchObject({ code: 'api-invalid', status: 422 });
    expect(error.message).toContain(`Widget.${WIDGET.group} "${sent.metadata.name}" is invalid`);
    expect(error.message).toContain(says);
  });

  test('the generation counts changes of the spec alone', async () => {
    const { cluster } = subject();
    const sent = widget(subject(), { size: 1 });
    const key = keyOf(sent);
    const generationAfter = async (
      patch: { [name: string]: object },
      subresource?: 'status',
    ): Promise<number | undefined> =>
      (await cluster.patch(key, patch as never, { type: 'merge', ...(subresource ? { subresource } : {}) })).metadata
        .generation;
    expect((await cluster.create(sent)).metadata.generation).toBe(1);
    expect(await generationAfter({ metadata: { labels: { a: 'b' } } })).toBe(1);
    expect(await generationAfter({ status: { ready: true } }, 'status')).toBe(1);
    expect(await generationAfter({ spec: { size: 2 } })).toBe(2);
    expect(await generationAfter({ spec: { size: 2 } })).toBe(2);
  });

  test('status and the rest are written apart', async () => {
    const { cluster } = subject();
    const sent = widget(subject(), { size: 1 });
    const created = await cluster.create({ ...sent, status: { sent: 'along' } });
    expect(created['status']).toBeUndefined();
    const reported = await cluster.update(
      { ...created, spec: { size: 9 }, status: { ready: true } },
      { subresource: 'status', fieldManager: 'reporter' },
    );
    expect(reported).toMatchObject({ spec: { size: 1 }, status: { ready: true } });
    expect(reported.metadata.managedFields?.find((entry) => entry.manager === 'reporter')).toMatchObject({
      subresource: 'status',
      fieldsV1: { 'f:status': { 'f:ready': {} } },
    });
    const changed = await cluster.update({ ...reported, spec: { size: 2 }, status: {} });
    expect(changed).toMatchObject({ spec: { size: 2 }, status: { ready: true } });
  });

  test('a kind without a status subresource has none to write', async () => {
    const { cluster } = subject();
    const sent = configMap(subject(), {});
    await cluster.create(sent);
    const call = cluster.patch(keyOf(sent), { status: {} }, { type: 'merge', subresource: 'status' });
    expect(await failureOf(call)).toMatchObject({ code: 'api-not-found' });
  });

  test('an update without a version is refused', async () => {
    const { cluster } = subject();
    const sent = widget(subject(), { size: 1 });
    await cluster.create(sent);
    const error = await failureOf(cluster.update(sent));
    expect(error).toMatchObject({
      code: 'api-invalid',
      message: expect.stringContaining('must be specified for an update'),
    });
  });

  test('discovery knows built-in and custom kinds', async () => {
    const { cluster } = subject();
    const kinds = await cluster.discover({ refresh: true });
    const find = (kind: string): object | undefined =>
      kinds.find((info) => info.kind === kind && info.version === 'v1');
    expect(find('Namespace')).toMatchObject({ group: '', resource: 'namespaces', namespaced: false });
    expect(find('Deployment')).toMatchObject({ group: 'apps', resource: 'deployments', namespaced: true });
    expect(find('Widget')).toMatchObject({ group: WIDGET.group, resource: 'widgets', namespaced: true });
    expect(await cluster.resource(WIDGET)).toMatchObject({ resource: 'widgets' });
    expect(await cluster.resource({ group: 'nothing.example', version: 'v1', kind: 'Thing' })).toBeNull();
  });

  test('says its version and its health', async () => {
    const { cluster } = subject();
    expect(await cluster.version()).toMatch(/^v1\.\d+\.\d+/);
    expect(await cluster.raw('/readyz')).toBe('ok');
    expect(JSON.parse(await cluster.raw('/version'))).toMatchObject({ gitVersion: await cluster.version() });
    expect(await failureOf(cluster.raw('/no/such/path'))).toMatchObject({ code: 'api-not-found' });
  });

  test('nobody can be impersonated by an empty name (I9)', () => {
    expect(() => subject().cluster.as('')).toThrow(expect.objectContaining({ code: 'access-denied' }) as Error);
  });
}
