import type { PolicySpec } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import type { Cause } from '../plan.ts';
import { governing, judgeChange } from './evaluate.ts';
import { contentRules } from './judge-rules.ts';
import type { GateInput } from './judging.ts';
import type { Identity } from './facts.ts';
import { approval, change, clusterPolicy, fate, input, lockdown, NOW, policy } from './testing/facts.ts';
import { toldOfHeld } from './told.ts';
import { HOUR, CAUSES, bob, fire, open, closed, SRE, GLASS, verdicts, waits } from './testing/verdicts.ts';

describe('a change', () => {
  test('that nothing governs passes, and nothing is said of it', () => {
    expect(judgeChange(input())).toEqual({ state: 'open', isEmergency: false, requirements: [], opensAt: null });
    const elsewhere = [policy('p', SRE, { namespace: 'other' }), policy('q', { ...SRE, select: { names: ['x'] } })];
    expect(judgeChange(input({ policies: elsewhere })).requirements).toEqual([]);
  });

  test('waits for every policy, in the same order whoever came first', () => {
    const policies = [policy('b', { windows: [closed] }), clusterPolicy('a', SRE), policy('a', SRE)];
    const verdict = judgeChange(input({ policies }));
    expect(verdict.requirements.map(({ policy: id, rule }) => [id, rule])).toEqual([
      ['ClusterReleasePolicy/a', 'approvals/one'],
      ['ReleasePolicy/shop/a', 'approvals/one'],
      ['ReleasePolicy/shop/b', 'windows'],
    ]);
    expect(verdict).toMatchObject({ state: 'held', opensAt: NOW + 2 * HOUR });
    expect(judgeChange(input({ policies: policies.toReversed() }))).toEqual(verdict);
  });

  test('that is denied is rejected, whatever else is met', () => {
    const findings: GateInput['findings'] = (_policy, rule) => ({ broken: rule === 'forbid/a' ? ['bad'] : [] });
    const policies = [policy('p', { ...SRE, forbid: [{ name: 'a', pattern: 'a' }], windows: [open] })];
    expect(verdicts({ policies, findings, approvals: [bob] })).toEqual([
      'rejected',
      { 'forbid/a': 'Denied', 'approvals/one': 'Met', windows: 'Met' },
    ]);
  });

  test('that somebody rejects is rejected, whoever approves it or breaks the glass, and though nothing governs it', () => {
    const no = approval('n', 'carol', { decision: 'Reject', groups: [] });
    const policies = [policy('p', { ...SRE, breakGlass: GLASS })];
    expect(verdicts({ policies, approvals: [bob, fire, no] })[0]).toBe('rejected');
    expect(waits({ approvals: [no] })).toBe('refused: carol rejected it');
    expect(verdicts({ approvals: [{ ...no, digest: 'sha256:other' }] })[0]).toBe('open');
  });

  test('that somebody rejects after all is still kept as it is', () => {
    const approvals = [approval('no', 'bob', { decision: 'Reject' })];
    for (const cause of ['drift', 'rebuild'] as const)
      expect(judgeChange(input({ change: change({ cause }), approvals })).state).toBe('open');
  });

  test('is approved for its own digest only', () => {
    const other = { ...bob, digest: 'sha256:other' };
    expect(verdicts({ policies: [policy('p', SRE)], approvals: [other] })[0]).toBe('held');
  });
});

describe('a policy that cannot be judged by', () => {
  const broken = policy('p', SRE, { flaw: 'forbid[0]: ( is no pattern of RE2', generation: 7 });
  test('holds what it selects, of any cause, though people approve', () => {
    for (const cause of CAUSES) {
      expect(
        judgeChange(input({ policies: [broken], approvals: [bob, fire], change: change({ cause }) })),
      ).toMatchObject({
        state: 'held',
        requirements: [{ policy: 'ReleasePolicy/shop/p', generation: 7, rule: 'spec', verdict: 'Missing' }],
      });
    }
    expect(waits({ policies: [broken] })).toBe(
      'waits for a fix of ReleasePolicy/shop/p, which is invalid: forbid[0]: ( is no pattern of RE2',
    );
  });

  test('holds nothing else', () => {
    expect(verdicts({ policies: [{ ...broken, spec: { select: { names: ['x'] } } }] })[0]).toBe('open');
  });
});

