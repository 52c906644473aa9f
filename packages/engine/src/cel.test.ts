import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { createEngine } from './create-engine.ts';
import type { CelMode, CelResult } from './engine.ts';
import { enginePath, fakeHelper } from './testing/fake-helper.ts';

const engine = createEngine({ path: enginePath, slots: 1 });
afterAll(() => engine.close());

const deadline = 20_000;
const parsed: CelMode = { kind: 'parsed' };
const compiled: CelMode = { kind: 'compiled', variables: ['self', 'dep'] };

async function check(mode: CelMode, expression: string): Promise<string | null> {
  return (await engine.celCheck({ mode, expressions: [expression], deadline }))[0] ?? null;
}

async function evaluate(expression: string, input: unknown = {}, mode: CelMode = parsed): Promise<CelResult> {
  const inputs = [{ expression: 0, json: JSON.stringify(input) }];
  const [result] = await engine.celEval({ mode, expressions: [expression], inputs, deadline });
  return result ?? { error: 'no answer' };
}

describe('a parsed expression', () => {
  const object = {
    metadata: { name: 'a', generation: 2 },
    status: {
      observedGeneration: 2,
      conditions: [{ type: 'Synced', status: 'True' }],
      ratio: 0.5,
      large: 9_007_199_254_740_991,
    },
  };

  test.each([
    ["status.conditions.filter(e, e.type == 'Synced').all(e, e.status == 'True')", true],
    ["status.conditions.exists(e, e.type == 'Ready')", false],
    ['has(status.observedGeneration) && status.observedGeneration != metadata.generation', false],
    ['status.?missing.orValue(7) == 7', true],
    ['status.ratio < 1', true],
    ['status.observedGeneration == 2.0', true],
    ['status.large == 9007199254740991', true],
    ["metadata.name.upperAscii() == 'A'", true],
    ["sets.contains(['a', 'b'], [metadata.name])", true],
    ["base64.decode('aGk=') == b'hi'", true],
    ["timestamp('2025-01-01T23:00:00Z').getHours() == 23", true],
  ])('is evaluated over the fields of an object: %s', async (expression, value) => {
    expect(await evaluate(expression, object)).toEqual({ value });
  });

  test.each([
    ['status.missing', "failed to evaluate the CEL expression 'status.missing': no such key: missing"],
    ['nothing.at.all', "failed to evaluate the CEL expression 'nothing.at.all': no such attribute(s): nothing.at.all"],
    ['metadata.name', "failed to evaluate CEL expression as boolean: 'metadata.name'"],
  ])('that fails says why in the words of Flux: %s', async (expression, error) => {
    expect(await evaluate(expression, object)).toEqual({ error });
  });

  test('is checked for what it says, not for what its fields are', async () => {
    expect(await check(parsed, 'anything.goes')).toBeNull();
    expect(await check(parsed, 'something.')).toBe(
      "failed to parse the CEL expression 'something.': ERROR: <input>:1:11: Syntax error: no viable alternative at input '.'\n | something.\n | ..........^",
    );
  });
});

describe('a compiled expression', () => {
  const input = { self: { metadata: { name: 'web' } }, dep: { status: { ready: true, revision: 3 } } };

  test.each([
    ['dep.status.ready == true', true],
    ["self.metadata.name == 'db'", false],
    ['dep.status.revision >= 3', true],
    ['has(dep.metadata) || !has(self.metadata.labels)', true],
  ])('is evaluated over its variables: %s', async (expression, value) => {
    expect(await check(compiled, expression)).toBeNull();
    expect(await evaluate(expression, input, compiled)).toEqual({ value });
  });

  test.each([
    ['dep.status.ready', 'CEL expression output type mismatch: expected bool, got dyn'],
    ["'a'", 'CEL expression output type mismatch: expected bool, got string'],
    [
      'foo == 1',
      "failed to parse the CEL expression 'foo == 1': ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo == 1\n | ^",
    ],
    ["[1, 'a'] == [1]", expect.stringContaining('failed to parse the CEL expression') as string],
    // CEL itself panics.
    ['[?dyn(1)] == []', expect.stringContaining('compilation failed: internal error: ') as string],
  ])('is wrong where it cannot give a boolean: %s', async (expression, error) => {
    expect(await check(compiled, expression)).toEqual(error);
    expect(await evaluate(expression, input, compiled)).toEqual({ error });
  });

  test('knows no other variable than those of its own mode', async () => {
    expect(await check({ kind: 'compiled', variables: ['dep'] }, 'self.a == 1')).toContain('undeclared reference');
    expect(await check(compiled, 'self.a == 1')).toBeNull();
  });
});

