import type { KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recordIn } from './support/helm.ts';
import { configMapTemplate, historyOf, messageOf, recordsOf, says } from './support/release-facts.ts';
import { Releases } from './support/releases.ts';

let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start();
});
afterAll(async () => {
  await releases.close();
});

const WATCHED = { 'reconcile.fluxcd.io/watch': 'Enabled' };
const CHART = {
  'values.yaml': 'a: chart\n',
  'templates/main.yaml': configMapTemplate('main', { values: '{{ .Values | toJson | quote }}' }),
};
const configMap = (name: string, data: Record<string, string>, labels = {}): Promise<KubeObject> => {
  const metadata = { name, namespace: releases.world.namespace, labels };
  return releases.world.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data } as KubeObject);
};
const secret = (name: string, texts: Record<string, string>, labels = {}): Promise<KubeObject> => {
  const data = Object.fromEntries(
    Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  );
  const metadata = { name, namespace: releases.world.namespace, labels };
  return releases.world.apply({ apiVersion: 'v1', kind: 'Secret', metadata, data } as KubeObject);
};

/** What templates see, but for what Helm adds. */
async function seenBy(name: string): Promise<Record<string, unknown>> {
  const data = (await releases.object('ConfigMap', `${name}-main`))?.['data'] as { values: string };
  const { global: _helm, ...values } = JSON.parse(data.values) as Record<string, unknown>;
  return values;
}

async function released(name: string, spec: Record<string, unknown>): Promise<Record<string, unknown>> {
  await releases.chart(name, CHART);
  await releases.release(name, spec);
  await releases.ready(name);
  return seenBy(name);
}

test('later ones go over earlier ones, values over all of them, and the first path into a map of values over these', async () => {
  await configMap('first', { 'values.yaml': 'a: first\nb: first\nc: first\nd: first\nkept: {one: 1}\n' });
  await secret('second', { 'own.yaml': 'b: second\nc: second\nd: second\nkept: {two: 2}\n' });
  await configMap('third', { d: 'path' });
  const valuesFrom = [
    { kind: 'ConfigMap', name: 'first' },
    { kind: 'Secret', name: 'second', valuesKey: 'own.yaml' },
    { kind: 'ConfigMap', name: 'third', valuesKey: 'd', targetPath: 'map.d' },
    { kind: 'ConfigMap', name: 'third', valuesKey: 'd', targetPath: 'd' },
  ];
  const values = { c: 'values', d: 'values', map: { d: 'values' }, kept: { three: 3 } };
  expect(await released('order', { valuesFrom, values })).toEqual({
    a: 'first',
    b: 'second',
    c: 'values',
    d: 'values',
    map: { d: 'path' },
    kept: { one: 1, two: 2, three: 3 },
  });
  const { config } = recordIn(await releases.world.get(releases.recordKey('order', 1)));
  expect(config).toMatchObject({ a: 'first', b: 'second', c: 'values', map: { d: 'path' } });
});

test('at a targetPath a text is read as helm --set reads it, or taken as it is', async () => {
  await configMap('texts', { number: '8080', flag: 'true', list: '{a,b}', dots: 'x' });
  const at = (valuesKey: string, targetPath: string, literal?: boolean): Record<string, unknown> => {
    const reference = { kind: 'ConfigMap', name: 'texts', valuesKey, targetPath };
    return literal === undefined ? reference : { ...reference, literal };
  };
  const valuesFrom = [
    at('number', 'port'),
    at('number', 'asText', true),
    at('flag', 'on'),
    at('list', 'list'),
    at('list', 'listAsText', true),
    at('dots', 'config.application\\.yml'),
    at('dots', 'items[1].name'),
  ];
  expect(await released('paths', { valuesFrom })).toEqual({
    a: 'chart',
    port: 8080,
    asText: '8080',
    on: true,
    list: ['a', 'b'],
    listAsText: '{a,b}',
    config: { 'application.yml': 'x' },
    items: [null, { name: 'x' }],
  });
});

