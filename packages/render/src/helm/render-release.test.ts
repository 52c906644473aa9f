import { PlumbError } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import { packChart } from '@plumb/testkit';
import type { ChartFiles } from '@plumb/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import { testEngine } from '../testing/memory-artifact.ts';
import type { ReleaseOptions, ReleaseSpec, RenderedRelease } from './release.ts';
import { objectsOf, renderChart } from './testing/render-chart.ts';

const engine = testEngine();
afterAll(() => engine.close());

interface Change {
  spec?: Partial<ReleaseSpec>;
  options?: Partial<ReleaseOptions>;
}

const chartYaml = 'apiVersion: v2\nname: web\nversion: 1.2.3\n';
const render = (files: ChartFiles, change: Change = {}): Promise<RenderedRelease> =>
  renderChart(engine, packChart({ 'Chart.yaml': chartYaml, ...files }), change);

async function refusal(files: ChartFiles, change: Change = {}): Promise<PlumbError> {
  const error: unknown = await render(files, change).catch((thrown: unknown) => thrown);
  if (!(error instanceof PlumbError)) throw new Error(`no PlumbError: ${String(error)}`);
  return error;
}

const configMap = (name: string, more = ''): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${more}`;
const job = (name: string, hook: string): string =>
  `apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: ${name}\n  annotations: {helm.sh/hook: "${hook}", helm.sh/hook-weight: "-5"}\nspec: {}\n`;
const owner = { 'helm.toolkit.fluxcd.io/name': 'shop', 'helm.toolkit.fluxcd.io/namespace': 'apps' };
const labels = `  labels:\n    helm.toolkit.fluxcd.io/name: shop\n    helm.toolkit.fluxcd.io/namespace: apps\n`;

/** The only object's data. */
async function dataOf(data: string): Promise<unknown> {
  const release = await render({ 'templates/a.yaml': `${configMap('a')}data:\n${data}` });
  return release.bundle.objects[0]?.body['data'];
}

function keys(release: RenderedRelease): string[] {
  return Object.keys(objectsOf(release));
}

describe('a release', () => {
  test('holds the objects of its chart in their namespaces, with the marks of Helm and of the owner', async () => {
    const release = await render({
      'templates/a.yaml': `# only a comment\n---\n${configMap('a')}`,
      'templates/ns.yaml': 'apiVersion: v1\nkind: Namespace\nmetadata: {name: extra, namespace: wrong}\n',
      'templates/other.yaml': configMap('b', '  namespace: other\n'),
      'templates/NOTES.txt': 'hello {{ .Release.Name }}',
    });
    expect(release.notes).toBe('hello shop');
    expect(release.chart).toMatchObject({ name: 'web', version: '1.2.3' });
    const marks = {
      labels: { ...owner, 'app.kubernetes.io/managed-by': 'Helm' },
      annotations: { 'meta.helm.sh/release-name': 'shop', 'meta.helm.sh/release-namespace': 'apps' },
    };
    const expected = (kind: string, metadata: KubeObject['metadata']) => ({
      apiVersion: 'v1',
      kind,
      metadata: { ...metadata, ...marks },
    });
    expect(objectsOf(release)).toEqual({
      'Namespace//extra': expected('Namespace', { name: 'extra' }),
      'ConfigMap/apps/a': expected('ConfigMap', { name: 'a', namespace: 'apps' }),
      'ConfigMap/other/b': expected('ConfigMap', { name: 'b', namespace: 'other' }),
    });
    expect(release.bundle.objects.map(({ origin }) => origin.path)).toEqual([
      'web/templates/ns.yaml',
      'web/templates/a.yaml',
      'web/templates/other.yaml',
    ]);
  });

  test('is recorded with the labels of its owner, without what is set as objects are applied', async () => {
    const { manifest, hooks } = await render({
      'templates/a.yaml': configMap('a', 'data: {x: yes, y: "010"}\n'),
      'templates/job.yaml': job('migrate', 'pre-install, pre-upgrade'),
    });
    expect(manifest).toBe(
      `---\n# Source: web/templates/a.yaml\napiVersion: v1\ndata:\n  x: 'yes'\n  'y': '010'\nkind: ConfigMap\nmetadata:\n${labels}  name: a\n`,
    );
    expect(hooks).toEqual([
      {
        name: 'migrate',
        kind: 'Job',
        path: 'web/templates/job.yaml',
        manifest: `apiVersion: batch/v1\nkind: Job\nmetadata:\n  annotations:\n    helm.sh/hook: pre-install, pre-upgrade\n    helm.sh/hook-weight: '-5'\n${labels}  name: migrate\nspec: {}\n`,
        events: ['pre-install', 'pre-upgrade'],
        weight: -5,
        deletePolicies: [],
        outputLogPolicies: [],
      },
    ]);
  });

  test('of nothing is nothing', async () => {
    const release = await render({ 'templates/a.yaml': '{{ if false }}x{{ end }}', 'templates/b.yaml': '# no\n' });
    expect(release).toMatchObject({ manifest: '', hooks: [] });
    expect(release.bundle.objects).toEqual([]);
  });

  test('has the same digest whenever it is the same', async () => {
    const files = { 'templates/a.yaml': configMap('{{ .Values.name }}') };
    const digest = async (name: string): Promise<string> =>
      (await render(files, { spec: { values: JSON.stringify({ name }) } })).bundle.digest;
    expect(await digest('a')).toBe(await digest('a'));
    expect(await digest('a')).not.toBe(await digest('b'));
  });

  test('may go under another version of its chart', async () => {
    const release = await render(
      { 'templates/a.yaml': configMap('a', 'data: {v: "{{ .Chart.Version }}"}\n') },
      { spec: { chartVersion: '1.2.3+0123456789ab' } },
    );
    expect(release.chart.version).toBe('1.2.3+0123456789ab');
    expect(release.bundle.objects[0]?.body['data']).toEqual({ v: '1.2.3+0123456789ab' });
  });

  test('may be made with the values of the one before', async () => {
    const release = await render(
      { 'templates/a.yaml': configMap('a', 'data: {{ .Values | toJson }}\n') },
      { spec: { values: '{"a":"new"}', reuse: { chartValues: '{"a":"0","c":"0"}', config: '{"b":"1"}' } } },
    );
    expect(release.bundle.objects[0]?.body['data']).toMatchObject({ a: 'new', b: '1', c: '0' });
    expect(JSON.parse(release.config)).toEqual({ a: 'new', b: '1' });
  });

  test('leaves fields of drift detection to others, where the rule is for them', async () => {
    const { bundle } = await render(
      { 'templates/a.yaml': `${configMap('a')}---\n${configMap('b')}` },
      { spec: { ignore: [{ paths: ['/data'], target: { kind: 'ConfigMap', name: 'b' } }] } },
    );
    expect(bundle.objects.map(({ ignored }) => ignored)).toEqual([[], ['/data']]);
  });
});

