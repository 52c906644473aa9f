import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { createEngine } from './create-engine.ts';
import type { Substituted } from './engine.ts';
import { enginePath, fakeHelper } from './testing/fake-helper.ts';

const engine = createEngine({ path: enginePath, slots: 1 });
afterAll(() => engine.close());

const deadline = 20_000;

function run(
  objects: readonly string[],
  variables: Readonly<Record<string, string>> = {},
  strict = false,
): Promise<Substituted[]> {
  return engine.substitute({ objects, variables, strict, deadline });
}

/** What becomes of a text in an object. The marks around it keep it a string. */
async function expanded(text: string, variables: Readonly<Record<string, string>>, strict = false): Promise<string> {
  const [answer] = await run([JSON.stringify({ v: `<${text}>` })], variables, strict);
  if (answer === undefined || 'error' in answer) return `error: ${answer?.error}`;
  return (JSON.parse(answer.json) as { v: string }).v.slice(1, -1);
}

async function only(object: unknown, variables: Readonly<Record<string, string>>): Promise<unknown> {
  const [answer] = await run([JSON.stringify(object)], variables, true);
  return answer !== undefined && 'json' in answer ? JSON.parse(answer.json) : answer;
}

describe('an expression', () => {
  const mixed = 'abcdEFGH28ij';
  const path = '/home/bozo/ideas/thoughts.for.today';
  const letters = 'abcABC123ABCabc';
  test.each([
    ['no expression at all', 'abc $ {x} $x', {}, 'abc $ {x} $x'],
    ['a value', '${v}', { v: 'x' }, 'x'],
    ['a value between text', 'a-${v}-b', { v: 'x' }, 'a-x-b'],
    ['the length', '${#v}', { v: mixed }, '12'],
    ['the first letter upper', '${v^}', { v: mixed }, 'AbcdEFGH28ij'],
    ['all letters upper', '${v^^}', { v: mixed }, 'ABCDEFGH28IJ'],
    ['the first letter lower', '${v,}', { v: 'ABC' }, 'aBC'],
    ['all letters lower', '${v,,}', { v: 'ABC' }, 'abc'],
    ['from a place', '${v:11}', { v: path }, 'ideas/thoughts.for.today'],
    ['from a place, so many', '${v:11:5}', { v: path }, 'ideas'],
    ['from a place, up to the end less so many', '${v:1:-1}', { v: 'xyz' }, 'y'],
    ['from past the end', '${v:9}', { v: 'xyz' }, ''],
    ['from the end', '${v:-3}', { v: 'abcdef' }, 'abcdef'],
    ['a default that is not used', '${v=x}', { v: 'abc' }, 'abc'],
    ['= with nothing set', '${v=x}', {}, 'x'],
    [':= with nothing set', '${v:=x}', {}, 'x'],
    [':- with nothing set', '${v:-x}', {}, 'x'],
    [':= with an empty value', '${v:=x}', { v: '' }, 'x'],
    ['a default with another value in it', '${v:=a-${d}-b}', { d: 'x' }, 'a-x-b'],
    ['a default by an operator', '${v:=${d^^}}', { d: 'x' }, 'X'],
    ['a replaced end', '${v/%abc/XYZ}', { v: letters }, 'abcABC123ABCXYZ'],
    ['a replaced beginning', '${v/#abc/XYZ}', { v: letters }, 'XYZABC123ABCabc'],
    ['all replaced', '${v//abc/xyz}', { v: letters }, 'xyzABC123ABCxyz'],
    ['the first replaced', '${v/abc/xyz}', { v: letters }, 'xyzABC123ABCabc'],
    ['replaced by nothing', '${v/./}', { v: 'foo.bar' }, 'foobar'],
    ['a slash replaced', '${v//\\//-}', { v: 'foo/bar/baz' }, 'foo-bar-baz'],
    ['the shortest beginning cut', '${v#*.}', { v: 'bash.string.txt' }, 'string.txt'],
    ['the longest beginning cut', '${v##*.}', { v: 'bash.string.txt' }, 'txt'],
    ['the shortest end cut', '${v%.*}', { v: 'bash.string.txt' }, 'bash.string'],
    ['the longest end cut', '${v%%.*}', { v: 'bash.string.txt' }, 'bash'],
    ['an escaped expression', '$${v}', { v: 'x' }, '${v}'],
    ['escaped ones between others', 'a ${v}$${v$${v}$v${v}', { v: 'x' }, 'a x${v${v}$vx'],
    ['a value that looks like an expression', '${v}', { v: '${w}', w: 'x' }, '${w}'],
    ['a value of several lines', '${v}', { v: 'a\nb\n' }, 'ab'],
    ['a variable that is not set', 'a${v}b', {}, 'ab'],
  ] as const)('%s', async (_name, text, variables, want) => {
    expect(await expanded(text, variables)).toBe(want);
  });

  test.each(['${v+x}', '${v:', '${', '${}', '${v', '${v-x}', '${ v }'])('that is none fails: %s', async (text) => {
    expect(await expanded(text, { v: 'x' })).toMatch(/^error: envsubst error: variable substitution failed: /);
  });

  test('takes no regard of what comes before a dollar but another', async () => {
    expect(await expanded('\\${v}', { v: 'x' })).toBe('\\x');
  });
});

