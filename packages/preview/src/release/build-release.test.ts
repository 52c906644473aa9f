import { join } from 'node:path';
import { MemoryCluster } from '@plumb/memory-cluster';
import { chartOf, type ChartFiles } from '@plumb/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import type { BuiltRelease } from './build-release.ts';
import { printRelease } from './print-release.ts';
import { object, ReleaseBench, releaseOf, valuesSecret, type BenchRequest } from './testing/release-bench.ts';

const bench = new ReleaseBench();
afterAll(() => bench.engine.close());

const ALL = { crds: true, hooks: true, notes: true };
const FROM_SECRET = releaseOf({ valuesFrom: [{ kind: 'Secret', name: 'values' }] });

const build = (files: ChartFiles, request: BenchRequest = {}): Promise<BuiltRelease> =>
  bench.build(chartOf(files), request);
const print = async (files: ChartFiles, request: BenchRequest = {}): Promise<string> =>
  printRelease(await build(files, request), ALL);

/** A template of a ConfigMap with these data. */
function map(data: string, name = 'map'): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "${name}"}\ndata:\n${data
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')}\n`;
}

function hook(name: string, events: string, more = ''): string {
  return `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n  annotations: {helm.sh/hook: "${events}"${more}}\nspec: {a: "{{ .Values.token }}"}\n`;
}

