import { Command } from 'commander';
import { expect, test } from 'vitest';
import { givenAs } from './given.ts';
import { addOption, flag, list, readOptions, text } from './options.ts';

const table = {
  dataDir: text('--data-dir <path>', null, 'where', '/data'),
  loud: flag('--loud', null, 'how'),
  noRefs: flag('--no-cross-refs', 'NO_REFS', 'whether'),
  unitFile: text('-f, --unit-file <file>', null, 'which'),
  only: list('--only <names>', 'which'),
} as const;

/** What a command line with these words sets. */
function values(...words: string[]): object {
  const program = new Command().exitOverride();
  for (const spec of Object.values(table)) addOption(program, spec, spec.help);
  const given = program.parse(words, { from: 'user' }).opts<Record<string, unknown>>();
  const named = Object.fromEntries(Object.entries(table).map(([name, spec]) => [name, givenAs(spec.flag, given)]));
  return readOptions(table, named, { NO_REFS: words.length === 0 ? '' : undefined });
}

test.each<[string, string[], object]>([
  ['nothing, and the environment', [], { noRefs: true }],
  ['a flag of several words', ['--data-dir', '/here'], { dataDir: '/here' }],
  ['a bare flag', ['--loud'], { loud: true }],
  ['a flag with its value', ['--loud=false'], { loud: false }],
  ['a bare flag that begins with no', ['--no-cross-refs'], { noRefs: true }],
  ['one that is set to true', ['--no-cross-refs', 'true'], { noRefs: true }],
  ['one that is set to false', ['--no-cross-refs=false'], { noRefs: false }],
  ['a flag by its letter', ['-f', 'a.yaml'], { unitFile: 'a.yaml' }],
  ['the same by its word', ['--unit-file=a.yaml'], { unitFile: 'a.yaml' }],
  ['a list with commas', ['--only', 'a, b'], { only: ['a', 'b'] }],
  ['a list of several flags', ['--only', 'a,b', '--only=c'], { only: ['a', 'b', 'c'] }],
  ['none of them', ['--data-dir', '/data'], { noRefs: false }],
])('%s', (_name, words, expected) => {
  expect(values(...words)).toEqual({
    dataDir: '/data',
    loud: false,
    noRefs: false,
    unitFile: '',
    only: [],
    ...expected,
  });
});

test.each(['', ' , '])("a list of nothing ('%s') is refused: it would choose everything", (given) => {
  expect(() => values('--only', given)).toThrow(`--only: '${given}' names nothing`);
});