describe('strict', () => {
  const missing = 'error: envsubst error: variable substitution failed: variable not set (strict mode): "m"';
  test.each([
    '${m}',
    '${#m}',
    '${m^}',
    '${m^^}',
    '${m,}',
    '${m,,}',
    '${m:0}',
    '${m:0:10}',
    '${m/a/b}',
    '${m//a/b}',
    '${m/#a/b}',
    '${m/%a/b}',
    '${m#a}',
    '${m##a}',
    '${m%a}',
    '${m%%a}',
  ])('refuses %s without a value, and takes it with an empty one', async (text) => {
    expect(await expanded(text, {}, true)).toBe(missing);
    expect(await expanded(text, { m: '' }, true)).toBe(text === '${#m}' ? '0' : '');
  });

  test.each([
    ['${m:-x}', 'x'],
    ['${m:=x}', 'x'],
    ['${m=x}', 'x'],
    ['${m:-}', ''],
    ['$${m}', '${m}'],
  ])('takes %s', async (text, want) => {
    expect(await expanded(text, {}, true)).toBe(want);
  });
});

describe('what a value becomes', () => {
  test.each([
    ['a number where it stands alone', { n: '${v}' }, { v: '7' }, { n: 7 }],
    ['a boolean where it stands alone', { n: '${v}' }, { v: 'yes' }, { n: true }],
    ['nothing where it is empty', { n: '${v}' }, { v: '' }, { n: null }],
    ['text within text', { n: 'x${v}' }, { v: '7' }, { n: 'x7' }],
    ['text where it is quoted in the value', { n: '${v}' }, { v: '"7"' }, { n: '7' }],
    ['a list', { n: '${v}' }, { v: '[1, a]' }, { n: [1, 'a'] }],
    ['a map', { n: '${v}' }, { v: '{a: 1}' }, { n: { a: 1 } }],
    ['a key', { '${v}': 1 }, { v: 'a' }, { a: 1 }],
    ['an integer of 64 bits', { n: '${v}' }, { v: '9007199254740992' }, { n: 9_007_199_254_740_992 }],
    ['the day that it names', { n: '${v}' }, { v: '2001-01-01' }, { n: '2001-01-01' }],
    ['a reference that its own value holds', { n: '${v}' }, { v: '[&a x, *a]' }, { n: ['x', 'x'] }],
  ])('%s', async (_name, object, variables, want) => {
    expect(await only(object, variables)).toEqual(want);
  });

  test('integers of the object keep all digits, wherever they stand', async () => {
    const json = '{"a":[12345678901234567890123],"b":-9007199254740993,"c":18446744073709551615,"v":"${v}"}';
    const [answer] = await run([json], { v: 'x' });
    expect(answer).toEqual({ json: json.replace('${v}', 'x') });
  });
});

