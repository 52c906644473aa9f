import type { Engine, KustomizeRequest } from '@plumb/engine';
import { afterAll, describe, expect, test } from 'vitest';
import type { Bundle } from './bundle.ts';
import { createRenderer } from './create-renderer.ts';
import type { BuildSpec } from './renderer.ts';
import { buildSpec, memoryArtifact, testEngine } from './testing/memory-artifact.ts';
import type { Files } from './testing/memory-artifact.ts';

const engine = testEngine();
afterAll(() => engine.close());

/** What was sent to the helper by the last build. */
let sent: KustomizeRequest | undefined;
const watched: Engine = {
  ...engine,
  kustomizeBuild: (request) => {
    sent = request;
    return engine.kustomizeBuild(request);
  },
};
const renderer = createRenderer({ engine: watched });

function build(files: Files, change: Partial<BuildSpec> = {}): Promise<Bundle> {
  sent = undefined;
  return renderer.build(memoryArtifact(files), buildSpec(change), { deadline: 10_000 });
}

function sentPaths(): string[] {
  return (sent?.files ?? []).map(({ path }) => path).sort();
}

function names(bundle: Bundle): string[] {
  return bundle.objects.map(({ key }) => `${key.kind}/${key.namespace}/${key.name}`).sort();
}

const deployment = (name: string): string =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ${name}}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: ${name}}}\n  template:\n    metadata: {labels: {app: ${name}}}\n    spec: {containers: [{name: main, image: "ghcr.io/shop/${name}:1.0"}]}\n`;
const configMap = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {}\n`;

function imageOf(bundle: Bundle): unknown {
  const object = bundle.objects.find(({ key }) => key.kind === 'Deployment');
  const spec = object?.body['spec'] as { template: { spec: { containers: { image: string }[] } } } | undefined;
  return spec?.template.spec.containers[0]?.image;
}

const shop: Files = {
  'apps/base/kustomization.yaml': 'resources: [web.yaml, config.yaml]\n',
  'apps/base/web.yaml': deployment('web'),
  'apps/base/config.yaml': configMap('web'),
  'apps/base/README.md': 'not sent',
  'apps/staging/kustomization.yaml':
    'resources: [../base]\nnamespace: staging\nimages: [{name: ghcr.io/shop/web, newTag: "1.1"}]\npatches: [{path: scale.yaml}]\n',
  'apps/staging/scale.yaml': 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}\n',
  'apps/production/kustomization.yaml': 'resources: [../base]\n',
  'unrelated/big.yaml': configMap('x'),
};

