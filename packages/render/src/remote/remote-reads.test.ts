import { afterAll, describe, expect, test } from 'vitest';
import type { Bundle } from '../bundle.ts';
import { createRenderer } from '../create-renderer.ts';
import { memoryArtifact, testEngine, type Files } from '../testing/memory-artifact.ts';
import { memoryRemotes, revisionOf, type Elsewhere } from '../testing/memory-remotes.ts';
import { base, buildWith, FLEET, map, overlay, type RemoteBuild } from '../testing/remote-build.ts';
import { mayMove } from '../unchanged.ts';

const engine = testEngine();
const renderer = createRenderer({ engine });
afterAll(() => engine.close());

const build = (files: Files, elsewhere: Elsewhere, more?: Parameters<typeof buildWith>[3]): Promise<RemoteBuild> =>
  buildWith(renderer, files, elsewhere, more);

describe('what was read', () => {
  const url = 'https://files.shop.test/web.yaml';
  const files = { ...overlay(`"${FLEET}//apps?ref=main"`, url) };
  const now = { repositories: { [FLEET]: { main: { ...base, 'other/x.yaml': 'x' } } }, files: { [url]: map('web') } };
  const unchanged = (bundle: Bundle, elsewhere: Elsewhere): Promise<boolean> =>
    renderer.unchanged(bundle.reads, memoryArtifact(files), { remotes: { bases: memoryRemotes(elsewhere), since: 0 } });

  test('is the same while nothing of it changed', async () => {
    const { bundle } = await build(files, now);
    expect(await unchanged(bundle, now)).toBe(true);
    const elsewhere = { ...now, repositories: { [FLEET]: { main: { ...base, 'other/x.yaml': 'y' } } } };
    expect(await unchanged(bundle, elsewhere)).toBe(true);
  });

  test.each<[string, Elsewhere]>([
    ['a repository', { ...now, repositories: { [FLEET]: { main: { ...base, 'apps/a.yaml': map('c') } } } }],
    ['a file', { ...now, files: { [url]: map('web', '2') } }],
    ['a file that is gone', { ...now, files: {} }],
  ])('is not when %s changed', async (_name, elsewhere) => {
    const { bundle } = await build(files, now);
    expect(await unchanged(bundle, elsewhere)).toBe(false);
  });

  test('may move, but for what is named by commit, which is not even asked for', async () => {
    const commit = revisionOf(base);
    const pinned = { repositories: { [FLEET]: { [commit]: base } } };
    const { bundle } = await build(overlay(`${FLEET}//apps?ref=${commit}`), pinned);
    expect(mayMove(bundle.reads)).toBe(false);
    const bases = memoryRemotes({});
    const artifact = memoryArtifact(overlay(`${FLEET}//apps?ref=${commit}`));
    expect(await renderer.unchanged(bundle.reads, artifact, { remotes: { bases, since: 0 } })).toBe(true);
    expect(bases.asked).toEqual([]);
    expect(mayMove((await build(files, now)).bundle.reads)).toBe(true);
    expect(mayMove((await build({ 'a.yaml': map('a') }, {})).bundle.reads)).toBe(false);
  });

  test('is no reason to take a bundle for good where remote bases are off', async () => {
    const { bundle } = await build(files, now);
    expect(await renderer.unchanged(bundle.reads, memoryArtifact(files))).toBe(false);
  });

  test('that cannot be asked for is an error, not a change', async () => {
    const { bundle } = await build(files, now);
    await expect(unchanged(bundle, { ...now, files: { [url]: null } })).rejects.toThrow(
      `remote base '${url}': '${url}' could not be fetched`,
    );
  });

  test('can be taken as it was', async () => {
    const { bundle } = await build(files, now);
    const before = base;
    const moved = {
      ...now,
      repositories: {
        [FLEET]: { main: { ...base, 'apps/a.yaml': map('c') }, old: { ...before, 'other/x.yaml': 'x' } },
      },
    };
    const again = await build(files, moved, { remotes: { last: bundle.reads.remotes, asLast: true } });
    expect(again.bundle.digest).toBe(bundle.digest);
    expect((await build(files, moved)).bundle.digest).not.toBe(bundle.digest);
  });

  test('spares the question whether a repository is a file', async () => {
    const { bundle } = await build(files, now);
    const again = await build(files, now, { remotes: { last: bundle.reads.remotes } });
    expect(again.asked).toEqual([`git ${FLEET} main`, `GET ${url}`]);
  });
});

describe('build metadata', () => {
  const spec = { buildMetadata: ['originAnnotations', 'transformerAnnotations'] };
  const origins = async (files: Files, elsewhere: Elsewhere): Promise<Record<string, string | undefined>> => {
    const { bundle } = await build(files, elsewhere, { spec });
    return Object.fromEntries(
      bundle.objects.map(({ key, body }) => [key.name, body.metadata.annotations?.['config.kubernetes.io/origin']]),
    );
  };

  test('names repository, ref and path there', async () => {
    const repositories = {
      [FLEET]: {
        '1.0': {
          ...base,
          'apps/kustomization.yaml': `${base['apps/kustomization.yaml']}configMapGenerator: [{name: g, literals: [a=b]}]\ngeneratorOptions: {disableNameSuffixHash: true}\n`,
        },
      },
    };
    const files = overlay(`${FLEET}//apps?ref=1.0`);
    expect(await origins(files, { repositories })).toEqual({
      'x-a': `path: apps/a.yaml\nrepo: ${FLEET}\nref: "1.0"\n`,
      'x-g': `repo: ${FLEET}\nref: "1.0"\nconfiguredIn: apps/kustomization.yaml\nconfiguredBy:\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n`,
    });
    const { bundle } = await build(files, { repositories }, { spec });
    expect(bundle.objects[0]?.body.metadata.annotations?.['alpha.config.kubernetes.io/transformations']).toBe(
      `- repo: ${FLEET}\n  ref: "1.0"\n  configuredIn: apps/kustomization.yaml\n  configuredBy:\n    apiVersion: builtin\n    kind: PrefixTransformer\n`,
    );
  });

  test('takes the address of a file apart as kustomize does', async () => {
    const [long, short] = ['https://raw.shop.test/shop/fleet/main/web.yaml', 'https://files.shop.test/web.yaml'];
    const files = {
      'kustomization.yaml': 'resources: [sub]\n',
      'sub/kustomization.yaml': `resources: [${long}, ${short}]\n`,
    };
    expect(await origins(files, { files: { [long]: map('long'), [short]: map('short') } })).toEqual({
      long: 'path: main/web.yaml\nrepo: https://raw.shop.test/shop/fleet\n',
      short: 'path: sub/https:/files.shop.test/web.yaml\n',
    });
  });
});