test('a long integer that becomes a part of a text is there as it was written', async () => {
  const [answer] = await run(['{"a":{"${v}":12345678901234567890123}}'], { v: '>\r ' });
  expect(answer).toEqual({ json: expect.stringMatching(/: 12345678901234567890123\W/) as string });
  expect(JSON.stringify(answer)).not.toContain('integer');
});

describe('an object that fails', () => {
  test('fails alone, and the others keep their order', async () => {
    const answers = await run(['{"a":"${x}"}', '{"a":"${missing}"}', 'no object', '[]', '{"b":1}'], { x: 'z' }, true);
    expect(answers).toEqual([
      { json: '{"a":"z"}' },
      { error: 'envsubst error: variable substitution failed: variable not set (strict mode): "missing"' },
      { error: 'the object is not JSON' },
      { error: 'the object is not JSON' },
      { json: '{"b":1}' },
    ]);
  });

  test('is each of them where a variable has no proper name', async () => {
    const error = `envsubst error: 'a-b' var name is invalid, must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'`;
    expect(await run(['{"a":1}', '{"a":2}'], { 'a-b': 'x', c: 'y' })).toEqual([{ error }, { error }]);
  });

  test.each([
    ['more than one thing in a line', 'a: b: hunter2', 'mapping values are not allowed in this context'],
    ['a reference to nothing', '*hunter2', 'unknown anchor *****'],
    ['a reference to itself', '&hunter2 [*hunter2]', 'anchor *****'],
    ['a tag that does not fit', '!!int hunter2', 'cannot decode !!str *****'],
    ['a list that does not end', '[hunter2', "did not find expected ',' or ']'"],
    ['a key that is a map', '{{hunter: 2}: hunter2}', 'invalid map key *****'],
    ['no UTF-8 left', '"\\xhunter2"', 'did not find expected hexdecimal number'],
  ])('says why without the value: %s', async (_name, v, why) => {
    const [answer] = await run(['{"a":"${v}","b":1}'], { v });
    expect(answer).toEqual({ error: expect.stringContaining(why) as string });
    expect(JSON.stringify(answer)).not.toContain('hunter');
  });

  test.each([
    ['a key that is nothing', { '${v}': 1 }, '~', 'envsubst error: YAMLToJSON: unsupported map key of type *****'],
    ['a number that is none', { a: '${v}' }, '.nan', 'envsubst error: YAMLToJSON: json: unsupported value *****'],
    ['two keys that become one', { '${v}': 1, '7': 2 }, '7', 'two keys of a map become the same with the substitution'],
    ['no map any more', { '${v}': 1 }, '- a', 'UnmarshalJSON: the object is not a map after the substitution'],
  ])('says so: %s', async (_name, object, v, error) => {
    expect(await run([JSON.stringify(object)], { v })).toEqual([{ error }]);
  });
});

