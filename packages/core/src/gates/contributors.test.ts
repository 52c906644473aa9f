import type { ChangeAuthor } from '@plumb/api';
import { expect, test } from 'vitest';
import { contributorsOf } from './contributors.ts';

const who = (name: string): ChangeAuthor => ({ name, email: `${name}@example.com` });
/** By somebody, with files named by a letter. */
const commit = (id: string, by: string, tree: string, ...parents: string[]) => {
  return { id, tree, parents, people: [who(by)] };
};
const change = commit('change', 'alice', 'B', 'before');

test.each<[string, ReturnType<typeof commit>[], string[]]>([
  ['a commit that changes something', [change], ['alice']],
  ['not a merge of what had all of the other side', [commit('m', 'bob', 'B', 'before', 'change'), change], ['alice']],
  ['nor one with the sides the other way round', [commit('m', 'bob', 'B', 'change', 'before'), change], ['alice']],
  ['nor a commit without a change', [commit('e', 'bob', 'B', 'change'), change], ['alice']],
  [
    'nor such commits on top of each other',
    [commit('e', 'bob', 'B', 'm'), commit('m', 'bob', 'B', 'before', 'change'), change],
    ['alice'],
  ],
  [
    'nor one in the middle',
    [commit('x', 'eve', 'C', 'm'), commit('m', 'bob', 'B', 'before', 'change'), change],
    ['eve', 'alice'],
  ],
  ['a merge that brings something of its own', [commit('m', 'bob', 'E', 'before', 'change'), change], ['bob', 'alice']],
  [
    'a merge that throws away what the other side brought',
    [commit('m', 'bob', 'B', 'mended', 'change'), commit('mended', 'carol', 'M', 'before'), change],
    ['bob', 'carol', 'alice'],
  ],
  [
    'a merge with what is older than what runs, though it takes its files: it brings back what was mended',
    [commit('m', 'bob', 'A', 'before', 'older')],
    ['bob'],
  ],
  [
    'a merge of a branch that does not have in it what runs',
    [commit('m', 'bob', 'B', 'runs', 'change'), change],
    ['bob', 'alice'],
  ],
  ['a commit without a change on what was there before', [commit('e', 'bob', 'A', 'before')], ['bob']],
  ['one whose files are not told', [commit('e', 'bob', '', 'c'), commit('c', 'alice', '', 'before')], ['bob', 'alice']],
])('of a change is %s', (_what, commits, authors) => {
  expect(contributorsOf(commits).map(({ name }) => name)).toEqual(authors);
});