describe('an overlay', () => {
  test('is built from its base with patches, images and namespace, and names the file each object came from', async () => {
    const bundle = await build(shop, { path: './apps/staging' });
    expect(names(bundle)).toEqual(['ConfigMap/staging/web', 'Deployment/staging/web']);
    expect(imageOf(bundle)).toBe('ghcr.io/shop/web:1.1');
    expect(bundle.objects.map(({ origin }) => origin)).toEqual([
      { path: 'apps/base/config.yaml', document: -1 },
      { path: 'apps/base/web.yaml', document: -1 },
    ]);
    expect(JSON.stringify(bundle.objects)).not.toContain('config.kubernetes.io/origin');
  });

  test('sends only what it can reach', async () => {
    await build(shop, { path: './apps/staging' });
    expect(sentPaths()).toEqual([
      'apps/base/config.yaml',
      'apps/base/kustomization.yaml',
      'apps/base/web.yaml',
      'apps/staging/kustomization.yaml',
      'apps/staging/scale.yaml',
    ]);
  });

  test('reaches every kind of file a kustomization can name', async () => {
    const bundle = await build(
      {
        'app/kustomization.yml': `
resources: [web.yaml]
components: [../tls]
patchesStrategicMerge:
- smp.yaml
- |-
  apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web}
  spec: {paused: true}
patchesJson6902: [{path: jp.yaml, target: {kind: Deployment, name: web}}]
configMapGenerator: [{name: cm, files: [a.txt, k=b.txt], envs: [c.env], options: {disableNameSuffixHash: yes}}]
secretGenerator: [{name: s, env: d.env}]
configurations: [conf.yaml]
crds: [crd.json]
replacements: [{path: repl.yaml}]
transformers: [t.yaml]
generators: [gen]
buildMetadata: [originAnnotations]
`,
        'app/web.yaml': deployment('web'),
        'app/smp.yaml': 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {minReadySeconds: 5}\n',
        'app/jp.yaml': '[{"op": "replace", "path": "/spec/replicas", "value": 7}]',
        'app/a.txt': 'A',
        'app/b.txt': 'B',
        'app/c.env': 'C=1',
        'app/d.env': 'D=1',
        'app/conf.yaml': 'nameReference: []\n',
        'app/crd.json': '{}',
        'app/repl.yaml':
          'source: {kind: Deployment, name: web, fieldPath: metadata.name}\ntargets: [{select: {kind: ConfigMap, name: cm}, fieldPaths: [data.k]}]\n',
        'app/t.yaml': 'apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: t}\npath: inner.yaml\n',
        'app/inner.yaml':
          'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {revisionHistoryLimit: 2}\n',
        'app/gen/kustomization.yaml': 'resources: [g.yaml]\n',
        'app/gen/g.yaml':
          'apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: generated}\nliterals: [x=y]\n',
        'tls/kustomization.yaml':
          'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [cert.yaml]\n',
        'tls/cert.yaml': configMap('cert'),
      },
      { path: 'app' },
    );
    const web = bundle.objects.find(({ key }) => key.kind === 'Deployment')?.body;
    expect(web).toMatchObject({ spec: { replicas: 7, minReadySeconds: 5, paused: true, revisionHistoryLimit: 2 } });
    expect(web?.metadata.annotations).toEqual({ 'config.kubernetes.io/origin': 'path: web.yaml\n' });
    expect(bundle.objects.find(({ key }) => key.name === 'cm')?.body['data']).toEqual({
      'a.txt': 'A',
      k: 'web',
      C: '1',
    });
    expect(names(bundle).map((name) => name.replace(/-[a-z0-9]{10}$/, ''))).toEqual([
      'ConfigMap//cert',
      'ConfigMap//cm',
      'ConfigMap//generated',
      'Deployment//web',
      'Secret//s',
    ]);
    expect(bundle.warnings).toContain(
      "'patchesJson6902' is deprecated. Please use 'patches' instead. Run 'kustomize edit fix' to update your Kustomization automatically.",
    );
  });

  test('tells which field of the root it left out', async () => {
    const files = { 'kustomization.yaml': 'resources: [a.yaml]\nresource: [b.yaml]\n', 'a.yaml': configMap('a') };
    const bundle = await build(files);
    expect(names(bundle)).toEqual(['ConfigMap//a']);
    expect(bundle.warnings).toEqual([
      'kustomization.yaml: unknown field "resource": read as Flux reads it, without what does not belong there',
    ]);
  });

  test('keeps every digit of large integers', async () => {
    const bundle = await build({
      'kustomization.yaml': 'resources: [a.yaml]\nnamePrefix: x-\n',
      'a.yaml': `${configMap('a')}big: 12345678901234567890123\n`,
    });
    expect(bundle.objects[0]?.body['big']).toBe(12345678901234567890123n);
  });

  test('builds files whose names have blanks and other letters', async () => {
    const bundle = await build({
      'kustomization.yaml': 'resources: ["größe @ 1.yaml"]\n',
      'größe @ 1.yaml': configMap('a'),
    });
    expect(bundle.objects[0]?.origin.path).toBe('größe @ 1.yaml');
  });
});

describe('what kustomize reads and YAML 1.2 does not allow', () => {
  const bracketed = 'resources: [\n  a.yaml,\n  b.yaml\n]\n';

  test('in a kustomization file is read', async () => {
    const files = { 'kustomization.yaml': bracketed, 'a.yaml': configMap('a'), 'b.yaml': configMap('b') };
    expect(names(await build(files))).toEqual(['ConfigMap//a', 'ConfigMap//b']);
    expect(sent).toBeUndefined();
    const prefixed = { ...files, 'kustomization.yaml': `${bracketed}namePrefix: x-\n` };
    expect(names(await build(prefixed))).toEqual(['ConfigMap//x-a', 'ConfigMap//x-b']);
  });

  test('in a patch is for kustomize to read, whatever looks like an alias in it', async () => {
    const patch = '- op: add\n  path: /data\n  value: {\n  run: "a && rm -rf /tmp/*"\n}\n';
    const inline = patch.replaceAll('\n', '\n    ');
    const files = { 'a.yaml': configMap('a'), 'p.yaml': patch };
    for (const patches of [
      '[{path: p.yaml, target: {kind: ConfigMap}}]',
      `\n- target: {kind: ConfigMap}\n  patch: |\n    ${inline}`,
    ]) {
      const kustomization = `resources: [a.yaml]\npatches: ${patches}\n`;
      const bundle = await build({ ...files, 'kustomization.yaml': kustomization });
      expect(bundle.objects[0]?.body['data']).toEqual({ run: 'a && rm -rf /tmp/*' });
    }
  });

  test('keeps the lines of what is wrong further down', async () => {
    const file = `${configMap('a')}list: [\n  1\n]\nlist: 2\n`;
    await expect(build({ 'a.yaml': file })).rejects.toMatchObject({ message: "a.yaml:8: duplicate key 'list'" });
  });

  test('hundreds of times in a file is read all the same', async () => {
    const lists = Array.from({ length: 300 }, (_, index) => `l${index}: [\n  "a",\n  "b"\n]\n`).join('');
    const [object] = (await build({ 'a.yaml': configMap('a') + lists })).objects;
    expect(object?.body['l299']).toEqual(['a', 'b']);
  });
});