const CRD = (kind: string, scope = 'Namespaced'): string =>
  JSON.stringify({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.toLowerCase()}s.example.com` },
    spec: {
      group: 'example.com',
      scope,
      names: { kind, plural: `${kind.toLowerCase()}s` },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  });

test('what is printed is what is applied, in its order, with hooks around it', async () => {
  const files = {
    'templates/web.yaml': 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n',
    'templates/map.yaml': map('a: "{{ .Values.a }}"\nrelease: "{{ .Release.Name }} {{ .Release.Revision }}"'),
    'templates/role.yaml': 'apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: reader}\n',
    'templates/later.yaml': hook('later', 'post-install,test'),
    'templates/sooner.yaml': hook(
      'sooner',
      'pre-install',
      ', helm.sh/hook-weight: "-2", helm.sh/hook-delete-policy: hook-succeeded',
    ),
    'templates/last.yaml': hook('last', 'post-delete'),
    'templates/NOTES.txt': 'Hello {{ .Values.a }}\n\n\tbye\u001b[31m\n',
    'crds/odd.yaml': CRD('Odd'),
  };
  const release = releaseOf({
    values: { a: 'yes', token: 't' },
    commonMetadata: { labels: { team: 'shop' } },
    postRenderers: [
      {
        kustomize: {
          patches: [{ target: { kind: 'Deployment' }, patch: '[{"op":"replace","path":"/spec/replicas","value":5}]' }],
        },
      },
    ],
  });
  const text = await print(files, { release });
  await expect(text).toMatchFileSnapshot(join(import.meta.dirname, 'testing', 'printed.yaml'));
  const bare = printRelease(await build(files, { release }), { crds: false, hooks: false, notes: false });
  expect(bare.match(/^kind: .*/gm)).toEqual(['kind: ClusterRole', 'kind: ConfigMap', 'kind: Deployment']);
  expect(bare).not.toContain('NOTES');
});

describe('of values of Secrets nothing is shown', () => {
  const values = { token: 's3cr3t-value', port: 48151, short: 'abc', list: ['first-item'], on: true };
  const given = [valuesSecret(values)];
  const shown = async (data: string, request: BenchRequest = {}): Promise<unknown> => {
    const built = await build({ 'templates/a.yaml': map(data) }, { release: FROM_SECRET, given, ...request });
    const [only] = built.rendered.bundle.objects;
    return only === undefined ? undefined : built.secrets.masked(only)['data'];
  };

  test.each([
    ['a value', 'a: "{{ .Values.token }}"'],
    ['a number', 'a: {{ .Values.port }}'],
    ['a short one inside a text', 'a: "x-{{ .Values.short }}-y"'],
    ['what is made of one', 'a: "{{ .Values.token | upper | trunc 3 }}"'],
    ['a digest', 'a: "{{ .Values.token | sha256sum }}"'],
    ['an encoded one', 'a: "{{ .Values.token | b64enc }}"'],
    ['a length', 'a: "{{ len .Values.token }}"'],
    ['an item of a list', 'a: "{{ index .Values.list 0 }}"'],
    ['all of them', 'a: {{ .Values | toJson | quote }}'],
  ])('%s', async (_name, data) => {
    expect(await shown(data)).toEqual({ a: '***' });
  });

  test('but what has nothing to do with them is', async () => {
    const data = 'a: "seen"\nb: "{{ if .Values.on }}on{{ end }}"\nc: "{{ .Release.Name }}"';
    expect(await shown(data)).toEqual({ a: 'seen', b: 'on', c: 'cart' });
  });

  test('not in names, keys, hooks, notes and Secrets', async () => {
    const files = {
      'templates/a.yaml': map('"{{ .Values.short }}": x', 'map-{{ .Values.short }}'),
      'templates/b.yaml':
        'apiVersion: v1\nkind: Secret\nmetadata: {name: b}\nstringData: {own: "{{ .Values.on }}-own-value"}\n',
      'templates/c.yaml': hook('c', 'pre-install'),
      'templates/NOTES.txt': 'plain\nuse {{ .Values.token | b64enc }}\n',
    };
    const text = await print(files, { release: FROM_SECRET, given });
    expect(text).not.toMatch(/s3cr3t|abc|own-value|48151/);
    expect(text).not.toContain(btoa('s3cr3t-value'));
    expect(text).toContain("name: '***'");
    expect(text).toContain("  '***': '***'");
    expect(text).toContain("  own: '***'");
    expect(text).toContain("spec:\n  a: '***'");
    expect(text).toContain('# plain\n# ***\n');
  });

  test('with targetPath neither', async () => {
    const release = releaseOf({ valuesFrom: [{ kind: 'Secret', name: 'one', valuesKey: 'key', targetPath: 'a.b' }] });
    const secret = object('Secret', 'one', { data: { key: btoa('target-value') } });
    expect(
      await shown('a: "{{ .Values.a.b }}"\nb: "{{ .Values.a.b | sha1sum }}"', { release, given: [secret] }),
    ).toEqual({
      a: '***',
      b: '***',
    });
  });

  test('where the chart bears no other value for some of them', async () => {
    const given = [valuesSecret({ type: 'ClusterIP', token: 's3cr3t-value', size: '10Gi' })];
    const data = [
      '{{- if ne .Values.type "ClusterIP" }}{{ fail "no such type" }}{{ end }}',
      'a: "{{ .Values.type }}"',
      'b: "{{ .Values.token | sha256sum }}"',
      'c: "{{ .Values.size | trimSuffix "Gi" }}"',
    ].join('\n');
    expect(await shown(data, { given })).toEqual({ a: '***', b: '***', c: '***' });
  });

  test('where one is required, and no other is taken', async () => {
    const given = [valuesSecret({ type: 'ClusterIP' })];
    const data =
      '{{- if ne (required "needed" .Values.type) "ClusterIP" }}{{ fail "no" }}{{ end }}\na: "{{ .Values.type }}"\nb: "x"';
    expect(await shown(data, { given })).toEqual({ a: '***', b: 'x' });
  });

  test('in what goes wrong neither', async () => {
    const failing = shown('a: {{ fail .Values.token }}');
    await expect(failing).rejects.toMatchObject({ code: 'build-failed' });
    await expect(failing).rejects.not.toThrow(/s3cr3t/);
  });

  test('of what is looked up neither', async () => {
    const cluster = new MemoryCluster();
    await cluster.create(object('Namespace', 'shop', {}, ''));
    await cluster.create(object('Secret', 'license', { data: { key: btoa('live-license') } }));
    const data = [
      '{{- $one := lookup "v1" "Secret" .Release.Namespace "license" }}',
      '{{- $all := lookup "v1" "Secret" .Release.Namespace "" }}',
      'a: {{ $one.data.key }}',
      'b: {{ $one.data.key | b64dec | sha256sum }}',
      'c: {{ (index $all.items 0).data.key | b64dec | upper }}',
      'd: {{ $one.metadata.name }}',
    ].join('\n');
    expect(await shown(data, { release: releaseOf(), given: [], cluster })).toEqual({
      a: '***',
      b: '***',
      c: '***',
      d: 'license',
    });
  });
});

describe('values', () => {
  const files = { 'values.yaml': 'a: chart\n', 'templates/a.yaml': map('a: "{{ .Values.a }}"\nb: "{{ .Values.b }}"') };
  const valuesFrom = [{ kind: 'ConfigMap', name: 'one' }];
  const one = object('ConfigMap', 'one', { data: { 'values.yaml': 'a: one\nb: one\n' } });

  test('come from given files first, then from the cluster, and inline ones win', async () => {
    const cluster = new MemoryCluster();
    await cluster.create(object('Namespace', 'shop', {}, ''));
    await cluster.create(object('ConfigMap', 'one', { data: { 'values.yaml': 'a: live\nb: live\n' } }));
    const release = releaseOf({ valuesFrom, values: { b: 'inline' } });
    expect(await print(files, { release, cluster })).toContain('a: live\n  b: inline');
    expect(await print(files, { release, cluster, given: [one] })).toContain('a: one\n  b: inline');
  });

  test('that are encrypted are not taken for what they are', async () => {
    const release = releaseOf({ valuesFrom: [{ kind: 'Secret', name: 'values' }] });
    const given = [valuesSecret('ENC[AES256_GCM,data:abc,type:str]')];
    await expect(print(files, { release, given })).rejects.toThrow(
      /^could not resolve Secret .* it is encrypted in the file/,
    );
  });

  test('that nobody gave are named, unless they are optional', async () => {
    await expect(print(files, { release: releaseOf({ valuesFrom }) })).rejects.toMatchObject({
      code: 'invalid-spec',
      message:
        "could not resolve ConfigMap chart values reference 'shop/one' with key 'values.yaml': it is in the cluster: give it in a file (--with), or the cluster to read it from (--kubeconfig)",
    });
    const optional = releaseOf({ valuesFrom: [{ ...valuesFrom[0], optional: true }] });
    expect(await print(files, { release: optional })).toContain('a: chart');
  });
});

describe('without a cluster', () => {
  test('what is taken for granted is told', async () => {
    const files = {
      'templates/a.yaml': map(
        'a: "{{ (lookup "v1" "Secret" "shop" "db") | len }}"\nb: "{{ (lookup "v1" "Node" "" "").items }}"',
      ),
      'templates/b.yaml':
        'apiVersion: example.com/v1\nkind: Odd\nmetadata: {name: b}\n---\napiVersion: example.com/v1\nkind: Wide\nmetadata: {name: c}\n',
      'crds/odd.yaml': CRD('Odd'),
    };
    const { assumptions, rendered } = await build(files);
    expect(assumptions).toEqual([
      'the cluster is Kubernetes v1.37.2 (--kube-version)',
      'a Wide of example.com is in a namespace',
      'there is no Secret/shop/db, which the chart looks up',
      'there is no Node, which the chart looks up',
    ]);
    expect(rendered.bundle.objects.map(({ key }) => key.namespace)).toEqual(['shop', 'shop', 'shop']);
  });

  test('kinds are in the namespaces that definitions say: of the chart, and of given files', async () => {
    const odd = 'apiVersion: example.com/v1\nkind: Odd\nmetadata: {name: b}\n';
    const own = await build({ 'templates/b.yaml': odd, 'crds/odd.yaml': CRD('Odd', 'Cluster') });
    expect(own.rendered.bundle.objects[0]?.key.namespace).toBe('');
    const given = [JSON.parse(CRD('Odd', 'Cluster'))];
    const { rendered, assumptions } = await build({ 'templates/b.yaml': odd }, { given });
    expect(rendered.bundle.objects[0]?.key.namespace).toBe('');
    expect(assumptions).not.toContain('a Odd of example.com is in a namespace');
  });

  const capabilities = map(
    [
      'version: {{ .Capabilities.KubeVersion.Version }}',
      'apps: "{{ .Capabilities.APIVersions.Has "apps/v1/Deployment" }}"',
      'odd: "{{ .Capabilities.APIVersions.Has "example.com/v1/Odd" }}"',
      'monitor: "{{ .Capabilities.APIVersions.Has "monitoring.coreos.com/v1" }}"',
    ].join('\n'),
  );

  test('templates see Kubernetes itself, and what is given', async () => {
    const files = { 'templates/a.yaml': capabilities };
    expect(await print(files)).toContain("version: v1.37.2\n  apps: 'true'\n  odd: 'false'\n  monitor: 'false'");
    const request = { kubeVersion: '1.30', apiVersions: ['monitoring.coreos.com/v1'] };
    expect(await print(files, request)).toContain("version: v1.30\n  apps: 'true'\n  odd: 'false'\n  monitor: 'true'");
    expect((await build(files, request)).assumptions).toEqual([]);
    await expect(print(files, { kubeVersion: 'new' })).rejects.toThrow('"vnew" cannot be read');
  });

  test('templates see what the chart defines, unless it is skipped', async () => {
    const files = { 'templates/a.yaml': capabilities, 'crds/odd.yaml': CRD('Odd') };
    expect(await print(files)).toContain("odd: 'true'");
    const skipping = await print(files, { release: releaseOf({ install: { crds: 'Skip' } }) });
    expect(skipping).toContain("odd: 'false'");
    expect(skipping).not.toContain('CustomResourceDefinition');
  });
});

test('is rendered as for an upgrade where that is asked for', async () => {
  const files = { 'templates/a.yaml': map('a: "{{ .Release.IsUpgrade }} {{ .Release.Revision }}"') };
  expect(await print(files)).toContain('a: false 1');
  expect(await print(files, { isUpgrade: true })).toContain('a: true 2');
});
