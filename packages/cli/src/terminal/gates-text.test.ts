import type { Approval, Change, ChangeRequirement, ChangeStatus, Lockdown } from '@plumb/api';
import type { Decided, Heard, Why } from '@plumb/preview';
import { describe, expect, test } from 'vitest';
import { changeTable, changeText } from './change-text.ts';
import { decidedText, heardText } from './decision-text.ts';
import { lockdownTable } from './lockdown-text.ts';
import { paintFor } from './paint.ts';
import { whyText } from './why-text.ts';

const NOW = Date.parse('2026-11-27T12:00:00Z');
const plain = paintFor({ isTTY: false }, {});

function change(status: Partial<ChangeStatus> = {}, authors: Change['spec']['authors'] = []): Change {
  return {
    apiVersion: 'plumb.dev/v1',
    kind: 'Change',
    metadata: { name: 'ks-apps-1', namespace: 'flux-system', creationTimestamp: '2026-11-27T11:59:00Z' },
    spec: {
      unit: { kind: 'Kustomization', namespace: 'flux-system', name: 'apps', uid: 'u' },
      cluster: 'own',
      cause: 'routine',
      revision: 'main@sha1:5c1dbd1c6a6c4a2a5ba0a4f2e5d1d6f5b6c7d8e9',
      digest: 'sha256:1',
      bundleDigest: 'b',
      authors,
    },
    status: { phase: 'Pending', message: 'waits for 1 approval by anybody', ...status },
  };
}

const MISSING: ChangeRequirement = {
  policy: 'default-limits',
  generation: 0,
  rule: 'limits/0',
  verdict: 'Missing',
  message: 'an approval by anybody of the deletion of Namespace/a',
  evidence: [],
  at: '2026-11-27T11:58:00Z',
};
const MET: ChangeRequirement = {
  ...MISSING,
  policy: 'ReleasePolicy/flux-system/two',
  generation: 3,
  rule: 'approvals/two',
  verdict: 'Met',
  message: '2 of 2 approved',
  evidence: ['Approval/a by alice at 2026-11-27T11:59:00.000Z'],
};

const LOCKDOWN: Lockdown = {
  apiVersion: 'plumb.dev/v1',
  kind: 'Lockdown',
  metadata: { name: 'incident' },
  spec: { reason: 'down', by: 'olga', until: '2026-11-27T13:00:00Z', select: { namespaces: ['shop'] } },
};

test('a change says where to read its plan, or why there is none', () => {
  const last = (plan: ChangeStatus['plan']): string | undefined =>
    changeText(change({ ...(plan && { plan }) }), NOW, plain)
      .split('\n')
      .at(-2);
  const at = '2026-11-27T11:59:00Z';
  expect(last({ path: '/x', at })).toBe('plumb change diff ks-apps-1 shows what changes of them');
  expect(last({ problem: 'no room', at })).toBe('there is no plan of what changes of them: no room');
  expect(last(undefined)).toBe('waits for 1 approval by anybody');
});

describe('changes', () => {
  test('are a table, whose cells a terminal acts upon in no way', () => {
    const bad = change({ message: 'waits for \u001b[31m you' });
    expect(changeTable([change(), bad], { now: NOW, withNamespace: true })).toBe(
      [
        'NAMESPACE     NAME        UNIT                 PHASE     CAUSE     REVISION        AGE   MESSAGE',
        'flux-system   ks-apps-1   Kustomization/apps   Pending   routine   main@5c1dbd1c   60s   waits for 1 approval by anybody',
        'flux-system   ks-apps-1   Kustomization/apps   Pending   routine   main@5c1dbd1c   60s   waits for \\u{1b}[31m you',
        '',
      ].join('\n'),
    );
  });

  test('have every requirement with its evidence, and what becomes of each object', () => {
    const shown = change(
      {
        requirements: [MET, MISSING],
        counts: { create: 1, change: 0, delete: 2 },
        objects: [
          { object: 'ConfigMap/a/new', action: 'create' },
          { object: 'Namespace/a', action: 'delete' },
        ],
        decidedAt: '2026-11-27T11:59:30Z',
      },
      [{ name: 'Alice', email: 'a@example.com' }],
    );
    expect(changeText(shown, NOW, plain)).toBe(
      [
        'Change flux-system/ks-apps-1',
        '  unit       Kustomization/flux-system/apps',
        '  phase      Pending',
        '  cause      routine',
        '  revision   main@sha1:5c1dbd1c6a6c4a2a5ba0a4f2e5d1d6f5b6c7d8e9',
        '  authors    Alice <a@example.com>',
        '  cluster    own',
        '  digest     sha256:1',
        '  held since 2026-11-27T11:59:00Z (60s ago)',
        '  decided    2026-11-27T11:59:30Z (30s ago)',
        'waits for 1 approval by anybody',
        'requirements',
        '  approvals/two in ReleasePolicy/flux-system/two (generation 3)',
        '    Met: 2 of 2 approved (2m ago)',
        '      Approval/a by alice at 2026-11-27T11:59:00.000Z',
        '  limits/0 in default-limits',
        '    Missing: an approval by anybody of the deletion of Namespace/a (2m ago)',
        'objects: 1 created, 2 deleted',
        '  + ConfigMap/a/new',
        '  - Namespace/a',
        '  and 1 more',
        '',
      ].join('\n'),
    );
  });
});

