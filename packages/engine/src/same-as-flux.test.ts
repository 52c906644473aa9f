import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { createEngine } from './create-engine.ts';
import type { SubstituteRequest, Substituted } from './engine.ts';
import { enginePath, fluxvarsPath } from './testing/fake-helper.ts';

/**
 * What the engine makes of an object is what Flux's own road through kustomize's Resource makes of it (go/fluxvars): the same types, the
 * same texts, and no object where there is none.
 */

/** Requests of one run of the suite, of some objects each; raise it, and leave the seed out, for a long run. */
const requests = 400;
const seed = 1;

const ours = createEngine({ path: enginePath, slots: 1 });
const flux = createEngine({ path: fluxvarsPath, slots: 1 });
afterAll(() => Promise.all([ours.close(), flux.close()]));

/** Spellings that YAML reads as something else than text, or is undecided about. */
const spellings = `
  7 -0 010 0o17 0x1F 0b101 1_000 1.0 1.5e2 1e3 1e400 .5 5. -.5 1:30 190:20:30 +1 12345678901234567890 9007199254740993
  true True yes No on OFF y n null Null ~ = << . - ? : | > & * ! % @ 2001-01-01 2001-12-14t21:59:43.10-05:00
  .inf -.inf .nan "7" 'x' [1,a] {a:1} {} [] a:b a: -a #a a#b !!str !!int *a &a <<:x "" '' 0777 685_230.15 1e21 1e-7 100m
`.match(/\S+/g) as string[];
const documents = [
  '- a',
  'a: b',
  ' # note',
  '[1, a]',
  '{a: 1}',
  '&a x',
  '[&a x, *a]',
  '!!str 7',
  '---',
  '...',
  '',
  ' ',
  ' 7 ',
  '"',
  "'",
  '7\n',
  'a\nb',
];
const longer = ['word '.repeat(40), 'x'.repeat(200), `${'word '.repeat(30)}: ${'more '.repeat(30)}`];
const references = ['${a}', '${b}', '${c}', '$${a}', '${a:-7}', '${c:=x}', '${b^^}', '${a//b/c}', '${#a}', '${', '$'];
const letters = [...'ab 17-_:#,.{}[]&*!|>\'"%@`?~=\\/\n\t\r$é日🚀\u0000\u0007\u00a0'];
/** Line ends of YAML 1.1: of those in an object kustomize itself makes blanks before a variable comes in. */
const oldLineEnds = [...'\u0085\u2028\u2029\ufeff'];
const anyText = (of: readonly string[]) => fc.string({ unit: fc.constantFrom(...of), maxLength: 6 });

const piece = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...references) },
  fc.constantFrom(...spellings),
  fc.constantFrom(...documents),
  fc.constantFrom(...longer),
  anyText(letters),
);
const text = fc.oneof(
  fc.constantFrom('${a}', '${b}', '${c}'),
  fc.constantFrom(...spellings),
  fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join('')),
);
/** Of `<<` kustomize itself makes a merge before a variable comes in. */
const key = text.filter((name) => name !== '<<');
/** Whole numbers of more than 64 bits keep their digits here. */
const number = fc
  .oneof(
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(0, 1e15, 1e21, -1e21, 1e-7, 0.1, 1.5),
  )
  .filter((each) => !/^-?\d{20}/.test(JSON.stringify(each)));
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    text,
    number,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(key, tie('value'), { maxKeys: 3 }),
  ),
}));
const object = fc
  .record({ metadata: fc.record({ name: fc.constant('a') }), data: fc.dictionary(key, value, { maxKeys: 4 }) })
  .map((fields) => escaped(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', ...fields })));

/** JSON that kustomize's YAML reader takes too. */
function escaped(json: string): string {
  return json.replaceAll(
    /[\u007f-\u00a0\u2028\u2029\ufeff\ufffe\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const variable = fc.oneof(
  fc.constantFrom(...spellings, ...documents, ...longer),
  anyText([...letters, ...oldLineEnds]),
);
const request: fc.Arbitrary<SubstituteRequest> = fc.record({
  objects: fc.array(object, { minLength: 1, maxLength: 4 }),
  variables: fc.record({ a: variable, b: variable, c: variable }, { requiredKeys: ['a'] }),
  strict: fc.boolean(),
  deadline: fc.constant(20_000),
});

/**
 * How an error begins that YAML's reader gives. Of the rest the engine leaves out what is quoted of a value, and the line depends on the
 * order in which YAML prints keys with numbers, which is left to chance.
 */
const READER = 'envsubst error: YAMLToJSON: ';

/** An answer as a value: Flux rounds whole numbers of more than 53 bits, as reading them here does to both. */
function read(answer: Substituted | undefined): unknown {
  if (answer === undefined) return answer;
  if ('json' in answer) return JSON.parse(answer.json) as unknown;
  return { error: answer.error.startsWith(READER) ? READER : answer.error };
}

/** Where the two part on purpose: Flux leaves to chance which of two keys stays, and does not read a text that it wrote itself. */
function isException(found: Substituted, theirs: Substituted | undefined): boolean {
  if ('error' in found) return found.error === 'two keys of a map become the same with the substitution';
  return theirs !== undefined && 'error' in theirs && UNREAD.test(theirs.error);
}

const UNREAD = /^UnmarshalJSON: yaml: line \d+: found a tab character where an indentation space is expected$/;

test('variables put into objects at random give what Flux gives', { timeout: requests * 100 }, async () => {
  await fc.assert(
    fc.asyncProperty(request, async (asked) => {
      const [found, theirs] = await Promise.all([ours.substitute(asked), flux.substitute(asked)]);
      const expected = found.map((answer, index) => (isException(answer, theirs[index]) ? answer : theirs[index]));
      expect(found.map(read)).toEqual(expected.map(read));
    }),
    { numRuns: requests, seed },
  );
});
