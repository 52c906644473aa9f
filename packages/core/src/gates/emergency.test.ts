import type { PolicySpec } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import type { Cause } from '../plan.ts';
import { judgeChange } from './evaluate.ts';
import type { GateInput } from './judging.ts';
import type { ApprovalFacts } from './facts.ts';
import { approval, change, fate, input, lockdown, NOW, policy } from './testing/facts.ts';
import { bob, CAUSES, closed, fire, GLASS, HOUR, open, SRE, verdicts, waits } from './testing/verdicts.ts';

const EMERGENCY: Cause[] = ['emergency'];
const MANAGER = { name: 'manager', count: 1, groups: ['managers'] };
const mia = approval('m', 'mia', { groups: ['managers'] });
const webhook = (name: string, causes?: Cause[]) => ({
  name,
  webhook: { url: 'https://tickets.example', expression: 'true' },
  ...(causes && { causes }),
});
const glassy = (spec: PolicySpec = {}) => policy('p', { ...SRE, breakGlass: GLASS, ...spec });
const isEmergency = (parts: Partial<GateInput>): boolean => judgeChange(input(parts)).isEmergency;

describe('a change is an emergency', () => {
  test.each<[string, ApprovalFacts[], Partial<GateInput>, boolean]>([
    ['where nobody said anything', [], {}, false],
    ['when one who may has broken the glass', [fire], {}, true],
    ['though nothing had to be skipped', [fire, bob], {}, true],
    ['by an approval without an override', [approval('o', 'olga', { groups: ['oncall'] })], {}, false],
    ['by somebody else', [{ ...fire, groups: ['sre'] }], {}, false],
    ['for another digest', [{ ...fire, digest: 'sha256:bbbb' }], {}, false],
    ['when its time is over', [{ ...fire, at: NOW - HOUR }], {}, false],
    ['while the clock cannot be believed', [fire], { clockTrouble: 'far apart' }, false],
    ['while no approval can be believed', [fire], { distrust: 'no admission' }, false],
    ['by one that nobody vouched for', [{ ...fire, vouched: false }], {}, false],
    ['because its unit says so', [], { change: change({ cause: 'emergency' }) }, false],
    ['by a policy of another namespace', [fire], { policies: [{ ...glassy(), namespace: 'other' }] }, false],
    ['by a policy that cannot be judged by', [fire], { policies: [{ ...glassy(), flaw: 'x' }] }, false],
    ['by a policy that selects something else', [fire], { policies: [glassy({ select: { names: ['x'] } })] }, false],
    ['without a policy', [fire], { policies: [] }, false],
  ])('%s: %#', (_what, approvals, parts, expected) => {
    expect(isEmergency({ policies: [glassy()], approvals, ...parts })).toBe(expected);
  });

  test('of every cause but those that keep what runs', () => {
    const own = CAUSES.filter((cause) =>
      isEmergency({ policies: [glassy()], approvals: [fire], change: change({ cause }) }),
    );
    expect(own).toEqual(['routine', 'emergency', 'rollback', 'prune']);
  });
});