describe('a decision', () => {
  const decided: Decided = { who: { name: 'alice', groups: ['sre'] }, approval: 'a1', change: change() };

  test.each([
    [{ decision: 'Approve', comment: '', override: '' }, 'approved'],
    [{ decision: 'Approve', comment: '', override: 'down' }, 'approved, breaking the glass,'],
    [{ decision: 'Reject', comment: 'no', override: '' }, 'rejected'],
  ] as const)('%o is told in the name it was made in', (decision, did) => {
    expect(decidedText(decided, decision)).toBe(`alice ${did} flux-system/ks-apps-1: Approval/a1\n`);
  });

  test.each<[string, Heard, string]>([
    ['waits', { outcome: 'told', change: change() }, 'waits for 1 approval by anybody'],
    ['is applied', { outcome: 'told', change: change({ phase: 'Applied' }) }, 'it is applied'],
    ['failed', { outcome: 'told', change: change({ phase: 'Failed', message: 'refused' }) }, 'it failed: refused'],
    [
      'was superseded',
      { outcome: 'told', change: change({ phase: 'Superseded' }) },
      'it was superseded meanwhile, so that this counts for nothing; plumb change list shows what waits now',
    ],
    ['goes on', { outcome: 'applying', change: change() }, 'every gate is open; it is being applied still'],
    ['is gone', { outcome: 'gone' }, 'it was deleted meanwhile; plumb change list shows what waits now'],
    [
      'does not count it',
      { outcome: 'not counted', change: change() },
      'no rule counts it so far (alice is of sre); waits for 1 approval by anybody; plumb change show ks-apps-1 has the rules',
    ],
  ])('says that the change %s', (_name, heard, text) => {
    expect(heardText(heard, decided)).toBe(`${text}\n`);
  });
});

test('lockdowns are a table, with how long they last', () => {
  const ended = { ...LOCKDOWN, metadata: { name: 'old' }, spec: { ...LOCKDOWN.spec, until: '2026-11-27T11:00:00Z' } };
  expect(lockdownTable([LOCKDOWN, ended], NOW)).toBe(
    [
      'NAME       KIND     UNTIL                  LEFT    BY     REASON   ABOUT',
      'incident   freeze   2026-11-27T13:00:00Z   60m     olga   down     all units in namespace shop',
      'old        freeze   2026-11-27T11:00:00Z   ended   olga   down     all units in namespace shop',
      '',
    ].join('\n'),
  );
});

