import { createHash } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import { CHART_YAML, chartOf } from '@plumb/testkit';
import type { ChartFiles } from '@plumb/testkit';
import { createEngine } from './create-engine.ts';
import type { HelmValuesLayer } from './helm.ts';
import { enginePath } from './testing/fake-helper.ts';
import { askFor, renderChart } from './testing/render-chart.ts';
import type { Asked } from './testing/render-chart.ts';

const engine = createEngine({ path: enginePath, slots: 1 });
afterAll(() => engine.close());

const deadline = 20_000;
const ask = (chart: ChartFiles, values = '{}', over: Partial<Asked> = {}) =>
  askFor(engine, { ...over, chart: chartOf(chart), values });
const render = (chart: ChartFiles, values = '{}', over: Partial<Asked> = {}) =>
  renderChart(engine, { ...over, chart: chartOf(chart), values });
const merge = (...layers: HelmValuesLayer[]) => engine.helmValues({ layers, deadline });

/** What one template gives for these values. */
async function line(template: string, values = '{}', files: ChartFiles = {}): Promise<string | undefined> {
  const { documents } = await render({ 'templates/line.yaml': `line: ${template}`, ...files }, values);
  return documents[0]?.text.replace(/^line: /, '');
}

describe('values', () => {
  test('of later layers win, maps are merged, and null stays', async () => {
    const result = await merge(
      { yaml: 'a: {b: 1, c: [1, 2]}\nd: x\n' },
      { yaml: 'a: {c: [3]}\nd: null\n' },
      { yaml: '' },
    );
    expect(result).toEqual({
      json: '{"a":{"b":1,"c":[3]},"d":null}',
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
    });
  });

  test('have the digest of their sorted YAML', async () => {
    const yaml = 'a:\n- c: x\n  d: 1.5\nb: 12345678901\nz: null\n';
    const digest = `sha256:${createHash('sha256').update(yaml).digest('hex')}`;
    expect(await merge({ yaml: 'z: null\nb: 12345678901\na: [{d: 1.5, c: x}]\n' })).toMatchObject({ digest });
    const none = `sha256:${createHash('sha256').digest('hex')}`;
    expect(await merge()).toEqual({ json: '{}', digest: none });
    expect(await merge({ yaml: '{}' })).toEqual({ json: '{}', digest: none });
  });

  test.each([
    ['a.b', '1', '{"a":{"b":1e0}}'],
    ['a.b', 'yes', '{"a":{"b":"yes"}}'],
    ['a.b', 'true', '{"a":{"b":true}}'],
    ['a.b', 'null', '{"a":{"b":null}}'],
    ['a.b', '0123', '{"a":{"b":"0123"}}'],
    ['a.b', '1.5', '{"a":{"b":"1.5"}}'],
    ['a.b', '"1"', '{"a":{"b":"1"}}'],
    ['a.b', "'true'", '{"a":{"b":"true"}}'],
    ['a.b', 'x,c=2', '{"a":{"b":"x"},"c":2e0}'],
    ['a[1].b', '{x,1}', '{"a":[null,{"b":["x",1e0]}]}'],
    ['a\\.b', 'x', '{"a.b":"x"}'],
  ])('at path %s set to %s', async (path, value, json) => {
    expect(await merge({ path, value, literal: false })).toMatchObject({ json });
  });

  test('that are literal stay text', async () => {
    const value = '{"a": [1, 2], \\ "b=c"}\n1';
    const result = await merge({ path: 'x.y', value, literal: true });
    expect(result).toMatchObject({ json: JSON.stringify({ x: { y: value } }) });
  });

  const path = (at: string, value: string): HelmValuesLayer => ({ path: at, value, literal: false });
  // The fourth is a test of fluxcd/pkg chartutil, the others follow from how its maps are shared.
  test.each<[string, HelmValuesLayer[], string, string]>([
    ['over those of files', [{ yaml: 'a: {b: 1, c: 2}' }], '{"a":{"b":3}}', '{"a":{"b":3,"c":2}}'],
    ['beside those of a path', [path('a.b', 'x')], '{"a":{"c":"y"}}', '{"a":{"b":"x","c":"y"}}'],
    ['under those of a path', [path('a.b', 'x')], '{"a":{"b":"y"}}', '{"a":{"b":"x"}}'],
    [
      'under those of a path, over those of a file after it',
      [path('nested.list[0]', 'value'), { yaml: 'flat: value\nnested: {list: [one, two, three]}' }],
      '{"nested":{"list":["list","item","option"]}}',
      '{"flat":"value","nested":{"list":["value","item","option"]}}',
    ],
    ['over those of a path at the top', [path('a', 'x')], '{"a":"y"}', '{"a":"y"}'],
    [
      'over those of a path into a map of a file',
      [{ yaml: 'a: {}' }, path('a.b', 'x')],
      '{"a":{"b":"y"}}',
      '{"a":{"b":"y"}}',
    ],
  ])('that go over all go %s', async (_where, layers, over, json) => {
    expect(await engine.helmValues({ layers, over, deadline })).toMatchObject({ json });
  });

  test('that go over all and are none are named by their place', async () => {
    const result = await engine.helmValues({ layers: [{ yaml: 'a: 1' }], over: '["hunter2"]', deadline });
    expect(result).toEqual({ layer: 1, error: expect.stringMatching(/\w/) as string });
    expect(JSON.stringify(result)).not.toContain('hunter2');
  });

  test('that are no YAML say where, in the words of the reader', async () => {
    const result = await merge({ yaml: 'a: [1\nb: 2\n' });
    expect(result).toEqual({
      layer: 0,
      error: "error converting YAML to JSON: yaml: line 1: did not find expected ',' or ']'",
    });
  });

  test.each<[string, HelmValuesLayer]>([
    ['YAML that is none', { yaml: 'password: "hunter2\n' }],
    ['YAML that is no map', { yaml: '- hunter2\n' }],
    ['an alias to nothing', { yaml: 'a: *hunter2\n' }],
    ['a tag that does not fit', { yaml: 'a: !!int hunter2\n' }],
    ['a value with a comma', { path: 'a', value: 'hunter,hunter2', literal: false }],
    ['a list without end', { path: 'a', value: '{hunter2', literal: false }],
    ['an index that is none', { path: 'a[x]', value: 'hunter2', literal: false }],
    ['an index beyond what Helm allows', { path: 'a[99999]', value: 'hunter2', literal: false }],
    ['no path', { path: '', value: 'hunter2', literal: true }],
  ])('of a layer with %s say which and why, and quote nothing', async (_name, layer) => {
    const result = await merge({ yaml: 'a: 1' }, layer);
    expect(result).toEqual({ layer: 1, error: expect.stringMatching(/\w/) as string });
    expect(JSON.stringify(result)).not.toContain('hunter2');
  });

  test('that are text with line ends of YAML keep them where they come as JSON', async () => {
    const yaml = JSON.stringify({ a: 'x\u2028y\u0085z \u007f' });
    expect(JSON.parse(((await merge({ yaml })) as { json: string }).json)).toEqual({ a: 'x\u2028y\u0085z \u007f' });
  });

  test('set by a path are whole numbers to templates, those of a file floats', async () => {
    const result = await merge({ yaml: 'file: 10000000' }, { path: 'path', value: '10000000', literal: false });
    const { json } = result as { json: string };
    expect(await line('{{ .Values.file }} {{ .Values.path }}', json)).toBe('1e+07 10000000');
  });
});