describe('rules that name emergencies', () => {
  test('are about nothing else where they name nothing else', () => {
    const spec: PolicySpec = {
      approvals: [{ ...MANAGER, causes: EMERGENCY }],
      windows: [{ ...closed, causes: EMERGENCY }],
      checks: [{ name: 'c', expression: 'true', causes: EMERGENCY }],
      images: { causes: EMERGENCY },
      limits: { maxDeletes: 0, causes: EMERGENCY },
    };
    const deleting = change({ objects: [fate('ConfigMap', 'a', 'delete')] });
    const parts = { policies: [policy('q', spec)], change: deleting };
    expect(verdicts(parts)).toEqual(['open', {}]);
    const all = { 'checks/c': 'Met', images: 'Met', 'limits/0': 'Missing', 'approvals/manager': 'Missing' };
    const both = { ...parts, policies: [policy('q', spec), policy('p', { breakGlass: GLASS })] };
    expect(verdicts({ ...both, approvals: [fire] })).toEqual(['held', { ...all, windows: 'Missing' }]);
  });

  test.each<[string, PolicySpec, ApprovalFacts[], [string, object]]>([
    [
      'approvals of them are asked for',
      { approvals: [...SRE.approvals, { ...MANAGER, causes: EMERGENCY }] },
      [fire],
      ['held', { 'approvals/one': 'Overridden', 'approvals/manager': 'Missing' }],
    ],
    [
      'approvals of them let pass',
      { approvals: [...SRE.approvals, { ...MANAGER, causes: EMERGENCY }] },
      [fire, mia],
      ['open', { 'approvals/one': 'Overridden', 'approvals/manager': 'Met' }],
    ],
    [
      'approvals of them and of others are asked for as well',
      { approvals: [{ ...MANAGER, causes: ['routine', 'emergency'] }] },
      [fire],
      ['held', { 'approvals/manager': 'Missing' }],
    ],
    [
      'windows of them stay closed',
      { windows: [{ ...closed, causes: ['routine', 'emergency'] }] },
      [fire],
      ['held', { 'approvals/one': 'Overridden', windows: 'Missing' }],
    ],
    [
      'windows of them are open',
      { windows: [{ ...open, causes: EMERGENCY }] },
      [fire],
      ['open', { 'approvals/one': 'Overridden', windows: 'Met' }],
    ],
    [
      'other systems that are asked about them have to say yes',
      { external: [webhook('usual'), webhook('own', EMERGENCY)] },
      [fire],
      ['held', { 'approvals/one': 'Overridden', 'external/usual': 'Overridden', 'external/own': 'Missing' }],
    ],
    [
      'checks of them refuse',
      { checks: [{ name: 'c', expression: 'true', causes: EMERGENCY }] },
      [fire],
      ['rejected', { 'checks/c': 'Denied', 'approvals/one': 'Overridden' }],
    ],
  ])('no glass breaks them: %s', (what, spec, approvals, expected) => {
    const findings = () => ({ broken: /^(checks|other)/.test(what) ? ['x'] : [] });
    expect(verdicts({ policies: [glassy(spec)], approvals, findings })).toEqual(expected);
  });

  test('a window of theirs and another one do not make up for each other', () => {
    const windows = [closed, { ...open, causes: EMERGENCY }];
    const told = (parts: Partial<GateInput>): string[] =>
      judgeChange(input(parts)).requirements.map(({ rule, verdict }) => `${rule} ${verdict}`);
    expect(told({ policies: [policy('p', { windows, breakGlass: GLASS })], approvals: [fire] })).toEqual([
      'windows Overridden',
      'windows Met',
    ]);
    const foreign = [policy('p', { windows }), policy('q', { breakGlass: GLASS })];
    expect(told({ policies: foreign, approvals: [fire] })).toEqual(['windows Missing', 'windows Met']);
  });

  test('when they open is told', () => {
    const policies = [glassy({ windows: [{ ...closed, causes: EMERGENCY }] })];
    expect(judgeChange(input({ policies, approvals: [fire] }))).toMatchObject({
      state: 'held',
      opensAt: NOW + 2 * HOUR,
    });
    expect(waits({ policies, approvals: [fire] })).toBe(
      'waits for the window Tue 14:00–18:00 UTC, opens 2026-11-03T14:00:00Z',
    );
  });
});

describe('a lockdown', () => {
  const broken = { policies: [glassy()], approvals: [fire] };
  test.each<[string, object, [string, object]]>([
    ['stops an emergency', {}, ['held', { freeze: 'Missing' }]],
    ['of the cause that it has besides stops it too', { causes: ['routine'] }, ['held', { freeze: 'Missing' }]],
    ['may be about emergencies only', { causes: EMERGENCY }, ['held', { freeze: 'Missing' }]],
    ['of another cause does not', { causes: ['prune'] }, ['open', { 'approvals/one': 'Overridden' }]],
    [
      'may ask for approvals of emergencies',
      { approvals: [{ ...MANAGER, causes: EMERGENCY }] },
      ['held', { 'approvals/manager': 'Missing' }],
    ],
  ])('%s', (_what, spec, expected) => {
    expect(verdicts({ ...broken, lockdowns: [lockdown('l', spec)] })).toMatchObject(expected);
  });

  test('about emergencies only lets everything else pass', () => {
    expect(verdicts({ lockdowns: [lockdown('l', { causes: EMERGENCY })] })[0]).toBe('open');
  });

  test('that asks for approvals of emergencies stops everything else', () => {
    const lockdowns = [lockdown('l', { approvals: [{ ...MANAGER, causes: EMERGENCY }] })];
    expect(verdicts({ lockdowns, approvals: [mia] })).toMatchObject(['held', { freeze: 'Missing' }]);
    expect(verdicts({ ...broken, lockdowns, approvals: [fire, mia] })[0]).toBe('open');
  });
});
