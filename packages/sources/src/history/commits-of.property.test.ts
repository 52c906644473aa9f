import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ObjectStore } from '../git/object-store.ts';
import { commitOf, madeUpId as id, storeOf, treeOf } from '../testing/stored-objects.ts';
import { commitsOf } from './commits-of.ts';

/** A commit as drawn: what is in its files, by path, and how far back its parents are. */
interface Drawn {
  files: Readonly<Record<string, string>>;
  back: readonly number[];
}

const PATHS = ['a', 'apps/a', 'apps/b', 'apps/c/d'];
const files = fc.dictionary(fc.constantFrom(...PATHS), fc.constantFrom('1', '2'));
const history = fc.array(fc.record({ files, back: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }) }), {
  minLength: 1,
  maxLength: 12,
});

const commitAt = (at: number): string => id(0x1000 + at);
const parentsOf = ({ back }: Drawn, at: number): number[] => back.map((by) => at - by).filter((parent) => parent >= 0);

function stored(commits: readonly Drawn[]): Pick<ObjectStore, 'raw'> {
  const objects = new Map<string, ReturnType<typeof treeOf>>();
  const put = (entries: readonly [string, string][]): string => {
    const tree = treeOf(entries);
    const own = createHash('sha1').update(tree.body).digest('hex');
    objects.set(own, tree);
    return own;
  };
  const folder = (given: Drawn['files'], prefix: string): [string, string][] => {
    const rests = PATHS.flatMap((path): [string, string][] => {
      const value = path.startsWith(prefix) ? given[path] : undefined;
      return value === undefined ? [] : [[path.slice(prefix.length), value]];
    });
    const folders = new Set(rests.flatMap(([rest]) => (rest.includes('/') ? [rest.split('/')[0] ?? ''] : [])));
    return [
      ...rests
        .filter(([rest]) => !rest.includes('/'))
        .map(([name, value]): [string, string] => [`100644 ${name}`, id(0xb0 + Number(value))]),
      ...[...folders].map((name): [string, string] => [`40000 ${name}`, put(folder(given, `${prefix}${name}/`))]),
    ];
  };
  for (const [at, one] of commits.entries()) {
    objects.set(commitAt(at), commitOf(put(folder(one.files, '')), parentsOf(one, at).map(commitAt)));
  }
  return storeOf(objects);
}

/** What is said of one path, commit by commit. */
function madeAt(commits: readonly Drawn[], path: string): Set<string> {
  const made = new Set<string>();
  const seen = new Set<number>();
  const under = (at: number): string => {
    const names = PATHS.filter((name) => `${name}/`.startsWith(`${path}/`));
    return names.map((name) => commits[at]?.files[name] ?? '-').join('');
  };
  const look = (at: number): void => {
    const own = commits[at];
    if (own === undefined || seen.has(at) || /^-*$/.test(under(at))) return;
    seen.add(at);
    const parents = parentsOf(own, at);
    const same = parents.find((parent) => under(parent) === under(at));
    if (same === undefined) made.add(commitAt(at));
    for (const parent of same === undefined ? parents : [same]) look(parent);
  };
  look(commits.length - 1);
  return made;
}

test('many paths are followed as each of them would be alone', async () => {
  await fc.assert(
    fc.asyncProperty(history, fc.subarray([...PATHS, 'apps', 'apps/c', 'none']), async (commits, paths) => {
      const told = await commitsOf(stored(commits), commitAt(commits.length - 1), paths);
      const found = 'commits' in told ? told.commits.map((commit) => commit.id).sort() : told;
      const expected = new Set(paths.flatMap((path) => [...madeAt(commits, path)]));
      expect(found).toEqual([...expected].sort());
    }),
    { numRuns: 500 },
  );
});
