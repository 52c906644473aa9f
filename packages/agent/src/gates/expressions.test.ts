import { PlumbError, type KubeObject, type PolicySpec } from '@plumb/api';
import type { Cause, ChangeFacts, LockdownFacts, PolicyFacts } from '@plumb/core';
import type { CelEvalRequest, CelExpression, CelMode, CelResult, Engine } from '@plumb/engine';
import { describe, expect, test } from 'vitest';
import { findingKey, type Content } from './content.ts';
import { evaluateExpressions, type ExpressionRequest } from './expressions.ts';

const P = 'ReleasePolicy/shop/p';

const change = (parts: Partial<ChangeFacts> = {}): ChangeFacts => ({
  unit: { kind: 'Kustomization', namespace: 'shop', name: 'apps', labels: { app: 'cart' } },
  namespaceLabels: { env: 'prod' },
  cluster: 'own',
  source: { kind: 'GitRepository', namespace: 'shop', name: 'repo', revision: 'main@sha1:1' },
  cause: 'routine',
  digest: 'sha256:a',
  authors: { authors: [{ name: 'Alice', email: 'alice@example.com' }], message: 'Change', verified: false },
  objects: [
    { key: { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'a' }, action: 'create' },
    { key: { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'z' }, action: 'delete' },
  ],
  owned: 3,
  ...parts,
});

function policy(spec: PolicySpec, name = 'p'): PolicyFacts {
  return { kind: 'ReleasePolicy', namespace: 'shop', name, generation: 1, spec, flaw: null };
}

function content(name: string, kind = 'ConfigMap'): Content {
  const key = { group: '', version: 'v1', kind, namespace: 'shop', name };
  const body: KubeObject = { apiVersion: 'v1', kind, metadata: { name, namespace: 'shop' } };
  return { key, body, path: '' };
}

interface Input {
  object: KubeObject | null;
  oldObject: KubeObject | null;
  change: { counts: object; objects?: object[] };
  unit: { namespaceLabels?: unknown };
  source: { authors?: unknown };
}

/** An engine that answers each expression as a test says, and remembers what it was asked. */
class FakeEngine implements Pick<Engine, 'celEval'> {
  readonly asked: { expression: string; input: Input }[] = [];
  readonly modes: CelMode[] = [];
  readonly #answer: (expression: string, input: Input) => unknown;

  constructor(answer: (expression: string, input: Input) => unknown = (expression) => expression !== 'false') {
    this.#answer = answer;
  }

  celEval<E extends CelExpression = string>({ mode, expressions, inputs }: CelEvalRequest<E>): Promise<CelResult<E>[]> {
    this.modes.push(mode);
    const results = inputs.map(({ expression: at, json }) => {
      const given = expressions[at];
      const expression = typeof given === 'object' ? given.expression : String(given);
      const input = JSON.parse(json) as Input;
      this.asked.push({ expression, input });
      const answer = this.#answer(expression, input);
      if (answer instanceof Error) return { error: answer.message };
      return typeof answer === 'string' ? { text: answer } : { value: answer };
    });
    return Promise.resolve(results as CelResult<E>[]);
  }
}

const NEVER = new AbortController().signal;

async function evaluate(policies: PolicyFacts[], parts: Partial<ExpressionRequest> = {}) {
  return evaluateExpressions({
    policies,
    lockdowns: [],
    change: change(),
    contents: () => Promise.resolve([content('a')]),
    live: () => Promise.resolve(null),
    engine: new FakeEngine(),
    signal: NEVER,
    ...parts,
  });
}
const found = async (spec: PolicySpec, rule: string, parts: Partial<ExpressionRequest> = {}): Promise<unknown> =>
  (await evaluate([policy(spec)], parts)).get(findingKey(P, rule));

const check = (parts: object = {}): PolicySpec => ({ checks: [{ name: 'c', expression: 'false', ...parts }] });

