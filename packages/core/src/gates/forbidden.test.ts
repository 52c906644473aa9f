import { describe, expect, test } from 'vitest';
import { forbiddenLine, forbiddenProblem } from './forbidden.ts';

const TEXT = 'kind: ConfigMap\ndata:\n  url: http://example.com\n  password: Hunter2\n';

test.each([
  ['kind', 1],
  ['^data', 2],
  ['http://', 3],
  ['(?i)hunter\\d$', 4],
  ['data:\\n\\s+url', 2],
  ['(?s)data.*password', 2],
  ['^ {2}password: .*$', 4],
  ['data.*password', null],
  ['hunter', null],
  ['\\AConfigMap', null],
  ['', 1],
])('%s stands in line %s', (pattern, line) => {
  expect(forbiddenLine(pattern, TEXT)).toBe(line);
});

describe('what RE2 does not read is no pattern', () => {
  test.each(['(?=a)', '(?<!a)b', '(a)\\1', '(', '[z-a]', 'a{1001}', '((a{100}){100}){100}', '*a', '\\C', 'a**'])(
    '%s',
    (pattern) => {
      expect(forbiddenProblem(pattern)).toContain(`${pattern} is no pattern of RE2: `);
    },
  );

  test.each(['a', '\\d+', '(?i)a', '\\p{Lu}', '(?P<name>a)', '[[:alpha:]]', 'a{1000}'])('%s is one', (pattern) => {
    expect(forbiddenProblem(pattern)).toBeNull();
  });
});

test('patterns that hang others are answered', () => {
  const text = `${'a'.repeat(50_000)}!`;
  for (const pattern of ['(a+)+$', '(a|aa)+$', '(a|a)*b', '(.*a){10}b', '^(([a-z])+.)+[A-Z]([a-z])+$']) {
    expect(forbiddenLine(pattern, text)).toBeNull();
  }
});

test('a search that would take minutes is not begun, and says so', () => {
  const text = 'a'.repeat(1_000_000);
  expect(forbiddenLine('(a?){1000}[0-9]', text)).toEqual({
    trouble: expect.stringMatching(/^a pattern of \d+ steps is too large for a text of 1000000 characters/) as string,
  });
  expect(forbiddenLine('a{3}', text)).toBe(1);
});

test('many patterns are kept no longer than they are of use', () => {
  for (let index = 0; index < 500; index++) expect(forbiddenLine(`x${index}y`, `x${index}y`)).toBe(1);
});
