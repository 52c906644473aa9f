import type { PolicySpec } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { judgeChange } from './evaluate.ts';
import type { GateInput } from './judging.ts';
import type { Findings } from './facts.ts';
import { change, input, NOW, policy } from './testing/facts.ts';
import { bob, fire, GLASS, HOUR, SRE, verdicts, waits } from './testing/verdicts.ts';

const TICKET: PolicySpec = {
  external: [{ name: 'ticket', jira: { url: 'https://jira.example', statuses: ['Done'] } }],
};
const yes: Findings = { broken: [], evidence: ['issue SHOP-1 is Done'] };
const during = (from: number, to: number): Findings => ({ ...yes, during: { from, to, of: 'change request CHG1' } });

const asked = (found: Findings | undefined, parts: Partial<GateInput> = {}): Partial<GateInput> => ({
  policies: [policy('p', TICKET)],
  findings: () => found,
  ...parts,
});

describe('what another system says', () => {
  test('lets pass, and stands in the record', () => {
    expect(judgeChange(input(asked(yes)))).toEqual({
      state: 'open',
      isEmergency: false,
      opensAt: null,
      requirements: [
        {
          policy: 'ReleasePolicy/shop/p',
          generation: 1,
          rule: 'external/ticket',
          verdict: 'Met',
          message: 'let pass',
          evidence: ['issue SHOP-1 is Done'],
        },
      ],
    });
  });

  test.each<[string, Findings | undefined, string]>([
    ['no answer', undefined, 'waits for an answer of Jira at jira.example: it was not asked'],
    ['trouble', { trouble: 'HTTP 500' }, 'waits for an answer of Jira at jira.example: HTTP 500'],
    ['a no', { waits: 'issue SHOP-1 to be Done (it is To Do)' }, 'waits for issue SHOP-1 to be Done (it is To Do)'],
    ['what is broken', { broken: ['no'] }, 'waits for Jira at jira.example to say yes: no'],
  ])('holds, and refuses nothing: %s', (_what, found, words) => {
    expect(verdicts(asked(found))).toEqual(['held', { 'external/ticket': 'Missing' }]);
    expect(waits(asked(found))).toBe(words);
  });

  test('is asked of the causes that a rule names', () => {
    const drift = change({ cause: 'drift' });
    expect(judgeChange(input(asked(undefined, { change: drift }))).state).toBe('open');
    const always = { external: TICKET.external?.map((rule) => ({ ...rule, causes: ['drift' as const] })) ?? [] };
    expect(judgeChange(input(asked(undefined, { change: drift, policies: [policy('p', always)] }))).state).toBe('held');
  });

  test('may be overridden by who may break the glass, and by nobody else', () => {
    const policies = [policy('p', { ...TICKET, breakGlass: GLASS })];
    expect(verdicts(asked({ trouble: 'HTTP 500' }, { policies, approvals: [fire] }))).toEqual([
      'open',
      { 'external/ticket': 'Overridden' },
    ]);
    expect(verdicts(asked({ trouble: 'HTTP 500' }, { policies, approvals: [bob] }))[0]).toBe('held');
  });

  test('is waited for beside everything else', () => {
    const policies = [policy('p', { ...TICKET, ...SRE })];
    expect(waits(asked({ waits: 'issue SHOP-1 to be Done' }, { policies }))).toBe(
      'waits for 1 approval by group sre, and for issue SHOP-1 to be Done',
    );
  });
});

describe('a time that another system sets', () => {
  test.each<[string, number, number]>([
    ['between its start and its end', NOW - HOUR, NOW + HOUR],
    ['at the very start', NOW, NOW + 1],
  ])('lets pass %s', (_when, from, to) => {
    expect(judgeChange(input(asked(during(from, to))))).toMatchObject({ state: 'open', opensAt: null });
  });

  test('that begins later opens by itself', () => {
    expect(judgeChange(input(asked(during(NOW + HOUR, NOW + 2 * HOUR))))).toMatchObject({
      state: 'held',
      opensAt: NOW + HOUR,
      requirements: [{ message: 'the start of change request CHG1, 2026-11-03T13:00:00Z' }],
    });
  });

  test('that is over opens no more', () => {
    for (const to of [NOW, NOW - 1]) {
      expect(judgeChange(input(asked(during(NOW - HOUR, to))))).toMatchObject({ state: 'held', opensAt: null });
    }
  });

  test('opens by no clock that cannot be believed', () => {
    const clockTrouble = 'they are apart';
    for (const found of [during(NOW - HOUR, NOW + HOUR), during(NOW + HOUR, NOW + 2 * HOUR)])
      expect(judgeChange(input(asked(found, { clockTrouble })))).toMatchObject({ state: 'held', opensAt: null });
    expect(judgeChange(input(asked(yes, { clockTrouble }))).state).toBe('open');
  });
});
