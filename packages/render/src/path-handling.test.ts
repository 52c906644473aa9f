import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { PlumbError, printJson, systemError } from '@plumb/api';
import type { Engine } from '@plumb/engine';
import type { Tree } from '@plumb/sources';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRenderer } from './create-renderer.ts';
import { limits } from './limits.ts';
import { parentOf, relative, within } from './paths.ts';
import { ReadLog } from './reads.ts';
import type { BuildSpec } from './renderer.ts';
import { buildSpec, memoryArtifact, testEngine } from './testing/memory-artifact.ts';
import type { Files } from './testing/memory-artifact.ts';
import { Budget, TreeView } from './tree-view.ts';
import type { Found } from './tree-view.ts';

const usual = ['a', 'b', 'c', 'app', 'base'] as const;
/** Names that mean something to some shell, file system, escape or language, and none of it here. */
const odd = [
  'A',
  'ä',
  'a\u0308',
  ' ',
  'a b',
  '%2e%2e',
  '%2f',
  '...',
  '..a',
  'a..',
  '-',
  '~',
  '*',
  '?',
  'a:b',
  '\\',
  '..\\',
  'con',
  '💥',
  '\u202e',
  '\n',
  'a\0b',
  '$HOME',
  '__proto__',
  'constructor',
  'kustomization.yaml',
  'x'.repeat(300),
] as const;

const name = fc.oneof(
  { arbitrary: fc.constantFrom(...usual), weight: 3 },
  { arbitrary: fc.constantFrom(...odd), weight: 1 },
);
const plainName = fc.constantFrom(...usual, 'A', 'ä', 'a\u0308', ' ', '%2e%2e', '...', '\\', '💥', '\n');

/** Steps of a path or of a symlink's target: names, and ways up, round and nowhere. */
const steps = (one: fc.Arbitrary<string>, most: number): fc.Arbitrary<string> =>
  fc
    .array(fc.oneof({ arbitrary: one, weight: 3 }, { arbitrary: fc.constantFrom('..', '.', '', '..'), weight: 1 }), {
      minLength: 1,
      maxLength: most,
    })
    .map((parts) => parts.join('/'));

/** A tree of files and symlinks. What would stand below a file, or twice, is left out. */
function trees(one: fc.Arbitrary<string>, target: fc.Arbitrary<string>): fc.Arbitrary<Files> {
  const place = fc.array(one, { minLength: 1, maxLength: 4 });
  return fc.array(fc.tuple(place, fc.oneof(fc.constant(null), target)), { maxLength: 12 }).map((entries) => {
    const files: Files = {};
    for (const [path, link] of entries) {
      const taken = (at: string): boolean =>
        Object.keys(files).some((known) => known === at || known.startsWith(`${at}/`));
      const above = path.map((_, index) => path.slice(0, index + 1).join('/'));
      if (above.some((at) => Object.hasOwn(files, at)) || taken(path.join('/'))) continue;
      files[path.join('/')] = link === null ? 'text' : { link };
    }
    return files;
  });
}

/** Characters of a message: what is shown of a path or name is cut. */
const longestMessage = 1_100;
const isBuildError = (error: unknown): error is PlumbError =>
  error instanceof PlumbError && error.code === 'build-failed';

/** Where a path leads, or what is said against it; an error of the test when neither is in order. */
async function resolved(files: Files, from: string, path: string): Promise<{ at: string | null } | { says: string }> {
  const artifact = memoryArtifact(files);
  try {
    const found = await new TreeView(artifact.tree, new ReadLog(), new Budget()).resolve(from, path, 'here');
    if (artifact.asked.entries > folders(files) + 1) throw new Error(`asked for ${artifact.asked.entries} folders`);
    if (found !== null && !(await isThere(artifact.tree, found))) throw new Error(`${found.path} is not in the tree`);
    return { at: found?.path ?? null };
  } catch (error) {
    if (!isBuildError(error) || error.message.length > longestMessage) throw error;
    return { says: error.message };
  }
}

/** Whether what was found is really there, under the id it has, and no symlink on the way. */
async function isThere(tree: Tree, { path, type, id }: Found): Promise<boolean> {
  if (path === '') return type === 'directory' && id === (await tree.id(''));
  const { dir, name: last } = parentOf(path);
  const entry = (await tree.entries(dir))?.find((each) => each.name === last);
  return !path.split('/').includes('..') && entry?.id === id && entry.type === type;
}

/** How many folders a tree has, and how many places where one might be. */
function folders(files: Files): number {
  const above = (path: string): string[] => path.split('/').map((_, index, parts) => parts.slice(0, index).join('/'));
  return new Set(Object.keys(files).flatMap(above)).size;
}

