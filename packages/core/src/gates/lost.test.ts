import { describe, expect, test } from 'vitest';
import type { PolicySpec } from '@plumb/api';
import { judgeChange, type GateVerdict } from './evaluate.ts';
import type { GateInput } from './judging.ts';
import type { PolicyFacts } from './facts.ts';
import { approval, input, policy } from './testing/facts.ts';
import { bob, closed, fire, open, SRE, verdicts, waits } from './testing/verdicts.ts';

const ONE = { name: 'one', count: 1, groups: ['sre'] };

/** Judged again and again, each time with what was found before. */
function inTurn(steps: Partial<GateInput>[], first: GateInput['earlier'] = []): GateVerdict[] {
  let before = first;
  return steps.map((step) => {
    const verdict = judgeChange(input({ earlier: before, ...step }));
    before = verdict.requirements;
    return verdict;
  });
}
const statesOf = (steps: Partial<GateInput>[], first?: GateInput['earlier']): string[] =>
  inTurn(steps, first).map(({ state }) => state);

describe('a policy that held a change and is gone', () => {
  const earlier = [{ policy: 'ReleasePolicy/shop/p', rule: 'approvals/one', verdict: 'Missing' }] as const;
  const mallory = approval('m', 'mallory', { groups: [] });
  const judged = (steps: Partial<GateInput>[], first: GateInput['earlier'] = earlier): string[] =>
    statesOf(steps, first);

  test('opens nothing by going', () => {
    expect(waits({ earlier })).toBe('waits for an approval, for ReleasePolicy/shop/p held it and was deleted');
    expect(judged([{}, {}, {}])).toEqual(['held', 'held', 'held']);
  });

  test('nor by an approval that was there already', () => {
    expect(judged([{ approvals: [mallory] }, { approvals: [mallory] }])).toEqual(['held', 'held']);
    expect(judged([{}, { approvals: [fire] }])).toEqual(['held', 'held']);
  });

  test('lets go once somebody approves after it went', () => {
    expect(judged([{ approvals: [mallory] }, { approvals: [mallory, bob] }, { approvals: [bob] }])).toEqual([
      'held',
      'open',
      'open',
    ]);
    expect(judged([{ approvals: [mallory] }, { approvals: [mallory, bob] }, { approvals: [mallory] }])).toEqual([
      'held',
      'open',
      'held',
    ]);
  });

  test('does not while nobody can tell which approvals were there', () => {
    const distrust = 'no admission';
    expect(judged([{ approvals: [mallory], distrust }, { approvals: [mallory] }, { approvals: [mallory] }])).toEqual([
      'held',
      'held',
      'held',
    ]);
  });

  test.each([
    ['was met', [{ ...earlier[0], verdict: 'Met' }]],
    ['only warned', [{ ...earlier[0], verdict: 'Warned' }]],
    ['is a lockdown that was released', [{ ...earlier[0], policy: 'Lockdown/l' }]],
    ['is what every unit has', [{ ...earlier[0], policy: 'default-limits' }]],
  ] as [string, GateInput['earlier']][])('holds nothing when it %s', (_what, before) => {
    expect(verdicts({ earlier: before })[0]).toBe('open');
  });

  test('holds when it had denied, also one of the cluster', () => {
    const before = [{ policy: 'ClusterReleasePolicy/p', rule: 'images', verdict: 'Denied' }] as const;
    expect(judged([{}, { approvals: [bob] }], before)).toEqual(['held', 'open']);
  });
});

