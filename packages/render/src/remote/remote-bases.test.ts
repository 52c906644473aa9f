import { afterAll, describe, expect, test } from 'vitest';
import { createRenderer } from '../create-renderer.ts';
import { buildSpec, memoryArtifact, testEngine, type Files } from '../testing/memory-artifact.ts';
import type { Elsewhere } from '../testing/memory-remotes.ts';
import {
  base,
  buildWith,
  component,
  FLEET,
  map,
  overlay,
  prefixed,
  type RemoteBuild,
} from '../testing/remote-build.ts';
import { bodies, byName, upstreamBuild } from '../testing/upstream.ts';

const engine = testEngine();
const renderer = createRenderer({ engine });
afterAll(() => engine.close());

const build = (files: Files, elsewhere: Elsewhere, more?: Parameters<typeof buildWith>[3]): Promise<RemoteBuild> =>
  buildWith(renderer, files, elsewhere, more);

async function failure(
  files: Files,
  elsewhere: Elsewhere = {},
): Promise<{ message: string; code: string; fault: string }> {
  const error = await build(files, elsewhere).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return error as { message: string; code: string; fault: string };
}

describe('a repository', () => {
  const elsewhere: Elsewhere = { repositories: { [FLEET]: { '': base, v1: { ...base, 'apps/a.yaml': map('b') } } } };

  test('is built as if its files stood here', async () => {
    const { bundle, names } = await build(overlay(`${FLEET}//apps`), elsewhere);
    expect(names).toEqual(['x-a']);
    const here = await renderer.build(
      memoryArtifact({
        ...overlay('base/apps'),
        'base/apps/kustomization.yaml': base['apps/kustomization.yaml'],
        'base/apps/a.yaml': base['apps/a.yaml'],
      }),
      buildSpec(),
      { deadline: 20_000 },
    );
    expect(bundle.digest).toBe(here.digest);
  });

  test('is told of by its address', async () => {
    const { bundle } = await build(overlay(`${FLEET}//apps?ref=v1`), elsewhere);
    expect(bundle.objects[0]?.origin.path).toBe(`${FLEET}//apps/a.yaml?ref=v1`);
  });

  test('is taken at several refs, and in several places, each fetched once', async () => {
    const { names, asked } = await build(
      {
        ...overlay('one', 'two'),
        'one/kustomization.yaml': `resources: ["${FLEET}//apps?ref=v1", "${FLEET}//apps"]\n`,
        'two/kustomization.yaml': `resources: ["${FLEET}//apps?ref=v1"]\nnameSuffix: "-2"\n`,
      },
      elsewhere,
    );
    expect(names).toEqual(['x-a', 'x-b', 'x-b-2']);
    expect(asked.filter((line) => line.startsWith('git'))).toEqual([`git ${FLEET} v1`, `git ${FLEET} `]);
  });

  test('may be a component, and one of spec.components may not', async () => {
    const labels = { repositories: { [FLEET]: { '': { 'labels/kustomization.yaml': component('shop') } } } };
    const files = {
      'kustomization.yaml': `resources: [a.yaml]\ncomponents: ["${FLEET}//labels"]\n`,
      'a.yaml': map('a'),
    };
    const { bundle, asked } = await build(files, labels);
    expect(bundle.objects[0]?.body.metadata.labels).toEqual({ team: 'shop' });
    expect(asked).toEqual([`git ${FLEET} `]);
    await expect(build({ 'a.yaml': map('a') }, labels, { spec: { components: [`${FLEET}//labels`] } })).rejects.toThrow(
      `component path '${FLEET}//labels' must be local and relative`,
    );
  });

  test('may name folders of its own, and other repositories', async () => {
    const other = 'https://git.shop.test/shop/other';
    const { names } = await build(overlay(`${FLEET}//apps/prod`), {
      repositories: {
        [FLEET]: {
          '': {
            ...base,
            'apps/prod/kustomization.yaml': `resources: [../../lib, "${other}?ref=main"]\n`,
            'lib/kustomization.yaml': 'resources: [l.yaml]\n',
            'lib/l.yaml': map('l'),
          },
        },
        [other]: { main: { ...overlay('o.yaml'), 'o.yaml': map('o') } },
      },
    });
    expect(names).toEqual(['l', 'o']);
  });

  test('is followed through its symlinks', async () => {
    const { names } = await build(overlay(`${FLEET}//current`), {
      repositories: { [FLEET]: { '': { ...base, current: { link: 'apps' } } } },
    });
    expect(names).toEqual(['x-a']);
  });

  test('may hold plugins', async () => {
    const { bundle } = await build(
      { 'kustomization.yaml': `resources: [a.yaml]\ntransformers: ["${FLEET}//plugins"]\n`, 'a.yaml': map('a') },
      {
        repositories: {
          [FLEET]: {
            '': {
              ...prefixed('plugins/', overlay('p.yaml')),
              'plugins/p.yaml':
                'apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: p}\nprefix: far-\nfieldSpecs: [{path: metadata/name}]\n',
            },
          },
        },
      },
    );
    expect(bundle.objects[0]?.key.name).toBe('far-a');
  });

  test('takes the options of its entry', async () => {
    const { asked } = await build(overlay(`${FLEET}.git/apps?submodules=false&timeout=1`), {
      repositories: { [`${FLEET}.git`]: { '': base } },
    });
    expect(asked).toEqual([`git ${FLEET}.git  bare`]);
  });

  test('is asked for without the user that stands in its address', async () => {
    const { asked } = await build(overlay('https://me@dev.azure.test/o/p/_git/fleet//apps'), {
      repositories: { 'https://dev.azure.test/o/p/_git/fleet': { '': base } },
    });
    expect(asked).toEqual(['git https://dev.azure.test/o/p/_git/fleet ']);
  });

  test.each<[string, Files, Elsewhere, string]>([
    [
      'one that leaves it',
      { 'apps/kustomization.yaml': 'resources: [../../../a.yaml]\n' },
      {},
      "resources[0]: '../../../a.yaml' leaves the repository",
    ],
    [
      'a file of another folder of it',
      { ...base, 'apps/kustomization.yaml': 'resources: [../b.yaml]\n', 'b.yaml': map('b') },
      {},
      "resources[0] '../b.yaml' is a file outside of the folder that names it",
    ],
    [
      'a symlink to one',
      { ...base, 'apps/a.yaml': { link: '../b.yaml' }, 'b.yaml': map('b') },
      {},
      "resources[0] 'a.yaml' is a file outside of the folder that names it",
    ],
    [
      'a symlink that leaves it',
      { ...base, 'apps/a.yaml': { link: '/etc/passwd' } },
      {},
      "leaves the repository: it points to '/etc/passwd'",
    ],
    [
      'a generator that reads such a file',
      { 'apps/kustomization.yaml': 'secretGenerator: [{name: s, files: [../../secret]}]\n' },
      {},
      'leaves the repository',
    ],
    ['bad YAML', { ...base, 'apps/a.yaml': 'a: [' }, {}, `${FLEET}//apps/a.yaml`],
    ['no kustomization', { 'apps/a.yaml': map('a') }, {}, `the folder ${FLEET}//apps holds no kustomization.yaml`],
    ['no such folder', { 'other/a.yaml': map('a') }, {}, "does not exist: there is no folder 'apps' in the repository"],
    ['a file in its place', { apps: map('a') }, {}, 'is a file of a repository, a base is a folder'],
    [
      'a base that includes it again',
      { 'apps/kustomization.yaml': `resources: ["${FLEET}//apps"]\n` },
      {},
      `includes itself: ${FLEET}//apps -> ${FLEET}//apps`,
    ],
  ])('%s in it is refused', async (_name, files, _more, message) => {
    const error = await failure(overlay(`${FLEET}//apps`), { repositories: { [FLEET]: { '': files } } });
    expect(error.message).toContain(message);
    expect(error.code).toBe('build-failed');
  });

  test('two that include each other are named', async () => {
    const other = 'https://git.shop.test/shop/other';
    const { message } = await failure(overlay(FLEET), {
      repositories: { [FLEET]: { '': overlay(other) }, [other]: { '': overlay(FLEET) } },
    });
    expect(message).toContain(`includes itself: ${FLEET}// -> ${other}// -> ${FLEET}//`);
  });

  test('what kustomize says of its files names their address', async () => {
    const { message } = await failure(overlay(`${FLEET}//apps`), {
      repositories: { [FLEET]: { '': { ...base, 'apps/kustomization.yaml': 'resources: [a.yaml]\nunknown: 1\n' } } },
    });
    expect(message).not.toContain('.remote-bases');
  });

  test('at most a hundred are fetched for one build', async () => {
    const refs = Array.from({ length: 101 }, (_, index) => `r${index}`);
    const at = (ref: string): Files => ({ ...overlay('a.yaml'), 'a.yaml': map(ref) });
    const { message } = await failure(overlay(...refs.map((ref) => `"${FLEET}?ref=${ref}"`)), {
      repositories: { [FLEET]: Object.fromEntries(refs.map((ref) => [ref, at(ref)])) },
    });
    expect(message).toBe('kustomization.yaml: with it the build has more than 100 remote bases');
  });
});