describe('why', () => {
  const why: Why = {
    unit: { kind: 'Kustomization', namespace: 'flux-system', name: 'apps' },
    state: 'held',
    since: '2026-11-27T11:59:00Z',
    message: 'waits for 1 approval by anybody',
    applied: 'main@sha1:0c1dbd1c6a6c4a2a5ba0a4f2e5d1d6f5b6c7d8e9',
    attempted: '',
    gated: true,
    changes: [change({ counts: { create: 0, change: 0, delete: 1 } })],
    policies: [
      {
        policy: MET.policy,
        flaw: null,
        maybe: false,
        rules: [
          { name: 'approvals/two', text: '2 approvals by group sre', verdicts: [MET] },
          { name: 'windows', text: 'Allow daily 22:00–02:00 UTC, for drift only', verdicts: [] },
        ],
      },
    ],
    others: [MISSING],
    lockdowns: [
      {
        lockdown: LOCKDOWN,
        flaw: null,
        rules: [
          {
            name: 'freeze',
            text: 'all units in namespace shop',
            verdicts: [{ ...MISSING, policy: 'Lockdown/incident', rule: 'freeze', message: 'the end of it' }],
          },
        ],
      },
    ],
    approvals: [
      {
        apiVersion: 'plumb.dev/v1',
        kind: 'Approval',
        metadata: { name: 'a', namespace: 'flux-system', creationTimestamp: '2026-11-27T11:59:50Z' },
        spec: { change: 'ks-apps-1', digest: 'sha256:0', decision: 'Approve', by: 'eve', override: { reason: 'now' } },
      } satisfies Approval,
    ],
  };

  test('says by which rules a unit is held, and what each verdict is made from', () => {
    expect(whyText(why, NOW, plain)).toBe(
      [
        'Kustomization flux-system/apps is held, since 2026-11-27T11:59:00Z (60s ago)',
        '  waits for 1 approval by anybody',
        '  runs main@0c1dbd1c',
        '  change ks-apps-1, Pending, made 60s ago',
        '    routine to main@5c1dbd1c: 0 created, 0 changed, 1 deleted',
        '    authors: not known',
        '    approved by eve 10s ago; overriding: now; for another digest, so that it does not count',
        'Lockdown/incident by olga until 2026-11-27T13:00:00Z: down',
        '  freeze: all units in namespace shop',
        '    Missing: the end of it (2m ago)',
        'ReleasePolicy/flux-system/two',
        '  approvals/two: 2 approvals by group sre',
        '    Met: 2 of 2 approved (2m ago)',
        '      Approval/a by alice at 2026-11-27T11:59:00.000Z',
        '  windows: Allow daily 22:00–02:00 UTC, for drift only',
        '    asks nothing of this change',
        'default-limits: limits/0',
        '    Missing: an approval by anybody of the deletion of Namespace/a (2m ago)',
        '',
      ].join('\n'),
    );
  });

  test('says of a lockdown that is no freeze what it is about, and of one that cannot be read that it stops all', () => {
    const rules = [
      { name: 'approvals/people', text: '1 approval by anybody', verdicts: [] },
      { name: 'freeze', text: '', verdicts: [] },
    ];
    const { until: _, ...spec } = LOCKDOWN.spec;
    const soft = { ...LOCKDOWN, spec: { ...LOCKDOWN.spec, approvals: [{ name: 'people', count: 1 }] } };
    const broken = { ...LOCKDOWN, spec: spec as typeof LOCKDOWN.spec };
    const lockdowns = [
      { lockdown: soft, flaw: null, rules },
      { lockdown: broken, flaw: 'spec.until is required', rules: [] },
    ];
    const shown = whyText({ ...why, changes: [], policies: [], others: [], lockdowns }, NOW, plain).split('\n');
    expect(shown.slice(3)).toEqual([
      'Lockdown/incident by olga until 2026-11-27T13:00:00Z: down',
      '  about all units in namespace shop',
      '  approvals/people: 1 approval by anybody',
      '  freeze',
      'Lockdown/incident',
      '  stops all it selects, for it cannot be read: spec.until is required',
      'no policy selects it: only the default limits hold',
      '',
    ]);
  });

  test('says what could not be read', () => {
    const trouble = { trouble: 'eve may not' };
    const blind = { ...why, others: [], policies: trouble, lockdowns: trouble, approvals: trouble };
    const shown = whyText(blind, NOW, plain).split('\n');
    expect(shown.slice(6)).toEqual([
      '    who approved it is not known: eve may not',
      'which lockdowns are in force is not known: eve may not',
      'what policies say is not known: eve may not',
      '',
    ]);
  });

  test('says what state a unit is in that nothing holds', () => {
    const free: Why = {
      ...why,
      state: 'ready',
      message: 'Applied revision: r',
      changes: [],
      policies: [],
      others: [],
      lockdowns: [],
      approvals: [],
    };
    expect(whyText(free, NOW, plain)).toBe(
      [
        'Kustomization flux-system/apps is not held: it is ready, since 2026-11-27T11:59:00Z (60s ago)',
        '  Applied revision: r',
        '  runs main@0c1dbd1c',
        'no policy selects it: only the default limits hold',
        '',
      ].join('\n'),
    );
    expect(whyText({ ...free, gated: false }, NOW, plain)).toContain(
      '\nthe cluster serves no gates: nothing can hold it\n',
    );
  });
});