describe('a policy that held a change and was edited', () => {
  const p = (generation: number, spec: PolicySpec, more: Partial<PolicyFacts> = {}): Partial<GateInput> => ({
    policies: [policy('p', spec, { generation, uid: 'u1', ...more })],
  });
  const TWO = { approvals: [{ name: 'one', count: 2, groups: ['sre'] }] };
  const away = { select: { names: ['other'] }, ...SRE };
  const isBroken: Partial<GateInput> = { findings: () => ({ broken: ['no'] }) };
  const check = { checks: [{ name: 'sound', expression: 'x', message: 'no' }] };
  const told = (verdicts: readonly GateVerdict[]): string[] =>
    (verdicts.at(-1)?.requirements ?? [])
      .filter(({ rule }) => rule === 'edited')
      .map(({ verdict, message, evidence }) => [verdict, message, ...evidence].join('; '));

  test.each<[string, Partial<GateInput>, Partial<GateInput>]>([
    ['lost the rule that held', p(1, SRE), p(2, {})],
    ['lost one of two rules', p(1, { ...SRE, ...check }), { ...p(2, check), ...isBroken }],
    ['gave the rule another name', p(1, SRE), p(2, { approvals: [{ name: 'other', count: 0 }] })],
    ['names other causes', p(1, SRE), p(2, { approvals: [{ ...ONE, causes: ['drift'] }] })],
    ['selects other units', p(1, SRE), p(2, away)],
    ['lost its windows', p(1, { windows: [closed] }), p(2, {})],
    ['lost a check', { ...p(1, check), ...isBroken }, { ...p(2, {}), ...isBroken }],
    ['was made anew without the rule', p(1, SRE), p(1, {}, { uid: 'u2' })],
  ])('opens nothing where it %s', (_what, before, after) => {
    expect(statesOf([before, after, after]).map((state) => state === 'open')).toEqual([false, false, false]);
    expect(statesOf([before, { ...after, approvals: [bob] }, { ...after, approvals: [bob] }]).at(-1)).not.toBe('open');
  });

  test('lets go once somebody approves after that, and says what held', () => {
    const gone = p(2, {});
    const steps = inTurn([p(1, SRE), gone, { ...gone, approvals: [bob] }]);
    expect(steps.map(({ state }) => state)).toEqual(['held', 'held', 'open']);
    expect(told(steps.slice(0, 2))).toEqual([
      'Missing; an approval, for ReleasePolicy/shop/p held it by approvals/one and was edited; held by approvals/one of generation 1',
    ]);
    expect(told(steps)[0]).toMatch(
      /^Met; let go by an approval; Approval\/b by bob .*; held by approvals\/one of generation 1$/,
    );
  });

  test('does not by an approval that was given before another rule went', () => {
    const second = { ...ONE, name: 'two', count: 2 };
    const both = { approvals: [ONE, second] };
    const half = p(2, { approvals: [second] });
    const steps = [p(1, both), half, { ...half, approvals: [bob] }, { ...p(3, {}), approvals: [bob] }];
    expect(statesOf([...steps, { ...p(3, {}), approvals: [bob] }])).toEqual(['held', 'held', 'held', 'held', 'held']);
  });

  test.each<[string, PolicySpec, Partial<GateInput>]>([
    ['asks fewer people', TWO, { ...p(2, SRE), approvals: [bob] }],
    ['opens its window', { windows: [closed] }, p(2, { windows: [open] })],
    [
      'asks under a condition that is not so',
      SRE,
      { ...p(2, { approvals: [{ ...ONE, when: 'false' }] }), ...isBroken },
    ],
    [
      'raises its limit',
      { limits: { deletes: 0, kinds: ['ConfigMap'] } as never },
      p(2, { limits: { deletes: 9 } as never }),
    ],
  ])('passes by what it says now where it %s, which is recorded', (_what, spec, after) => {
    const earlier = [
      { policy: 'ReleasePolicy/shop/p', generation: 1, uid: 'u1', rule: ruleOf(spec), verdict: 'Missing' },
    ] as const;
    const steps = inTurn([after, after], earlier);
    expect(steps.map(({ state }) => state)).toEqual(['open', 'open']);
    for (const step of steps)
      expect(told([step])).toEqual([
        `Met; held by generation 1, passed by generation 2; held by ${ruleOf(spec)} of generation 1`,
      ]);
  });
  const ruleOf = ({ approvals, windows }: PolicySpec): string =>
    approvals === undefined ? (windows === undefined ? 'limits/0' : 'windows') : 'approvals/one';

  test('still holds where it still says so', () => {
    const steps = inTurn([p(1, TWO), { ...p(2, TWO), approvals: [bob] }]);
    expect(steps.map(({ state }) => state)).toEqual(['held', 'held']);
    expect(told(steps)).toEqual([]);
  });

  test('is as it was where nothing but its rules, or the change, came to another verdict', () => {
    const met = inTurn([p(1, SRE), { ...p(1, SRE), approvals: [bob] }]);
    expect([met.at(-1)?.state, told(met)]).toEqual(['open', []]);
    const conditional = p(1, { approvals: [{ ...ONE, when: 'x' }] });
    const spared = inTurn([conditional, { ...conditional, ...isBroken }]);
    expect([spared.at(-1)?.state, told(spared)]).toEqual(['open', []]);
  });

  test('that could not be judged by passes once it is mended, and what it held before that does not', () => {
    const flawed = p(2, SRE, { flaw: 'a mistake' });
    expect(statesOf([flawed, p(3, {})])).toEqual(['held', 'open']);
    expect(told(inTurn([flawed, p(3, {})]))).toEqual([
      'Met; held by generation 2, passed by generation 3; held by spec of generation 2',
    ]);
    const steps = [p(1, SRE), flawed, flawed, p(3, {}), p(3, {})];
    expect(statesOf(steps)).toEqual(['held', 'held', 'held', 'held', 'held']);
  });

  test('opens nothing by being deleted and made anew', () => {
    const anew = p(1, {}, { uid: 'u2' });
    expect(statesOf([p(1, SRE), {}, anew, anew])).toEqual(['held', 'held', 'held', 'held']);
    expect(statesOf([p(1, SRE), {}, { approvals: [bob] }, { ...anew, approvals: [bob] }])).toEqual([
      'held',
      'held',
      'open',
      'open',
    ]);
    const same = p(1, SRE, { uid: 'u2' });
    expect(statesOf([p(1, SRE), {}, same, { ...same, approvals: [bob] }])).toEqual(['held', 'held', 'held', 'open']);
  });
});