describe('is built as upstream builds the same files laid out here', () => {
  const other = 'https://git.shop.test/shop/other';
  const url = 'https://files.shop.test/web.yaml';
  const places: Record<string, string> = { [`${FLEET}//`]: 'fleet/', [`${other}//`]: 'other/', [url]: 'web.yaml' };

  /** The text with every address replaced by the way to where its files are laid out. */
  const rewritten = (path: string, text: string): string => {
    const up = '../'.repeat(path.split('/').length - 1);
    return Object.entries(places).reduce((result, [address, place]) => result.replaceAll(address, up + place), text);
  };
  const laidOut = (files: Files, { repositories = {}, files: addressed = {} }: Elsewhere): Files => {
    const all: Files = { ...files, 'web.yaml': String(addressed[url] ?? '') };
    for (const [address, refs] of Object.entries(repositories))
      Object.assign(all, prefixed(places[`${address}//`] ?? '', refs[''] ?? {}));
    return Object.fromEntries(
      Object.entries(all).map(([path, value]) => [path, typeof value === 'string' ? rewritten(path, value) : value]),
    );
  };

  const elsewhere: Elsewhere = {
    repositories: {
      [FLEET]: {
        '': {
          ...base,
          'apps/kustomization.yaml':
            'resources: [a.yaml, ../lib]\nnamePrefix: x-\nconfigMapGenerator: [{name: g, files: [data.txt]}]\npatches: [{path: patch.yaml}]\n',
          'apps/data.txt': 'hello',
          'apps/patch.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {patched: "yes"}\n',
          'lib/kustomization.yaml': `resources: [l.yaml, "${other}//deep"]\nnamespace: lib\n`,
          'lib/l.yaml': map('l'),
          'labels/kustomization.yaml': component('shop'),
          linked: { link: 'apps' },
        },
      },
      [other]: { '': { 'deep/kustomization.yaml': `resources: [d.yaml, "${url}"]\n`, 'deep/d.yaml': map('d') } },
    },
    files: { [url]: map('web') },
  };

  test.each<[string, Files]>([
    ['a base', overlay(`${FLEET}//apps`)],
    ['a base behind a symlink', overlay(`${FLEET}//linked`)],
    [
      'a base two overlays share',
      {
        ...overlay('one', 'two'),
        'one/kustomization.yaml': `resources: ["${FLEET}//lib"]\nnameSuffix: "-1"\n`,
        'two/kustomization.yaml': `resources: ["${FLEET}//lib"]\nnameSuffix: "-2"\n`,
      },
    ],
    [
      'a component',
      {
        'kustomization.yaml': `resources: [a.yaml, "${FLEET}//apps"]\ncomponents: ["${FLEET}//labels"]\n`,
        'a.yaml': map('own'),
      },
    ],
    [
      'a file as resource and as data',
      { 'kustomization.yaml': `resources: ["${url}"]\nconfigMapGenerator: [{name: g, files: ["k=${url}"]}]\n` },
    ],
    [
      'a base further down',
      { ...overlay('sub'), 'sub/kustomization.yaml': `resources: ["${FLEET}//apps"]\nnamespace: sub\nimages: []\n` },
    ],
  ])('%s', async (_name, files) => {
    const { bundle } = await build(files, elsewhere);
    const expected = await upstreamBuild(engine, laidOut(files, elsewhere), '.');
    expect(expected.length).toBeGreaterThan(0);
    expect(byName(bodies(bundle))).toEqual(byName(expected));
  });
});

