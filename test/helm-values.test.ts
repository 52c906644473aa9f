import type { Telling } from '@plumb/agent';
import { printJson } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  answered,
  configMapTemplate,
  eventsOf,
  hook,
  messageOf,
  podTemplate,
  request,
  says,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';

const SECRETS = {
  password: `canary-'one' "two" <three>`,
  certificate: '-----BEGIN-----\ncanary/line+of=it\n-----END-----\n',
  inner: '{"token": "canary-inner"}',
  pin: 123456789,
  port: 987654,
};
/** Of each value what no text may show, in whatever form. */
const CANARIES = ['canary', 'Y2FuYXJ5', '123456789', '1.23456789e', '987654', 'three'];
const FILE = printJson({ db: SECRETS, list: [{ key: 'canary-listed' }] });
const AT_PATH = 'canary-set, canary-other';

const told: Telling[] = [];
let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start({ nodes: true, agent: { tell: (telling) => told.push(telling) } });
  await releases.world.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'passwords', namespace: releases.world.namespace },
    stringData: { 'values.yaml': FILE, path: AT_PATH },
  });
});
afterAll(async () => {
  await releases.close();
});

const VALUES_FROM = {
  valuesFrom: [
    { kind: 'Secret', name: 'passwords' },
    { kind: 'Secret', name: 'passwords', valuesKey: 'path', targetPath: 'one.path', literal: true },
  ],
};

/** What shows a value of all that is said of a release: its object, its Events, the agent's log and metrics. */
async function leaksOf(name: string): Promise<string[]> {
  const object = await releases.world.get(releases.key(name));
  const texts = [
    JSON.stringify(object?.['status']),
    ...(await eventsOf(releases, name)),
    ...told.splice(0).map(({ event }) => event.message),
    ...releases.world.agent.metrics.lines(),
  ];
  return texts.filter((text) => CANARIES.some((canary) => text.includes(canary)));
}

const failing = (name: string) =>
  releases.until(name, 'fail', (seen) => says(seen, 'Ready')?.startsWith('False') === true);

test.each([
  ['as-it-is', '.Values.db.password'],
  ['base64', '(b64enc .Values.db.password)'],
  ['json', '(toJson .Values.db)'],
  ['quoted', '(printf "%q" .Values.db.password)'],
  ['squoted', '(squote .Values.db.password)'],
  ['yaml', '(toYaml .Values)'],
  ['url', '(urlquery .Values.db.password)'],
  ['line', '(index (splitList "\\n" .Values.db.certificate) 1)'],
  ['lines-quoted', '(toJson .Values.db.certificate)'],
  ['number', '(toString .Values.db.pin)'],
  ['leaf-of-a-text', '(fromJson .Values.db.inner).token'],
  ['in-a-list', '(first .Values.list).key'],
  ['target-path', '.Values.one.path'],
  ['cut-off', '(trunc 20 .Values.one.path)'],
])('what a template fails with shows no value: %s', async (name, value) => {
  const more = name === 'cut-off' ? `${value} "..."` : value;
  const text = name === 'cut-off' ? `{{ fail (print ${more}) }}` : `{{ fail ${value} }}`;
  await releases.chart(name, { 'templates/main.yaml': text });
  await releases.release(name, VALUES_FROM);
  const release = await failing(name);
  expect(messageOf(release, 'Ready')).toMatch(/^Helm install failed for release .*: execution error at .*\*\*\*|…/s);
  expect(await leaksOf(name)).toEqual([]);
});

test('nor does what its templates look up in Secrets', async () => {
  const secret = '(lookup "v1" "Secret" .Release.Namespace "passwords")';
  await releases.chart('looked-up', { 'templates/main.yaml': `{{ fail (b64dec (dig "data" "path" "" ${secret})) }}` });
  await releases.release('looked-up');
  await failing('looked-up');
  expect(await leaksOf('looked-up')).toEqual([]);
});

