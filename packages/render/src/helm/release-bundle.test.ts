import { PlumbError } from '@plumb/api';
import { packChart } from '@plumb/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import { testEngine } from '../testing/memory-artifact.ts';
import { bundleOfManifest, crdObjects, hookObjects } from './release-bundle.ts';
import { objectsOf, releaseOptions, releaseSpec, renderChart } from './testing/render-chart.ts';

const engine = testEngine();
afterAll(() => engine.close());

const spec = releaseSpec();
const { isNamespaced } = releaseOptions();
const unserved = { isNamespaced: async () => null };

const crd = (kind: string, scope: string): string =>
  `apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: ${kind.toLowerCase()}s.example.com}\n` +
  `spec:\n  group: example.com\n  scope: ${scope}\n  names: {kind: ${kind}, plural: ${kind.toLowerCase()}s}\n`;
const custom = (kind: string): string =>
  `apiVersion: example.com/v1\nkind: ${kind}\nmetadata: {name: x, namespace: mine}\n---\napiVersion: example.com/v1\nkind: ${kind}\nmetadata: {name: z}\n`;

describe('a kind that the cluster does not serve yet', () => {
  const names = async (files: Record<string, string>): Promise<string[]> => {
    const chart = packChart({ 'Chart.yaml': 'apiVersion: v2\nname: web\nversion: 1.2.3\n', ...files });
    return Object.keys(objectsOf(await renderChart(engine, chart, { options: unserved })));
  };

  test('has the scope that a definition of the chart says', async () => {
    const files = {
      'crds/a.yaml': `${crd('Planet', 'Cluster')}---\n${crd('House', 'Namespaced')}`,
      'templates/a.yaml': custom('Planet'),
      'templates/b.yaml': custom('House'),
    };
    expect(await names(files)).toEqual(['House/mine/x', 'House/apps/z', 'Planet//x', 'Planet//z']);
  });

  test('also where that is a template', async () => {
    const files = { 'templates/crd.yaml': crd('Planet', 'Cluster'), 'templates/a.yaml': custom('Planet') };
    expect((await names(files)).slice(1)).toEqual(['Planet//x', 'Planet//z']);
  });

  test('is in a namespace where nobody says, or not in words that can be read', async () => {
    const expected = ['Planet/mine/x', 'Planet/apps/z'];
    expect(await names({ 'templates/a.yaml': custom('Planet') })).toEqual(expected);
    expect(await names({ 'templates/a.yaml': custom('Planet'), 'crds/a.yaml': 'a: [' })).toEqual(expected);
  });

  test('is asked for once', async () => {
    const asked: string[] = [];
    const options = {
      isNamespaced: async ({ group, version, kind }: { group: string; version: string; kind: string }) => {
        asked.push(`${group}/${version}/${kind}`);
        return true;
      },
    };
    await bundleOfManifest(`${custom('A')}---\n${custom('B')}`, spec, options);
    expect(asked).toEqual(['example.com/v1/A', 'example.com/v1/B']);
  });
});