describe('what would take too much', () => {
  const large = 'x'.repeat(1024 * 1024);
  test.each([
    ['a value many times over', '${v}'.repeat(20), { v: large }],
    [
      'a value replaced letter by letter',
      '${v//x/yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy}',
      { v: large },
    ],
    [
      'a default that is not used',
      '${s:=${a:=${v}${v}${v}${v}${v}${v}${v}${v}${v}${v}${v}${v}${v}${v}${v}${v}}}',
      { s: 'x', v: large },
    ],
    ['references to a long text', '${v}', { v: `[&a ${large}, ${'*a, '.repeat(100)}]` }],
    ['more expressions than anyone writes', '${v}'.repeat(100_001), { v: '' }],
  ])('is refused: %s', async (_name, text, variables) => {
    const [answer] = await run([JSON.stringify({ a: text })], variables);
    expect(answer).toEqual({
      error: expect.stringMatching(/larger than 16777216 bytes|more than 100000 expr/) as string,
    });
  });

  test('is refused in all too: the objects that still fit are given', async () => {
    const answers = await run(
      Array.from({ length: 110 }, () => '{"a":"${v}"}'),
      { v: large },
    );
    expect(answers.filter((answer) => 'json' in answer)).toHaveLength(95);
    expect(answers.at(-1)).toEqual({ error: 'the objects are together larger than 100663296 bytes' });
  });

  test('is refused where it is nested too deep', async () => {
    const [answer] = await run(['{"a":"${v}"}'], { v: '['.repeat(600) + ']'.repeat(600) });
    expect(answer).toEqual({ error: 'the object becomes nested deeper than 500 levels' });
  });

  test('ends at the deadline where it is slow', async () => {
    const call = engine.substitute({
      objects: [JSON.stringify({ a: '${v%%*a*b*c*d*}' })],
      variables: { v: 'abc'.repeat(300_000) },
      strict: true,
      deadline: 300,
    });
    await expect(call).rejects.toMatchObject({ code: 'timeout' });
    expect(await expanded('${v}', { v: 'x' })).toBe('x');
  });
});

describe('whatever is thrown at it', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const piece = fc.oneof(
    fc.constantFrom('${a}', '$${a}', '${b^^}', '${c:-x}', '${a//b/c}', '${', '}', '$', ':', '#', '%', '/', '\\', '"'),
    fc.constantFrom("'", '- ', ': ', '# ', '\n', '&x ', '*x', '!t ', '[', '{', '|', '>', '? ', '%'),
    fc.string({ unit: 'grapheme', maxLength: 5 }),
  );
  const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
  const json = fc.jsonValue({ maxDepth: 3, stringUnit: 'grapheme' });

  test('an object without variables comes back equal', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 8 }), json), async (object) => {
        fc.pre(!JSON.stringify(object).includes('$'));
        expect(await only(object, { a: 'x' })).toEqual(JSON.parse(JSON.stringify(object)));
      }),
      { numRuns: 200 },
    );
  });

  test('every object is answered, and no error says a value', { timeout: 120_000 }, async () => {
    // Every value holds a word that nothing else holds.
    const value = fc.tuple(text, text).map(([before, after]) => `${before}QqSecretqQ${after}`);
    const given = fc.array(fc.dictionary(text, text, { maxKeys: 4 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(given, fc.dictionary(name, value), fc.boolean(), async (all, variables, strict) => {
        const answers = await run(
          all.map((object) => JSON.stringify(object)),
          variables,
          strict,
        );
        expect(answers).toHaveLength(all.length);
        const objects = answers.flatMap((answer) => ('json' in answer ? [JSON.parse(answer.json) as unknown] : []));
        expect(objects.every((object) => typeof object === 'object' && object !== null)).toBe(true);
        const errors = answers.flatMap((answer) => ('error' in answer ? [answer.error.toLowerCase()] : []));
        expect(errors.filter((error) => /qqsec|secret|retqq/.test(error))).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });
});

describe('a call', () => {
  test('of nothing starts no process', async () => {
    const idle = createEngine({ path: enginePath, slots: 1 });
    expect(await idle.substitute({ objects: [], variables: {}, strict: true, deadline })).toEqual([]);
    expect((await idle.usage()).running).toBe(0);
    await idle.close();
  });

  test('that is answered for too few objects fails', async () => {
    using helper = fakeHelper("hello({ operations: ['substitute'] }); onCall(({ id }) => answer(id));");
    const broken = createEngine({ path: helper.path, slots: 1 });
    await expect(broken.substitute({ objects: ['{}'], variables: {}, strict: true, deadline })).rejects.toMatchObject({
      code: 'protocol',
      message: 'the helper sent 0 answers to 1 questions',
    });
    await broken.close();
  });
});
