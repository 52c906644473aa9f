import { HELM_CHART, printJson } from '@plumb/api';
import type { JsonObject } from '@plumb/api';
import { tarball, type ChartFiles, type TarEntry } from '@plumb/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  configMapTemplate,
  eventsOf,
  historyOf,
  hook,
  jobTemplate,
  messageOf,
  recordsOf,
  REFUSED_SERVICE,
  says,
  TOLD_WITHIN,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';
import { condition } from './support/world.ts';

let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start({ nodes: true });
});
afterAll(async () => {
  await releases.close();
});

const MAIN = configMapTemplate('main', { colour: '{{ .Values.colour }}' });
const GOOD: ChartFiles = { 'values.yaml': 'colour: green\n', 'templates/main.yaml': MAIN };

async function running(name: string, spec: JsonObject): Promise<void> {
  await releases.chart(name, GOOD);
  await releases.release(name, spec);
  await releases.ready(name);
}

/** Waits until something failed; checks that what runs is as it was. @returns what is told, which is one event */
async function failure(name: string, reason: string, records = ['v1 deployed']): Promise<string> {
  const release = await releases.until(name, 'fail', (seen) => says(seen, 'Ready') === `False ${reason}`);
  const message = messageOf(release, 'Ready') ?? '';
  const main = await releases.object('ConfigMap', `${name}-main`);
  expect(main?.['data']).toEqual({ colour: 'green' });
  expect(await recordsOf(releases, name)).toEqual(records);
  expect(historyOf(release).at(-1)).toBe('v1 deployed install');
  const told = async (): Promise<string[]> =>
    (await eventsOf(releases, name)).filter((event) => event.startsWith(`${reason}: `));
  await expect.poll(told, TOLD_WITHIN).toEqual([`${reason}: ${message}`]);
  return message;
}

const upgradeOf = (name: string): string =>
  `Helm upgrade failed for release ${releases.world.namespace}/${name} with chart ${name}@2.0.0: `;

describe('a chart', () => {
  const twice = (text: string): string => `{{ define "x" }}${text}{{ end }}{{ include "x" . }}`;
  test.each<[string, string, ChartFiles, RegExp]>([
    [
      'loops',
      'loop',
      { 'templates/bad.yaml': twice('{{ include "x" . }}') },
      /^template: loop\/templates\/bad\.yaml:1:47: .{0,400}… .{0,400}: unable to execute template$/,
    ],
    [
      'calls itself',
      'calls',
      { 'templates/bad.yaml': twice('{{ template "x" . }}') },
      /exceeded maximum template depth/,
    ],
    [
      'gives 100 MB',
      'large',
      { 'templates/bad.yaml': 'a: {{ repeat 104857600 "x" }}' },
      /^rendered output is larger than 32 MiB$/,
    ],
    [
      'gives no YAML',
      'noyaml',
      { 'templates/bad.yaml': 'a: [\n' },
      /^YAML parse error on noyaml\/templates\/bad\.yaml/,
    ],
    [
      'has a schema that the values break',
      'schema',
      { 'values.schema.json': printJson({ properties: { colour: { type: 'integer' } } }) },
      /^values don't meet the specifications of the schema\(s\) in the following chart\(s\): schema: - at '\/colour': got string, want integer$/,
    ],
  ])('that %s is refused', async (_what, name, files, problem) => {
    await running(name, {});
    await releases.chart(name, { ...GOOD, ...files }, '2.0.0');
    const message = await failure(name, 'UpgradeFailed');
    expect(message.slice(0, upgradeOf(name).length)).toBe(upgradeOf(name));
    expect(message.slice(upgradeOf(name).length)).toMatch(problem);
  });

  test('whose template never ends is given up when the time of its action is over; until then it is told to run', async () => {
    const name = 'endless';
    await running(name, { timeout: '5s' });
    const endless = '{{ range until 9000000 }}{{ range until 9000000 }}{{ end }}{{ end }}';
    await releases.chart(name, { ...GOOD, 'templates/bad.yaml': endless }, '2.0.0');
    const seen = await releases.until(name, 'run', (one) => says(one, 'Reconciling') === 'True Progressing');
    expect(messageOf(seen, 'Reconciling')).toBe("Running 'upgrade' action with timeout of 5s");
    expect(await failure(name, 'UpgradeFailed')).toBe(
      `${upgradeOf(name)}the rendering of the chart did not end within 5s`,
    );
  });

  test.each<[string, string, TarEntry, RegExp]>([
    ['leads up', 'up', { name: 'up/../../etc/passwd' }, /holds "up\/\.\.\/\.\.\/etc\/passwd", which leads out/],
    [
      'has a symlink',
      'link',
      { name: 'link/values.yaml', type: '2', linkName: '/etc/passwd' },
      /holds the link "link\/values\.yaml"/,
    ],
  ])('whose archive %s is refused', async (_what, name, entry, problem) => {
    await running(name, {});
    const yaml = `apiVersion: v2\nname: ${name}\nversion: 2.0.0\n`;
    const archive = Buffer.from(tarball([{ name: `${name}/Chart.yaml`, content: yaml }, entry]));
    await releases.offerArchive(HELM_CHART, name, archive, { version: '2.0.0' });
    expect(await failure(name, 'ArtifactFailed')).toMatch(problem);
  });
});

