import { afterAll, describe, expect, test } from 'vitest';
import { createRenderer } from './create-renderer.ts';
import { limits } from './limits.ts';
import { buildSpec, memoryArtifact, testEngine } from './testing/memory-artifact.ts';
import type { Files } from './testing/memory-artifact.ts';
import { outcomeOf } from './testing/outcome.ts';

const engine = testEngine();
const renderer = createRenderer({ engine });
afterAll(() => engine.close());

const widget = 'apiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: x\n';
const map = (name: string): string => `{apiVersion: v1, kind: ConfigMap, metadata: {name: ${name}}}`;
const many = (count: number, each: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => each(index)).join('');
const list = (count: number): string =>
  `apiVersion: v1\nkind: List\nitems:\n${many(count, (index) => `- ${map(`x${index}`)}\n`)}`;
/** As often as it fits into the largest file that is read. */
const full = (unit: string, before: string, after = ''): string =>
  before + unit.repeat(Math.floor((limits.fileBytes - before.length - after.length) / unit.length)) + after;

const tooDeep = 'bad YAML: nesting exceeded maxDepth (100)';
const tooMuch = 'a.yaml: holds more than 1000000 values, commas and lines: split the file';
const tooLarge = 'the document is larger than 8388608 bytes once its aliases are written out';

