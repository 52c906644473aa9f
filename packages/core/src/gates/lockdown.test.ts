import { describe, expect, test } from 'vitest';
import type { Cause } from '../plan.ts';
import { judgeChange } from './evaluate.ts';
import type { LockdownFacts } from './facts.ts';
import { judgeStandstill, locking } from './judge-lockdown.ts';
import { approval, change, input, lockdown, NOW, policy } from './testing/facts.ts';
import { bob, CAUSES, fire, GLASS, HOUR, SRE, verdicts, waits } from './testing/verdicts.ts';

describe('a lockdown', () => {
  const frozen = lockdown('fire');
  test('stops what is declared anew, whoever approves it or breaks the glass', () => {
    const parts = {
      lockdowns: [frozen],
      policies: [policy('p', { ...SRE, breakGlass: GLASS })],
      approvals: [bob, fire],
    };
    expect(verdicts(parts)).toMatchObject(['held', { freeze: 'Missing', 'approvals/one': 'Met' }]);
    expect(waits(parts)).toBe(
      'waits for the end of lockdown fire by olga (incident), 2026-11-03T13:00:00Z at the latest',
    );
    expect(judgeChange(input(parts)).opensAt).toBe(NOW + HOUR);
  });

  test('lets what runs be kept as it is, unless it says otherwise', () => {
    const stopped = (causes?: Cause[]): Cause[] =>
      CAUSES.filter((cause) => {
        const lockdowns = [lockdown('l', causes && { causes })];
        return verdicts({ lockdowns, change: change({ cause }) })[0] === 'held';
      });
    expect(stopped()).toEqual(['routine', 'emergency', 'rollback', 'prune']);
    expect(stopped(['drift'])).toEqual(['drift']);
    expect(stopped(CAUSES)).toEqual(CAUSES);
  });

  test('ends by itself at its end, and not a moment before', () => {
    const state = (now: number): string => verdicts({ lockdowns: [frozen], now })[0];
    expect([NOW + HOUR - 1, NOW + HOUR].map(state)).toEqual(['held', 'open']);
  });

  test('does not end by a clock that cannot be believed, and nobody looks again at once', () => {
    const parts = { lockdowns: [frozen], now: NOW + 2 * HOUR, clockTrouble: 'far apart' };
    expect(judgeChange(input(parts))).toMatchObject({ state: 'held', opensAt: null });
  });

  test('of which the end cannot be read does not end', () => {
    for (const until of ['', 'tomorrow', '2026-02-30T00:00:00,5Z']) {
      expect(locking([lockdown('l', { until })], change(), NOW, false)).toHaveLength(1);
    }
  });

  test('that cannot be read stops what it selects', () => {
    const lockdowns = [{ ...lockdown('l', { until: '' }), flaw: 'spec.until is required' }];
    expect(waits({ lockdowns, approvals: [bob, fire] })).toBe(
      'waits for a fix or the deletion of Lockdown/l, which is invalid: spec.until is required',
    );
    expect(judgeChange(input({ lockdowns })).opensAt).toBeNull();
  });

  test('is about what it selects', () => {
    const state = (select: object, parts = {}): string =>
      verdicts({ lockdowns: [lockdown('l', { select })], change: change(parts) })[0];
    expect(state({ namespaces: ['shop'] })).toBe('held');
    expect(state({ namespaces: ['other'] })).toBe('open');
    expect(state({ namespaceSelector: 'env=dev' })).toBe('open');
    expect(state({ namespaceSelector: 'env=dev' }, { namespaceLabels: null })).toBe('held');
    expect(state({ labelSelector: '=' })).toBe('held');
  });

  describe('for what nobody can approve', () => {
    const standing = (parts: Parameters<typeof input>[0]): [string[], number | null] => {
      const { requirements, opensAt } = judgeStandstill(input(parts));
      return [requirements.map(({ message }) => message), opensAt];
    };

    test('stops it with all that it stops, until its end', () => {
      const message = 'the end of lockdown fire by olga (incident), 2026-11-03T13:00:00Z at the latest';
      expect(standing({ lockdowns: [frozen] })).toEqual([[message], NOW + HOUR]);
      expect(standing({ lockdowns: [frozen], now: NOW + HOUR })).toEqual([[], null]);
      expect(standing({ lockdowns: [frozen], now: NOW + HOUR, clockTrouble: 'far apart' })).toEqual([[message], null]);
    });

    test('that cannot be read stops it', () => {
      const lockdowns = [{ ...frozen, flaw: 'spec.until is required' }];
      expect(standing({ lockdowns })[0]).toHaveLength(1);
    });

    test.each<[string, Partial<LockdownFacts['spec']>]>([
      ['asks for approvals instead', { approvals: [{ name: 'one', count: 1 }] }],
      ['asks for checks instead', { checks: [{ name: 'c', expression: 'true' }] }],
      ['is about another unit', { select: { names: ['other'] } }],
      ['is about drift only', { causes: ['drift'] }],
      ['is about objects that are not touched', { select: { touches: { namespaces: ['other'] } } }],
    ])('leaves it alone where it %s', (_what, spec) => {
      expect(standing({ lockdowns: [lockdown('l', spec)] })).toEqual([[], null]);
    });
  });

  describe('that checks', () => {
    const checking = (parts: object = {}) =>
      lockdown('l', { checks: [{ name: 'c', expression: 'true', causes: ['routine'], ...parts }] });
    const parts = { lockdowns: [checking()] };

    test('lets pass what holds', () => {
      expect(verdicts(parts)).toEqual(['open', { 'checks/c': 'Met' }]);
      expect(judgeChange(input(parts)).opensAt).toBeNull();
    });

    test('refuses what does not, until its end, whoever approves it or breaks the glass', () => {
      const findings = () => ({ broken: ['touches a Secret'] });
      const policies = [policy('p', { ...SRE, breakGlass: GLASS })];
      expect(waits({ ...parts, policies, approvals: [bob, fire], findings })).toBe(
        'refused by checks/c in Lockdown/l: touches a Secret',
      );
      expect(judgeChange(input({ ...parts, findings })).opensAt).toBe(NOW + HOUR);
    });

    test.each([undefined, { trouble: 'no engine' }])('holds what could not be found out: %j', (found) => {
      expect(verdicts({ ...parts, findings: () => found })).toEqual(['held', { 'checks/c': 'Missing' }]);
    });

    test('stops what none of them is about', () => {
      expect(verdicts({ ...parts, change: change({ cause: 'prune' }) })).toEqual(['held', { freeze: 'Missing' }]);
      const all = { lockdowns: [lockdown('l', { checks: [{ name: 'c', expression: 'true' }] })] };
      expect(verdicts({ ...all, change: change({ cause: 'prune' }) })[0]).toBe('open');
    });
  });

  describe('that asks for approvals', () => {
    const asking = (parts: object = {}) =>
      lockdown('l', { approvals: [{ name: 'two', count: 2, groups: ['sre'], ...parts }] });
    const two = [bob, approval('c', 'carol')];

    test('lets pass what has them, of every cause it stops', () => {
      for (const cause of ['routine', 'emergency', 'rollback', 'prune'] as const) {
        const facts = { lockdowns: [asking()], change: change({ cause }) };
        expect(verdicts(facts)[0]).toBe('held');
        expect(verdicts({ ...facts, approvals: [bob, fire] })[0]).toBe('held');
        expect(verdicts({ ...facts, approvals: two })[0]).toBe('open');
      }
      expect(judgeChange(input({ lockdowns: [asking()] })).opensAt).toBe(NOW + HOUR);
    });

    test('stops what none of them is about', () => {
      const lockdowns = [asking({ causes: ['routine'] })];
      expect(verdicts({ lockdowns, approvals: two })[0]).toBe('open');
      expect(verdicts({ lockdowns, approvals: two, change: change({ cause: 'emergency' }) })).toEqual([
        'held',
        { freeze: 'Missing' },
      ]);
    });

    test('and checks wants both', () => {
      const lockdowns = [lockdown('l', { ...asking().spec, checks: [{ name: 'c', expression: 'true' }] })];
      const broken = () => ({ broken: ['too big'] });
      expect(verdicts({ lockdowns, approvals: two })[0]).toBe('open');
      expect(verdicts({ lockdowns })).toEqual(['held', { 'checks/c': 'Met', 'approvals/two': 'Missing' }]);
      expect(verdicts({ lockdowns, approvals: two, findings: broken })[0]).toBe('rejected');
    });

    test('reads conditions and authors as policies do', () => {
      const lockdowns = [asking({ when: 'true', notAuthor: true })];
      expect(verdicts({ lockdowns, approvals: two, findings: () => undefined })[0]).toBe('held');
      expect(verdicts({ lockdowns, findings: () => ({ broken: ['x'] }) })[0]).toBe('open');
      expect(waits({ lockdowns, approvals: two })).toContain('the policy names no identitiesRef');
    });
  });
});
