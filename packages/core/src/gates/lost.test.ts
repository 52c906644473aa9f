import { describe, expect, test } from 'vitest';
import { judgeChange, type GateInput } from './evaluate.ts';
import { approval, input, policy } from './testing/facts.ts';
import { bob, fire, verdicts, waits } from './testing/verdicts.ts';

describe('a policy that held a change and is gone', () => {
  const earlier = [{ policy: 'ReleasePolicy/shop/p', rule: 'approvals/one', verdict: 'Missing' }] as const;
  const mallory = approval('m', 'mallory', { groups: [] });
  /** Judged again and again, each time with what was found before. */
  function judged(steps: Partial<GateInput>[], first: GateInput['earlier'] = earlier): string[] {
    let before = first;
    return steps.map((step) => {
      const verdict = judgeChange(input({ earlier: before, ...step }));
      before = verdict.requirements;
      return verdict.state;
    });
  }

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

  test('is not gone when it is there, though it is about other units by now', () => {
    expect(verdicts({ earlier, policies: [policy('p', { select: { names: ['x'] } })] })[0]).toBe('open');
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