describe('a file', () => {
  const url = 'https://files.shop.test/web.yaml';

  test('is a resource, and asked for before a repository is', async () => {
    const { names, asked } = await build(overlay(url), { files: { [url]: map('web') } });
    expect(names).toEqual(['web']);
    expect(asked).toEqual([`GET ${url}`]);
  });

  test('is found below an address that could be that of a repository', async () => {
    const raw = 'https://raw.shop.test/shop/fleet/main/web.yaml?ref=x';
    const { bundle, asked } = await build(overlay(raw), { files: { [raw]: map('web') } });
    expect(bundle.objects[0]?.origin.path).toBe(raw);
    expect(asked).toEqual([`GET ${raw}`]);
  });

  test('is a repository where the server has no file there, or a page', async () => {
    const repositories = { [FLEET]: { '': base } };
    for (const answer of [404, 500, '<!DOCTYPE html>\n<html>\n<a: b>', 'hello']) {
      const { names, asked } = await build(overlay(`${FLEET}//apps`), {
        repositories,
        files: { [`${FLEET}//apps`]: answer },
      });
      expect(names).toEqual(['x-a']);
      expect(asked).toEqual([`GET ${FLEET}//apps`, `git ${FLEET} `]);
    }
  });

  test('may be what a patch, a generator or a plugin reads', async () => {
    const files = {
      'kustomization.yaml': [
        'resources: [a.yaml]',
        'patches: [{path: "https://files.shop.test/patch.yaml"}]',
        'configMapGenerator: [{name: g, files: ["https://files.shop.test/data.txt", "k=https://files.shop.test/data.txt"], envs: ["https://files.shop.test/env"]}]',
        'transformers: ["https://files.shop.test/plugin.yaml"]',
        'generatorOptions: {disableNameSuffixHash: true}',
      ].join('\n'),
      'a.yaml': map('a'),
    };
    const { bundle } = await build(files, {
      files: {
        'https://files.shop.test/patch.yaml':
          'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {patched: "yes"}\n',
        'https://files.shop.test/data.txt': 'hello',
        'https://files.shop.test/env': 'E=1\n',
        'https://files.shop.test/plugin.yaml':
          'apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: l}\nlabels: {far: "yes"}\nfieldSpecs: [{path: metadata/labels, create: true}]\n',
      },
    });
    const [a, g] = bundle.objects.map(({ body }) => body).sort((x, y) => (x.metadata.name < y.metadata.name ? -1 : 1));
    expect(a?.['data']).toEqual({ value: '1', patched: 'yes' });
    expect(g?.['data']).toEqual({ 'data.txt': 'hello', k: 'hello', E: '1' });
    expect(a?.metadata.labels).toEqual({ far: 'yes' });
  });

  test('in a plugin keeps to its own kustomization for what it names', async () => {
    const files = { 'kustomization.yaml': `generators: ["${url}"]\n`, 'data.txt': 'here' };
    const generator = 'apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: g}\nfiles: [data.txt]\n';
    const { bundle } = await build(files, { files: { [url]: generator } });
    expect(bundle.objects[0]?.body['data']).toEqual({ 'data.txt': 'here' });
  });

  test('a path that looks like a short address is a path where such a file is there', async () => {
    const { names, asked } = await build({ ...overlay('icons@2x.test/a.yaml'), 'icons@2x.test/a.yaml': map('a') }, {});
    expect(names).toEqual(['a']);
    expect(asked).toEqual([]);
  });
});