describe('what templates give', () => {
  test('may be lists, of lists too', async () => {
    const list =
      'apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n' +
      '- {apiVersion: v1, kind: ConfigMapList, items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}]}\n' +
      '- {apiVersion: v1, kind: Secret, metadata: {name: s}}\n';
    const release = await render({ 'templates/a.yaml': configMap('a'), 'templates/list.yaml': list });
    expect(keys(release)).toEqual(['Secret/apps/s', 'ConfigMap/apps/a', 'ConfigMap/apps/b', 'ConfigMap/apps/c']);
  });

  test('are hooks in a list, as post-renderers take it apart', async () => {
    const list = `apiVersion: v1\nkind: List\nitems:\n- ${job('j', 'test').trim().replaceAll('\n', '\n  ')}\n`;
    const release = await render({ 'templates/list.yaml': list });
    expect(release.hooks.map(({ name }) => name)).toEqual(['j']);
    expect(keys(release)).toEqual([]);
  });

  test('is in the order that Helm installs in, and within a kind in that of the templates', async () => {
    const kinds = ['Widget', 'Ingress', 'Deployment', 'ConfigMap', 'Namespace', 'Gadget'];
    const files = Object.fromEntries(
      kinds.map((kind, index) => [
        `templates/${9 - index}.yaml`,
        `apiVersion: x/v1\nkind: ${kind}\nmetadata: {name: b}\n---\napiVersion: x/v1\nkind: ${kind}\nmetadata: {name: a}\n`,
      ]),
    );
    const { bundle } = await render({
      ...files,
      'templates/0.yaml': 'apiVersion: x/v1\nkind: ConfigMap\nmetadata: {name: z}\n',
    });
    expect(bundle.objects.map(({ key }) => `${key.kind}/${key.name}`)).toEqual([
      'Namespace/b',
      'Namespace/a',
      'ConfigMap/z',
      'ConfigMap/b',
      'ConfigMap/a',
      'Deployment/b',
      'Deployment/a',
      'Ingress/b',
      'Ingress/a',
      'Gadget/b',
      'Gadget/a',
      'Widget/b',
      'Widget/a',
    ]);
  });

  test.each([
    ['  a: yes\n  b: on\n  c: y\n', { a: 'yes', b: 'on', c: 'y' }],
    ['  a: 010\n  b: 0x1F\n  c: 1_000\n', { a: 8, b: 31, c: 1000 }],
    ['  a: 12345678901234567890\n', { a: 12345678901234567890n }],
    ['  a: ~\n  b: ""\n', { a: null, b: '' }],
    ['  base: &b {x: 1}\n  more: {<<: *b, y: 2}\n', { base: { x: 1 }, more: { x: 1, y: 2 } }],
    ['  a: |\n    one\n\n    two\n', { a: 'one\n\ntwo\n' }],
  ])('are read as Flux does: %j', async (data, expected) => {
    expect(await dataOf(data)).toEqual(expected);
  });

  test('counts as Helm has it where a key is there twice, and that is told', async () => {
    const text = `${configMap('a', '  labels: {app: x}\n')}data:\n  k: first\n  k: second\n`;
    const { bundle } = await render({ 'templates/a.yaml': text });
    expect(bundle.objects[0]?.body['data']).toEqual({ k: 'second' });
    expect(bundle.warnings).toEqual([
      "web/templates/a.yaml (rendered):8: the key 'k' is there twice in a map: the last one counts",
    ]);
  });

  test('is read by kustomize where it is YAML to nobody else', async () => {
    const { bundle } = await render({ 'templates/a.yaml': `${configMap('a')}data: {a: "1\n\t2"}\n` });
    expect(bundle.objects[0]?.body['data']).toEqual({ a: '1 2' });
  });

  test('hooks of events that Helm does not know never run', async () => {
    const release = await render({ 'templates/j.yaml': job('j', 'pre-install,crd-install') });
    expect([release.hooks, keys(release)]).toEqual([[], []]);
  });
});