const cases: readonly (readonly [what: string, text: () => string, says: string | null])[] = [
  ['lists in lists on one line', () => `${widget}x: ${'['.repeat(900_000)}`, tooDeep],
  ['maps in maps on one line', () => `${widget}x: ${'{a: '.repeat(400_000)}`, tooDeep],
  ['lists in lists by dashes', () => `${widget}x:\n${'- '.repeat(900_000)}`, tooDeep],
  ['maps in maps by blanks', () => widget + many(2_000, (depth) => `${' '.repeat(depth)}a:\n`), tooDeep],
  ['keys in keys', () => widget + '? '.repeat(900_000), tooDeep],
  ['JSON in JSON', () => `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, tooDeep],
  ['ninety levels', () => `${widget}x: ${'['.repeat(90)}${']'.repeat(90)}\n`, null],
  ['50,000 empty documents', () => '---\n'.repeat(50_000), 'a.yaml: holds more than 10000 documents: split the file'],
  [
    '50,000 documents',
    () => many(50_000, (index) => `---\n${map(`x${index}`)}\n`),
    'a.yaml: holds more than 10000 documents: split the file',
  ],
  ['9,900 documents', () => many(9_900, (index) => `---\n${map(`x${index}`)}\n`), null],
  ['a List of 50,000', () => list(50_000), 'a.yaml:1: a list of more than 20000 objects'],
  ['a List of 19,000', () => list(19_000), null],
  ['a million empty maps', () => full('{},', `${widget}x: [`, ']\n'), tooMuch],
  ['a million nulls', () => full('-\n', `${widget}x:\n`), tooMuch],
  ['a million numbers', () => full('1,', `${widget}x: [`, ']\n'), tooMuch],
  ['as many empty maps as are allowed', () => `${widget}x: [${'{},'.repeat(499_990)}]\n`, null],
  ['100,000 keys', () => `${widget}x:\n${many(100_000, (index) => ` k${index}:\n`)}`, null],
  ['100,000 anchors', () => `${widget}x: [${many(100_000, (index) => `&a${index} b,`)}]\n`, null],
  ['1,001 aliases', () => `${widget}x: &x a\ny: [${'*x,'.repeat(1_001)}]\n`, 'more than 1000 aliases in one document'],
  [
    'a merge of a large map, often',
    () => `${widget}x: &x {${many(1_500, (index) => `k${index}: a,`)}}\ny: [${'{<<: *x},'.repeat(900)}]\n`,
    tooLarge,
  ],
  [
    'a merge of a huge map, seldom',
    () => `${widget}x: &x {${many(100_000, (index) => `k${index}: a,`)}}\ny: [${'{<<: *x},'.repeat(10)}]\n`,
    tooLarge,
  ],
  ['four million digits', () => full('9', `${widget}x: `, '\n'), null],
  ['four million hexadecimal digits', () => full('f', `${widget}x: 0x`, '\n'), null],
  ['four million underscores', () => full('_', `${widget}x: 1`, '1\n'), null],
  ['four million digits of an exponent', () => full('9', `${widget}x: 1e`, '\n'), null],
  ['four million escapes', () => full('\\x41', `${widget}x: "`, '"\n'), null],
  ['four million quotes', () => full("''", `${widget}x: '`, "'\n"), null],
  ['a key of four million letters', () => full('k', `${widget}? `, '\n: 1\n'), null],
  ['blanks', () => full(' ', widget, '\n'), null],
  ['one comment', () => full('#', widget), null],
  ['line ends', () => full('\n', widget), tooMuch],
  ['comments', () => full('#\n', widget), tooMuch],
  ['directives', () => full('%FOO bar\n', '', `---\n${widget}`), null],
  ['end marks', () => full('...\n', widget), tooMuch],
  ['four million letters that are no base64', () => full('a', `${widget}x: !!binary "`, '"\n'), 'no base64'],
  ['a list that does not end', () => `${widget}x: [${'a, '.repeat(300_000)}`, 'a.yaml:5: bad YAML'],
  ['a mistake far down', () => `${widget}${many(90_000, (index) => `k${index}: v\n`)}x: [\n`, 'a.yaml:90006: bad YAML'],
  ['5 MB', () => widget + '#'.repeat(5_000_000), 'a.yaml: is larger than 4 MiB, the most a file may have: split it'],
];

/** CPU time, for neighbours share the cores: in seconds; far above what each takes (0.1 to 1). */
const mostSeconds = 15;
const mostBytes = 400 * 1024 * 1024;

function secondsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

describe('the largest files are built or refused within bounds', () => {
  test.each(cases)('%s', async (_what, text, says) => {
    const content = text();
    const before = { cpu: process.cpuUsage(), memory: process.memoryUsage().heapUsed };
    const outcome = await outcomeOf(renderer, { 'a.yaml': content });
    expect(secondsSince(before.cpu)).toBeLessThan(mostSeconds);
    expect(process.memoryUsage().heapUsed - before.memory).toBeLessThan(mostBytes);
    expect(outcome.says ?? 'built').toContain(says ?? 'built');
    expect((outcome.says ?? '').length).toBeLessThan(400);
  });
});

describe('a kustomization is refused before the helper sees it', () => {
  const below = (text: string): Files => ({ 'kustomization.yaml': 'resources: [a.yaml]', 'a.yaml': text });
  test.each([
    ['50,000 objects', list(50_000), 'a.yaml:1: a list of more than 20000 objects'],
    ['a million empty maps', full('{},', `${widget}x: [`, ']\n'), tooMuch],
    ['a million numbers', full('1,', `${widget}x: [`, ']\n'), tooMuch],
  ])('%s', async (_what, text, says) => {
    const before = process.cpuUsage();
    expect(await outcomeOf(renderer, below(text))).toEqual({ says });
    expect(secondsSince(before)).toBeLessThan(mostSeconds);
  });

  test('50,000 objects in many files', async () => {
    const files: Record<string, string> = {};
    for (let file = 0; file < 50; file += 1)
      files[`f${file}.yaml`] = many(1_000, (index) => `---\n${map(`x${file}-${index}`)}\n`);
    const outcome = await outcomeOf(renderer, {
      ...files,
      'kustomization.yaml': JSON.stringify({ resources: Object.keys(files) }),
    });
    expect(outcome).toEqual({ says: 'f20.yaml: with it the build has more than 20000 objects' });
  });
});

test('50,000 objects in a folder are refused, 19,000 are built', async () => {
  const folder = (count: number): Files =>
    Object.fromEntries(
      Array.from({ length: count / 1_000 }, (_, file) => [
        `f${String(file).padStart(2, '0')}.yaml`,
        many(1_000, (index) => `---\n${map(`x${file}-${index}`)}\n`),
      ]),
    );
  expect(await outcomeOf(renderer, folder(50_000))).toEqual({
    says: 'f20.yaml: with it the build has more than 20000 objects',
  });
  const { bundle } = await outcomeOf(renderer, folder(19_000));
  expect(bundle?.objects).toHaveLength(19_000);
});

test('many files of many values are refused before any of them takes memory', async () => {
  const text = `${widget}x: [${'{},'.repeat(450_000)}]\n`;
  const files = Object.fromEntries(Array.from({ length: 8 }, (_, file) => [`f${file}.yaml`, text]));
  expect(await outcomeOf(renderer, files)).toEqual({
    says: 'the build: holds more than 6000000 values, commas and lines: split it',
  });
});

describe('while a large folder is parsed', () => {
  const text = `${widget}x: [${'a, '.repeat(20_000)}]\n`;
  const artifact = memoryArtifact(
    Object.fromEntries(
      Array.from({ length: 40 }, (_, file) => [`f${file}.yaml`, text.replace('name: x', `name: x${file}`)]),
    ),
  );

  test('others get their turn', async () => {
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    await renderer.build(artifact, buildSpec(), { deadline: 60_000 });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(2);
  });

  test('its deadline holds', async () => {
    const late = renderer.build(artifact, buildSpec(), { deadline: 1 });
    await expect(late).rejects.toMatchObject({ code: 'timeout', policy: 'retry' });
  });

  test('it can be cancelled', async () => {
    const stop = new AbortController();
    const stopped = renderer.build(artifact, buildSpec(), { deadline: 60_000, signal: stop.signal });
    setTimeout(() => stop.abort(), 1);
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
  });
});
