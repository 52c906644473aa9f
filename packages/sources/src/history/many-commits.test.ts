import { expect, test } from 'vitest';
import type { ObjectStore } from '../git/object-store.ts';
import { commitOf, madeUpId as id, storeOf, treeOf } from '../testing/stored-objects.ts';
import { commitsOf } from './commits-of.ts';
import { toldOf } from './history.ts';

const TREES = { empty: id(0xe0), old: id(0xe1), new: id(0xe2) };

/** A line of commits, each with a tree: the last is the head. */
function line(trees: readonly string[]): Pick<ObjectStore, 'raw'> {
  const objects = new Map([
    [TREES.empty, treeOf([])],
    [TREES.old, treeOf([['100644 a.yaml', id(0xb1)]])],
    [TREES.new, treeOf([['100644 a.yaml', id(0xb2)]])],
  ]);
  for (const [at, root] of trees.entries()) {
    const parents = at === 0 ? [] : [id(0x1000 + at - 1)];
    objects.set(id(0x1000 + at), commitOf(root, parents, `${at}@example.test`));
  }
  return storeOf(objects);
}

async function touched(trees: readonly string[]): Promise<string[] | object> {
  const told = await commitsOf(line(trees), id(0x1000 + trees.length - 1), ['a.yaml']);
  return 'commits' in told ? told.commits.map((commit) => commit.id) : told;
}

test('thousands of commits that leave a path as it is are passed over', async () => {
  const idle = Array<string>(3_000).fill(TREES.new);
  expect(await touched([TREES.empty, TREES.old, ...idle])).toEqual([id(0x1002), id(0x1001)]);
});

test('a path that a thousand commits changed is the work of too many', async () => {
  const busy = Array.from({ length: 1_100 }, (_, at) => (at % 2 === 0 ? TREES.old : TREES.new));
  expect(await touched([TREES.empty, ...busy])).toEqual({ tooMany: true, path: 'a.yaml' });
});

test('a path whose beginning is not here lacks the commit it would go on with', async () => {
  const objects = line([TREES.empty, TREES.old, TREES.new]);
  const shallow = { raw: (one: string) => (one === id(0x1001) ? Promise.resolve(null) : objects.raw(one)) };
  const told = await commitsOf(shallow, id(0x1002), ['a.yaml']);
  expect(told).toEqual({ lacks: id(0x1001), path: 'a.yaml' });
});

test.each([
  [{ tooMany: true, path: 'a.yaml' } as const, 'is the work of too many commits'],
  [{ lacks: id(1), path: 'a.yaml' }, 'is older than the history that can be had'],
])('of a path whose authors cannot be told it is said what to do', (range, why) => {
  const unknown = `what is at a.yaml, which it reads anew, ${why}: move it to another name, which makes it the work of whoever does, or break the glass`;
  expect(toldOf(range, null)).toEqual({ authors: { unknown }, commits: { unknown } });
});