describe('what cannot be fetched is named', () => {
  test.each<[string, string, Elsewhere, string]>([
    [
      'an address of no file and no repository',
      'https://files.shop.test/a.yaml',
      {},
      "resources[0] 'https://files.shop.test/a.yaml' could not be fetched: HTTP status 404",
    ],
    [
      'a page in place of a file',
      'https://files.shop.test/a.yaml',
      { files: { 'https://files.shop.test/a.yaml': 'hello' } },
      "resources[0] 'https://files.shop.test/a.yaml' does not give objects: https://files.shop.test/a.yaml:1: the document is a string, not a Kubernetes object",
    ],
    [
      'neither one',
      `${FLEET}//apps`,
      {},
      `resources[0] '${FLEET}//apps' could not be fetched: HTTP status 404; as a repository: unable to clone '${FLEET}': repository not found`,
    ],
    [
      'ssh',
      'git@git.shop.test:shop/fleet',
      {},
      "resources[0] 'git@git.shop.test:shop/fleet' is a base over ssh, which needs a key, and no credentials are sent for a remote base: name it by https, or give it a GitRepository of its own",
    ],
    ['a disk', 'file:///etc/fleet', {}, "resources[0] 'file:///etc/fleet' is a repository on a disk: name it by https"],
    [
      'another scheme',
      'oci://shop.test/fleet',
      {},
      "resources[0] 'oci://shop.test/fleet' is remote, and not in a form that is served: name it by https",
    ],
  ])('%s', async (_name, entry, elsewhere, message) => {
    const error = await failure(overlay(entry), elsewhere);
    expect(error.message).toBe(`kustomization.yaml: ${message}`);
  });

  test('credentials in an address are refused, and not shown', async () => {
    for (const entry of [
      'https://me:secret@git.shop.test/shop/fleet.git',
      'https://me:secret@files.shop.test/a.yaml',
    ]) {
      const { message } = await failure(overlay(entry));
      expect(message).toContain('holds credentials, and none are sent for a remote base');
      expect(message).not.toContain('secret');
    }
  });

  test('the query of an address is not shown', async () => {
    const entry = 'https://files.shop.test/a.yaml?token=secret';
    expect((await failure(overlay(entry))).message).toBe(
      "kustomization.yaml: resources[0] 'https://files.shop.test/a.yaml?***' could not be fetched: HTTP status 404",
    );
    const { bundle } = await build(overlay(entry), { files: { [entry]: map('a') } });
    expect(bundle.objects[0]?.origin.path).toBe('https://files.shop.test/a.yaml?***');
  });

  test('what may pass is told apart from what the user has to mend', async () => {
    const away = await failure(overlay(`${FLEET}//apps`), { files: { [`${FLEET}//apps`]: null } });
    expect(away).toMatchObject({ code: 'build-failed', fault: 'system', policy: 'retry' });
    expect(away.message).toContain('connect ECONNREFUSED');
    expect(await failure(overlay('https://files.shop.test/a.yaml'))).toMatchObject({ fault: 'user' });
  });

  test('a repository where only a file can stand', async () => {
    const files = { 'kustomization.yaml': 'patches: [{path: "git@git.shop.test:shop/fleet//p.yaml"}]\n' };
    expect((await failure(files)).message).toContain(
      'is no file: name it by the http or https address of the file itself',
    );
  });

  test('all of it where remote bases are off', async () => {
    for (const entry of [`${FLEET}//apps`, 'https://files.shop.test/a.yaml', 'git@git.shop.test:a/b']) {
      await expect(renderer.build(memoryArtifact(overlay(entry)), buildSpec(), { deadline: 10_000 })).rejects.toThrow(
        `kustomization.yaml: resources[0] '${entry}' is remote, and remote bases are off (--no-remote-bases)`,
      );
    }
  });
});