describe('a chart', () => {
  test('tells its metadata', async () => {
    const more = 'appVersion: "7"\ntype: library\ndeprecated: true\ndescription: Web\nkubeVersion: ">=1.30"\n';
    const chart = chartOf({ 'Chart.yaml': CHART_YAML + more });
    expect(await engine.helmChart({ chart, deadline })).toEqual({
      name: 'web',
      version: '1.2.3',
      appVersion: '7',
      type: 'library',
      deprecated: true,
      description: 'Web',
      kubeVersion: '>=1.30',
    });
  });
});

describe('a rendering', () => {
  test('gives documents in install order, hooks, CRDs, notes, and what a record holds', async () => {
    const result = await render(
      {
        'values.yaml': 'image: web\n',
        'templates/a.yaml': 'kind: Deployment\nmetadata: {name: "{{ .Release.Name }}"}\n---\n# nothing\n',
        'templates/b.yaml': 'kind: Namespace\nimage: {{ .Values.image }}-{{ .Values.tag }}\n',
        'templates/c.yaml':
          'kind: Job\nmetadata:\n  name: go\n  annotations: {helm.sh/hook: "pre-install,post-upgrade", helm.sh/hook-weight: "-5", helm.sh/hook-delete-policy: hook-succeeded}\n',
        'templates/NOTES.txt': 'Hello {{ .Chart.Version }}',
        'crds/x.yaml': 'kind: CustomResourceDefinition # {{ not a template }}\n',
      },
      '{"tag":"v1"}',
    );
    const { metadata, documents, hooks, crds, notes, chart, config } = result;
    expect(metadata).toMatchObject({ name: 'web', version: '1.2.3' });
    expect(documents).toEqual([
      { path: 'web/templates/b.yaml', text: 'kind: Namespace\nimage: web-v1\n' },
      { path: 'web/templates/a.yaml', text: 'kind: Deployment\nmetadata: {name: "shop"}\n' },
      { path: 'web/templates/a.yaml', text: '# nothing\n' },
    ]);
    expect(hooks).toEqual([
      {
        name: 'go',
        kind: 'Job',
        path: 'web/templates/c.yaml',
        manifest: expect.stringMatching(/^kind: Job\n/) as string,
        events: ['pre-install', 'post-upgrade'],
        weight: -5,
        deletePolicies: ['hook-succeeded'],
        outputLogPolicies: [],
      },
    ]);
    expect(crds).toEqual([
      { path: 'web/crds/x.yaml', text: 'kind: CustomResourceDefinition # {{ not a template }}\n' },
    ]);
    expect(notes).toBe('Hello 1.2.3');
    expect(JSON.parse(chart)).toMatchObject({ metadata: { name: 'web' }, values: { image: 'web' }, schema: null });
    expect(config).toBe('{"tag":"v1"}');
  });

  test('asks for what its templates look up, until it is answered', async () => {
    const template =
      '{{ dig "data" "a" "none" (lookup "v1" "Secret" "apps" "key") }} {{ len (lookup "v1" "Node" "" "").items }}';
    const files = { 'templates/a.yaml': `a: ${template}` };
    const secret = { apiVersion: 'v1', kind: 'Secret', namespace: 'apps', name: 'key' };
    const nodes = { apiVersion: 'v1', kind: 'Node', namespace: '', name: '' };
    expect(await ask(files)).toEqual({ needs: [secret, nodes] });
    const list = { ...nodes, json: '{"kind":"NodeList","items":[{},{}]}' };
    const lookups = [{ ...secret, json: '{"data":{"a":"x"}}' }, list];
    expect(await render(files, '{}', { lookups })).toMatchObject({ documents: [{ text: 'a: x 2' }] });
    expect(await render(files, '{}', { lookups: [{ ...secret, json: null }, list] })).toMatchObject({
      documents: [{ text: 'a: none 2' }],
    });
    await expect(render(files, '{}', { lookups: [{ ...secret, error: 'forbidden' }, list] })).rejects.toThrow(
      /error calling lookup: forbidden/,
    );
  });

  test('that fails for want of an object asks for it all the same', async () => {
    const files = { 'templates/a.yaml': 'a: {{ (lookup "v1" "Secret" "apps" "key").data.a }}' };
    const secret = { apiVersion: 'v1', kind: 'Secret', namespace: 'apps', name: 'key' };
    expect(await ask(files)).toEqual({ needs: [secret] });
    await expect(ask(files, '{}', { lookups: [{ ...secret, json: null }] })).rejects.toThrow(
      'nil pointer evaluating interface {}.a',
    );
  });

  test('is the same each time', async () => {
    const names = ['d', 'b', 'e', 'a', 'c'];
    const below = names.map((name) => ({
      [`charts/${name}/Chart.yaml`]: `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`,
      [`charts/${name}/crds/x.yaml`]: 'kind: CustomResourceDefinition\n',
      [`charts/${name}/values.yaml`]: '{b: 1, a: 2}',
      [`charts/${name}/templates/a.yaml`]: 'a: {{ toYaml .Values | quote }}',
    }));
    const files: ChartFiles = Object.assign({}, ...below);
    const first = await render(files);
    expect(first.crds.map(({ path }) => path)).toEqual(names.sort().map((name) => `web/charts/${name}/crds/x.yaml`));
    for (let time = 0; time < 20; time += 1) expect(await render(files)).toEqual(first);
  });

  test('reuses the values of the release before on request', async () => {
    const files = {
      'values.yaml': 'a: new\nb: new\nc: new\n',
      'templates/a.yaml': 'a: {{ .Values.a }} {{ .Values.b }} {{ .Values.c }} {{ .Values.d }}',
    };
    const reuse = { chartValues: '{"a":"old","b":"old","d":"old"}', config: '{"b":"mine"}' };
    const result = await render(files, '{"c":"now"}', { reuse });
    expect(result.documents[0]?.text).toBe('a: old mine now old');
    expect(result.config).toBe('{"b":"mine","c":"now"}');
    expect(JSON.parse(result.chart)).toMatchObject({ values: { a: 'old', b: 'mine', d: 'old' } });
  });

  test('knows the release and the cluster', async () => {
    const template =
      '{{ .Release.Name }} {{ .Release.Namespace }} {{ .Release.Revision }} {{ .Release.IsUpgrade }} {{ .Release.IsInstall }} {{ .Release.Service }} {{ .Capabilities.KubeVersion }} {{ .Capabilities.KubeVersion.Minor }} {{ .Capabilities.APIVersions.Has "apps/v1/Deployment" }} {{ .Capabilities.APIVersions.Has "batch/v1" }} {{ .Chart.Version }}';
    const { documents } = await render({ 'templates/a.yaml': `a: ${template}` }, '{}', {
      release: { name: 'shop', namespace: 'apps', revision: 4, isUpgrade: true },
      chartVersion: '1.2.3+abc',
      kubeVersion: 'v1.37.2-gke.1',
    });
    expect(documents[0]?.text).toBe('a: shop apps 4 true false Helm v1.37.2 37 true false 1.2.3+abc');
  });
});

