import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { createEngine } from './create-engine.ts';
import type { CelExpression, CelMode, CelResult } from './engine.ts';
import { enginePath } from './testing/fake-helper.ts';

const engine = createEngine({ path: enginePath, slots: 1 });
afterAll(() => engine.close());

const deadline = 20_000;
const mode: CelMode = { kind: 'policy', variables: ['object', 'oldObject', 'change', 'unit', 'source'] };
const OUT_OF_BUDGET = 'validation failed due to running out of cost budget, no further validation rules will be run';
const TOO_DEAR = 'operation cancelled: actual cost limit exceeded';

const text = (expression: string): CelExpression => ({ expression, string: true });
const failed = (expression: string, why: string): { error: string } => ({
  error: `expression '${expression}' resulted in error: ${why}`,
});

/** Each expression over one input, in one call. */
function evaluateAll(expressions: readonly CelExpression[], json = '{}'): Promise<CelResult<CelExpression>[]> {
  const inputs = expressions.map((_one, expression) => ({ expression, json }));
  return engine.celEval({ mode, expressions, inputs, deadline });
}

async function evaluate(expression: CelExpression, json = '{}'): Promise<CelResult<CelExpression>> {
  const [result] = await evaluateAll([expression], json);
  return result ?? { error: 'no answer' };
}

async function check(expression: CelExpression): Promise<string | null> {
  return (await engine.celCheck({ mode, expressions: [expression], deadline }))[0] ?? null;
}

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'shop', labels: { team: 'a', 'app.kubernetes.io/name': 'web' } },
  spec: {
    replicas: 3,
    paused: false,
    none: null,
    template: { spec: { containers: [{ name: 'web', image: 'registry.example.com/web:1.2.3' }] } },
  },
};
const input = JSON.stringify({
  object: deployment,
  oldObject: null,
  change: { creates: 1, deletes: 0, objects: [{ kind: 'Deployment', action: 'create' }] },
  unit: { kind: 'Kustomization', name: 'shop' },
  source: { author: 'ann@example.com', message: 'shop: more\n\nTicket: OPS-7' },
});