describe('a check', () => {
  test('that holds has nothing to tell', async () => {
    expect(await found(check({ expression: 'true' }), 'checks/c')).toEqual({ broken: [] });
    expect(await found(check(), 'checks/c', { contents: () => Promise.resolve([]) })).toEqual({ broken: [] });
  });

  test('is told of each object that it does not hold for', async () => {
    const contents = () => Promise.resolve(['a', 'b', 'c'].map((name) => content(name)));
    const engine = new FakeEngine((_expression, { object }) => object?.metadata.name === 'b');
    expect(await found(check(), 'checks/c', { contents, engine })).toEqual({
      broken: ['ConfigMap/shop/a: does not hold: false', 'ConfigMap/shop/c: does not hold: false'],
    });
  });

  test('over the whole change is told once, and knows what it does', async () => {
    const engine = new FakeEngine();
    const contents = () => Promise.reject(new Error('nobody asked for them'));
    expect(await found(check({ over: 'Change', message: 'no' }), 'checks/c', { engine, contents })).toEqual({
      broken: ['no'],
    });
    expect(engine.modes).toEqual([{ kind: 'policy', variables: ['object', 'oldObject', 'change', 'unit', 'source'] }]);
    expect(engine.asked.map(({ input }) => input)).toEqual([
      {
        object: null,
        oldObject: null,
        change: {
          cause: 'routine',
          digest: 'sha256:a',
          counts: { create: 1, change: 0, delete: 1, owned: 3 },
          objects: [
            { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'a', action: 'create' },
            { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'z', action: 'delete' },
          ],
        },
        unit: { ...change().unit, cluster: 'own', namespaceLabels: { env: 'prod' } },
        source: { ...change().source, signer: '', ...change().authors },
      },
    ]);
  });

  test.each<[string, object, string]>([
    ['its own words', { message: 'must not' }, 'must not'],
    ['those of an expression', { message: 'must not', messageExpression: '"why"' }, 'why'],
    ['its own where the expression fails', { message: 'must not', messageExpression: 'fail' }, 'must not'],
    ['its own where the expression gives nothing', { message: 'must not', messageExpression: 'nothing' }, 'must not'],
    ['the expression where it has none', {}, 'does not hold: false'],
  ])('is told in %s', async (_what, parts, text) => {
    const answers: Record<string, unknown> = { false: false, '"why"': 'why', fail: new Error('no'), nothing: '' };
    const engine = new FakeEngine((expression) => answers[expression]);
    expect(await found(check(parts), 'checks/c', { engine })).toEqual({ broken: [`ConfigMap/shop/a: ${text}`] });
  });

  test('of a Secret is told in the words of the policy, whatever the engine says', async () => {
    const contents = () => Promise.resolve([content('key', 'Secret')]);
    const telling = new FakeEngine((expression) => (expression === 'false' ? false : 'hunter2'));
    expect(await found(check({ messageExpression: 'object.data' }), 'checks/c', { contents, engine: telling })).toEqual(
      {
        broken: ['Secret/shop/key: does not hold: false'],
      },
    );
    expect(telling.asked).toHaveLength(1);
    const failing = new FakeEngine(() => new Error('no such key in hunter2'));
    expect(await found(check(), 'checks/c', { contents, engine: failing })).toEqual({
      trouble: 'it failed on a Secret',
    });
  });

  describe('tells no piece of what is secret', () => {
    const secretOf = (text: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'key', namespace: 'shop' },
      data: { password: Buffer.from(text).toString('base64') },
    });
    const declared: Content = { ...content('key', 'Secret'), body: secretOf('declared-now-1') };
    const parts = {
      contents: () => Promise.resolve([content('a'), declared]),
      live: ({ body }: Content) => Promise.resolve(body.kind === 'Secret' ? secretOf('former-one-1') : null),
      secrets: ['given-beside-1'],
    };
    const TOLD = 'declared-now-1, former-one-1, mer-one-, given-beside, a';
    const telling = (expression: string) =>
      new FakeEngine((one, { object }) => (one === expression ? object?.kind === 'Secret' : TOLD));

    test.each([
      ['declared, live or given', {}, 'ConfigMap/shop/a: ***, ***, ***, ***, a'],
      [
        'that nobody can read any more',
        { live: () => Promise.reject(new PlumbError('api-forbidden', 'no', { fault: 'user', policy: 'retry' })) },
        'ConfigMap/shop/a: must not',
      ],
    ])('%s', async (_what, more, text) => {
      const rule = check({ message: 'must not', messageExpression: 'object.data.a' });
      const engine = telling('false');
      expect(await found(rule, 'checks/c', { ...parts, ...more, engine })).toEqual({ broken: [text] });
    });

    test('nor of what may have been made of one that is gone', async () => {
      const rule = check({ message: 'must not', messageExpression: 'oldObject.data.a' });
      const engine = telling('false');
      const own = { ...parts, hidesOld: true, engine };
      expect(await found(rule, 'checks/c', own)).toEqual({ broken: ['ConfigMap/shop/a: must not'] });
    });

    test('where an expression fails', async () => {
      const engine = new FakeEngine((_expression, { object }) => object?.kind === 'Secret' || new Error(`bad ${TOLD}`));
      expect(await found(check(), 'checks/c', { ...parts, engine })).toEqual({ trouble: 'bad ***, ***, ***, ***, a' });
      const old = check({ expression: 'oldObject.a' });
      expect(await found(old, 'checks/c', { ...parts, hidesOld: true, engine })).toEqual({
        trouble: 'it failed on what may hold a secret',
      });
    });
  });

  test('knows the object as it is now where it asks for it, and only then', async () => {
    const now: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', uid: '1' } };
    const engine = new FakeEngine(() => true);
    let read = 0;
    const live = (): Promise<KubeObject> => Promise.resolve((read++, now));
    await evaluate([policy(check({ expression: 'object.a' }))], { engine, live });
    expect(read).toBe(0);
    await evaluate([policy(check({ expression: 'oldObject == null || oldObject.a' }))], { engine, live });
    await evaluate([policy(check({ messageExpression: 'string(oldObject.a)' }))], { engine, live });
    expect(read).toBe(2);
    expect(engine.asked.map(({ input }) => input.oldObject)).toEqual([null, now, now]);
  });

  test('is evaluated where its cause is governed', async () => {
    const facts = { change: change({ cause: 'drift' }) };
    expect(await found(check(), 'checks/c', facts)).toBeUndefined();
    expect(await found(check({ causes: ['drift'] }), 'checks/c', facts)).toMatchObject({
      broken: [expect.any(String)],
    });
  });
});

