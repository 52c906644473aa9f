import { afterAll, describe, expect, test } from 'vitest';
import { createRenderer } from './create-renderer.ts';
import { buildSpec, memoryArtifact, testEngine } from './testing/memory-artifact.ts';
import type { Files } from './testing/memory-artifact.ts';

const engine = testEngine();
const renderer = createRenderer({ engine });
afterAll(() => engine.close());

const configMap = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;

const repository: Files = {
  'apps/base/kustomization.yaml': 'resources: [a.yaml]\n',
  'apps/base/a.yaml': configMap('a'),
  'apps/staging/kustomization.yaml': 'resources: [../base, ../../common.yaml]\n',
  'apps/other/a.yaml': configMap('o'),
  'common.yaml': configMap('common'),
  'plain/a.yaml': configMap('p'),
  'plain/deep/b.yaml': configMap('q'),
  'linked/l.yaml': { link: '../apps/other/a.yaml' },
  'README.md': 'hello',
};

async function recorded(path: string, files: Files = repository): Promise<string[]> {
  const bundle = await renderer.build(memoryArtifact(files), buildSpec({ path }), { deadline: 10_000 });
  return [...bundle.reads.ids.keys()].sort();
}

async function stillValid(path: string, change: Files, rules = ''): Promise<boolean> {
  const { reads } = await renderer.build(memoryArtifact(repository), buildSpec({ path }), { deadline: 10_000 });
  return await renderer.unchanged(reads, memoryArtifact({ ...repository, ...change }, rules));
}

describe('recorded reads', () => {
  test('of a plain folder are that folder', async () => {
    expect(await recorded('./plain')).toEqual(['plain']);
  });

  test('of an overlay are the folders it is made of, and single files outside them', async () => {
    expect(await recorded('./apps/staging')).toEqual(['apps/base', 'apps/staging', 'common.yaml']);
  });

  test('include a symlink’s target', async () => {
    expect(await recorded('./linked')).toEqual(['apps/other/a.yaml', 'linked']);
  });

  test('of a kustomization at the root are its files, so that not every commit counts', async () => {
    const files = {
      'kustomization.yaml': 'resources: [a.yaml, sub]\n',
      'a.yaml': configMap('a'),
      'sub/kustomization.yaml': 'resources: [b.yaml]\n',
      'sub/b.yaml': configMap('b'),
      'README.md': 'x',
    };
    expect(await recorded('./', files)).toEqual([
      'Kustomization',
      'a.yaml',
      'kustomization.yaml',
      'kustomization.yml',
      'sub',
    ]);
    const { reads } = await renderer.build(memoryArtifact(files), buildSpec({ path: './' }), { deadline: 10_000 });
    expect(reads.ids.get('kustomization.yml')).toBeNull();
    expect(await renderer.unchanged(reads, memoryArtifact({ ...files, 'README.md': 'y' }))).toBe(true);
    expect(await renderer.unchanged(reads, memoryArtifact({ ...files, 'a.yaml': configMap('z') }))).toBe(false);
    expect(await renderer.unchanged(reads, memoryArtifact({ ...files, Kustomization: 'resources: []' }))).toBe(false);
  });
});

describe('a new revision', () => {
  test.each([
    ['./plain', { 'README.md': 'changed', 'apps/base/a.yaml': configMap('z') }, true],
    ['./plain', { 'plain/deep/c.yaml': configMap('new') }, false],
    ['./plain', { 'plain/deep/b.yaml': configMap('changed') }, false],
    ['./apps/staging', { 'plain/a.yaml': configMap('z'), 'apps/other/a.yaml': configMap('z') }, true],
    ['./apps/staging', { 'common.yaml': configMap('z') }, false],
    ['./apps/staging', { 'apps/base/a.yaml': configMap('z') }, false],
    ['./linked', { 'apps/other/a.yaml': configMap('z') }, false],
    ['./linked', { 'linked/l.yaml': { link: '../apps/base/a.yaml' } }, false],
    ['./linked', { 'apps/other/b.yaml': configMap('z') }, true],
  ] satisfies [string, Files, boolean][])(
    'of %s with %j leaves the bundle as it is: %s',
    async (path, change, expected) => {
      expect(await stillValid(path, change)).toBe(expected);
    },
  );

  test('under other ignore rules is not trusted', async () => {
    expect(await stillValid('./plain', {}, 'other')).toBe(false);
  });

  test('costs one lookup for a plain folder, whatever its size', async () => {
    const { reads } = await renderer.build(memoryArtifact(repository), buildSpec({ path: './plain' }), {
      deadline: 10_000,
    });
    const artifact = memoryArtifact(repository);
    expect(await renderer.unchanged(reads, artifact)).toBe(true);
    expect(artifact.asked).toEqual({ entries: 0, reads: 0 });
  });
});