describe('symlinks inside the root', () => {
  test('to a base, to files and to data are followed, and the helper sees real paths', async () => {
    const bundle = await build(
      {
        'shared/base/kustomization.yaml': 'resources: [../web.yaml]\n',
        'shared/web.yaml': deployment('web'),
        'shared/data.txt': 'hello',
        'app/base': { link: '../shared/base' },
        'app/web-config.yaml': { link: '../shared/cm.yaml' },
        'shared/cm.yaml': configMap('linked'),
        'app/text': { link: '../shared/data.txt' },
        'app/kustomization.yaml':
          'resources: [base, web-config.yaml]\nconfigMapGenerator: [{name: d, files: [text], options: {disableNameSuffixHash: true}}]\n',
      },
      { path: 'app' },
    );
    expect(names(bundle)).toEqual(['ConfigMap//d', 'ConfigMap//linked', 'Deployment//web']);
    expect(bundle.objects.find(({ key }) => key.name === 'd')?.body['data']).toEqual({ text: 'hello' });
    expect(sentPaths()).toEqual([
      'app/kustomization.yaml',
      'shared/base/kustomization.yaml',
      'shared/cm.yaml',
      'shared/data.txt',
      'shared/web.yaml',
    ]);
  });

  test('in a plain folder are read', async () => {
    const bundle = await build(
      {
        'shared/a.yaml': configMap('a'),
        'app/a.yaml': { link: '../shared/a.yaml' },
        'app/more': { link: '../more' },
        'more/b.yaml': configMap('b'),
      },
      { path: 'app' },
    );
    expect(names(bundle)).toEqual(['ConfigMap//a', 'ConfigMap//b']);
    expect(bundle.objects.map(({ origin }) => origin.path)).toEqual(['app/a.yaml', 'app/more/b.yaml']);
  });
});

describe('a folder without a kustomization file', () => {
  test('takes a sub-folder that has one as one resource', async () => {
    const bundle = await build(
      {
        'clusters/a.yaml': configMap('a'),
        'clusters/notes.txt': 'x: [',
        'clusters/sub/Kustomization': 'resources: [b.yaml]\nnamePrefix: sub-\n',
        'clusters/sub/b.yaml': configMap('b'),
        'clusters/sub/unused.yaml': configMap('c'),
      },
      { path: './clusters/' },
    );
    expect(names(bundle)).toEqual(['ConfigMap//a', 'ConfigMap//sub-b']);
    expect(bundle.objects.map(({ origin }) => origin.path)).toEqual(['clusters/a.yaml', 'clusters/sub/b.yaml']);
  });

  test('without YAML gives a bundle of nothing', async () => {
    const bundle = await build(
      { 'empty/README.md': 'x' },
      { path: './empty', targetNamespace: 'x', images: [{ name: 'a', newTag: '1' }] },
    );
    expect(bundle.objects).toEqual([]);
    expect(bundle.reads.ids.size).toBe(1);
    expect((await build({ 'empty/README.md': 'x' }, { path: './empty' })).digest).toBe(bundle.digest);
  });

  test('needs no helper unless the spec transforms', async () => {
    await build(shop, { path: './unrelated', commonMetadata: { labels: { a: 'b' } } });
    expect(sent).toBeUndefined();
    await build(shop, { path: './unrelated', namePrefix: 'x-' });
    expect(sent).toBeDefined();
  });
});