describe('a chart that gives no release', () => {
  test.each<[string, ChartFiles, RegExp | string, Change?]>([
    [
      'a template that fails',
      { 'templates/a.yaml': 'a: 1\nb: {{ .Values.x.y }}\n' },
      /^web\/templates\/a\.yaml:2:\d+ executing "web\/templates\/a\.yaml" at <\.Values\.x\.y>: nil pointer evaluating interface \{\}\.y$/,
    ],
    [
      'no YAML',
      { 'templates/a.yaml': 'a: 1\n  b: 2\n' },
      /^YAML parse error on web\/templates\/a\.yaml: error converting YAML to JSON: yaml: line 2: /,
    ],
    ['no map', { 'templates/a.yaml': '- 1\n' }, /^YAML parse error on web\/templates\/a\.yaml: /],
    [
      'no kind',
      { 'templates/a.yaml': 'apiVersion: v1\nmetadata: {name: a}\n' },
      'web/templates/a.yaml: object/a has no kind',
    ],
    [
      'no apiVersion',
      { 'templates/a.yaml': 'kind: Pod\nmetadata: {name: a}\n' },
      'web/templates/a.yaml: Pod/a has no apiVersion',
    ],
    [
      'no name',
      { 'templates/a.yaml': 'apiVersion: v1\nkind: Pod\nmetadata: {}\n' },
      'web/templates/a.yaml: the Pod has no metadata.name',
    ],
    [
      'a name that is to be made up',
      { 'templates/a.yaml': 'apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n' },
      'web/templates/a.yaml: the Pod has no metadata.name',
    ],
    [
      'an object twice',
      { 'templates/a.yaml': configMap('a'), 'templates/b.yaml': configMap('a', '  namespace: apps\n') },
      'web/templates/b.yaml: ConfigMap/apps/a is declared twice, first at web/templates/a.yaml: remove one',
    ],
    [
      'values of another kind',
      { 'templates/a.yaml': configMap('a'), 'values.schema.json': '{"properties":{"n":{"type":"integer"}}}' },
      /n.*(?:integer|number)/s,
      { spec: { values: '{"n":"x"}' } },
    ],
    ['no chart', { 'Chart.yaml': 'name: web\n' }, /Chart\.yaml|metadata/],
    [
      'rules of drift detection that cannot be used',
      { 'templates/a.yaml': configMap('a') },
      /^spec\.driftDetection\.ignore\[0\]\.target\.labelSelector /,
      { spec: { ignore: [{ paths: ['/a'], target: { labelSelector: '!!' } }] } },
    ],
  ])('%s', async (_what, files, message, change) => {
    const error = await refusal(files, change);
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ fault: 'user', policy: 'stall' });
  });

  test('may be had without the check of its values', async () => {
    const files = {
      'templates/a.yaml': configMap('a'),
      'values.schema.json': '{"properties":{"n":{"type":"integer"}}}',
    };
    const release = await render(files, { spec: { values: '{"n":"x"}', skipSchemaValidation: true } });
    expect(keys(release)).toEqual(['ConfigMap/apps/a']);
  });

  test('never ends: the deadline does', async () => {
    const error = await refusal(
      { 'templates/a.yaml': '{{ range until 9000000 }}{{ range until 9000000 }}{{ end }}{{ end }}' },
      { options: { deadline: 300 } },
    );
    expect(error).toMatchObject({ code: expect.stringMatching(/timeout|engine-failed/) as string, fault: 'system' });
  });

  test('is not rendered when nobody wants it any more', async () => {
    const error = await refusal({ 'templates/a.yaml': configMap('a') }, { options: { signal: AbortSignal.abort() } });
    expect(error.code).toBe('cancelled');
  });
});