describe('causes', () => {
  test.each<[string, PolicySpec]>([
    ['approvals', SRE],
    ['windows', { windows: [closed] }],
    ['forbid', { forbid: [{ name: 'a', pattern: 'a' }] }],
    ['checks', { checks: [{ name: 'a', expression: 'false' }] }],
    ['images', { images: { digests: true } }],
  ])('of %s are routine and prune unless the rule says otherwise', (field, spec) => {
    const governed = (of: PolicySpec): Cause[] => {
      const policies = [policy('p', of)];
      const facts = { policies, findings: () => ({ broken: ['x'] }) };
      return CAUSES.filter((cause) => verdicts({ ...facts, change: change({ cause }) })[0] !== 'open');
    };
    expect(governed(spec)).toEqual(['routine', 'prune']);
    const rule = spec[field as 'windows' | 'images'];
    const of = (causes: Cause[]): PolicySpec => ({
      [field]: Array.isArray(rule) ? rule.map((one) => ({ ...one, causes })) : { ...rule, causes },
    });
    expect(governed(of(['drift']))).toEqual(['drift']);
    expect(governed(of(CAUSES))).toEqual(CAUSES);
    expect(governed(of([]))).toEqual([]);
  });

  test('of limits are so too', () => {
    const limits = { protected: [{ kind: 'Secret' }] };
    const objects = [fate('Secret', 'a', 'delete')];
    const governed = (causes?: Cause[]): Cause[] =>
      CAUSES.filter((cause) => {
        const policies = [policy('p', { limits: { ...limits, ...(causes && { causes }) } })];
        return verdicts({ policies, change: change({ cause, objects, owned: 9 }) })[0] !== 'open';
      });
    expect(governed()).toEqual(['routine', 'prune']);
    expect(governed(['rollback'])).toEqual(['rollback']);
  });
});

describe('what rules over the content found', () => {
  const spec: PolicySpec = {
    checks: [{ name: 'c', expression: 'true' }],
    forbid: [{ name: 'f', pattern: 'x', action: 'Warn' }],
    images: { digests: true },
  };
  test('is told by the names that they are evaluated under', () => {
    expect(contentRules({ spec }, { cause: 'routine', isEmergency: false })).toEqual([
      { rule: 'checks/c', action: 'Deny' },
      { rule: 'forbid/f', action: 'Warn' },
      { rule: 'images', action: 'Deny' },
    ]);
    expect(contentRules({ spec }, { cause: 'drift', isEmergency: false })).toEqual([]);
  });

  test.each([
    ['nothing', { broken: [] }, 'open', 'Met', 'Met'],
    ['something', { broken: ['bad'] }, 'rejected', 'Denied', 'Warned'],
    ['trouble', { trouble: 'no engine' }, 'held', 'Missing', 'Missing'],
    ['no answer', undefined, 'held', 'Missing', 'Missing'],
  ])('%s', (_what, found, state, ...[denying, warning]) => {
    expect(verdicts({ policies: [policy('p', spec)], findings: () => found, approvals: [bob, fire] })).toEqual([
      state,
      { 'checks/c': denying, 'forbid/f': warning, images: denying },
    ]);
  });

  test('is told in words, of much the first', () => {
    const policies = [policy('p', { images: {} })];
    const broken = ['1', '2', '3', '4', '5', '6', '7'];
    expect(waits({ policies, findings: () => ({ broken }) })).toBe(
      'refused by images in ReleasePolicy/shop/p: 1; 2; 3; 4; 5; and 2 more',
    );
    expect(waits({ policies, findings: () => ({ trouble: 'no engine' }) })).toBe(
      'waits for images in ReleasePolicy/shop/p, which could not be evaluated: no engine',
    );
    expect(waits({ policies, findings: () => undefined })).toContain('could not be evaluated: no answer');
  });

  test.each([
    ['is true', { broken: [] }, 'held'],
    ['is not', { broken: ['x'] }, 'open'],
    ['fails', { trouble: 'no such key' }, 'held'],
    ['has no answer', undefined, 'held'],
  ])('approvals whose condition %s', (_what, found, state) => {
    const approvals = [{ name: 'one', count: 1, when: 'change.counts.delete > 0' }];
    const findings: GateInput['findings'] = (id, rule) =>
      id === 'ReleasePolicy/shop/p' && rule === 'approvals/one/when' ? found : { broken: [] };
    expect(verdicts({ policies: [policy('p', { approvals })], findings })[0]).toBe(state);
    const met = found !== undefined && 'broken' in found;
    expect(verdicts({ policies: [policy('p', { approvals })], findings, approvals: [bob] })[0]).toBe(
      met ? 'open' : 'held',
    );
  });
});