describe('spec transforms', () => {
  test('namespace, prefix and suffix replace what the file says', async () => {
    const files = {
      'kustomization.yaml': 'resources: [a.yaml]\nnamespace: file\nnamePrefix: file-\nnameSuffix: -file\n',
      'a.yaml': configMap('a'),
    };
    expect(names(await build(files, { targetNamespace: 'spec', namePrefix: 'spec-', nameSuffix: '-spec' }))).toEqual([
      'ConfigMap/spec/spec-a-spec',
    ]);
    expect(names(await build(files, { namePrefix: 'spec-' }))).toEqual(['ConfigMap/file/spec-a-file']);
  });

  test('patches follow those of the file, with their target', async () => {
    const bundle = await build(shop, {
      path: 'apps/staging',
      patches: [
        { patch: '- op: replace\n  path: /spec/replicas\n  value: 9\n', target: { kind: 'Deployment', name: 'w.*' } },
        { patch: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {a: b}\n' },
      ],
    });
    expect(bundle.objects.find(({ key }) => key.kind === 'Deployment')?.body).toMatchObject({ spec: { replicas: 9 } });
    expect(bundle.objects.find(({ key }) => key.kind === 'ConfigMap')?.body).toMatchObject({ data: { a: 'b' } });
  });

  test('hold for a kustomization that is its own data too', async () => {
    const files = { 'kustomization.yaml': 'configMapGenerator: [{name: g, files: [kustomization.yaml]}]\n' };
    expect(names(await build(files, { namePrefix: 'x-', targetNamespace: 'spec' }))).toEqual([
      expect.stringMatching(/^ConfigMap\/spec\/x-g-/),
    ]);
  });

  test('images of one name are merged, others added', async () => {
    const renamed = await build(shop, {
      path: 'apps/staging',
      images: [{ name: 'ghcr.io/shop/web', newName: 'mirror/web' }],
    });
    expect(imageOf(renamed)).toBe('mirror/web:1.1');
    const plain = await build({ 'a.yaml': deployment('web') }, { images: [{ name: 'ghcr.io/shop/web', newTag: '2' }] });
    expect(imageOf(plain)).toBe('ghcr.io/shop/web:2');
  });

  test('components are added, relative to the folder', async () => {
    const files = {
      ...shop,
      'apps/extra/kustomization.yaml':
        'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [e.yaml]\n',
      'apps/extra/e.yaml': configMap('extra'),
    };
    expect(names(await build(files, { path: 'apps/staging', components: ['../extra'] }))).toContain(
      'ConfigMap/staging/extra',
    );
    await expect(build(files, { path: 'apps/staging', components: ['https://example.com/x'] })).rejects.toThrow(
      "component path 'https://example.com/x' must be local and relative",
    );
  });

  test('a target namespace leaves cluster-wide objects alone and renames a Namespace, as kustomize does', async () => {
    const bundle = await build(
      {
        'a.yaml': `apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n---\napiVersion: v1\nkind: Node\nmetadata: {name: n}\n---\n${configMap('a')}`,
      },
      { targetNamespace: 'spec' },
    );
    expect(names(bundle)).toEqual(['ConfigMap/spec/a', 'Namespace//spec', 'Node//n']);
  });
});

describe('common metadata and owner labels', () => {
  test('are set on objects alone, the owner last', async () => {
    const bundle = await build(
      {
        'a.yaml': `${deployment('web')}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {team: x, owner: me}, annotations: {n: "1"}}\n`,
      },
      {
        commonMetadata: { labels: { team: 'shop', owner: 'common' }, annotations: { note: 'yes' } },
        ownerLabels: { owner: 'unit' },
      },
    );
    const [web, config] = bundle.objects;
    expect(web?.body.metadata).toEqual({
      name: 'web',
      labels: { team: 'shop', owner: 'unit' },
      annotations: { note: 'yes' },
    });
    expect(web?.body['spec']).toMatchObject({ template: { metadata: { labels: { app: 'web' } } } });
    expect(config?.body.metadata).toEqual({
      name: 'a',
      labels: { team: 'shop', owner: 'unit' },
      annotations: { n: '1', note: 'yes' },
    });
  });
});

describe('digests', () => {
  test('do not depend on order of files or keys, and change with any value', async () => {
    const one = await build({ 'a.yaml': configMap('a'), 'b.yaml': configMap('b') });
    const other = await build({
      'x.yaml': configMap('b'),
      'y.yaml': 'data: {}\nmetadata: {name: a}\nkind: ConfigMap\napiVersion: v1\n',
    });
    const changed = await build({ 'a.yaml': configMap('a'), 'b.yaml': configMap('b').replace('{}', '{x: "1"}') });
    expect(other.digest).toBe(one.digest);
    expect(changed.digest).not.toBe(one.digest);
    expect(one.digest).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('a failing helper', () => {
  const failing = (code: 'timeout' | 'crashed' | 'cancelled'): Engine => ({
    ...engine,
    kustomizeBuild: async () => {
      const { EngineError } = await import('@plumb/engine');
      throw new EngineError(code, 'no luck');
    },
  });
  test.each([
    ['timeout', 'timeout'],
    ['crashed', 'engine-failed'],
    ['cancelled', 'cancelled'],
  ] as const)('that reports %s fails the build with %s, to be tried again', async (from, code) => {
    const build = createRenderer({ engine: failing(from) }).build(
      memoryArtifact(shop),
      buildSpec({ path: 'apps/staging' }),
      { deadline: 1000 },
    );
    await expect(build).rejects.toMatchObject({ code, policy: 'retry' });
  });

  test('is not asked once the caller has given up', async () => {
    const signal = AbortSignal.abort();
    await expect(
      renderer.build(memoryArtifact(shop), buildSpec({ path: 'unrelated' }), { deadline: 1000, signal }),
    ).rejects.toMatchObject({ code: 'cancelled' });
  });
});
