import type { KustomizeRequest } from '@plumb/engine';
import type { PostRenderer } from '@plumb/api';
import { packChart } from '@plumb/testkit';
import type { ChartFiles } from '@plumb/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import { testEngine } from '../testing/memory-artifact.ts';
import type { PostRenderStrategy, ReleaseSpec, RenderedRelease } from './release.ts';
import { objectsOf, renderChart } from './testing/render-chart.ts';

const engine = testEngine();
afterAll(() => engine.close());

const configMap = (name: string, metadata = ''): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${metadata}`;
const hook = (name: string, kind = 'ConfigMap', event = 'pre-install'): string =>
  `apiVersion: v1\nkind: ${kind}\nmetadata:\n  name: ${name}\n  annotations: {helm.sh/hook: ${event}}\n`;
const patched = (kind: string, ...operations: object[]): PostRenderer => ({
  kustomize: { patches: [{ target: { kind }, patch: JSON.stringify(operations) }] },
});
const annotate = (key: string, kind = '.*'): PostRenderer =>
  patched(kind, { op: 'add', path: `/metadata/annotations/${key}`, value: 'x' });

function render(files: ChartFiles, spec: Partial<ReleaseSpec>): Promise<RenderedRelease> {
  const chart = packChart({ 'Chart.yaml': 'apiVersion: v2\nname: web\nversion: 1.2.3\n', ...files });
  return renderChart(engine, chart, { spec });
}

async function refusal(files: ChartFiles, spec: Partial<ReleaseSpec>): Promise<string> {
  const error: unknown = await render(files, spec).then(
    () => 'no error',
    (thrown: unknown) => thrown,
  );
  return error instanceof Error ? error.message : String(error);
}

/** Names of hooks and of objects. */
function names({ hooks, bundle }: RenderedRelease): { hooks: string[]; objects: string[] } {
  return { hooks: hooks.map(({ name }) => name), objects: bundle.objects.map(({ key }) => key.name) };
}

const both: ChartFiles = { 'templates/a.yaml': configMap('a'), 'templates/h.yaml': hook('h') };
const strategies: PostRenderStrategy[] = ['combined', 'separate', 'nohooks'];

describe('post-renderers', () => {
  test('come one after another, each with its patches and then its images', async () => {
    const pod = 'apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: main, image: "web:1"}]}\n';
    const image = { op: 'test', path: '/spec/containers/0/image', value: 'web:2' };
    const release = await render(
      { 'templates/p.yaml': pod },
      {
        postRenderers: [
          { kustomize: { images: [{ name: 'web', newTag: '2' }] } },
          {},
          patched('Pod', image, { op: 'replace', path: '/spec/containers/0/name', value: 'second' }),
        ],
      },
    );
    expect(objectsOf(release)['Pod/apps/p']?.['spec']).toEqual({ containers: [{ name: 'second', image: 'web:2' }] });
    expect(release.manifest).toContain('image: web:2');
  });

  test.each([
    ['combined', true],
    ['separate', true],
    ['nohooks', false],
  ] as const)('with the strategy %s get hooks: %s', async (postRenderStrategy, gets) => {
    const { hooks, manifest } = await render(both, { postRenderStrategy, postRenderers: [annotate('seen')] });
    expect(manifest).toContain('seen: x');
    expect(hooks[0]?.manifest.includes('seen: x')).toBe(gets);
    expect(hooks[0]?.manifest.includes('helm.toolkit.fluxcd.io/name: shop')).toBe(gets);
  });

  test('leave hooks as they are word for word where they do not get them', async () => {
    const { hooks } = await render(both, { postRenderStrategy: 'nohooks' });
    expect(hooks[0]?.manifest).toBe(hook('h'));
  });

  test('come before common metadata, and the labels of the owner go before those', async () => {
    const { bundle, hooks, manifest } = await render(both, {
      postRenderers: [patched('.*', { op: 'add', path: '/metadata/labels', value: { team: 'patch' } })],
      commonMetadata: {
        labels: { team: 'common', 'helm.toolkit.fluxcd.io/name': 'other', 'app.kubernetes.io/managed-by': 'me' },
        annotations: { note: 'common' },
      },
    });
    expect(bundle.objects[0]?.body.metadata.labels).toMatchObject({
      team: 'common',
      'helm.toolkit.fluxcd.io/name': 'shop',
      'app.kubernetes.io/managed-by': 'Helm',
    });
    expect(hooks[0]?.manifest).toContain('note: common');
    expect(manifest).toContain('app.kubernetes.io/managed-by: me');
    expect(manifest).toContain('note: common');
  });

  test.each(strategies)('leave no mark of their own (%s)', async (postRenderStrategy) => {
    const { manifest, hooks } = await render(both, { postRenderStrategy, postRenderers: [{ kustomize: {} }] });
    expect(manifest + hooks[0]?.manifest).not.toMatch(/postrender|config\.kubernetes/);
    expect(manifest).toContain('# Source: web/templates/a.yaml');
    expect(hooks[0]?.path).toBe('web/templates/h.yaml');
  });

  test.each(['combined', 'separate'] as const)('may delete a hook (%s)', async (postRenderStrategy) => {
    const patch = '$patch: delete\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: h}\n';
    const postRenderers = [{ kustomize: { patches: [{ target: { name: 'h' }, patch }] } }];
    const release = await render(both, { postRenderStrategy, postRenderers });
    expect(names(release)).toEqual({ hooks: [], objects: ['a'] });
  });

  test('may rename an object, which stays what it was', async () => {
    const rename = patched('ConfigMap', { op: 'replace', path: '/metadata/name', value: 'renamed' });
    const release = await render(
      { 'templates/a.yaml': configMap('a') },
      { postRenderers: [rename], postRenderStrategy: 'combined' },
    );
    expect(names(release)).toEqual({ hooks: [], objects: ['renamed'] });
    expect(release.bundle.objects[0]?.origin.path).toBe('web/templates/a.yaml');
  });

  test('may make a hook of an object and an object of a hook', async () => {
    const toHook = { op: 'add', path: '/metadata/annotations/helm.sh~1hook', value: 'post-install, TEST-SUCCESS' };
    const toObject = { op: 'remove', path: '/metadata/annotations/helm.sh~1hook' };
    const release = await render(
      { 'templates/a.yaml': configMap('a'), 'templates/h.yaml': hook('h', 'Secret') },
      { postRenderers: [patched('ConfigMap', toHook), patched('Secret', toObject)] },
    );
    expect(names(release)).toEqual({ hooks: ['a'], objects: ['h'] });
    expect(release.hooks[0]?.events).toEqual(['post-install', 'test']);
  });

  test('may take all annotations off an object: then nobody knows where it came from', async () => {
    const bare = patched('ConfigMap', { op: 'remove', path: '/metadata/annotations' });
    const { bundle } = await render(
      { 'templates/a.yaml': configMap('a') },
      { postRenderers: [bare], postRenderStrategy: 'separate' },
    );
    expect(bundle.objects[0]?.origin.path).toBe('generated-by-postrender-manifests-0.yaml');
  });

  test('keep the name that Kubernetes is to make up for a hook', async () => {
    const job = 'apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: run-, annotations: {helm.sh/hook: test}}\n';
    const { hooks } = await render(
      { 'templates/a.yaml': configMap('a'), 'templates/j.yaml': job, 'templates/k.yaml': job },
      { postRenderers: [annotate('seen')] },
    );
    expect(hooks.map(({ name, path }) => [name, path])).toEqual([
      ['', 'web/templates/j.yaml'],
      ['', 'web/templates/k.yaml'],
    ]);
    expect(hooks[0]?.manifest).toBe(
      'apiVersion: batch/v1\nkind: Job\nmetadata:\n  annotations:\n    helm.sh/hook: test\n    seen: x\n  generateName: run-\n' +
        '  labels:\n    helm.toolkit.fluxcd.io/name: shop\n    helm.toolkit.fluxcd.io/namespace: apps\n',
    );
  });

  test('get texts with characters that YAML 1.1 takes for line ends as they are', async () => {
    const text = '"a\\u2028b\\u0085c\\ufeffd\\u007f"';
    const { bundle } = await render(
      { 'templates/a.yaml': `${configMap('a')}data: {text: ${text}}\n` },
      { postRenderers: [annotate('seen')] },
    );
    expect(bundle.objects[0]?.body['data']).toEqual({ text: 'a\u2028b\u0085c\ufeffd\u007f' });
  });

  test('keep the order of the templates, that of hooks of one weight too', async () => {
    const names = ['c', 'a', 'b'];
    const files = { 'templates/h.yaml': names.map((name) => hook(name)).join('---\n') };
    const { hooks } = await render(files, { postRenderers: [annotate('seen')] });
    expect(hooks.map(({ name }) => name)).toEqual(names);
  });

  test('keep every digit of a number', async () => {
    const { bundle } = await render(
      { 'templates/a.yaml': `${configMap('a')}spec: {n: 12345678901234567890}\n` },
      { postRenderers: [{ kustomize: { images: [{ name: 'web', newTag: '2' }] } }] },
    );
    expect(bundle.objects[0]?.body['spec']).toEqual({ n: 12345678901234567890n });
  });
});

describe('what kustomize takes once only', () => {
  const twice: ChartFiles = {
    'templates/sa.yaml': 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: app}\n',
    'templates/hook.yaml': hook('app', 'ServiceAccount'),
  };

  test('may be a hook and an object where nothing is post-rendered, or apart', async () => {
    const expected = { hooks: ['app'], objects: ['app'] };
    expect(names(await render(twice, {}))).toEqual(expected);
    const postRenderers = [annotate('seen')];
    expect(names(await render(twice, { postRenderers, postRenderStrategy: 'separate' }))).toEqual(expected);
    expect(names(await render(twice, { postRenderers, postRenderStrategy: 'nohooks' }))).toEqual(expected);
  });

  test('is refused together, with what helps', async () => {
    expect(await refusal(twice, { postRenderers: [annotate('seen')] })).toBe(
      'web/templates/sa.yaml: ServiceAccount/app is declared twice, first at web/templates/hook.yaml: ' +
        'post-renderers take each object once, so that spec.postRenderStrategy must be separate or nohooks',
    );
  });

  test('is refused of two hooks', async () => {
    const files = { 'templates/a.yaml': hook('h'), 'templates/b.yaml': hook('h', 'ConfigMap', 'pre-upgrade') };
    const postRenderers = [annotate('seen')];
    const message =
      'web/templates/b.yaml: ConfigMap/h is declared twice, first at web/templates/a.yaml: ' +
      'post-renderers take each object once, so that spec.postRenderStrategy must be nohooks';
    expect(await refusal(files, { postRenderers, postRenderStrategy: 'separate' })).toBe(message);
    expect(await refusal(files, { postRenderers })).toBe(message);
  });
});

describe('a post-renderer that fails', () => {
  test.each([
    [
      'a patch without an object',
      { patches: [{ patch: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\ndata: {password: hunter2}\n' }] },
      /^spec\.postRenderers\[1\]: no resource matches strategic merge patch .*ConfigMap.*other/,
    ],
    [
      'a patch that cannot be read',
      { patches: [{ target: { kind: 'ConfigMap' }, patch: 'hunter2: [' }] },
      /^spec\.postRenderers\[1\]: /,
    ],
    [
      'a path that is not there',
      { patches: [{ target: { kind: 'ConfigMap' }, patch: '[{"op": "remove", "path": "/data/x"}]' }] },
      /^spec\.postRenderers\[1\]: remove operation does not apply: doc is missing path: "\/data\/x": missing value$/,
    ],
    [
      'what it leaves is no object',
      {
        patches: [
          { target: { kind: 'ConfigMap' }, patch: '[{"op": "add", "path": "/metadata/labels", "value": {"a": 1}}]' },
        ],
      },
      /^spec\.postRenderers\[1\]: label 'a' of ConfigMap\/a must be a string: quote its value$/,
    ],
  ] as const)('%s', async (_what, kustomize, message) => {
    const postRenderers = [annotate('seen'), { kustomize }] as unknown as PostRenderer[];
    const said = await refusal({ 'templates/a.yaml': configMap('a') }, { postRenderers });
    expect(said).toMatch(message);
    expect(said).not.toContain('hunter2');
  });
});

test('a build gets the whole release in one file, under the name that Flux gives it', async () => {
  let sent: KustomizeRequest | undefined;
  const watched = {
    helmTemplate: engine.helmTemplate,
    kustomizeBuild: (request: KustomizeRequest) => {
      sent = request;
      return engine.kustomizeBuild(request);
    },
  };
  const chart = packChart({ 'Chart.yaml': 'apiVersion: v2\nname: web\nversion: 1.2.3\n', ...both });
  await renderChart(watched, chart, { spec: { postRenderers: [annotate('seen')] }, options: { tenant: 'apps' } });
  expect(sent?.files.map(({ path }) => path)).toEqual(['kustomization.yaml', 'helm-output.yaml']);
  expect(sent?.tenant).toBe('apps');
});