describe('many at once', () => {
  test('are answered in order, whatever fails among them', async () => {
    const json = ['{"n":1}', '{"n":2}', 'no object', '[]'];
    const expressions = ['n == 1', 'n.', 'n > 1'];
    const inputs = json.flatMap((text) => expressions.map((_text, expression) => ({ expression, json: text })));
    const answers = await engine.celEval({ mode: parsed, expressions, inputs, deadline });
    const bad = { error: expect.stringContaining("failed to parse the CEL expression 'n.'") as string };
    const none = { error: 'the input is not a JSON object' };
    expect(answers).toEqual([
      { value: true },
      bad,
      { value: false },
      { value: false },
      bad,
      { value: true },
      ...Array.from({ length: 6 }, () => none),
    ]);
    expect(await engine.celCheck({ mode: parsed, expressions, deadline })).toEqual([null, bad.error, null]);
  });

  test('stay right when more are used than are kept', async () => {
    const expressions = Array.from({ length: 1_200 }, (_, n) => `n == ${n}`);
    const inputs = expressions.map((_text, expression) => ({
      expression,
      json: `{"n":${expression % 2 === 0 ? expression : -1}}`,
    }));
    for (let round = 0; round < 2; round += 1) {
      const answers = await engine.celEval({ mode: parsed, expressions, inputs, deadline });
      expect(answers).toEqual(expressions.map((_text, n) => ({ value: n % 2 === 0 })));
    }
  });
});

describe('an expression that takes too much', () => {
  const nested = (body: string, levels: number): string =>
    Array.from({ length: levels }, (_, n) => n).reduce(
      (inner, n) => `[0,1,2,3,4,5,6,7,8,9].all(v${n}, ${inner})`,
      body,
    );

  test.each([
    ['rounds', nested('true', 7)],
    ['text', `'${'x'.repeat(1_000)}'${`.replace('x', '${'x'.repeat(100)}')`.repeat(2)} == ''`],
    ['sets', `sets.contains(l.map(a, l).map(a, a.map(b, b)), [l])`],
  ])('is stopped by what it costs: %s', async (_name, expression) => {
    const l = Array.from({ length: 2_000 }, (_, n) => n);
    expect(await evaluate(expression, { l })).toEqual({
      error: expect.stringContaining('actual cost limit exceeded') as string,
    });
  });

  test('is refused where it is nested too deep or too long to be read', async () => {
    expect(await check(parsed, `${'('.repeat(1_000)}true${')'.repeat(1_000)}`)).toContain('recursion limit');
    expect(await check(parsed, `'${'x'.repeat(200_000)}' == ''`)).toContain('size exceeds limit');
  });

  test('harms nobody where it takes all memory in one step', async () => {
    const step = (length: number): string => `.replace('x', '${'x'.repeat(length)}')`;
    const bomb = `'x'${step(1_000)}${step(1_000)}${step(10_000)} == ''`;
    await expect(evaluate(bomb)).rejects.toMatchObject({ code: 'crashed' });
    expect(await evaluate('true')).toEqual({ value: true });
  });
});

describe('whatever is thrown at it', () => {
  test('gives an answer', async () => {
    const piece = fc.oneof(
      fc.constantFrom('a', 'b', 'self', '.', '[', ']', '(', ')', '{', '}', '==', '!', '&&', '?', ':', '"', "'", 'in'),
      fc.constantFrom(
        'has(a.b)',
        'a.all(x, x)',
        '1',
        '-',
        '2.5',
        'null',
        'size(a)',
        'dyn(a)',
        'type(a)',
        '\\',
        '%',
        '<',
      ),
      fc.string({ unit: 'binary', maxLength: 3 }),
    );
    const expression = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(' '));
    const input = fc.dictionary(fc.constantFrom('a', 'b', 'self'), fc.jsonValue({ maxDepth: 2 }));
    await fc.assert(
      fc.asyncProperty(fc.array(expression, { minLength: 1, maxLength: 5 }), input, async (expressions, object) => {
        for (const mode of [parsed, compiled]) {
          const inputs = expressions.map((_text, at) => ({ expression: at, json: JSON.stringify(object) }));
          const errors = await engine.celCheck({ mode, expressions, deadline });
          const results = await engine.celEval({ mode, expressions, inputs, deadline });
          const refused = results.filter((_result, at) => errors[at] !== null);
          expect(refused).toEqual(errors.flatMap((error) => error ?? []).map((error) => ({ error })));
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('a call', () => {
  test('of nothing starts no process', async () => {
    const idle = createEngine({ path: enginePath, slots: 1 });
    expect(await idle.celCheck({ mode: parsed, expressions: [], deadline })).toEqual([]);
    expect(await idle.celEval({ mode: parsed, expressions: ['true'], inputs: [], deadline })).toEqual([]);
    expect((await idle.usage()).running).toBe(0);
    await idle.close();
  });

  test.each([
    [
      'cel.check',
      (broken: ReturnType<typeof createEngine>) => broken.celCheck({ mode: parsed, expressions: ['a'], deadline }),
    ],
    [
      'cel.eval',
      (broken: ReturnType<typeof createEngine>) =>
        broken.celEval({ mode: parsed, expressions: ['a'], inputs: [{ expression: 0, json: '{}' }], deadline }),
    ],
  ])('of %s that is not answered in full fails', async (op, call) => {
    using helper = fakeHelper(
      `hello({ operations: ['${op}'] }); onCall(({ id }) => answer(id, { result: { errors: [], values: [] } }));`,
    );
    const broken = createEngine({ path: helper.path, slots: 1 });
    await expect(call(broken)).rejects.toMatchObject({ code: 'protocol' });
    await broken.close();
  });

  test('that names an expression it did not send fails', async () => {
    const call = engine.celEval({
      mode: parsed,
      expressions: ['true'],
      inputs: [{ expression: 1, json: '{}' }],
      deadline,
    });
    await expect(call).rejects.toMatchObject({ code: 'failed', message: 'there is no expression 1' });
  });
});