test('nor what the API server refuses, of an object or of a hook', async () => {
  const service = (annotations: string): string =>
    `apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Release.Name }}-refused\n${annotations}spec:\n  ports: [{port: {{ .Values.db.port | int }}}]\n`;
  const label = `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-label\n  labels: {a: {{ .Values.db.password | quote }}}\n`;
  const charts = {
    port: service(''),
    label,
    hook: service('  annotations: {helm.sh/hook: pre-install}\n'),
    kind: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: [{{ .Values.db.password | quote }}]\n',
  };
  for (const [name, text] of Object.entries(charts)) {
    await releases.chart(name, { 'templates/main.yaml': text });
    await releases.release(name, VALUES_FROM);
    await failing(name);
    expect(await leaksOf(name)).toEqual([]);
  }
});

test('nor a test of the release, nor what an object says of its health', async () => {
  const test = `apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Release.Name }}-test\n  annotations: {helm.sh/hook: test}\n  labels: {a: {{ .Values.db.password | quote }}}\n`;
  await releases.chart('tested', { 'templates/test.yaml': test });
  await releases.release('tested', { ...VALUES_FROM, test: { enable: true } });
  expect(says(await failing('tested'), 'Ready')).toBe('False TestFailed');
  expect(await leaksOf('tested')).toEqual([]);
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'tills.values.shop.dev' },
    spec: {
      group: 'values.shop.dev',
      scope: 'Namespaced',
      names: { kind: 'Till', plural: 'tills', singular: 'till' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  };
  const till = `apiVersion: values.shop.dev/v1\nkind: Till\nmetadata: {name: "{{ .Release.Name }}"}\nstatus:\n  conditions:\n  - {type: Stalled, status: "True", reason: Broken, message: {{ .Values.db.password | quote }}}\n`;
  await releases.chart('health', { 'crds/tills.json': printJson(definition), 'templates/till.yaml': till });
  await releases.release('health', VALUES_FROM);
  expect(messageOf(await failing('health'), 'Ready')).toMatch(/Till\/.*health.*\*\*\*/);
  expect(await leaksOf('health')).toEqual([]);
});

test('nor the log of a hook, also when the release is deleted', async () => {
  const pod = podTemplate('pod', { behaviour: 'fail, run=100ms', annotations: hook('pre-delete') });
  const image = pod.replace(
    'shop/cart:1.0.0',
    'shop/{{ .Values.list | toString | lower | trimAll "[]:map key" }}:1.0.0',
  );
  await releases.chart('deleted', { 'templates/pod.yaml': image });
  await releases.release('deleted', VALUES_FROM);
  await releases.ready('deleted');
  await releases.world.cluster.delete(releases.key('deleted'));
  const event = await releases.world.event(releases.key('deleted'), 'UninstallFailed');
  expect(event).toMatch(/hook Pod\/\S+\/deleted-pod failed: /);
  expect(event).not.toContain('last lines of its log');
  expect(await leaksOf('deleted')).toEqual([]);
  await releases.chart('deleted', { 'templates/main.yaml': configMapTemplate('main', { a: 'b' }) }, '2.0.0');
  await releases.world.cluster.patch(releases.key('deleted'), { metadata: { finalizers: null } }, { type: 'merge' });
});

test('nor do values that cannot be merged, or have the wrong type', async () => {
  const schema = printJson({ properties: { db: { properties: { password: { type: 'integer' } } } } });
  await releases.chart('schema', {
    'values.schema.json': schema,
    'templates/a.yaml': configMapTemplate('a', { a: 'b' }),
  });
  await releases.release('schema', VALUES_FROM);
  expect(messageOf(await failing('schema'), 'Ready')).toContain('password');
  expect(await leaksOf('schema')).toEqual([]);
  await releases.chart('merged', { 'templates/a.yaml': configMapTemplate('a', { a: 'b' }) });
  await releases.release('merged', {
    valuesFrom: [{ kind: 'Secret', name: 'passwords', valuesKey: 'path', targetPath: 'one.path' }],
  });
  expect(says(await failing('merged'), 'Ready')).toBe('False ValuesError');
  await answered(releases, 'merged', await request(releases, 'merged'));
  expect(await leaksOf('merged')).toEqual([]);
});