test.each<[string, string, JsonObject, string]>([
  ['text', 'text', { values: 'colour: red' as never }, 'could not merge values of spec.values: '],
  [
    'a list',
    'list',
    { valuesFrom: [{ kind: 'ConfigMap', name: 'wrong', valuesKey: 'list' }] },
    "could not merge values of ConfigMap chart values reference '%s/wrong' with key 'list': ",
  ],
  [
    'no YAML',
    'broken',
    { valuesFrom: [{ kind: 'ConfigMap', name: 'wrong', valuesKey: 'broken' }] },
    "could not merge values of ConfigMap chart values reference '%s/wrong' with key 'broken': ",
  ],
])('values that are %s are refused by where they stand', async (_what, name, spec, expected) => {
  await releases.world.apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'wrong', namespace: releases.world.namespace },
    data: { list: '- a\n', broken: 'a: [\n' },
  });
  await running(name, {});
  await releases.release(name, spec);
  expect(await failure(name, 'ValuesError')).toContain(expected.replace('%s', releases.world.namespace));
});

test('a hook that never finishes fails when the time of its action is over', async () => {
  const job = jobTemplate('job', { behaviour: 'run=10m', annotations: hook('pre-upgrade') });
  await running('hook', { timeout: '5s' });
  await releases.chart('hook', { ...GOOD, 'templates/job.yaml': job }, '2.0.0');
  expect(await failure('hook', 'UpgradeFailed', ['v2 failed', 'v1 deployed'])).toContain(
    `${upgradeOf('hook')}pre-upgrade hooks failed: hook Job/${releases.world.namespace}/hook-job failed: it did not end within 5s`,
  );
});

test('an object that the API server rejects keeps all others as they are', async () => {
  await running('refused', {});
  const red = configMapTemplate('main', { colour: 'red' });
  const files = { ...GOOD, 'templates/main.yaml': red, 'templates/service.yaml': REFUSED_SERVICE };
  await releases.chart('refused', files, '2.0.0');
  expect(await failure('refused', 'UpgradeFailed', ['v2 failed', 'v1 deployed'])).toMatch(
    /: Service\/\S+\/refused-refused dry-run failed \(Invalid\): .*70000.* \(refused\/templates\/service\.yaml\)$/,
  );
});

test('a definition that vanishes is missed by name, and nothing else changes', async () => {
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'gones.bad.shop.dev' },
    spec: {
      group: 'bad.shop.dev',
      scope: 'Namespaced',
      names: { kind: 'Gone', plural: 'gones', singular: 'gone' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  };
  const custom = 'apiVersion: bad.shop.dev/v1\nkind: Gone\nmetadata: {name: "{{ .Release.Name }}"}\n';
  const files = { ...GOOD, 'templates/custom.yaml': custom };
  await releases.chart('vanished', { ...files, 'crds/gones.json': printJson(definition) });
  await releases.release('vanished', { upgrade: { crds: 'Skip' } });
  await releases.ready('vanished');
  const key = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', namespace: '' };
  await releases.world.cluster.delete({ ...key, name: definition.metadata.name });
  await releases.world.until({ ...key, name: definition.metadata.name }, 'be gone', (object) => object === null);
  const red = configMapTemplate('main', { colour: 'red' });
  await releases.chart('vanished', { ...files, 'templates/main.yaml': red }, '2.0.0');
  expect(await failure('vanished', 'UpgradeFailed')).toMatch(
    /: Gone\/\S+\/vanished \(vanished\/templates\/custom\.yaml\): the cluster serves no kind Gone in bad\.shop\.dev\/v1; apply its definition first$/,
  );
});

test('what is put right again is upgraded', async () => {
  await releases.chart('loop', { ...GOOD, 'templates/more.yaml': configMapTemplate('more', { a: 'b' }) }, '3.0.0');
  const release = await releases.ready('loop');
  expect(condition(release as never, 'Ready')?.reason).toBe('UpgradeSucceeded');
  expect(await recordsOf(releases, 'loop')).toEqual(['v2 deployed', 'v1 superseded']);
  expect(await releases.problems()).toEqual([]);
});