describe('an expression of a policy', () => {
  test.each([
    ['object.spec.replicas <= 3 && change.deletes == 0', true],
    ["object.metadata.namespace == 'shop' && object.metadata.labels['app.kubernetes.io/name'] == 'web'", true],
    ["object.spec.template.spec.containers.all(c, c.image.endsWith(':latest'))", false],
    ["change.objects.exists(o, o.kind == 'Deployment' && o.action == 'create')", true],
    ["source.message.contains('Ticket: OPS-') && unit.kind == 'Kustomization'", true],
    ['oldObject == null', true],
    ['oldObject == null || oldObject.spec.replicas <= object.spec.replicas', true],
    ['has(oldObject.spec)', false],
    ['has(object.status) || has(object.spec.none)', true],
    ['object.spec.none == null', true],
    ['object.?status.?readyReplicas.orValue(0) == 0', true],
    ['object.spec.paused == false', true],
  ])('is evaluated over its variables: %s', async (expression, value) => {
    expect(await check(expression)).toBeNull();
    expect(await evaluate(expression, input)).toEqual({ value });
  });

  test.each([
    ['object.status.ready == true', 'no such key: status'],
    ['oldObject.spec.replicas == 1', 'no such key: spec'],
    ['object.spec.replicas + 1.5 == 4.5', 'no such overload'],
    ['object.spec.replicas / 0 == 1', 'division by zero'],
    ['object.spec.template.spec.containers[1].name == "web"', 'index out of bounds: 1'],
    [
      'quantity(object.metadata.name).isInteger()',
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    ["object.metadata.name.matches(object.metadata.name + '(')", 'error parsing regexp: missing closing ): `web(`'],
    ['lists.range(1000001).size() > 0', 'lists.range: size 1000001 exceeds maximum allowed (1000000)'],
  ])('that fails says so in the words of the API server: %s', async (expression, why) => {
    expect(await check(expression)).toBeNull();
    expect(await evaluate(expression, input)).toEqual(failed(expression, why));
  });

  test('fails where its variable did not come', async () => {
    expect(await evaluate('object.a == 1')).toEqual(failed('object.a == 1', 'no such attribute(s): object'));
  });

  test.each([
    ['object.spec.paused', 'must evaluate to bool but got dyn'],
    ["'a'", 'must evaluate to bool but got string'],
    ['true ? false : object.spec.paused', 'must evaluate to bool but got dyn'],
    [
      'request.operation == "CREATE"',
      `compilation failed: ERROR: <input>:1:1: undeclared reference to 'request' (in container '')\n | request.operation == "CREATE"\n | ^`,
    ],
    ["duration('1x') > duration('1s')", expect.stringContaining('invalid duration argument') as string],
    ["'a'.matches('(')", expect.stringContaining('invalid matches argument') as string],
    ["[1, 'a'] == [1]", expect.stringContaining('compilation failed: ERROR: <input>:1:5: ') as string],
    ["int('x') == 1", "program instantiation failed: type conversion error from 'string' to 'int'"],
    // Not before the API server's older neighbour knows it too.
    ['[1, 2].includes(1)', expect.stringContaining("undeclared reference to 'includes'") as string],
    // Flux has these, admission has not.
    ["base64.decode('aGk=') == b'hi'", expect.stringContaining('undeclared reference') as string],
    // CEL itself panics.
    ['[?dyn(1)] == []', expect.stringContaining('compilation failed: internal error: ') as string],
    [text('1'), 'must evaluate to string but got int'],
    [text('object.metadata.name'), 'must evaluate to string but got dyn'],
    [`${'('.repeat(1_000)}true${')'.repeat(1_000)}`, expect.stringContaining('recursion limit') as string],
    [`'${'x'.repeat(200_000)}' == ''`, expect.stringContaining('size exceeds limit') as string],
  ])('is refused as the API server refuses it: %j', async (expression, error) => {
    expect(await check(expression)).toEqual(error);
    expect(await evaluate(expression, input)).toEqual({ error });
  });

  test.each([
    ['lists', '[1, 2, 3].isSorted() && [1, 2].sum() == 3 && [1, 3].max() == 3 && [4, 3].min() == 3'],
    ['lists', "['a', 'b', 'a'].indexOf('b') == 1 && ['a', 'b', 'a'].lastIndexOf('a') == 2"],
    ['more lists', '[3, 1, 2].sort() == [1, 2, 3] && [[1], [2, 3]].flatten() == [1, 2, 3] && lists.range(2) == [0, 1]'],
    ['more lists', '[1, 1, 2].distinct() == [1, 2] && [1, 2, 3].slice(1, 3) == [2, 3] && [1, 2].reverse() == [2, 1]'],
    ['regular expressions', "'abc 123'.find('[0-9]+') == '123' && 'a1b2'.findAll('[0-9]') == ['1', '2']"],
    ['URLs', "url('https://a.example:81/p%20q?x=1&x=2').getHost() == 'a.example:81' && isURL('https://a.example')"],
    [
      'URLs',
      "url('https://[::1]:81/p').getHostname() == '::1' && url('https://a/?x=1&x=2').getQuery()['x'] == ['1', '2']",
    ],
    ['quantities', "quantity('1.5Gi').isGreaterThan(quantity('1500Mi')) && quantity('50k').asInteger() == 50000"],
    ['quantities', "quantity('1').add(quantity('500m')).compareTo(quantity('1500m')) == 0 && !isQuantity('1 Gi')"],
    [
      'addresses',
      "ip('10.0.0.1').family() == 4 && ip.isCanonical('::1') && !isIP('10.0.0') && ip('127.0.0.1').isLoopback()",
    ],
    [
      'networks',
      "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && cidr('192.168.0.1/24').masked().ip() == ip('192.168.0.0')",
    ],
    [
      'versions',
      "semver('1.2.3').isLessThan(semver('1.10.0')) && isSemver('1.0.0-rc.1') && semver('v1.2', true).patch() == 0",
    ],
    ['formats', "!format.dns1123Label().validate('web').hasValue() && format.uuid().validate('web').hasValue()"],
    ['formats', "format.named('date').hasValue() && !format.named('nothing').hasValue()"],
    ['sets', 'sets.contains([1, 2, 3], [2]) && sets.intersects([1], [1, 2]) && sets.equivalent([1, 1], [1])'],
    ['two variables', "{'a': 1, 'b': 2}.all(name, size, size < 3) && [5, 6].exists(at, n, at == 1 && n == 6)"],
    [
      'two variables',
      "[5, 6].transformList(at, n, at + n) == [5, 7] && {'a': 1}.transformMap(name, n, n + 1) == {'a': 2}",
    ],
    [
      'two variables',
      "{'a': 1}.existsOne(name, n, n == 1) && [1, 2].transformMapEntry(at, n, {n: at}) == {1: 0, 2: 1}",
    ],
    ['optional values', "optional.of(1).hasValue() && {'a': 1}[?'b'].orValue(2) == 2 && [?optional.none(), 1] == [1]"],
    ['texts', "'%s %d %.1f'.format(['a', 1, 2.0]) == 'a 1 2.0' && 'a,b'.split(',').join('-').upperAscii() == 'A-B'"],
    ['numbers of two types', '1 < 1.5 && dyn(2.0) == 2 && 1u < 2'],
    ['times', "timestamp('2025-01-01T23:00:00Z').getHours() == 23 && duration('90m') == duration('1.5h')"],
  ])('has the library of %s: %s', async (_library, expression) => {
    expect(await check(expression)).toBeNull();
    expect(await evaluate(expression)).toEqual({ value: true });
  });
});

describe('a document', () => {
  const document = (expression: string): CelExpression => ({ expression, json: true });

  test.each([
    [
      "{'unit': dyn(unit.name), 'few': dyn(change.creates < 3), 'of': dyn([dyn(1), dyn(2.5), dyn(null)])}",
      '{"few":true,"of":[1,2.5,null],"unit":"shop"}',
    ],
    ['object.spec.replicas', '3'],
    ['source.message', '"shop: more\\n\\nTicket: OPS-7"'],
    ['object.metadata.labels', '{"app.kubernetes.io/name":"web","team":"a"}'],
    ["source.message.find('[A-Z]+-[0-9]+')", '"OPS-7"'],
  ])('is what an expression gives, as JSON: %s', async (expression, json) => {
    expect(await check(document(expression))).toBeNull();
    expect(await evaluate(document(expression), input)).toEqual({ text: json });
  });

  test.each([
    ['object.none', 'no such key: none'],
    ['type(1)', 'what it gives is nothing that JSON can hold'],
    ["'x'.size() == 1 ? lists.range(1000000).map(n, 'xxxxxxxx') : []", ''],
  ])('is not given where an expression fails, or gives what is none: %s', async (expression, why) => {
    expect(await evaluate(document(expression), input)).toEqual({ error: expect.stringContaining(why) as string });
  });

  test('stands beside expressions of other kinds', async () => {
    const all = ['unit.name == "shop"', document('[unit.name]'), text('"a"'), document('true')];
    expect(await evaluateAll(all, input)).toEqual([
      { value: true },
      { text: '["shop"]' },
      { text: 'a' },
      { text: 'true' },
    ]);
  });
});

describe('a number', () => {
  test.each([
    ['1', 'int'],
    ['-0', 'int'],
    ['9007199254740993', 'int'],
    ['9223372036854775807', 'int'],
    ['-9223372036854775808', 'int'],
    ['9223372036854775808', 'double'],
    ['-9223372036854775809', 'double'],
    ['1.0', 'double'],
    ['1e3', 'double'],
    ['1E+2', 'double'],
    ['0.1', 'double'],
  ])('of an input, %s, is of the type %s', async (number, type) => {
    expect(await evaluate(`type(object.n) == ${type}`, `{"object":{"n":${number}}}`)).toEqual({ value: true });
  });

  test('keeps every digit, and compares by its worth', async () => {
    const json = '{"object":{"large":9007199254740993,"most":9223372036854775807,"one":1,"float":1.0,"power":1e3}}';
    const expressions = [
      'object.large == 9007199254740993 && object.large != 9007199254740992',
      'object.most == 9223372036854775807',
      'object.one == object.float && object.power == 1000',
      'object.most + 1 > 0',
    ];
    expect(await evaluateAll(expressions, json)).toEqual([
      { value: true },
      { value: true },
      { value: true },
      failed('object.most + 1 > 0', 'integer overflow'),
    ]);
  });
});

describe('an expression that gives a text', () => {
  test.each([
    ["'images of ' + string(object.metadata.name)", 'images of web'],
    ["'  of ' + unit.name + ' '", 'of shop'],
    ["'one\\ntwo'", ''],
    ["'\\n one \\n'", 'one'],
    ["' '", ''],
    ["lists.range(1280).map(n, 'abcd').join('')", 'abcd'.repeat(1_280)],
    ["lists.range(1280).map(n, 'abcd').join('') + 'e'", ''],
    ["lists.range(2560).map(n, 'é').join('')", 'é'.repeat(2_560)],
    ["lists.range(2561).map(n, 'é').join('')", ''],
  ])('is taken as the API server takes a message: %s', async (expression, message) => {
    expect(await evaluate(text(expression), input)).toEqual({ text: message });
  });

  test('may fail, and is not mistaken for a check of the same words', async () => {
    const expressions = [text('string(object.nothing)'), text("string('a')"), "string('a')", "'a' == string('a')"];
    expect(await evaluateAll(expressions, input)).toEqual([
      failed('string(object.nothing)', 'no such key: nothing'),
      { text: 'a' },
      { error: 'must evaluate to bool but got string' },
      { value: true },
    ]);
  });

  test('is of policies alone', async () => {
    const call = engine.celCheck({ mode: { kind: 'parsed' }, expressions: [text("'a'")], deadline });
    await expect(call).rejects.toMatchObject({
      code: 'failed',
      message: 'only an expression of a policy can give something other than a boolean',
    });
  });
});

describe('many in one call', () => {
  test('are answered in order: two objects, twenty expressions', async () => {
    const objects = [3, 30].map((replicas) => JSON.stringify({ object: { spec: { replicas } }, oldObject: null }));
    const expressions = Array.from({ length: 20 }, (_, n) =>
      n % 5 === 4 ? text(`string(object.spec.replicas + ${n})`) : `object.spec.replicas < ${n}`,
    );
    const inputs = objects.flatMap((json) => expressions.map((_one, expression) => ({ expression, json })));
    const expected = [3, 30].flatMap((replicas) =>
      expressions.map((_one, n) => (n % 5 === 4 ? { text: `${replicas + n}` } : { value: replicas < n })),
    );
    expect(await engine.celEval({ mode, expressions, inputs, deadline })).toEqual(expected);
  });

  test('know the variables of their own mode only', async () => {
    const other: CelMode = { kind: 'policy', variables: ['answer'] };
    expect(await engine.celCheck({ mode: other, expressions: ['answer.a == 1', 'object.a == 1'], deadline })).toEqual([
      null,
      expect.stringContaining("undeclared reference to 'object'"),
    ]);
    expect(await check('object.a == 1')).toBeNull();
  });
});

describe('what an expression may cost', () => {
  const rounds = (n: number): string => `lists.range(${n}).all(x, lists.range(100).all(y, y >= 0))`;
  /** About nine tenths of what one may cost, in a moment. */
  const dear = `!lists.range(9).exists(x, object.long.matches('${'y'.repeat(400)}'))`;
  const long = JSON.stringify({ object: { long: 'x'.repeat(10_000) } });

  test('is what the API server allows one', async () => {
    expect(await evaluateAll([rounds(1_623), rounds(1_624), 'true'])).toEqual([
      { value: true },
      failed(rounds(1_624), TOO_DEAR),
      { value: true },
    ]);
  });

  test('is one for each number that runs name', async () => {
    const inputs = Array.from({ length: 24 }, (_, n) => ({
      expression: 0,
      json: long.replace('x', `${n}`),
      budget: n % 2,
    }));
    const results = await engine.celEval({ mode, expressions: [dear], inputs, deadline });
    expect(results).toEqual(inputs.map((_, n) => (n < 22 ? { value: true } : { error: OUT_OF_BUDGET })));
  });

  test('is together what the API server allows one policy, whatever the object', async () => {
    const inputs = Array.from({ length: 14 }, (_, n) => ({
      expression: n === 13 ? 1 : 0,
      json: long.replace('x', `${n}`),
    }));
    const first = await engine.celEval({ mode, expressions: [dear, 'true'], inputs, deadline });
    expect(first).toEqual([
      ...Array.from({ length: 11 }, () => ({ value: true })),
      ...Array.from({ length: 3 }, () => ({ error: OUT_OF_BUDGET })),
    ]);
    expect(await evaluate(dear, long)).toEqual({ value: true });
  });

  test.each([
    ['nested rounds', '[0,1,2,3,4,5,6,7,8,9].all(a, [0,1,2,3,4,5,6,7,8,9].all(b, lists.range(3000).all(c, c >= 0)))'],
    ['expressions to match', "lists.range(100).all(n, object.long.matches('(x+x+)+y' + object.long))"],
    ['sets', 'sets.contains(lists.range(2000), lists.range(2000))'],
    ['texts', "lists.range(1000).all(n, object.long.replace('x', 'yy') != '')"],
    ['a list', 'lists.range(1000000).size() > 0'],
  ])('is what stops it: %s', async (_name, expression) => {
    const result = await evaluate(expression, long);
    expect(result).toEqual(failed(expression, TOO_DEAR));
  });

  test('or else the deadline is: what CEL keeps to count the costs of a long loop makes it slow', async () => {
    const expressions = ['lists.range(160000).all(x, x >= 0)'];
    const call = engine.celEval({ mode, expressions, inputs: [{ expression: 0, json: '{}' }], deadline: 1_000 });
    await expect(call).rejects.toMatchObject({ code: 'timeout' });
    expect(await evaluate('true')).toEqual({ value: true });
  });

  test('or the memory: a text that takes all in one step ends the call, and harms nobody else', async () => {
    const step = (length: number): string => `.replace('x', '${'x'.repeat(length)}')`;
    await expect(evaluate(`'x'${step(1_000)}${step(1_000)}${step(10_000)} == ''`)).rejects.toMatchObject({
      code: 'crashed',
    });
    expect(await evaluate('true')).toEqual({ value: true });
  });
});

const LEAVES = [
  'object',
  'object.a',
  "object['']",
  'oldObject',
  'change',
  'lists.range(7)',
  '1',
  '-1',
  '2.5',
  '1u',
  'null',
];
const MORE_LEAVES = [
  'true',
  "'a'",
  "b'a'",
  "'1.2.3'",
  "'10.0.0.0/8'",
  '[]',
  '{}',
  "{'a': [1]}",
  'int',
  'nothing',
  "'\\u0000'",
];
/** A and B are terms. */
const SHAPES = `
  A.a ; A.?a ; A[B] ; A[?B] ; A + B ; A / B ; A % B ; A - B ; A in B ; A < B ; -A ; !A ; A ? A : B ; A || B ;
  [A, B] ; [?A] ; {'a': A} ; {A: B} ; has(A.a) ; A.all(x, x == B) ; A.map(x, [x, B]) ; A.filter(x, x in B) ;
  A.exists(k, v, v == B) ; A.transformMap(k, v, v) ; A.transformList(k, v, [k, v]) ;
  A.transformMapEntry(k, v, {v: k}) ; A.sort() ; A.sortBy(x, x) ; A.sum() ; A.max() ; A.isSorted() ;
  A.indexOf(B) ; A.slice(-1, 9) ; A.flatten() ; A.flatten(-1) ; A.distinct() ; A.reverse() ; A.substring(B) ;
  A.charAt(B) ; A.find(B) ; A.findAll(B, 2) ; A.matches(B) ; A.replace(B, A) ; A.split(B) ; A.join() ;
  '%s %d %x %e'.format([A, B, A, B]) ; '%s'.format(A) ; size(A) ; type(A) ; string(A) ; int(A) ; uint(A) ;
  double(A) ; bytes(A) ; timestamp(A) ; duration(A) ; optional.of(A).orValue(B) ; A.hasValue() ; A.or(B) ;
  quantity(A).add(B) ; isQuantity(A) ; semver(A, true).major() ; ip(A).family() ; cidr(A).containsIP(B) ;
  cidr(A).masked() ; url(A).getQuery() ; isURL(A) ; format.named(A) ; format.dns1123Label().validate(A) ;
  sets.contains(A, B) ; sets.equivalent(A, B)`
  .split(';')
  .map((shape) => shape.trim());

describe('whatever is thrown at it', () => {
  const { term } = fc.letrec<{ term: string }>((tie) => ({
    term: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fc.constantFrom(...LEAVES, ...MORE_LEAVES),
      fc
        .tuple(fc.constantFrom(...SHAPES), tie('term'), tie('term'))
        .map(([shape, a, b]) => shape.replaceAll(/\b[AB]\b/g, (name) => `dyn(${name === 'A' ? a : b})`)),
    ),
  }));
  const garbage = fc
    .array(
      fc.oneof(
        term,
        fc.constantFrom('.', '(', ']', '{', '==', '"', "'", '\\', '%'),
        fc.string({ unit: 'binary', maxLength: 3 }),
      ),
      {
        maxLength: 5,
      },
    )
    .map((pieces) => pieces.join(' '));
  const expression = fc.oneof(
    { arbitrary: fc.tuple(term, term).map(([a, b]) => `dyn(${a}) == dyn(${b})`), weight: 4 },
    { arbitrary: term.map((one) => text(`'it is %s'.format([${one}])`)), weight: 4 },
    garbage,
    garbage.map(text),
  );
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.array(fc.integer({ max: 9 })),
    fc.array(fc.string({ maxLength: 2 })),
  );
  const object = fc.dictionary(fc.constantFrom('a', 'b', '', 'in', '__proto__', 'namespace'), value);
  const inputs = fc.record({ object: fc.oneof(object, value), oldObject: fc.constant(null), change: value });

  test('it gives an answer, the same as its check where that refuses', async () => {
    let given = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(expression, { minLength: 1, maxLength: 8 }), inputs, async (expressions, drawn) => {
        const errors = await engine.celCheck({ mode, expressions, deadline });
        const results = await evaluateAll(expressions, JSON.stringify(drawn));
        expect(results.filter((_result, at) => errors[at] !== null)).toEqual(
          errors.flatMap((error) => error ?? []).map((error) => ({ error })),
        );
        for (const [at, result] of results.entries()) {
          const kind = typeof expressions[at] === 'string' ? 'value' : 'text';
          expect(['error', kind]).toContain(Object.keys(result)[0]);
          if (!('error' in result)) given += 1;
        }
      }),
      { numRuns: 400 },
    );
    expect(given).toBeGreaterThan(300);
  });
});