describe('windows', () => {
  const who = { groups: ['sre'] };
  const deny = { ...open, type: 'Deny' } as const;
  test.each<[string, PolicySpec['windows'], string | null, number | null]>([
    ['none', [], null, null],
    ['one that is open', [open], null, null],
    [
      'one that is closed',
      [closed],
      'waits for the window Tue 14:00–18:00 UTC, opens 2026-11-03T14:00:00Z',
      NOW + 2 * HOUR,
    ],
    ['one of two', [closed, open], null, null],
    [
      'one that denies',
      [deny],
      'waits for the end of the closed time Tue 12:00–18:00 UTC, opens 2026-11-03T18:00:00Z',
      NOW + 6 * HOUR,
    ],
  ])('%s', (_what, windows = [], message, opensAt) => {
    const verdict = judgeChange(input({ policies: [policy('p', { windows })] }));
    expect(toldOfHeld(verdict)).toBe(message ?? '');
    expect(verdict).toMatchObject({ state: message === null ? 'open' : 'held', opensAt });
  });

  test('that deny go before those that allow', () => {
    expect(verdicts({ policies: [policy('p', { windows: [open, deny] })] })).toEqual(['held', { windows: 'Missing' }]);
  });

  test('somebody passes in them by approving, and not by an override or a rejection', () => {
    const policies = [policy('p', { windows: [{ ...open, who }] })];
    const needs = 'waits for an approval by group sre: only their changes pass';
    expect(waits({ policies })).toContain(needs);
    expect(verdicts({ policies })).toEqual(['held', { 'windows/who': 'Missing' }]);
    expect(verdicts({ policies, approvals: [bob] })[0]).toBe('open');
    expect(waits({ policies, approvals: [{ ...bob, override: 'fire' }] })).toContain(needs);
    expect(waits({ policies, approvals: [{ ...bob, decision: 'Reject' }] })).toContain(needs);
    expect(waits({ policies, approvals: [{ ...bob, groups: ['shop'] }] })).toContain(needs);
    expect(waits({ policies, approvals: [{ ...bob, digest: 'other' }] })).toContain(needs);
    expect(verdicts({ policies: [policy('p', { windows: [{ ...closed, who }] })], approvals: [bob] })[0]).toBe('held');
  });

  test('somebody passes while they are closed', () => {
    const policies = [policy('p', { windows: [{ ...deny, who }] })];
    expect(verdicts({ policies })[0]).toBe('held');
    expect(verdicts({ policies, approvals: [bob] })[0]).toBe('open');
    expect(verdicts({ policies, approvals: [{ ...bob, override: 'fire' }] })[0]).toBe('held');
  });

  test('do not open by a clock that cannot be believed', () => {
    const clockTrouble = 'they are 90 s apart';
    for (const windows of [[open], [closed], [deny]]) {
      const verdict = judgeChange(input({ policies: [policy('p', { windows })], clockTrouble }));
      expect(verdict).toMatchObject({ state: 'held', opensAt: null });
      expect(toldOfHeld(verdict)).toBe(`waits for a trusted clock, to tell whether a window is open: ${clockTrouble}`);
    }
    expect(verdicts({ policies: [policy('p', SRE)], approvals: [bob], clockTrouble })[0]).toBe('open');
  });

  test('do not open before their time, and close at their end', () => {
    const state = (now: number): string => verdicts({ policies: [policy('p', { windows: [open] })], now })[0];
    expect([NOW - 1, NOW, NOW + 6 * HOUR - 1, NOW + 6 * HOUR].map(state)).toEqual(['held', 'open', 'open', 'held']);
  });
});

describe('who breaks the glass', () => {
  const spec: PolicySpec = {
    ...SRE,
    windows: [closed],
    breakGlass: GLASS,
    limits: { maxDeletes: 0 },
    checks: [{ name: 'c', expression: 'true' }],
  };
  const deleting = change({ objects: [fate('ConfigMap', 'a', 'delete')] });

  test('skips approvals and windows of this policy', () => {
    expect(verdicts({ policies: [policy('p', spec)], approvals: [fire] })).toEqual([
      'open',
      { 'checks/c': 'Met', 'approvals/one': 'Overridden', windows: 'Overridden' },
    ]);
    const requirements = judgeChange(input({ policies: [policy('p', spec)], approvals: [fire] })).requirements;
    expect(requirements[1]).toMatchObject({
      message: 'overridden by olga: fire',
      evidence: [expect.stringContaining('Approval/o by olga')],
    });
  });

  test('skips no checks and no limits', () => {
    const policies = [policy('p', spec)];
    expect(verdicts({ policies, approvals: [fire], change: deleting })).toMatchObject([
      'held',
      { 'limits/0': 'Missing' },
    ]);
    expect(verdicts({ policies, approvals: [fire], findings: () => ({ broken: ['x'] }) })[0]).toBe('rejected');
    expect(verdicts({ policies, approvals: [fire], findings: () => undefined })[0]).toBe('held');
  });

  test('skips nothing of another policy', () => {
    expect(verdicts({ policies: [policy('p', spec), policy('q', SRE)], approvals: [fire] })[0]).toBe('held');
  });

  test('does not when the time is over, or nobody can tell', () => {
    const policies = [policy('p', { ...SRE, breakGlass: GLASS })];
    const at = (age: number): string => verdicts({ policies, approvals: [{ ...fire, at: NOW - age }] })[0];
    expect([HOUR - 1, HOUR].map(at)).toEqual(['open', 'held']);
    expect(waits({ policies, approvals: [fire], clockTrouble: 'far apart' })).toBe(
      'waits for 1 approval by group sre (the override by olga counts once the clock is trusted: far apart)',
    );
  });
});

