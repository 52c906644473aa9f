import { afterAll, describe, expect, test } from 'vitest';
import type { Bundle } from './bundle.ts';
import { createRenderer } from './create-renderer.ts';
import type { BuildSpec } from './renderer.ts';
import { buildSpec, memoryArtifact, testEngine } from './testing/memory-artifact.ts';
import type { Files } from './testing/memory-artifact.ts';

const ORIGIN = 'config.kubernetes.io/origin';
const TRANSFORMATIONS = 'alpha.config.kubernetes.io/transformations';

const engine = testEngine();
const renderer = createRenderer({ engine });
afterAll(() => engine.close());

function build(files: Files, change: Partial<BuildSpec> = {}): Promise<Bundle> {
  return renderer.build(memoryArtifact(files), buildSpec(change), { deadline: 10_000 });
}

function annotations(bundle: Bundle, name: string): Record<string, string> | undefined {
  return bundle.objects.find(({ key }) => key.name === name)?.body.metadata.annotations;
}

const configMap = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {}\n`;
const overlay = {
  'base/kustomization.yaml': 'resources: [a.yaml]\n',
  'base/a.yaml': configMap('a'),
  'prod/kustomization.yaml':
    'resources: [../base]\nnamespace: prod\nconfigMapGenerator: [{name: g, literals: [k=v]}]\n',
} satisfies Files;

describe('build metadata', () => {
  test('says where an object came from, as a kustomization that asks for it', async () => {
    const asked = await build(overlay, { path: 'prod', buildMetadata: ['originAnnotations'] });
    const own = {
      ...overlay,
      'prod/kustomization.yaml': `${overlay['prod/kustomization.yaml']}buildMetadata: [originAnnotations]\n`,
    };
    expect(annotations(asked, 'a')).toEqual({ [ORIGIN]: 'path: ../base/a.yaml\n' });
    expect(asked.digest).toBe((await build(own, { path: 'prod' })).digest);
  });

  test('says which transformers changed it', async () => {
    const bundle = await build(overlay, { path: 'prod', buildMetadata: ['transformerAnnotations'] });
    expect(Object.keys(annotations(bundle, 'a') ?? {})).toEqual([TRANSFORMATIONS]);
    expect(annotations(bundle, 'a')?.[TRANSFORMATIONS]).toBe(
      '- configuredIn: kustomization.yaml\n  configuredBy:\n    apiVersion: builtin\n    kind: NamespaceTransformer\n',
    );
  });

  test('takes the place of what the file asks for', async () => {
    const files = {
      ...overlay,
      'prod/kustomization.yaml': `${overlay['prod/kustomization.yaml']}buildMetadata: [originAnnotations]\n`,
    };
    const bundle = await build(files, { path: 'prod', buildMetadata: ['transformerAnnotations'] });
    expect(Object.keys(annotations(bundle, 'a') ?? {})).toEqual([TRANSFORMATIONS]);
  });

  test('comes with plain folders too', async () => {
    const bundle = await build(
      { 'apps/a.yaml': configMap('a'), 'apps/sub/b.yaml': configMap('b') },
      {
        path: './apps',
        buildMetadata: ['originAnnotations'],
      },
    );
    expect(annotations(bundle, 'a')).toEqual({ [ORIGIN]: 'path: a.yaml\n' });
    expect(annotations(bundle, 'b')).toEqual({ [ORIGIN]: 'path: sub/b.yaml\n' });
  });

  test('is not there unless asked for', async () => {
    expect(annotations(await build(overlay, { path: 'prod' }), 'a')).toBeUndefined();
  });
});

describe('missing components', () => {
  const files: Files = {
    'apps/kustomization.yaml': 'resources: [a.yaml]\n',
    'apps/a.yaml': configMap('a'),
    'extra/kustomization.yaml': 'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [b.yaml]\n',
    'extra/b.yaml': configMap('b'),
    'file.yaml': configMap('c'),
  };
  const components = ['../extra', '../missing', '../missing/deeper'];
  const names = (bundle: Bundle): string[] => bundle.objects.map(({ key }) => key.name).sort();

  test('are an error', async () => {
    await expect(build(files, { path: 'apps', components })).rejects.toThrow(
      "components[1] '../missing' does not exist",
    );
  });

  test('are left out when asked', async () => {
    expect(names(await build(files, { path: 'apps', components, ignoreMissingComponents: true }))).toEqual(['a', 'b']);
  });

  test('may all be missing, from a plain folder too', async () => {
    const change = { path: 'apps', components: ['../missing'], ignoreMissingComponents: true };
    expect(names(await build(files, change))).toEqual(['a']);
    expect(names(await build({ 'apps/a.yaml': configMap('a') }, change))).toEqual(['a']);
  });

  test('are built once they come', async () => {
    const bundle = await build(files, { path: 'apps', components, ignoreMissingComponents: true });
    expect(await renderer.unchanged(bundle.reads, memoryArtifact(files))).toBe(true);
    const more = { ...files, 'missing/kustomization.yaml': 'kind: Component\n' };
    expect(await renderer.unchanged(bundle.reads, memoryArtifact(more))).toBe(false);
  });

  test('are not an excuse for two that are wrong: both are refused, and none is left unheard', async () => {
    const change = { path: 'apps', components: ['../../x', '../../y'], ignoreMissingComponents: true };
    await expect(build(files, change)).rejects.toThrow(/^spec: components\[[01]\]/);
  });

  test.each([
    ['a remote one', 'https://example.com/x', "component path 'https://example.com/x' must be local and relative"],
    ['one that leaves the root', '../../x', "'../../x' leaves the artifact's root"],
    ['a file', '../file.yaml', "components[0] '../file.yaml' is a file"],
  ])('are not an excuse for %s', async (_name, component, message) => {
    const change = { path: 'apps', components: [component], ignoreMissingComponents: true };
    await expect(build(files, change)).rejects.toThrow(message);
  });
});