describe('a path', () => {
  const anyTree = trees(
    name,
    fc.oneof(
      { arbitrary: steps(name, 6), weight: 6 },
      { arbitrary: steps(name, 3).map((way) => `/${way}`), weight: 1 },
    ),
  );

  test('leads to what is really in the tree, to nothing, or to an error, whatever it and the tree hold', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyTree,
        steps(name, 8),
        fc.string({ unit: 'binary', maxLength: 30 }),
        async (files, path, noise) => {
          await resolved(files, '', path);
          await resolved(files, '', noise);
          const folder = posix.dirname(Object.keys(files)[0] ?? 'a');
          if (!folder.startsWith('.')) await resolved(files, folder, path);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('of thousands of steps is bounded, as are symlinks that multiply', async () => {
    const doubling: Files = { 'd40/a.yaml': '' };
    for (let level = 0; level < 40; level += 1) {
      for (const branch of ['a', 'b']) doubling[`d${level}/${branch}`] = { link: `../d${level + 1}` };
    }
    const most = await resolved(doubling, '', `d0/${'a/'.repeat(39)}`);
    expect(most).toEqual({ at: 'd39' });
    const long = { says: expect.stringContaining(`longer than ${limits.pathLength} characters`) };
    expect(await resolved(doubling, '', 'a/'.repeat(5_000))).toEqual(long);
    expect(await resolved(doubling, '', `${'../'.repeat(5_000)}d0`)).toEqual(long);
    expect(await resolved(doubling, '', 'x'.repeat(1_000_000))).toEqual(long);
    const renderer = createRenderer({ engine: noEngine });
    const build = renderer.build(memoryArtifact(doubling), buildSpec({ path: 'd0' }), { deadline: 10_000 });
    await expect(build).rejects.toThrow(`takes more than ${limits.steps} steps over paths and symlinks`);
  });

  test('that grows longer by symlinks is bounded', async () => {
    const files: Files = { 'a/a/a/a/a': { link: `${'../a/'.repeat(500)}a` } };
    const deep = Object.fromEntries([[Array.from({ length: 2_500 }, () => 'a').join('/'), 'text']]);
    expect(await resolved(files, '', 'a/a/a/a/a')).toEqual({ says: expect.stringContaining('here: ') });
    expect(
      await resolved(
        { ...deep, l: { link: Array.from({ length: 1_900 }, () => 'a').join('/') } },
        '',
        `l/${'a/'.repeat(500)}`,
      ),
    ).toEqual({
      says: expect.stringContaining('is longer than'),
    });
  });
});

describe('a path leads where the file system of the machine would lead it', () => {
  let base = '';
  beforeAll(() => {
    base = mkdtempSync(join(tmpdir(), 'plumb-paths-'));
  });
  afterAll(() => rmSync(base, { recursive: true, force: true }));

  /** By the machine: the real path below the root, `nothing`, `out` of it or a `circle`. */
  function byMachine(root: string, path: string): string {
    const clean = posix.normalize(path).replace(/(?<!^)\/$/, '');
    if (/^\.\.(?:\/|$)/.test(clean)) return 'out';
    try {
      const real = realpathSync.native(join(root, clean));
      return real === root || real.startsWith(`${root}/`) ? `at ${real.slice(root.length + 1)}` : 'out';
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ELOOP' ? 'circle' : 'nothing';
    }
  }

  function word(ours: { at: string | null } | { says: string }): string {
    if ('at' in ours) return ours.at === null ? 'nothing' : `at ${ours.at}`;
    return ours.says.includes('runs in circles') ? 'circle' : 'out';
  }

  function write(files: Files, root: string): void {
    mkdirSync(root, { recursive: true });
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      if (typeof content === 'object' && 'link' in content) symlinkSync(content.link, join(root, path));
      else writeFileSync(join(root, path), content);
    }
  }

  test('inside the root', async () => {
    const target = steps(plainName, 5).filter((way) => way !== '' && !way.startsWith('/'));
    let run = 0;
    const seen = { there: 0, out: 0 };
    const paths = fc.array(steps(plainName, 6), { minLength: 4, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(trees(plainName, target), paths, async (files, asked) => {
        const root = join(realpathSync(base), `${(run += 1)}`, 'tree');
        write(files, root);
        const relatives = [...asked, ...Object.keys(files)].filter((path) => !posix.isAbsolute(path));
        for (const path of relatives) {
          const ours = word(await resolved(files, '', path));
          const theirs = byMachine(root, path);
          // What is out of the root is not followed there: it may be missing, or a circle.
          expect({ path, is: ours === 'out' && !theirs.startsWith('at ') ? 'out' : theirs }).toEqual({
            path,
            is: ours,
          });
          if (ours === 'out') seen.out += 1;
          else if (ours.startsWith('at ')) seen.there += 1;
        }
      }),
      { numRuns: 150, seed: fc.readConfigureGlobal().seed ?? 1 },
    );
    expect(seen.there).toBeGreaterThan(200);
    expect(seen.out).toBeGreaterThan(50);
  });
});

/** Remembers what it is sent, and gives nothing. */
let sent: string[] = [];
const noEngine: Engine = {
  ...testEngine(),
  kustomizeBuild: async ({ files }) => {
    sent = files.map(({ path }) => path);
    return { objects: [], warnings: [] };
  },
};

const isRefusal = (error: unknown): boolean =>
  error instanceof PlumbError &&
  /^(?:build-failed|invalid-path)$/.test(error.code) &&
  error.message.length <= longestMessage;

describe('what a kustomization names', () => {
  const renderer = createRenderer({ engine: noEngine });
  const prefix = fc.constantFrom('', '', '', '/', '//', './', '../', '../../../', 'file://', 'a=', '~/', '\\', ' ');
  const entry = fc.oneof(
    { arbitrary: fc.tuple(prefix, steps(name, 6)).map((parts) => parts.join('')), weight: 4 },
    { arbitrary: fc.string({ unit: 'binary', maxLength: 40 }), weight: 1 },
  );
  const list = fc.array(entry, { maxLength: 2 });
  const kustomization = fc
    .record({
      resources: list,
      components: list,
      crds: list,
      configurations: list,
      generators: list,
      transformers: list,
      patchesStrategicMerge: list,
      files: list,
      path: entry,
    })
    .chain((all) =>
      fc
        .subarray(Object.keys(all) as (keyof typeof all)[], { minLength: 1, maxLength: 3 })
        .map((kept) => ({ all, kept })),
    )
    .map(({ all: { files, path, ...fields }, kept }) =>
      printJson({
        ...Object.fromEntries(Object.entries(fields).filter(([field]) => kept.includes(field as 'resources'))),
        ...(kept.includes('files') ? { configMapGenerator: [{ name: 'g', files, envs: files }] } : {}),
        ...(kept.includes('path') ? { patches: [{ path }], openapi: { path } } : {}),
      }),
    );
  const specs: fc.Arbitrary<Partial<BuildSpec>> = fc.record(
    {
      path: fc.oneof({ arbitrary: fc.constant('app'), weight: 4 }, { arbitrary: entry, weight: 1 }),
      components: list,
      ignoreMissingComponents: fc.boolean(),
    },
    { requiredKeys: [] },
  );

  test('never leads out of the tree, and fails in one way', async () => {
    let built = 0;
    const anyTree = trees(name, steps(name, 5));
    await fc.assert(
      fc.asyncProperty(
        anyTree,
        fc.array(kustomization, { minLength: 3, maxLength: 3 }),
        specs,
        async (files, texts, spec) => {
          const all: Files = { ...files };
          for (const [index, folder] of ['app', 'base', 'a'].entries()) {
            const path = `${folder}/kustomization.yaml`;
            if (!Object.keys(files).some((known) => known === folder || known.startsWith(path)))
              all[path] = texts[index] ?? '';
          }
          sent = [];
          const build = renderer.build(memoryArtifact(all), buildSpec({ path: 'app', ...spec }), { deadline: 10_000 });
          const [outcome] = await Promise.allSettled([build]);
          if (outcome.status === 'fulfilled') built += 1;
          const reads = outcome.status === 'fulfilled' ? [...outcome.value.reads.ids.keys()] : [];
          expect(reads.filter((path) => posix.normalize(`/${path}`) !== `/${path}`)).toEqual([]);
          expect(outcome.status === 'fulfilled' || isRefusal(outcome.reason)).toBe(true);
          expect(sent.filter((path) => typeof all[path] !== 'string' && !path.endsWith('kustomization.yaml'))).toEqual(
            [],
          );
        },
      ),
      { numRuns: 1_000 },
    );
    expect(built).toBeGreaterThan(50);
  });

  test('a failure of the tree itself is not told as a wrong path', async () => {
    const artifact = memoryArtifact({ 'app/a.yaml': '', link: { link: 'app' } });
    const broken = {
      ...artifact,
      tree: { ...artifact.tree, read: async () => Promise.reject(systemError('storage-failed', 'no disk')) },
    };
    const build = renderer.build(broken, buildSpec({ path: 'link' }), { deadline: 1_000 });
    await expect(build).rejects.toMatchObject({ code: 'storage-failed', policy: 'retry' });
  });
});

describe('the way from one path to another', () => {
  const clean = fc
    .array(
      name.filter((each) => !each.includes('/')),
      { maxLength: 6 },
    )
    .map((parts) => parts.join('/'));

  test('leads there, and up no further than it must', () => {
    fc.assert(
      fc.property(clean, clean, (from, to) => {
        const way = relative(from, to);
        expect(posix.join('/', from, way)).toBe(posix.join('/', to));
        expect(way.startsWith('..') && !way.startsWith('...') && !/^\.\.[^/]/.test(way)).toBe(!within(to, from));
      }),
      { numRuns: 1_000 },
    );
  });

  test('is found for paths of thousands of steps', () => {
    const deep = Array.from({ length: 50_000 }, (_, index) => `${index % 7}`).join('/');
    expect(relative(deep, `${deep}/x`)).toBe('x');
    expect(relative(`${deep}/x`, '')).toHaveLength(50_001 * 3 - 1);
  });
});
