import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Command } from 'commander';
import { addOption, choice, flag, list, port, readOptions, text, texts } from './options.ts';
import { optionsPage } from './options-page.ts';

const table = {
  dir: text('--dir <path>', 'DIR', 'where', '/data'),
  port: port('--port <port>', null, 'which', 9090),
  loud: flag('--loud', 'LOUD', 'how'),
} as const;
const words = { output: choice('-o, --output <format>', 'as what', ['text', 'json']) } as const;

describe('readOptions', () => {
  test.each([
    ['takes the fallback', {}, {}, { dir: '/data', port: 9090, loud: false }],
    [
      'takes the environment before the fallback',
      {},
      { DIR: '/env', LOUD: 'true' },
      { dir: '/env', port: 9090, loud: true },
    ],
    [
      'takes the command line before the environment',
      { dir: '/given' },
      { DIR: '/env' },
      { dir: '/given', port: 9090, loud: false },
    ],
    ['reads a bare flag as true', { loud: true }, {}, { dir: '/data', port: 9090, loud: true }],
    ['reads a flag set to false', { loud: 'false' }, { LOUD: 'true' }, { dir: '/data', port: 9090, loud: false }],
    ['reads numbers', { port: '0' }, {}, { dir: '/data', port: 0, loud: false }],
  ])('%s', (_name, given, environment, expected) => {
    expect(readOptions(table, given, environment)).toEqual(expected);
  });

  test.each([
    ['a port out of range', { port: '70000' }, {}, "--port: '70000' is not a whole number from 0 to 65535"],
    ['a port that is no number', { port: 'http' }, {}, "--port: 'http' is not a whole number from 0 to 65535"],
    [
      'a bad flag in the environment',
      {},
      { LOUD: 'maybe' },
      "environment variable LOUD: 'maybe' is neither true nor false",
    ],
  ])('refuses %s', (_name, given, environment, message) => {
    expect(() => readOptions(table, given, environment)).toThrow(message);
  });
});

test('one of a few words is the first of them where none is given, and no other', () => {
  expect(readOptions(words, {}, {})).toEqual({ output: 'text' });
  expect(readOptions(words, { output: 'json' }, {})).toEqual({ output: 'json' });
  expect(() => readOptions(words, { output: 'yaml' }, {})).toThrow("--output: 'yaml' is none of text, json");
});

test('of lists none is lost that is given, and where commas mean something they stay', () => {
  const lists = { of: list('--of <words>', 'which'), by: texts('--by <text>', 'what') } as const;
  const command = new Command();
  for (const spec of Object.values(lists)) addOption(command, spec, spec.help);
  command.parse(['--of', 'a,b', '--of', 'c', '--by', 'x in [1, 2]', '--by', 'y'], { from: 'user' });
  expect(readOptions(lists, command.opts(), {})).toEqual({ of: ['a', 'b', 'c'], by: ['x in [1, 2]', 'y'] });
});

test('docs/options.md is the option tables as they are (vitest --update writes it)', async () => {
  await expect(await optionsPage()).toMatchFileSnapshot(join(import.meta.dirname, '../../../docs/options.md'));
});
