import { afterAll, describe, expect, test } from 'vitest';
import { createRenderer } from './create-renderer.ts';
import { buildSpec, memoryArtifact, testEngine } from './testing/memory-artifact.ts';
import type { Files } from './testing/memory-artifact.ts';

const engine = testEngine();
const renderer = createRenderer({ engine });
afterAll(() => engine.close());

function build(files: Files, path = './'): Promise<unknown> {
  return renderer.build(memoryArtifact(files), buildSpec({ path }), { deadline: 10_000 });
}

const configMap = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n`;
const bomb = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\na: &a ["xxxxxxxxxx"]\n${[...'bcdefghij']
  .map(
    (name, index) =>
      `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefghij'[index] ?? ''}`).join(', ')}]`,
  )
  .join('\n')}\n`;

interface Case {
  name: string;
  files: Files;
  path?: string;
  says: string;
  code?: string;
}

const cases: Case[] = [
  { name: 'broken YAML', files: { 'apps/a.yaml': `${configMap('a')}---\nkind: [\n` }, says: 'apps/a.yaml:7: bad YAML' },
  {
    name: 'a tab for indentation',
    files: { 'a.yaml': 'apiVersion: v1\nkind: T\nmetadata:\n\tname: a\n' },
    says: 'a.yaml:4: bad YAML',
  },
  {
    name: 'a duplicate key',
    files: { 'a.yaml': `${configMap('a')}data:\n  x: "1"\n  x: "2"\n` },
    says: "a.yaml:7: duplicate key 'x'",
  },
  {
    name: 'a duplicate key in a later document',
    files: { 'a.yaml': `${configMap('a')}---\n${configMap('b')}kind: Secret\n` },
    says: "a.yaml:10: duplicate key 'kind'",
  },
  { name: 'an alias bomb', files: { 'a.yaml': bomb }, says: 'once its aliases are written out' },
  {
    name: 'an alias bomb below a kustomization',
    files: { 'kustomization.yaml': 'resources: [a.yaml]', 'a.yaml': bomb },
    says: 'a.yaml:',
  },
  {
    name: 'an anchor inside itself in a patch',
    files: {
      'kustomization.yaml': `resources: [a.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: |\n    - op: add\n      path: /data\n      value: &x {a: *x}\n`,
      'a.yaml': configMap('a'),
    },
    says: "kustomization.yaml: patches[0].patch:3: anchor 'x' contains itself",
  },
  {
    name: 'an anchor inside itself in a patch of the old form',
    files: {
      'kustomization.yaml': `resources: [a.yaml]\npatchesStrategicMerge:\n- |\n  kind: ConfigMap\n  data: &x {a: *x}\n`,
      'a.yaml': configMap('a'),
    },
    says: "kustomization.yaml: patchesStrategicMerge[0]:2: anchor 'x' contains itself",
  },
  {
    name: 'an alias bomb in the file of a patch',
    files: {
      'kustomization.yaml': 'resources: [a.yaml]\npatches: [{path: p.txt}]',
      'a.yaml': configMap('a'),
      'p.txt': bomb,
    },
    says: 'p.txt:',
  },
  {
    name: 'an anchor inside itself in the configuration of a transformer',
    files: {
      'kustomization.yaml': 'resources: [a.yaml]\ntransformers: [t.yaml]',
      'a.yaml': configMap('a'),
      't.yaml': `apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: t}\ntarget: {kind: ConfigMap}\npatch: |\n  - op: add\n    path: /data\n    value: &x {a: *x}\n`,
    },
    says: "t.yaml:1: PatchTransformer.patch:3: anchor 'x' contains itself",
  },
  {
    name: 'an anchor inside itself among the paths of a transformer',
    files: {
      'kustomization.yaml': 'resources: [a.yaml]\ntransformers: [t.yaml]',
      'a.yaml': configMap('a'),
      't.yaml': `apiVersion: builtin\nkind: PatchStrategicMergeTransformer\nmetadata: {name: t}\npaths:\n- |\n  kind: ConfigMap\n  data: &x {a: *x}\n`,
    },
    says: "anchor 'x' contains itself",
  },
  {
    name: 'an anchor inside itself',
    files: { 'a.yaml': `${configMap('a')}x: &x [*x]\n` },
    says: "a.yaml:5: anchor 'x' contains itself",
  },
  {
    name: 'a document of 5 MB',
    files: { 'big/a.yaml': `${configMap('a')}data: {x: "${'x'.repeat(5_000_000)}"}\n` },
    says: 'big/a.yaml: is larger than 4 MiB',
  },
  {
    name: 'a file that is not UTF-8',
    files: { 'a.yaml': Uint8Array.of(0x61, 0x3a, 0x20, 0xff, 0xfe) },
    says: 'a.yaml: is not UTF-8 text',
  },
  {
    name: 'a file that is not UTF-8, below a kustomization',
    files: { 'kustomization.yaml': 'resources: [a.yaml]', 'a.yaml': Uint8Array.of(0x61, 0x3a, 0x20, 0xff, 0xfe) },
    says: 'a.yaml: is not UTF-8 text',
  },
  {
    name: 'nesting without end',
    files: { 'a.yaml': `${configMap('a')}x: ${'['.repeat(200)}${']'.repeat(200)}\n` },
    says: 'a.yaml:5: bad YAML',
  },
  {
    name: 'a list without items to take apart',
    files: { 'a.yaml': 'apiVersion: v1\nkind: List\nitems: {a: 1}\n' },
    says: 'a.yaml:1: items of a List must be a list',
  },
  {
    name: 'a nameless object in a List',
    files: { 'a.yaml': 'apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n' },
    says: 'a.yaml:1: the Secret has no metadata.name',
  },
  {
    name: 'an object without a name',
    files: { 'a.yaml': `${configMap('a')}---\napiVersion: v1\nkind: Secret\nmetadata: {generateName: x-}\n` },
    says: 'a.yaml:6: the Secret has no metadata.name',
  },
  {
    name: 'an object without a name below a kustomization',
    files: { 'kustomization.yaml': 'resources: [a.yaml]', 'a.yaml': 'apiVersion: v1\nkind: Secret\n' },
    says: 'a.yaml:1: the Secret has no metadata.name',
  },
  {
    name: 'a name that is a number',
    files: { 'a.yaml': configMap('12') },
    says: "a.yaml:1: metadata.name '12' of the ConfigMap must be a string",
  },
  {
    name: 'an object without a kind',
    files: { 'a.yaml': 'apiVersion: v1\nmetadata: {name: a}\n' },
    says: 'a.yaml:1: object/a has no kind',
  },
  {
    name: 'an object without an apiVersion',
    files: { 'a.yaml': 'kind: Pod\nmetadata: {name: a}\n' },
    says: 'a.yaml:1: Pod/a has no apiVersion',
  },
  {
    name: 'a label that is a number',
    files: { 'a.yaml': 'apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {tier: 1}}\n' },
    says: "label 'tier' of Pod/a must be a string",
  },
  { name: 'a document that is text', files: { 'a.yaml': 'hello\n' }, says: 'a.yaml:1: the document is a string' },
  {
    name: 'two objects of one identity',
    files: { 'a.yaml': configMap('a'), 'b/c.yaml': configMap('a') },
    says: 'b/c.yaml:1: ConfigMap/a is declared twice, first at a.yaml:1',
  },
  {
    name: 'two objects of one identity below a kustomization',
    files: { 'kustomization.yaml': 'resources: [a.yaml, b.yaml]', 'a.yaml': configMap('a'), 'b.yaml': configMap('a') },
    says: 'b.yaml:1: ConfigMap/a is declared twice, first at a.yaml:1',
  },
  {
    name: 'one object at two versions',
    files: {
      'a.yaml':
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n---\napiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: a, namespace: default}\n',
    },
    says: 'a.yaml:5: Deployment/default/a is declared twice, first at a.yaml:1',
  },
  {
    name: 'a path that leaves the root through ..',
    files: { 'a.yaml': configMap('a') },
    path: '../other',
    says: "spec.path: '../other' leaves the artifact's root",
    code: 'invalid-path',
  },
  {
    name: 'a path that leaves the root later',
    files: { 'a/b.yaml': configMap('a') },
    path: 'a/../../x',
    says: "leaves the artifact's root",
    code: 'invalid-path',
  },
  {
    name: 'a path through a symlink that leaves the root',
    files: { apps: { link: '../../etc' } },
    path: 'apps',
    says: "leaves the artifact's root",
    code: 'invalid-path',
  },
  {
    name: 'a path through an absolute symlink',
    files: { apps: { link: '/etc' } },
    path: './apps',
    says: "the symlink 'apps' leaves the artifact's root: it points to '/etc'",
    code: 'invalid-path',
  },
  {
    name: 'symlinks in a circle',
    files: { a: { link: 'b' }, b: { link: 'a' } },
    path: './a',
    says: 'runs in circles',
    code: 'invalid-path',
  },
  {
    name: 'a symlink in a plain folder that leaves the root',
    files: { 'apps/a.yaml': { link: '../../secret.yaml' } },
    path: './apps',
    says: "apps/a.yaml: 'a.yaml' leaves the artifact's root",
  },
  {
    name: 'a symlink to a folder above',
    files: { 'apps/a.yaml': configMap('a'), 'apps/loop': { link: '../apps' } },
    path: './apps',
    says: 'apps/loop: is a symlink back to apps',
  },
  {
    name: 'a missing path',
    files: { 'a.yaml': configMap('a') },
    path: './missing',
    says: 'kustomization path not found: stat ./missing: no such file or directory',
    code: 'invalid-path',
  },
  {
    name: 'a missing path of two lines',
    files: { 'a.yaml': configMap('a') },
    path: './a\nb\u001b',
    says: 'kustomization path not found: stat ./a b\\u{1b}: no such file or directory',
    code: 'invalid-path',
  },
  {
    name: 'a path that is a file',
    files: { 'a.yaml': configMap('a') },
    path: './a.yaml',
    says: './a.yaml is a file, not a folder',
    code: 'invalid-path',
  },
  {
    name: 'a kustomization that includes itself',
    files: {
      'a/kustomization.yaml': 'resources: [../b]',
      'b/kustomization.yaml': 'resources: [../c]',
      'c/kustomization.yaml': 'resources: [../a]',
    },
    path: './a',
    says: "c/kustomization.yaml: resources[0] '../a' includes itself: a -> b -> c -> a",
  },
  {
    name: 'a kustomization that includes its own folder',
    files: { 'a/kustomization.yaml': 'resources: [.]' },
    path: './a',
    says: "resources[0] '.' includes itself: a -> a",
  },
  {
    name: 'a kustomization that includes a folder above',
    files: { 'kustomization.yaml': 'resources: []', 'a/kustomization.yaml': 'resources: [..]' },
    path: './a',
    says: "resources[0] '..' includes itself: a -> ./",
  },
  {
    name: 'two kustomization files in one folder',
    files: { 'kustomization.yaml': 'resources: []', Kustomization: 'resources: []' },
    says: 'holds both kustomization.yaml and Kustomization',
  },
  {
    name: 'a bad patch over one base under two prefixes, whose objects are there twice rightly',
    files: {
      'kustomization.yaml': 'resources: [one, two]\npatches: [{path: p.yaml}]',
      'one/kustomization.yaml': 'namePrefix: one-\nresources: [a.yaml]',
      'one/a.yaml': configMap('a'),
      'two/kustomization.yaml': 'namePrefix: two-\nresources: [a.yaml]',
      'two/a.yaml': configMap('a'),
      'p.yaml': configMap('gone'),
    },
    says: 'kustomization.yaml: no resource matches strategic merge patch',
  },
  {
    name: 'an empty kustomization file of a base',
    files: { 'kustomization.yaml': 'resources: [a]', 'a/kustomization.yaml': '' },
    says: 'kustomization.yaml is empty',
  },
  {
    name: 'a kustomization of nothing but an unknown field',
    files: { 'kustomization.yaml': 'resource: [a.yaml]' },
    says: 'kustomization.yaml: invalid Kustomization: json: unknown field "resource"',
  },
  {
    name: 'a resource that is not there',
    files: { 'kustomization.yaml': 'resources: [a.yaml, nope.yaml]', 'a.yaml': configMap('a') },
    says: "kustomization.yaml: resources[1] 'nope.yaml' does not exist",
  },
  {
    name: 'a base without a kustomization file',
    files: { 'o/kustomization.yaml': 'resources: [../base]', 'base/a.yaml': configMap('a') },
    path: 'o',
    says: "o/kustomization.yaml: resources[0] '../base': the folder base holds no kustomization.yaml",
  },
  {
    name: 'a remote base over https',
    files: { 'kustomization.yaml': 'resources: ["https://example.com/x.yaml"]' },
    says: "kustomization.yaml: resources[0] 'https://example.com/x.yaml' is remote",
  },
  {
    name: 'a remote base over ssh',
    files: { 'kustomization.yaml': 'resources: ["git@example.com:a/b.git"]' },
    says: "resources[0] 'git@example.com:a/b.git' is remote",
  },
  {
    name: 'a remote base by its short form',
    files: { 'kustomization.yaml': 'resources: [github.com/a/b//deploy?ref=v1]' },
    says: "resources[0] 'github.com/a/b//deploy?ref=v1' is remote",
  },
  {
    name: 'a remote component in a base',
    files: {
      'kustomization.yaml': 'resources: [base]',
      'base/kustomization.yaml': 'components: ["ssh://example.com/x"]',
    },
    says: "base/kustomization.yaml: components[0] 'ssh://example.com/x' is remote",
  },
  {
    name: 'a remote patch',
    files: { 'kustomization.yaml': 'patches: [{path: "http://example.com/p.yaml"}]' },
    says: "patches[0].path 'http://example.com/p.yaml' is remote",
  },
  {
    name: 'an absolute path',
    files: { 'kustomization.yaml': 'resources: [/etc/passwd]' },
    says: "resources[0] '/etc/passwd' is an absolute path",
  },
  {
    name: 'a resource outside the root',
    files: { 'a/kustomization.yaml': 'resources: [../../x.yaml]' },
    path: 'a',
    says: "a/kustomization.yaml: resources[0]: '../../x.yaml' leaves the artifact's root",
  },
  {
    name: 'a generator file outside the root',
    files: { 'kustomization.yaml': 'secretGenerator: [{name: a, files: ["k=../etc/passwd"]}]' },
    says: "secretGenerator[0].files[0]: '../etc/passwd' leaves the artifact's root",
  },
  {
    name: 'a generator file through a symlink outside the root',
    files: { 'kustomization.yaml': 'configMapGenerator: [{name: a, envs: [x]}]', x: { link: '/proc/self/environ' } },
    says: "the symlink 'x' leaves the artifact's root",
  },
  {
    name: 'Helm charts',
    files: { 'kustomization.yaml': 'helmCharts: [{name: x, repo: "https://example.com"}]' },
    says: 'kustomization.yaml: helmCharts is not supported',
  },
  {
    name: 'an exec plugin',
    files: {
      'kustomization.yaml': 'transformers: [t.yaml]',
      't.yaml': 'apiVersion: example.com/v1\nkind: Evil\nmetadata: {name: a}\n',
    },
    says: "t.yaml:1: the plugin Evil of 'example.com/v1' is not one of kustomize's own",
  },
  {
    name: 'a function',
    files: {
      'kustomization.yaml': 'generators: [t.yaml]',
      't.yaml':
        'apiVersion: example.com/v1\nkind: Evil\nmetadata:\n  name: a\n  annotations:\n    config.kubernetes.io/function: "exec: {path: /bin/sh}"\n',
    },
    says: 't.yaml:1: the Evil runs a function',
  },
  {
    name: 'a Helm generator written inline',
    files: {
      'kustomization.yaml':
        'generators:\n- |-\n  apiVersion: builtin\n  kind: HelmChartInflationGenerator\n  metadata: {name: a}\n',
    },
    says: 'kustomization.yaml: generators[0]: HelmChartInflationGenerator is not supported',
  },
];

describe('bad input is refused with one message', () => {
  test.each(cases)('$name', async ({ files, path, says, code }) => {
    await expect(build(files, path)).rejects.toMatchObject({
      name: 'PlumbError',
      code: code ?? 'build-failed',
      message: expect.stringContaining(says) as string,
    });
  });
});

test('no message of a refusal is longer than a screen', async () => {
  for (const { files, path } of cases) {
    const message = await build(files, path).then(
      () => '',
      (error: Error) => error.message,
    );
    expect(message.length).toBeLessThan(400);
    expect(message).not.toContain('\n');
  }
});