describe('what comes from a Secret', () => {
  const password = 'hunter2 "quoted"\nsecond line of it';
  const change: Change = { spec: { values: JSON.stringify({ password }) }, options: { secrets: [password] } };

  test.each([
    ['as it is', '{{ fail .Values.password }}'],
    ['quoted', '{{ fail (printf "%q" .Values.password) }}'],
    ['encoded', '{{ fail (b64enc .Values.password) }}'],
    ['a line of it', '{{ fail (last (splitList "\\n" .Values.password)) }}'],
  ])('is in no error: %s', async (_form, template) => {
    const { message } = await refusal({ 'templates/a.yaml': template }, change);
    expect(message).toMatch(/^execution error at \(web\/templates\/a\.yaml:1:3\): (?:…|"…"|\\"…\\")$/);
  });

  test('is in no name', async () => {
    const options = { secrets: ['hunter2'] };
    const values = '{"name":"hunter2"}';
    const template = configMap('{{ .Values.name }}');
    const { message } = await refusal(
      { 'templates/a.yaml': `${template}---\n${template}` },
      { spec: { values }, options },
    );
    expect(message).toBe(
      'web/templates/a.yaml: ConfigMap/apps/… is declared twice, first at web/templates/a.yaml: remove one',
    );
  });

  test('is told with the bundle', async () => {
    expect((await render({ 'templates/a.yaml': configMap('a') }, change)).bundle.secrets).toEqual([password]);
  });
});
