import type { HelmRelease, KubeObject, ObjectKey } from '@plumb/api';
import { PlumbError } from '@plumb/api';
import { EngineError } from '@plumb/engine';
import type { HelmValuesRequest, HelmValuesResult } from '@plumb/engine';
import { describe, expect, test } from 'vitest';
import { helmRelease } from '../testing/builders.ts';
import { configsOf, valuesOf } from './values.ts';

const DIGEST = 'sha256:values';
const encoded = (texts: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
const secret = (name: string, texts: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'shop' },
  data: encoded(texts),
});
const configMap = (name: string, data?: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'shop' },
  ...(data && { data }),
});

/** Values of a release in a cluster that has these objects, and what was asked of the helper. */
async function valuesIn(
  spec: Partial<HelmRelease['spec']>,
  given: { objects?: KubeObject[]; get?: () => Promise<never>; merged?: () => Promise<HelmValuesResult> } = {},
) {
  const { objects = [], merged = () => Promise.resolve({ json: '{"a":1}', digest: DIGEST }) } = given;
  const asked: HelmValuesRequest[] = [];
  const keys: ObjectKey[] = [];
  const values = await valuesOf(helmRelease({ spec }), {
    cluster: {
      get: async (key) => {
        keys.push(key);
        await given.get?.();
        return objects.find(({ kind, metadata }) => kind === key.kind && metadata.name === key.name) ?? null;
      },
    },
    engine: {
      helmValues: (request) => {
        asked.push(request);
        return merged();
      },
    },
    signal: new AbortController().signal,
  });
  return { values, asked: asked[0], keys };
}

describe('values', () => {
  test('of a release that names none are none', async () => {
    const { values, asked } = await valuesIn({});
    expect(values).toEqual({ json: '{"a":1}', digest: DIGEST, secrets: [] });
    expect(asked).toMatchObject({ layers: [], tenant: 'shop' });
    expect(asked).not.toHaveProperty('over');
  });

  test('are merged in their order, those of the object over all', async () => {
    const objects = [configMap('base', { 'values.yaml': 'a: 1' }), secret('more', { 'values.yaml': 'b: 2' })];
    const valuesFrom = [
      { kind: 'ConfigMap' as const, name: 'base' },
      { kind: 'Secret' as const, name: 'more' },
    ];
    const { asked, keys } = await valuesIn({ valuesFrom, values: { c: 3 } }, { objects });
    expect(asked).toMatchObject({ layers: [{ yaml: 'a: 1' }, { yaml: 'b: 2' }], over: '{"c":3}' });
    expect(keys.map(({ namespace }) => namespace)).toEqual(['shop', 'shop']);
  });

  test('at a path are one text, read as helm does or taken as it is', async () => {
    const objects = [configMap('config', { 'app.yml': 'x: [1]', port: '8080' })];
    const valuesFrom = [
      { kind: 'ConfigMap' as const, name: 'config', valuesKey: 'port', targetPath: 'web.port' },
      { kind: 'ConfigMap' as const, name: 'config', valuesKey: 'app.yml', targetPath: 'config', literal: true },
    ];
    expect((await valuesIn({ valuesFrom }, { objects })).asked?.layers).toEqual([
      { path: 'web.port', value: '8080', literal: false },
      { path: 'config', value: 'x: [1]', literal: true },
    ]);
  });

  test('that are optional are left out where they are not there', async () => {
    const objects = [configMap('base', { other: 'a: 1' }), configMap('empty')];
    const optional = { kind: 'ConfigMap' as const, optional: true };
    const valuesFrom = ['nowhere', 'base', 'empty'].map((name) => ({ ...optional, name }));
    expect((await valuesIn({ valuesFrom }, { objects })).asked?.layers).toEqual([]);
  });

  test("of an object's own parts are none: a key is one that is there", async () => {
    const valuesFrom = [{ kind: 'ConfigMap' as const, name: 'base', valuesKey: 'constructor', optional: true }];
    expect((await valuesIn({ valuesFrom }, { objects: [configMap('base', {})] })).asked?.layers).toEqual([]);
  });
});