describe('what could not be evaluated says why', () => {
  const two: PolicySpec = {
    checks: [
      { name: 'bad', expression: 'bad' },
      { name: 'good', expression: 'true' },
    ],
  };
  test('of the one rule that failed, though it held or did not for other objects', async () => {
    const contents = () => Promise.resolve(['a', 'b', 'c'].map((name) => content(name)));
    const engine = new FakeEngine((expression, { object }) => {
      if (expression !== 'bad') return true;
      return object?.metadata.name === 'b' ? new Error('no such key: b') : object?.metadata.name === 'c';
    });
    const all = await evaluate([policy(two)], { contents, engine });
    expect(all.get(findingKey(P, 'checks/bad'))).toEqual({ trouble: 'no such key: b' });
    expect(all.get(findingKey(P, 'checks/good'))).toEqual({ broken: [] });
  });

  test.each<[string, Partial<ExpressionRequest>]>([
    ['the engine is gone', { engine: { celEval: () => Promise.reject(new Error('gone')) } }],
    ['objects cannot be loaded', { contents: () => Promise.reject(new Error('gone')) }],
    [
      'an object cannot be read',
      { live: () => Promise.reject(new PlumbError('api-forbidden', 'gone', { fault: 'user', policy: 'retry' })) },
    ],
    [
      'a message cannot be had',
      {
        engine: {
          celEval: (request: { expressions: readonly unknown[]; inputs: readonly unknown[] }) =>
            typeof request.expressions[0] === 'object'
              ? Promise.reject(new Error('gone'))
              : Promise.resolve(request.inputs.map(() => ({ value: false }))),
        } as ExpressionRequest['engine'],
      },
    ],
  ])('where %s, of every rule of the policy', async (_what, parts) => {
    const spec: PolicySpec = {
      checks: [{ name: 'c', expression: 'oldObject == null', messageExpression: '"a"' }],
      approvals: [{ name: 'a', count: 1, when: 'true' }],
    };
    const all = await evaluate([policy(spec)], parts);
    const trouble = { trouble: expect.stringContaining('gone') as string };
    expect(all.get(findingKey(P, 'checks/c'))).toEqual(trouble);
    expect(all.get(findingKey(P, 'approvals/a/when'))).toEqual(trouble);
  });

  test('and a policy that fails takes no other along', async () => {
    const celEval: Engine['celEval'] = async (request) => {
      if (request.expressions.some((expression) => expression === 'false')) throw new Error('gone');
      return new FakeEngine().celEval(request);
    };
    const all = await evaluate([policy(check()), policy(check({ expression: 'true' }), 'q')], { engine: { celEval } });
    expect(all.get(findingKey(P, 'checks/c'))).toEqual({ trouble: 'gone' });
    expect(all.get(findingKey('ReleasePolicy/shop/q', 'checks/c'))).toEqual({ broken: [] });
  });

  test('an answer that did not come is none', async () => {
    const engine = { celEval: () => Promise.resolve([]) };
    expect(await found(check(), 'checks/c', { engine })).toEqual({ trouble: 'no answer' });
  });

  test('but whoever gives up is told of it', async () => {
    const signal = AbortSignal.abort(new Error('over'));
    await expect(
      evaluate([policy(check())], { signal, engine: { celEval: () => Promise.reject(new Error('x')) } }),
    ).rejects.toThrow('over');
  });

  test.each<[string, Partial<ChangeFacts>, string]>([
    [
      'source.authors.all(a, a.email.endsWith("@example.com"))',
      { authors: { unknown: 'the remote is away' } },
      'nobody knows whose work it is: the remote is away',
    ],
    ['!has(unit.namespaceLabels.env)', { namespaceLabels: null }, 'the labels of the namespace are not known'],
  ])('%s holds for nobody of whom it is not known', async (expression, unknown, trouble) => {
    const knows = ({ source, unit }: Input): boolean => 'authors' in source && 'namespaceLabels' in unit;
    const engine = new FakeEngine((asked, input) => asked === 'true' || knows(input) || new Error('no such key'));
    const spec: PolicySpec = {
      checks: [
        { name: 'c', expression },
        { name: 'd', expression: 'true' },
      ],
      approvals: [{ name: 'a', count: 1, when: expression }],
    };
    const all = await evaluate([policy(spec)], { engine, change: change(unknown) });
    expect(all.get(findingKey(P, 'checks/c'))).toEqual({ trouble });
    expect(all.get(findingKey(P, 'approvals/a/when'))).toEqual({ trouble });
    expect(all.get(findingKey(P, 'checks/d'))).toEqual({ broken: [] });
    expect(await found(spec, 'checks/c', { engine })).toEqual({ broken: [] });
  });

  test('what is not known is not there, never empty', async () => {
    const engine = new FakeEngine();
    await evaluate([policy(check())], { engine, change: change({ authors: { unknown: 'x' }, namespaceLabels: null }) });
    expect(engine.asked[0]?.input.source).not.toHaveProperty('authors');
    expect(engine.asked[0]?.input.unit).not.toHaveProperty('namespaceLabels');
  });
});

