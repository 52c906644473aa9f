import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const page = readFileSync(join(ROOT, 'docs/reliability.md'), 'utf8');
const INVARIANTS = 14;
/** A call that names a test or a group; what `each` gave comes before it in brackets of its own. */
const TITLE = /(?:\b(?:test|it|describe)|\))\(\s*(['"`])((?:\\.|(?!\1).)*)\1/g;

const promises = [...page.matchAll(/^\*\*P(\d+)\. (.+?)\*\*[\s\S]*?(?=^\*\*P|^## |(?![\s\S]))/gm)].map(
  ([text, number, title = '']) => ({ number: Number(number), title, text }),
);
const gates = readFileSync(join(ROOT, 'docs/spec/gates.md'), 'utf8');
const GATE_INVARIANTS = 9;
const citations = [...`${page}\n${gates}`.matchAll(/^- `([^`]+\.ts)`: (.+)$/gm)].map(([, file = '', name = '']) => ({
  file,
  name,
}));

function titlesOf(file: string): string[] {
  const source = readFileSync(join(ROOT, file), 'utf8');
  return [...source.matchAll(TITLE)].map(([, , title = '']) => title.replaceAll(/\\(['"`])/g, '$1'));
}

describe('docs/reliability.md', () => {
  test('numbers its promises in order, and shows each by a test', () => {
    expect(promises.map(({ number }) => number)).toEqual(promises.map((_, index) => index + 1));
    expect(promises.filter(({ text }) => !/^- `.+\.ts`: /m.test(text)).map(({ title }) => title)).toEqual([]);
  });

  test('speaks of every invariant once', () => {
    const named = promises.flatMap(({ title }) =>
      [...title.matchAll(/\(I(\d+)\)/g)].map(([, number]) => Number(number)),
    );
    expect(named.toSorted((a, b) => a - b)).toEqual(Array.from({ length: INVARIANTS }, (_, index) => index + 1));
  });

  test('the page of gates shows each of its invariants by a test', () => {
    const parts = [...gates.matchAll(/^\*\*G(\d+)\. [\s\S]*?(?=^\*\*G|^## )/gm)];
    expect(parts.map(([, number]) => Number(number))).toEqual(
      Array.from({ length: GATE_INVARIANTS }, (_, at) => at + 1),
    );
    expect(parts.filter(([text]) => !/^- `.+\.ts`: /m.test(text)).map(([, number]) => number)).toEqual([]);
  });

  test.each([...new Set(citations.map(({ file }) => file))])('cites tests that are there: %s', (file) => {
    expect(existsSync(join(ROOT, file))).toBe(true);
    const titles = titlesOf(file);
    const cited = citations.filter((one) => one.file === file).map(({ name }) => name);
    expect(cited.filter((name) => !titles.includes(name))).toEqual([]);
  });
});