describe('a reference that cannot be resolved is named', () => {
  const of = (more: object) => ({ valuesFrom: [{ kind: 'Secret' as const, name: 'passwords', ...more }] });
  const NAMED = "could not resolve Secret chart values reference 'shop/passwords' with key 'values.yaml'";

  test.each([
    ['that is not there', [], `${NAMED}: not found`],
    ['without the key', [secret('passwords', { token: 'hunter2' })], `${NAMED}: missing key 'values.yaml'`],
  ])('one %s', async (_name, objects, message) => {
    await expect(valuesIn(of({}), { objects })).rejects.toMatchObject({ code: 'invalid-spec', fault: 'user', message });
  });

  test('one that may not be read', async () => {
    const get = (): Promise<never> =>
      Promise.reject(new PlumbError('api-forbidden', 'secrets is forbidden', { fault: 'user', policy: 'retry' }));
    await expect(valuesIn(of({ optional: true }), { get })).rejects.toMatchObject({
      code: 'invalid-spec',
      message: `${NAMED}: secrets is forbidden`,
    });
  });

  test('but an API server that is away is no fault of it', async () => {
    const away = new PlumbError('api-unavailable', 'no answer', { fault: 'system', policy: 'retry' });
    await expect(valuesIn(of({}), { get: () => Promise.reject(away) })).rejects.toBe(away);
  });
});

describe('what cannot be merged is named by where it stands, and not shown', () => {
  const objects = [configMap('base', { 'values.yaml': 'a' }), secret('more', { key: 'b' })];
  const valuesFrom = [
    { kind: 'ConfigMap' as const, name: 'gone', optional: true },
    { kind: 'ConfigMap' as const, name: 'base' },
    { kind: 'Secret' as const, name: 'more', valuesKey: 'key', targetPath: 'a.b' },
  ];
  test.each([
    [0, "ConfigMap chart values reference 'shop/base' with key 'values.yaml'"],
    [1, "Secret chart values reference 'shop/more' with key 'key'"],
    [2, 'spec.values'],
  ])('layer %i', async (layer, where) => {
    const merged = () => Promise.resolve({ layer, error: 'no map' });
    await expect(valuesIn({ valuesFrom, values: { c: 1 } }, { objects, merged })).rejects.toMatchObject({
      code: 'invalid-spec',
      message: `could not merge values of ${where}: no map`,
    });
  });

  test('a helper that ended says nothing secret', async () => {
    const merged = () => Promise.reject(new EngineError('failed', 'the value hunter2-and-more is no number'));
    const more = [secret('more', { key: 'hunter2-and-more' })];
    const one = [{ kind: 'Secret' as const, name: 'more', valuesKey: 'key' }];
    await expect(valuesIn({ valuesFrom: one }, { objects: more, merged })).rejects.toMatchObject({
      code: 'build-failed',
      message: 'the value *** is no number',
    });
  });
});

test('texts of Secrets are known by their parts, those of ConfigMaps are no secrets', async () => {
  const yaml = 'database:\n  password: "hunter2 long"\n  hosts:\n  - db.shop\n  port: 543\n';
  const objects = [secret('more', { 'values.yaml': yaml }), configMap('base', { 'values.yaml': 'open: to-all' })];
  const valuesFrom = [
    { kind: 'Secret' as const, name: 'more' },
    { kind: 'ConfigMap' as const, name: 'base' },
  ];
  const { values } = await valuesIn({ valuesFrom }, { objects });
  expect(values.secrets).toEqual(expect.arrayContaining([yaml, '"hunter2 long"', 'hunter2 long', 'db.shop']));
  expect(values.secrets).not.toContain('543');
  expect(values.secrets.join('\n')).not.toContain('to-all');
});

test('what a release refers to is each named once, the way to its cluster included', () => {
  const spec = {
    valuesFrom: [
      { kind: 'Secret' as const, name: 'a' },
      { kind: 'ConfigMap' as const, name: 'a' },
      { kind: 'Secret' as const, name: 'a', valuesKey: 'b' },
    ],
    kubeConfig: { secretRef: { name: 'prod' } },
  };
  expect(configsOf(helmRelease({ spec })).map(({ kind, name }) => `${kind}/${name}`)).toEqual([
    'Secret/a',
    'ConfigMap/a',
    'Secret/prod',
  ]);
  expect(configsOf(helmRelease())).toEqual([]);
});
