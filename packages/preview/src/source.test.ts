import { crds } from '@plumb/api';
import type { JsonObject, KubeObject, UnitRef } from '@plumb/api';
import { MemoryCluster } from '@plumb/memory-cluster';
import type { Artifact } from '@plumb/sources';
import { beforeEach, describe, expect, test } from 'vitest';
import { readUnitSource, refuseIncluded } from './source.ts';
import type { UnitSource } from './source.ts';

const { signal } = new AbortController();

const SHOP: UnitRef = { kind: 'GitRepository', namespace: 'flux-system', name: 'shop' };

function gitRepository(spec: JsonObject, namespace = 'flux-system', apiVersion = 'source.toolkit.fluxcd.io/v1') {
  const metadata = { name: 'shop', ...(namespace === '' ? {} : { namespace }) };
  const filled = { url: 'https://git.example/shop', interval: '1m', ...spec };
  return { apiVersion, kind: 'GitRepository', metadata, spec: filled } satisfies KubeObject;
}

const read = (given: readonly KubeObject[], cluster: MemoryCluster | null = null, ref: Partial<UnitRef> = {}) =>
  readUnitSource({ ref: { ...SHOP, ...ref }, given, cluster, signal });

describe('the source of a unit', () => {
  let cluster: MemoryCluster;
  beforeEach(async () => {
    cluster = new MemoryCluster();
    for (const definition of crds()) await cluster.create(definition);
    for (const name of ['flux-system', 'other'])
      await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    await cluster.create(gitRepository({ ignore: 'live' }));
    await cluster.create(gitRepository({ ignore: 'elsewhere' }, 'other'));
  });

  test('is read in the cluster, in the namespace that is named', async () => {
    expect(await read([], cluster)).toEqual({
      ref: { kind: 'GitRepository', namespace: 'flux-system', name: 'shop' },
      content: { ignore: 'live', sparse: [] },
      included: [],
      notes: [],
    });
    const named = await read([], cluster, { namespace: 'other' });
    expect(named).toMatchObject({ ref: { namespace: 'other' }, content: { ignore: 'elsewhere' } });
  });

  test('is taken from a file first, in its namespace', async () => {
    const given = [gitRepository({ ignore: 'theirs' }, 'other'), gitRepository({ sparseCheckout: ['apps'] }, '')];
    expect((await read(given, cluster)).content).toEqual({ sparse: ['apps'] });
    const odd = gitRepository({ ignore: 'odd' }, '', 'example.com/v1');
    expect((await read([odd], cluster)).content).toMatchObject({ ignore: 'live' });
  });

  test.each([
    { name: 'no cluster', seen: () => null },
    { name: 'a cluster without it', seen: () => cluster, ref: { name: 'never' } },
    { name: 'a cluster without its kind', seen: () => new MemoryCluster() },
  ])('that nobody has counts as one without settings, and is named: $name', async ({ seen, ref }) => {
    const { content, notes } = await read([], seen(), ref);
    expect(content).toEqual({});
    expect(notes).toEqual([
      expect.stringMatching(/^GitRepository\/flux-system\/(shop|never) is in no file that was given/) as string,
    ]);
  });

  test('of another kind is not read', async () => {
    const { content, notes } = await read([], cluster, { kind: 'OCIRepository' });
    expect({ content, notes }).toEqual({ content: {}, notes: [] });
  });

  test('with a mistake in it is refused', async () => {
    await expect(read([gitRepository({ sparseCheckout: 'apps' })])).rejects.toMatchObject({
      code: 'invalid-spec',
      message: expect.stringMatching(/^GitRepository\/flux-system\/shop: .*spec\.sparseCheckout/) as string,
    });
  });
});

describe('what a source includes', () => {
  const include = [{ repository: { name: 'base' } }, { repository: { name: 'libs' }, toPath: './lib/one' }];
  const treeWith = (...folders: string[]): Pick<Artifact, 'tree'> => {
    const id = (dir: string): Promise<string | null> => Promise.resolve(folders.includes(dir) ? dir : null);
    return { tree: { id } as Artifact['tree'] };
  };
  let source: UnitSource;
  beforeEach(async () => {
    source = await read([gitRepository({ include })]);
  });

  test('is named, with the folder it belongs in', () => {
    const words = 'it is not fetched, and files that come from there are missing';
    expect(source.notes).toEqual([
      `GitRepository/flux-system/shop includes GitRepository base at 'base' (spec.include): ${words}`,
      `GitRepository/flux-system/shop includes GitRepository libs at './lib/one' (spec.include): ${words}`,
    ]);
  });

  test.each(['./base', 'base/apps/', 'lib/one'])('is refused as the folder of a unit: %s', async (path) => {
    await expect(refuseIncluded(path, source, treeWith('apps'))).rejects.toMatchObject({
      code: 'invalid-path',
      message: expect.stringMatching(/come from GitRepository (base|libs), which GitRepository\/flux-system/) as string,
    });
  });

  test.each(['./', 'apps', 'lib', 'basement', 'base/here'])('keeps nobody from the folder %s', async (path) => {
    await expect(refuseIncluded(path, source, treeWith('base/here'))).resolves.toBeUndefined();
  });
});