test('what is optional may be missing; all else may not, and nothing is installed', async () => {
  const missing = { kind: 'ConfigMap', name: 'nowhere' };
  const noKey = { kind: 'ConfigMap', name: 'texts', valuesKey: 'nothing' };
  const optional = [missing, noKey].map((one) => ({ ...one, optional: true }));
  expect(await released('optional', { valuesFrom: optional })).toEqual({ a: 'chart' });
  const { namespace } = releases.world;
  await releases.chart('needed', CHART);
  for (const [one, why] of [
    [missing, `ConfigMap chart values reference '${namespace}/nowhere' with key 'values.yaml': not found`],
    [noKey, `ConfigMap chart values reference '${namespace}/texts' with key 'nothing': missing key 'nothing'`],
  ] as const) {
    await releases.release('needed', { valuesFrom: [one] });
    const message = `could not resolve ${why}`;
    const failed = await releases.until('needed', `say ${message}`, (seen) => messageOf(seen, 'Ready') === message);
    expect(says(failed, 'Ready')).toBe('False ValuesError');
  }
  expect(await recordsOf(releases, 'needed')).toEqual([]);
  await configMap('texts', { nothing: 'a: found\n' }, WATCHED);
  await releases.ready('needed');
  expect(await seenBy('needed')).toEqual({ a: 'found' });
});

test.each([
  ['values that are no map', '- a\n- b\n'],
  ['values that are no YAML', 'a: [\n'],
])('%s are told with where they are, and nothing of what runs changes', async (what, text) => {
  const name = what.endsWith('map') ? 'no-map' : 'no-yaml';
  await configMap(name, { 'values.yaml': 'a: good\n' }, WATCHED);
  const valuesFrom = [{ kind: 'ConfigMap', name }];
  await released(name, { valuesFrom });
  await configMap(name, { 'values.yaml': text }, WATCHED);
  const failed = await releases.until(name, 'fail', (seen) => says(seen, 'Ready') === 'False ValuesError');
  const where = `ConfigMap chart values reference '${releases.world.namespace}/${name}' with key 'values.yaml'`;
  expect(messageOf(failed, 'Ready')).toContain(`could not merge values of ${where}: `);
  expect(await recordsOf(releases, name)).toEqual(['v1 deployed']);
  await configMap(name, { 'values.yaml': 'a: good\n' }, WATCHED);
  expect(historyOf(await releases.ready(name))).toEqual(['v1 deployed install']);
});

test('a labelled one upgrades as soon as it changes, any other with the next run; the same values do not', async () => {
  await secret('at-once', { 'values.yaml': 'x: 1\n' }, WATCHED);
  await configMap('later', { 'values.yaml': 'b: 1\n' });
  const valuesFrom = [
    { kind: 'Secret', name: 'at-once' },
    { kind: 'ConfigMap', name: 'later' },
  ];
  expect(await released('news', { valuesFrom })).toMatchObject({ x: 1, b: 1 });
  await secret('at-once', { 'values.yaml': 'x: 2\n' }, WATCHED);
  await releases.until('news', 'be upgraded', (seen) => historyOf(seen)[0] === 'v2 deployed upgrade');
  await configMap('later', { 'values.yaml': 'b: 2\n' });
  expect(historyOf(await releases.answered('news'))[0]).toBe('v3 deployed upgrade');
  expect(await seenBy('news')).toMatchObject({ x: 2, b: 2 });
  await secret('at-once', { 'values.yaml': '# a word\nx: 2\n' }, WATCHED);
  await configMap('later', { 'values.yaml': '{"b": 2}' });
  expect(historyOf(await releases.answered('news'))[0]).toBe('v3 deployed upgrade');
  const { status } = await releases.ready('news');
  expect(status?.lastAttemptedConfigDigest).toBe(status?.history?.[0]?.configDigest);
  expect(await releases.problems()).toEqual([]);
});