describe('the digest of a release record', () => {
  const record = {
    name: 'shop',
    info: {
      first_deployed: '2026-01-02T03:04:05.000000006Z',
      last_deployed: '2026-01-02T03:04:05.000000006Z',
      description: 'Install complete',
      status: 'deployed',
    },
    chart: { metadata: { name: 'web', version: '1.2.3', apiVersion: 'v2' }, templates: [], values: { a: 1 } },
    config: { b: 12_345_678, a: '<x>' },
    manifest: '---\n# Source: web/templates/a.yaml\nkind: A\n',
    hooks: [
      { name: 'go', kind: 'Job', path: 'p', manifest: 'm', events: ['pre-install'], last_run: { phase: 'Succeeded' } },
      { name: 'try', kind: 'Pod', path: 'p', manifest: 'm', events: ['test'], last_run: { phase: '' }, weight: 3 },
    ],
    version: 2,
    namespace: 'apps',
    apply_method: 'ssa',
  };

  /** What helm-controller hashes, spelled out. */
  const observed = (more = ''): string =>
    '{"name":"shop","version":2,"info":{"first_deployed":"2026-01-02T03:04:05.000000006Z","last_deployed":"2026-01-02T03:04:05.000000006Z","description":"Install complete","status":"deployed"},' +
    '"chartMetadata":{"name":"web","version":"1.2.3","apiVersion":"v2"},"config":{"a":"\\u003cx\\u003e","b":12345678},' +
    '"manifest":"---\\n# Source: web/templates/a.yaml\\nkind: A\\n",' +
    '"hooks":[{"name":"go","kind":"Job","path":"p","manifest":"m","events":["pre-install"],"last_run":{"phase":"Succeeded"}}],' +
    `"namespace":"apps"${more}}\n`;
  const sha256 = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

  test('is that of helm-controller', async () => {
    expect(await engine.helmDigest({ record: JSON.stringify(record), deadline })).toBe(sha256(observed()));
    expect(await engine.helmDigest({ record: '{"name":"foo"}', deadline })).toBe(
      'sha256:f1498f27a16a09cd7e1ee610d924df065c03d30035638babc95dd9a8d412ce4d',
    );
  });

  test('leaves out what the Helm of helm-controller does not know, and the hooks where all are tests', async () => {
    const [, only] = record.hooks;
    const bare = { name: 'shop', version: 3, info: { status: 'deployed' }, hooks: [only], namespace: 'apps' };
    const expected =
      '{"name":"shop","version":3,"info":{"status":"deployed"},"chartMetadata":{},"config":null,"manifest":"","hooks":null,"namespace":"apps"}\n';
    const back = { ...bare, info: { ...bare.info, rollback_revision: 1 }, config: {} };
    expect(await engine.helmDigest({ record: JSON.stringify(bare), deadline })).toBe(sha256(expected));
    expect(await engine.helmDigest({ record: JSON.stringify(back), deadline })).toBe(sha256(expected));
  });

  test('covers the digest of what the chart came from', async () => {
    const found = await engine.helmDigest({ record: JSON.stringify(record), ociDigest: 'sha256:a', deadline });
    expect(found).toBe(sha256(observed(',"ociDigest":"sha256:a"')));
  });
});
