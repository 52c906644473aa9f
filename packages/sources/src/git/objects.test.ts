import { expect, test } from 'vitest';
import { encodeTree, parseCommit, parseTree } from './objects.ts';

const ID = 'ab'.repeat(20);
const TREE = '01'.repeat(20);
const entry = (mode: string, name: string | Buffer, id = ID): Buffer =>
  Buffer.concat([Buffer.from(`${mode} `), Buffer.from(name), Buffer.from([0]), Buffer.from(id, 'hex')]);

test('every mode has its type, and entries come sorted by name', () => {
  const body = Buffer.concat([
    entry('160000', 'sub'),
    entry('100755', 'run.sh'),
    entry('120000', 'link'),
    entry('100644', 'b.yaml'),
    entry('100664', 'c.yaml'),
    entry('40000', 'apps'),
  ]);
  expect(parseTree(TREE, body).entries.map(({ name, type }) => `${name}:${type}`)).toEqual([
    'apps:directory',
    'b.yaml:file',
    'c.yaml:file',
    'link:link',
    'run.sh:executable',
    'sub:commit',
  ]);
});

test('an id that holds zero bytes and spaces does not confuse the reader', () => {
  const id = '0020'.repeat(10);
  const { entries } = parseTree(TREE, Buffer.concat([entry('100644', 'a', id), entry('100644', 'b')]));
  expect(entries).toEqual([
    { name: 'a', type: 'file', id },
    { name: 'b', type: 'file', id: ID },
  ]);
});

test("what is written is what was read, in Git's own order", () => {
  const body = Buffer.concat([
    entry('100644', 'a.b'),
    entry('40000', 'a'),
    entry('100644', 'a0'),
    entry('120000', 'link'),
    entry('160000', 'sub'),
    entry('100755', 'ü'),
    entry('100644', Buffer.from([0xff, 0x41])),
  ]);
  expect(encodeTree(parseTree(TREE, body))).toEqual(body);
});

test('ids are as long as the id of the tree', () => {
  const id = 'cd'.repeat(32);
  expect(parseTree('01'.repeat(32), entry('100644', 'a', id)).entries).toEqual([{ name: 'a', type: 'file', id }]);
});

test('a name that is not UTF-8 is counted, not shown', () => {
  const { entries, odd } = parseTree(
    TREE,
    Buffer.concat([entry('100644', Buffer.from([0xff, 0x41])), entry('100644', 'ü.yaml')]),
  );
  expect(entries.map(({ name }) => name)).toEqual(['ü.yaml']);
  expect(odd.map(({ name }) => name)).toEqual([Buffer.from([0xff, 0x41])]);
});

test.each([
  ['cut in the id', entry('100644', 'a').subarray(0, -1), 'it is cut off'],
  ['no end of name', Buffer.from('100644 abc'), 'it is cut off'],
  ['no mode', Buffer.from('abc'), 'it is cut off'],
  ['a parent link', entry('40000', '..'), 'a name in it is none of a file'],
  ['a path for a name', entry('100644', 'a/b'), 'a name in it is none of a file'],
  ['an empty name', entry('100644', ''), 'a name in it is none of a file'],
  ['an unknown mode', entry('70000', 'a'), 'the mode of an entry is unknown'],
])('refuses a tree with %s', (_, body, why) => {
  expect(() => parseTree(TREE, body)).toThrow(`the repository holds a malformed object: tree ${TREE}: ${why}`);
});

test.each([
  ['one line', 'Raise replicas', 'Raise replicas'],
  ['more lines', '\n\nRaise  \n\nmore', 'Raise'],
  ['nothing', '', ''],
])('the subject of a message with %s', (_, message, subject) => {
  const body = Buffer.from(
    `tree ${ID}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1700000000 +0100\ngpgsig x\n tree no\n\n${message}`,
  );
  expect(parseCommit('c', body)).toEqual({ tree: ID, subject, committed: 1_700_000_000 });
});