describe('limits', () => {
  const spec: PolicySpec = { ...SRE, limits: { maxDeletes: 0 } };
  const deleting = change({ objects: [fate('ConfigMap', 'a', 'delete')] });
  test('are lifted by whoever may approve', () => {
    const policies = [policy('p', spec)];
    const stranger = approval('x', 'mallory', { groups: ['shop'] });
    expect(verdicts({ policies, change: deleting, approvals: [stranger] })).toMatchObject([
      'held',
      { 'limits/0': 'Missing' },
    ]);
    expect(verdicts({ policies, change: deleting, approvals: [bob] })[0]).toBe('open');
    expect(waits({ policies, change: deleting })).toBe(
      'waits for an approval by group sre of the deletion of 1 objects, where 0 may go, and for 1 approval by group sre',
    );
  });

  test('are not lifted by an author where the approvals are for others', () => {
    const rule = { name: 'r', count: 1, notAuthor: true, when: 'false' };
    const identitiesRef = { name: 'people' };
    const strict = policy('p', { limits: { maxDeletes: 0 }, approvals: [rule], identitiesRef });
    const identities = (): Identity[] => [{ users: ['alice'], git: ['alice@example.com'], logins: [] }];
    const findings: GateInput['findings'] = () => ({ broken: ['not needed'] });
    const facts = { policies: [strict], change: deleting, identities, findings };
    expect(verdicts({ ...facts, approvals: [approval('a', 'Alice')] })).toEqual(['held', { 'limits/0': 'Missing' }]);
    expect(verdicts({ ...facts, approvals: [bob] })[0]).toBe('open');
    expect(verdicts({ ...facts, approvals: [bob], identities: () => null })[0]).toBe('held');
    const named = policy('p', { ...strict.spec, limits: { maxDeletes: 0, approvers: { users: ['alice'] } } });
    expect(verdicts({ ...facts, policies: [named], approvals: [approval('a', 'alice')] })[0]).toBe('open');
  });

  test('are lifted by those they name instead', () => {
    const policies = [policy('p', { limits: { maxDeletes: 0, approvers: { users: ['dora'] } } })];
    expect(verdicts({ policies, change: deleting, approvals: [bob] })[0]).toBe('held');
    expect(verdicts({ policies, change: deleting, approvals: [approval('d', 'dora')] })[0]).toBe('open');
  });

  describe('that every unit has', () => {
    const last = change({ objects: [fate('Namespace', 'prod', 'delete', '')] });
    const off = clusterPolicy('off', { limits: { defaults: 'Off' } });
    test.each<[string, Partial<GateInput>, string]>([
      ['hold without any policy', {}, 'held'],
      ['are lifted by anybody who approves', { approvals: [approval('x', 'mallory', { groups: [] })] }, 'open'],
      ['are not lifted by an override', { approvals: [fire] }, 'held'],
      ['are not lifted for another digest', { approvals: [{ ...bob, digest: 'other' }] }, 'held'],
      ['are taken away by a policy of the cluster', { policies: [off] }, 'open'],
      ['are not by one of a namespace', { policies: [policy('off', { limits: { defaults: 'Off' } })] }, 'held'],
      ['are not by one that cannot be judged by', { policies: [{ ...off, flaw: 'x' }] }, 'held'],
      [
        'are not by one of other units',
        { policies: [clusterPolicy('off', { ...off.spec, select: { names: ['x'] } })] },
        'held',
      ],
      [
        'are not by one of which nobody knows whether it is about this unit',
        {
          policies: [clusterPolicy('off', { ...off.spec, select: { namespaceSelector: 'env=dev' } })],
          change: { ...last, namespaceLabels: null },
        },
        'held',
      ],
      [
        'are by one whose labels are known',
        { policies: [clusterPolicy('off', { ...off.spec, select: { namespaceSelector: 'env=prod' } })] },
        'open',
      ],
      ['are not about what is restored', { change: { ...last, cause: 'drift' } }, 'open'],
      ['are about what is pruned', { change: { ...last, cause: 'prune' } }, 'held'],
    ])('%s', (_what, parts, state) => {
      expect(verdicts({ change: last, ...parts })[0]).toBe(state);
    });
  });
});