describe('a stored manifest', () => {
  test('gives the bundle that was stored', async () => {
    const chart = packChart({
      'Chart.yaml': 'apiVersion: v2\nname: web\nversion: 1.2.3\n',
      'templates/a.yaml':
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {n: "1"}}\ndata: {a: yes, b: 2001-01-01, c: "0o7", d: "1e3", e: |\n    x\n    ---\n    y\n  , f: "null", g: "", h: "~", i: "- a", j: "# no", k: "a: b"}\n'.replace(
          '|\n    x\n    ---\n    y\n  ',
          '"x\\n---\\n# Source: y\\n---\\n"',
        ),
      'templates/b.yaml':
        'apiVersion: v1\nkind: Namespace\nmetadata: {name: b}\nspec: {n: 12345678901234567890, f: 1.5, z: null}\n',
    });
    const { manifest, bundle } = await renderChart(engine, chart);
    const read = await bundleOfManifest(manifest, spec, { isNamespaced });
    expect(read).toEqual(bundle);
  });

  test('that Helm wrote is read as Helm does, and gets the labels of the owner', async () => {
    const manifest =
      '---\n# Source: web/templates/a.yaml\n# a comment\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: {a: yes, b: 2001-01-01, a: no, m: 010}\n' +
      '---\n# Source: web/templates/a.yaml\n\n---\n# Source: web/templates/b.yaml\r\napiVersion: v1\r\nkind: Secret\r\nmetadata: {name: b, namespace: other}\r\n';
    const bundle = await bundleOfManifest(manifest, spec, { isNamespaced });
    expect(bundle.objects.map(({ key, origin }) => [key.kind, key.namespace, origin.path])).toEqual([
      ['ConfigMap', 'apps', 'web/templates/a.yaml'],
      ['Secret', 'other', 'web/templates/b.yaml'],
    ]);
    const [object] = bundle.objects;
    expect(object?.body['data']).toEqual({ a: false, b: '2001-01-01', m: 8 });
    expect(object?.body.metadata.labels).toEqual({ ...spec.ownerLabels, 'app.kubernetes.io/managed-by': 'Helm' });
    expect(bundle.warnings).toHaveLength(1);
  });

  test('need not say where its documents come from', async () => {
    const bundle = await bundleOfManifest('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n', spec, {
      isNamespaced,
    });
    expect(bundle.objects.map(({ origin }) => origin.path)).toEqual(['manifest, document 0']);
  });

  test('holds as many objects as one build may', async () => {
    const items = Array.from({ length: 20_001 }, () => '{"apiVersion":"v1"}').join(',');
    const list = `---\n# Source: web/templates/a.yaml\n{"apiVersion":"v1","kind":"List","items":[${items}]}\n`;
    await expect(bundleOfManifest(list, spec, { isNamespaced })).rejects.toThrow(
      'web/templates/a.yaml: a list of more than 20000 objects',
    );
  });

  test('names the template of what is wrong', async () => {
    const manifest = '---\n# Source: web/templates/a.yaml\nkind: ConfigMap\nmetadata: {name: a}\n';
    const error: unknown = await bundleOfManifest(manifest, spec, { isNamespaced }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PlumbError);
    expect(error).toMatchObject({
      code: 'build-failed',
      message: 'web/templates/a.yaml: ConfigMap/a has no apiVersion',
    });
  });
});

describe('the definitions of a chart', () => {
  const files = [
    { path: 'web/crds/a.yaml', text: `${crd('Planet', 'Cluster')}---\n# nothing\n---\n${crd('House', 'Namespaced')}` },
    {
      path: 'web/charts/sub/crds/a.yaml',
      text: `${crd('House', 'Cluster')}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n`,
    },
  ];

  test('are each there once, the first one, with the labels of the owner and no mark of Helm', async () => {
    const objects = await crdObjects(files, spec.ownerLabels);
    expect(objects.map(({ key, origin }) => [key.name, origin.path])).toEqual([
      ['planets.example.com', 'web/crds/a.yaml'],
      ['houses.example.com', 'web/crds/a.yaml'],
    ]);
    expect(objects[0]?.body.metadata).toEqual({ name: 'planets.example.com', labels: spec.ownerLabels });
  });

  test('are all that their folder may hold: what else is in it is told', async () => {
    const chart = packChart({
      'Chart.yaml': 'apiVersion: v2\nname: web\nversion: 1.2.3\n',
      'crds/a.yaml': files[1]?.text ?? '',
    });
    const { bundle, crds } = await renderChart(engine, chart);
    expect(crds).toHaveLength(1);
    expect(bundle.warnings).toEqual([
      'web/crds/a.yaml: holds a ConfigMap, which is left out: only CustomResourceDefinitions belong in crds/',
    ]);
  });
});

describe('a hook', () => {
  const objects = (manifest: string) => hookObjects({ path: 'web/templates/h.yaml', manifest }, spec, { isNamespaced });

  test('is created as its manifest says, in a namespace, without marks', async () => {
    expect(await objects('apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {suspend: no}\n')).toEqual([
      { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'j', namespace: 'apps' }, spec: { suspend: false } },
    ]);
  });

  test('may be for the whole cluster, or without a name', async () => {
    expect(await objects('apiVersion: v1\nkind: Namespace\nmetadata: {name: ns, namespace: x}\n')).toEqual([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } },
    ]);
    expect(await objects('apiVersion: v1\nkind: Pod\nmetadata: {generateName: p-}\n')).toEqual([
      { apiVersion: 'v1', kind: 'Pod', metadata: { generateName: 'p-', name: '', namespace: 'apps' } },
    ]);
  });

  test('that is no object names its template', async () => {
    await expect(objects('apiVersion: v1\nkind: Pod\nmetadata: {}\n')).rejects.toThrow(
      'web/templates/h.yaml: the Pod has no metadata.name',
    );
  });
});
