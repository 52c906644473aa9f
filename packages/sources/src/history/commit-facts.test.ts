import { expect, test } from 'vitest';
import { readCommitFacts } from './commit-facts.ts';

const HEAD = `tree ${'1'.repeat(40)}\n`;
const END = 'committer Ada <ada@example.test> 1 +0000\n\nchange\n';

test.each([
  ['plain', 'Alice <alice@example.test> 1 +0000', 'Alice', 'alice@example.test'],
  ['no name', '<alice@example.test> 1 +0000', '', 'alice@example.test'],
  ['no address', 'Alice 1 +0000', 'Alice 1 +0000', ''],
  ['an address that does not end', 'Alice <alice@example.test 1 +0000', 'Alice', 'alice@example.test 1 +0000'],
  ['two addresses', 'Bob <bob@example.test> <alice@example.test> 1 +0000', 'Bob', 'bob@example.test'],
  [
    'an address in the name',
    'bob@example.test> Al <al@example.test> 1 +0000',
    'bob@example.test> Al',
    'al@example.test',
  ],
  [
    'characters of a terminal',
    'A\u001b[2Jl <a\u200bl@example.test> 1 +0000',
    'A\\u{1b}[2Jl',
    'a\\u{200b}l@example.test',
  ],
  [
    'what is very long',
    `${'A'.repeat(9_000)} <${'a'.repeat(9_000)}> 1 +0000`,
    `${'A'.repeat(320)}…`,
    `${'a'.repeat(320)}…`,
  ],
])('an author line with %s', (_what, line, name, email) => {
  const facts = readCommitFacts(Buffer.from(`${HEAD}author ${line}\n${END}`));
  expect(facts?.people).toEqual([
    { name, email },
    { name: 'Ada', email: 'ada@example.test' },
  ]);
});

test('bytes that are no UTF-8 are no letters of anybody', () => {
  const body = Buffer.concat([
    Buffer.from(`${HEAD}author Zo`),
    Buffer.of(0xeb),
    Buffer.from(` <z@example.test> 1 +0000\n${END}`),
  ]);
  expect(readCommitFacts(body)?.people[0]).toEqual({ name: 'Zo\ufffd', email: 'z@example.test' });
});

test('whoever is named by a second line is an author too', () => {
  const two = 'author Bob <bob@example.test> 1 +0000\nauthor Alice <alice@example.test> 1 +0000\n';
  expect(readCommitFacts(Buffer.from(HEAD + two + END))?.people.map(({ name }) => name)).toEqual([
    'Bob',
    'Alice',
    'Ada',
  ]);
});

test('what a signature or a message says is nobody, and no parent', () => {
  const signature = 'gpgsig -----BEGIN\n author Eve <eve@example.test> 1 +0000\n parent 22\n -----END\n';
  const end = END.replace('\n\n', `\n${signature}\n`);
  const text = `${HEAD}parent ${'2'.repeat(40)}\nauthor Bob <bob@example.test> 1 +0000\n${end}\nauthor Eve <eve@example.test> 1 +0000\n`;
  const facts = readCommitFacts(Buffer.from(text));
  expect(facts?.people.map(({ name }) => name)).toEqual(['Bob', 'Ada']);
  expect(facts?.parents).toEqual(['2'.repeat(40)]);
});

test.each([
  ['author', `${HEAD}${END}`],
  ['committer', `${HEAD}author Bob <bob@example.test> 1 +0000\n\nchange\n`],
])('a commit without %s says nothing', (_what, text) => {
  expect(readCommitFacts(Buffer.from(text))).toBeNull();
});

test('of a message the first 16 KiB are told', () => {
  const message = `first\n\n${'x'.repeat(20_000)}`;
  const facts = readCommitFacts(
    Buffer.from(`${HEAD}author Bob <bob@example.test> 1 +0000\n${END.replace('change', message)}`),
  );
  expect(facts?.message.length).toBeLessThanOrEqual(16 * 1024);
  expect(facts?.message.startsWith('first\n\nxxx')).toBe(true);
});