describe('the condition of approvals', () => {
  const asking = (parts: object = {}): PolicySpec => ({
    approvals: [
      { name: 'always', count: 1 },
      { name: 'a', count: 1, when: 'true', ...parts },
    ],
  });
  test('is evaluated over the change, once', async () => {
    const engine = new FakeEngine();
    expect(await evaluate([policy(asking())], { engine })).toEqual(
      new Map([[findingKey(P, 'approvals/a/when'), { broken: [] }]]),
    );
    expect(engine.asked).toMatchObject([
      { expression: 'true', input: { object: null, change: { objects: [{}, {}] } } },
    ]);
  });

  test('is broken where it is not true', async () => {
    expect(await found(asking({ when: 'false' }), 'approvals/a/when')).toMatchObject({ broken: [expect.any(String)] });
  });

  test('of a lockdown is evaluated too, for every cause that the lockdown is about', async () => {
    const spec = { reason: 'x', by: 'y', until: '2026-11-03T12:00:00Z', approvals: asking().approvals ?? [] };
    const lockdown: LockdownFacts = { name: 'l', at: 0, generation: 1, spec, flaw: null };
    for (const cause of ['routine', 'emergency'] as const) {
      const all = await evaluate([], { lockdowns: [lockdown], change: change({ cause }) });
      expect(all).toEqual(new Map([[findingKey('Lockdown/l', 'approvals/a/when'), { broken: [] }]]));
    }
  });
});

test('checks of a lockdown are evaluated as those of a policy', async () => {
  const base = { reason: 'x', by: 'y', until: '2026-11-03T12:00:00Z' };
  const lockdown = (causes?: Cause[]): LockdownFacts => {
    const checks = [{ name: 'c', expression: 'false', message: 'not now', ...(causes && { causes }) }];
    return { name: 'l', at: 0, generation: 1, spec: { ...base, checks }, flaw: null };
  };
  const key = findingKey('Lockdown/l', 'checks/c');
  const told = { broken: [expect.stringContaining('not now') as string] };
  expect((await evaluate([], { lockdowns: [lockdown()] })).get(key)).toMatchObject(told);
  expect(await evaluate([], { lockdowns: [lockdown(['prune'])] })).toEqual(new Map());
});

test('rules that name emergencies are evaluated for whatever may be one', async () => {
  const rule = { name: 'c', expression: 'true', causes: ['emergency' as const] };
  expect(await evaluate([policy({ checks: [rule] })])).toEqual(new Map([[findingKey(P, 'checks/c'), { broken: [] }]]));
});

test('policies are asked in one call, and have a budget of their own for each object', async () => {
  const calls: CelEvalRequest[] = [];
  const celEval: Engine['celEval'] = (request) => {
    calls.push(request as CelEvalRequest);
    return new FakeEngine().celEval(request);
  };
  const contents = () => Promise.resolve(['a', 'b'].map((name) => content(name)));
  const two = [policy(check({ expression: 'true' })), policy(check({ expression: 'true' }), 'q')];
  await evaluate(two, { engine: { celEval }, contents });
  expect(calls.map(({ inputs }) => inputs.map(({ budget }) => budget))).toEqual([[0, 1, 2, 3]]);
});

test('without expressions nobody is asked', async () => {
  const engine = { celEval: () => Promise.reject(new Error('asked')) };
  expect(await evaluate([policy({ approvals: [{ name: 'a', count: 1 }] })], { engine })).toEqual(new Map());
});