describe('where approvals cannot be believed', () => {
  const distrust = 'there is no ValidatingAdmissionPolicy approvals.plumb.dev';
  test('none counts, and whoever waits for one is told', () => {
    const parts = { policies: [policy('p', SRE)], approvals: [bob], distrust };
    expect(waits(parts)).toBe(
      `waits for 1 approval by group sre, and for admission that vouches for approvals: ${distrust}`,
    );
  });

  test.each<[string, Partial<GateInput>, boolean]>([
    ['the default limits', { change: change({ objects: [fate('Namespace', 'a', 'delete', '')] }) }, true],
    ['a window of somebody', { policies: [policy('p', { windows: [{ ...open, who: { users: ['bob'] } }] })] }, true],
    [
      'a policy that is gone',
      { earlier: [{ policy: 'ReleasePolicy/shop/p', rule: 'windows', verdict: 'Missing' }] },
      true,
    ],
    ['a window', { policies: [policy('p', { windows: [closed] })] }, false],
    ['a lockdown', { lockdowns: [lockdown('l')] }, false],
    ['a check', { policies: [policy('p', { images: {} })], findings: () => undefined }, false],
    ['nothing', {}, false],
  ])('%s', (_what, parts, told) => {
    const { requirements } = judgeChange(input({ ...parts, distrust, approvals: [bob] }));
    expect(requirements.some(({ rule }) => rule === 'admission')).toBe(told);
  });

  test('one that was made before they could does not count, and whoever made it is told', () => {
    const early = { ...bob, vouched: false };
    const policies = [policy('p', { ...SRE, breakGlass: GLASS })];
    expect(waits({ policies, approvals: [early] })).toBe(
      'waits for 1 approval by group sre, and for new approvals in place of b by bob, made before the API server vouched for who makes them',
    );
    expect(verdicts({ policies, approvals: [{ ...fire, vouched: false }] })[0]).toBe('held');
    expect(verdicts({ policies, approvals: [early, approval('c', 'carol')] })).toEqual([
      'open',
      { 'approvals/one': 'Met' },
    ]);
    expect(verdicts({ approvals: [{ ...early, decision: 'Reject' }] })[0]).toBe('rejected');
  });

  test('nobody breaks the glass, but who rejects does', () => {
    const policies = [policy('p', { ...SRE, breakGlass: GLASS })];
    const no = { ...bob, decision: 'Reject' } as const;
    expect(verdicts({ policies, approvals: [fire], distrust })[0]).toBe('held');
    expect(verdicts({ approvals: [no], distrust })[0]).toBe('rejected');
  });
});

test('policies of a namespace govern its own units only', () => {
  const all = [policy('a', {}), policy('b', {}, { namespace: 'other' }), clusterPolicy('c', {})];
  expect(governing(all, change()).map(({ name }) => name)).toEqual(['a', 'c']);
});

test.each([
  ['before it counts for no lockdown', -1, 'held'],
  ['since it was made does', 0, 'open'],
])('what was approved %s', (_when, after, state) => {
  const made = lockdown('l', { approvals: [{ name: 'one', count: 1, groups: ['sre'] }] });
  const given = [approval('x', 'bob', { at: made.at + after })];
  expect(judgeChange(input({ lockdowns: [made], approvals: given })).state).toBe(state);
});

test('identities are read where the policy says, those of a namespace in it alone', () => {
  const asked: string[] = [];
  const rule = { name: 'r', count: 1, notAuthor: true };
  const identities: GateInput['identities'] = ({ namespace, name }) => {
    asked.push(`${namespace}/${name}`);
    return null;
  };
  const spec = { approvals: [rule], identitiesRef: { name: 'people', namespace: 'secure' } };
  const lockdowns = [lockdown('l', spec)];
  judgeChange(input({ policies: [policy('a', spec), clusterPolicy('b', spec)], lockdowns, identities }));
  expect(asked).toEqual(['secure/people', 'secure/people', 'shop/people']);
});
