import type { HelmRelease, HelmReleaseStatus, ObjectKey } from '@plumb/api';
import { systemError, userError } from '@plumb/api';
import { LOCKED_DOWN, NO_FAILURES } from '@plumb/core';
import { checkStatus } from '@plumb/testkit';
import { describe, expect, test } from 'vitest';
import type { DriftNote } from '../../delivery/drift.ts';
import { NOTHING_DONE, type TaskEnd } from '../../releases/task.ts';
import { AT, conditionOf, helmRelease, snapshot } from '../../testing/builders.ts';
import { WANTED } from '../../testing/seen-release.ts';
import { afterTask, atRest, beforeTask } from './task-report.ts';

const refused = userError('apply-failed', 'Deployment/shop/cart dry-run failed');
const KEY: ObjectKey = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'settings' };
const OTHER: ObjectKey = { ...KEY, name: 'a' };

const end = (action: TaskEnd['action'], parts: Partial<TaskEnd> = {}): TaskEnd => ({
  ...NOTHING_DONE,
  action,
  error: null,
  took: 312,
  wanted: null,
  ...parts,
});

function told(object: HelmRelease, ended: TaskEnd) {
  const { status, events } = afterTask(object, ended, WANTED, AT);
  // The run goes on: failures are forgotten when it comes to rest.
  const shown = { ...status, ...NO_FAILURES, observedGeneration: 1 };
  expect(checkStatus({ ...object, status: shown } as never)).toEqual([]);
  return {
    status,
    conditions: (status.conditions ?? []).map((one) => `${one.type} ${one.status} ${one.reason}`),
    messages: Object.fromEntries((status.conditions ?? []).map((one) => [one.type, one.message])),
    history: (status.history ?? []).map(({ version, status: state, action }) => [version, state, action]),
    events: events.map(({ type, reason, message }) => [type, reason, message]),
    annotations: events.map(({ annotations }) => annotations),
  };
}

const installed = conditionOf('Released', 'True', 'InstallSucceeded', 'installed');
const remediated = conditionOf('Remediated', 'True', 'RollbackSucceeded', 'rolled back');
const failedTests = conditionOf('TestSuccess', 'False', 'TestFailed', 'failed');

describe('an install', () => {
  const object = helmRelease({ status: { history: [snapshot(7, { status: 'failed' })], conditions: [remediated] } });

  test('that succeeded begins a history of its own', () => {
    const { conditions, history, events, status, messages } = told(
      object,
      end('install', {
        stored: true,
        snapshots: [snapshot(8, { action: 'install' })],
        inventory: [KEY],
      }),
    );
    const text = 'Helm install succeeded for release shop/cart.v8 with chart cart@1.4.0';
    expect(conditions).toEqual(['Ready True InstallSucceeded', 'Released True InstallSucceeded']);
    expect(messages).toEqual({ Ready: text, Released: text });
    expect(history).toEqual([[8, 'deployed', 'install']]);
    expect(events).toEqual([['Normal', 'InstallSucceeded', text]]);
    expect(status).toMatchObject({
      inventory: { entries: [{ id: 'shop_settings__ConfigMap', v: 'v1' }] },
      lastAttemptedReleaseActionDuration: '312ms',
      observedPostRenderersDigest: '',
    });
  });

  test('that failed and left a record counts, and is told without a number: there may be none', () => {
    const stored = { stored: true, snapshots: [snapshot(8, { status: 'failed', action: 'install' })] };
    const { conditions, history, events, status } = told(object, end('install', { error: refused, ...stored }));
    expect(conditions).toEqual(['Ready False InstallFailed', 'Released False InstallFailed']);
    expect(history).toEqual([[8, 'failed', 'install']]);
    expect(status).toMatchObject({ failures: 1, installFailures: 1 });
    expect(events).toEqual([
      [
        'Warning',
        'InstallFailed',
        'Helm install failed for release shop/cart with chart cart@1.4.0: Deployment/shop/cart dry-run failed',
      ],
    ]);
  });

  test('that left nothing counts as a failure, and for no retry', () => {
    const { history, status } = told(object, end('install', { error: refused }));
    expect(status).toMatchObject({ failures: 1, installFailures: 0 });
    expect(history).toEqual([[7, 'failed', undefined]]);
  });

  test('that was cut short counts for nothing', () => {
    const { status, conditions } = told(object, end('install', { error: systemError('cancelled', 'cut short') }));
    expect(status.failures).toBeUndefined();
    expect(conditions).toContain('Released False InstallFailed');
  });

  test('that something newer cut short is told as Flux does', () => {
    const trigger = 'HelmChart/shop/cart';
    const error = systemError('cancelled', `New reconciliation triggered by ${trigger}`);
    const { status, conditions, events } = told(object, end('install', { error, trigger }));
    expect(status.failures).toBeUndefined();
    expect(conditions).toContain('Ready False HealthCheckCanceled');
    expect(events).toEqual([
      [
        'Warning',
        'HealthCheckCanceled',
        `Helm install failed for release shop/cart with chart cart@1.4.0: New reconciliation triggered by ${trigger}`,
      ],
      ['Normal', 'HealthCheckCanceled', `Health checks canceled due to new reconciliation triggered by ${trigger}`],
    ]);
  });

  test('that made an object anew tells it', () => {
    const changes = [{ key: KEY, action: 'created' as const, recreated: ['spec.selector'] }];
    const ended = end('install', { stored: true, snapshots: [snapshot(1)], changes });
    expect(told(helmRelease(), ended).events[0]).toEqual([
      'Normal',
      'Progressing',
      'ConfigMap/shop/settings was deleted and created again: spec.selector cannot be changed in place',
    ]);
  });

  test('with tests awaits them', () => {
    const tests = helmRelease({ spec: { test: { enable: true } } });
    const { conditions, messages } = told(tests, end('install', { stored: true, snapshots: [snapshot(1)] }));
    expect(conditions).toEqual([
      'Ready Unknown AwaitingTests',
      'Released True InstallSucceeded',
      'TestSuccess Unknown AwaitingTests',
    ]);
    expect(messages['TestSuccess']).toBe('Helm release shop/cart.v1 with chart cart@1.4.0 is awaiting tests');
  });

  test('tells first what its render warned of', () => {
    const ended = end('install', { stored: true, snapshots: [snapshot(1)], warnings: ['old words'] });
    expect(told(helmRelease(), ended).events.map(([, reason]) => reason)).toEqual([
      'BuildWarnings',
      'InstallSucceeded',
    ]);
  });
});

describe('an upgrade', () => {
  const object = helmRelease({
    status: {
      history: [snapshot(2), snapshot(1, { status: 'superseded' })],
      conditions: [installed, remediated, failedTests],
      failures: 2,
      upgradeFailures: 2,
      inventory: { entries: [] },
    },
  });
  const records = [snapshot(3, { action: 'upgrade' }), snapshot(2, { status: 'superseded' })];

  test('that succeeded takes the place of the one before, and of what was told of it', () => {
    const { conditions, history, status } = told(object, end('upgrade', { stored: true, snapshots: records }));
    expect(conditions).toEqual(['Ready True UpgradeSucceeded', 'Released True UpgradeSucceeded']);
    expect(history).toEqual([
      [3, 'deployed', 'upgrade'],
      [2, 'superseded', undefined],
      [1, 'superseded', undefined],
    ]);
    expect(status).toMatchObject({ failures: 2, upgradeFailures: 2, inventory: { entries: [] } });
  });

  test('that succeeded forgets failures at once under RetryOnFailure', () => {
    const retried = helmRelease({ ...object, spec: { upgrade: { strategy: { name: 'RetryOnFailure' } } } });
    const { status } = told(retried, end('upgrade', { stored: true, snapshots: records }));
    expect(status).toMatchObject({ failures: 0, upgradeFailures: 0 });
  });

  test('that failed keeps what the release in force was made with', () => {
    const before = { ...object, status: { ...object.status, observedPostRenderersDigest: 'sha256:old' } };
    const ended = end('upgrade', { error: refused, stored: true, snapshots: [snapshot(3, { status: 'failed' })] });
    expect(told(before, ended).status).toMatchObject({ observedPostRenderersDigest: 'sha256:old', upgradeFailures: 3 });
    const good = end('upgrade', { stored: true, snapshots: records });
    expect(told(before, good).status).toMatchObject({ observedPostRenderersDigest: '' });
  });
});

describe('a remedy', () => {
  const failed = helmRelease({
    status: {
      history: [snapshot(2, { status: 'failed' }), snapshot(1)],
      conditions: [conditionOf('Released', 'False', 'UpgradeFailed', 'no')],
      failures: 1,
      upgradeFailures: 1,
    },
  });

  test('by rollback is told with what it went back to; the release is not ready', () => {
    const { conditions, history, events } = told(
      failed,
      end('rollback', {
        stored: true,
        snapshots: [snapshot(3, { action: 'rollback' }), snapshot(1, { status: 'superseded' })],
        target: snapshot(1),
      }),
    );
    const text = 'Helm rollback to previous release shop/cart.v1 with chart cart@1.4.0 succeeded';
    expect(conditions).toEqual([
      'Ready False RollbackSucceeded',
      'Released False UpgradeFailed',
      'Remediated True RollbackSucceeded',
    ]);
    expect(history.map(([version]) => version)).toEqual([3, 2, 1]);
    expect(events).toEqual([['Normal', 'RollbackSucceeded', text]]);
  });

  test('that failed says so, and does not count for retries', () => {
    const { conditions, events, status } = told(failed, end('rollback', { error: refused, target: snapshot(1) }));
    expect(conditions).toContain('Remediated False RollbackFailed');
    expect(conditions).toContain('Ready False RollbackFailed');
    expect(events.map(([type, reason]) => [type, reason])).toEqual([['Warning', 'RollbackFailed']]);
    expect(status).toMatchObject({ failures: 2, upgradeFailures: 1 });
  });

  test('by uninstall is told with what is gone', () => {
    const gone = snapshot(2, { status: 'uninstalled', action: 'uninstall-remediation' });
    const { conditions, events, history, status } = told(
      failed,
      end('uninstall-remediation', { stored: true, snapshots: [gone], inventory: [] }),
    );
    expect(conditions).toContain('Remediated True UninstallSucceeded');
    expect(events[0]?.[2]).toBe('Helm uninstall remediation for release shop/cart.v2 with chart cart@1.4.0 succeeded');
    expect(history[0]).toEqual([2, 'uninstalled', 'uninstall-remediation']);
    expect(status.inventory).toEqual({ entries: [] });
  });

  test.each([
    ['uninstall-remediation', 'Remediated False UninstallFailed'],
    ['uninstall', 'Released False UninstallFailed'],
  ] as const)('by %s that failed', (action, condition) => {
    expect(told(failed, end(action, { error: refused, stored: true, snapshots: [snapshot(2)] })).conditions).toContain(
      condition,
    );
  });
});

test('a release that was unlocked says of which state, and keeps what was known of it', () => {
  const pending = helmRelease({ status: { history: [snapshot(1, { testHooks: {} })] } });
  const { conditions, events, history } = told(
    pending,
    end('unlock', {
      stored: true,
      snapshots: [snapshot(2, { status: 'failed', action: 'upgrade' })],
      unlocked: 'pending-upgrade',
    }),
  );
  const text = 'Unlocked Helm release shop/cart.v2 with chart cart@1.4.0 in pending-upgrade state';
  expect(events).toEqual([['Normal', 'PendingRelease', text]]);
  expect(conditions).toEqual(['Ready False PendingRelease', 'Released False PendingRelease']);
  expect(history).toEqual([
    [2, 'failed', 'upgrade'],
    [1, 'deployed', undefined],
  ]);
});

test('one that could not be unlocked says so', () => {
  const pending = helmRelease({ status: { history: [snapshot(1)] } });
  const target = snapshot(2);
  const { conditions, events, history } = told(
    pending,
    end('unlock', { error: userError('api-forbidden', 'secrets is forbidden'), unlocked: 'pending-upgrade', target }),
  );
  const text =
    'Unlock of Helm release shop/cart.v2 with chart cart@1.4.0 in pending-upgrade state failed: secrets is forbidden';
  expect(events).toEqual([['Warning', 'PendingRelease', text]]);
  expect(conditions).toEqual(['Ready False PendingRelease', 'Released False PendingRelease']);
  expect(history).toEqual([[1, 'deployed', undefined]]);
});

test('one that was gone before it could be uninstalled says so, and is no event', () => {
  const { messages, events } = told(helmRelease({ status: { history: [snapshot(2)] } }), end('uninstall'));
  expect(messages['Released']).toBe('Release shop/cart.v2 was not found, assuming it is uninstalled');
  expect(events).toEqual([]);
});

describe('what a lockdown ended', () => {
  const error = systemError('cancelled', `it was cut short: ${LOCKED_DOWN}`);
  const tests = helmRelease({
    spec: { test: { enable: true } },
    status: { history: [snapshot(1)], conditions: [installed], lastAttemptedReleaseAction: 'install' },
  });

  test.each(['test', 'unlock'] as const)('%s: is told as nothing, and counts for nothing', (action) => {
    const { events, status, conditions } = told(tests, end(action, { error }));
    expect(events).toEqual([]);
    expect(status.failures).toBeUndefined();
    expect(conditions).toEqual(told(tests, end('correct')).conditions);
  });

  test('of a repair tells what was put right before', () => {
    const drift: DriftNote[] = [
      { key: OTHER, how: 'removed', paths: [], managers: [] },
      { key: KEY, how: 'removed', paths: [], managers: [] },
    ];
    const { events } = told(tests, end('correct', { error, drift, changes: [{ key: OTHER, action: 'created' }] }));
    expect(events.map(([, reason, text]) => [reason, text?.split('\n').slice(1)])).toEqual([
      ['DriftDetected', ['ConfigMap/shop/a removed']],
      ['DriftCorrected', ['ConfigMap/shop/a created']],
    ]);
  });
});

describe('tests', () => {
  const tests = helmRelease({
    spec: { test: { enable: true } },
    status: { history: [snapshot(1)], conditions: [installed], lastAttemptedReleaseAction: 'install' },
  });

  test.each([
    [0, 'no test hooks'],
    [1, '1 test hook completed successfully'],
    [3, '3 test hooks completed successfully'],
  ])('that passed: %i', (count, words) => {
    const ended = end('test', { stored: true, snapshots: [snapshot(1, { testHooks: {} })], tests: count });
    const { messages, conditions, status } = told(tests, ended);
    expect(messages['Ready']).toBe(`Helm test succeeded for release shop/cart.v1 with chart cart@1.4.0: ${words}`);
    expect(conditions).toContain('TestSuccess True TestSucceeded');
    expect(status.history?.[0]?.testHooks).toEqual({});
  });

  const failing = end('test', {
    error: userError('apply-failed', 'hook Pod/shop/cart-test failed: it failed'),
    stored: true,
    snapshots: [snapshot(1, { testHooks: { 'cart-test': { phase: 'Failed' } } })],
    tests: 1,
  });

  test('that failed count for the install they tested', () => {
    const { conditions, status, events } = told(tests, failing);
    expect(conditions).toContain('Ready False TestFailed');
    expect(status).toMatchObject({ failures: 1, installFailures: 1 });
    expect(events.map(([type, reason]) => [type, reason])).toEqual([['Warning', 'TestFailed']]);
  });

  test('that failed and are ignored leave it ready', () => {
    const ignoring = { ...tests, spec: { ...tests.spec, test: { enable: true, ignoreFailures: true } } };
    const { conditions, status } = told(ignoring, failing);
    expect(conditions).toContain('Ready True InstallSucceeded');
    expect(conditions).toContain('TestSuccess False TestFailed');
    expect(status).toMatchObject({ failures: 1, installFailures: 0 });
  });

  test('that fail the install all the same are told by Ready', () => {
    const install = { remediation: { ignoreTestFailures: false } };
    const spec = { ...tests.spec, install, test: { enable: true, ignoreFailures: true } };
    const { conditions, status } = told({ ...tests, spec }, failing);
    expect(conditions).toContain('Ready False TestFailed');
    expect(status).toMatchObject({ failures: 1, installFailures: 1 });
  });
});

describe('drift', () => {
  const object = helmRelease({ status: { history: [snapshot(3)], conditions: [installed] } });
  const changed: DriftNote = { key: KEY, how: 'changed', paths: ['data.colour'], managers: ['kubectl-edit'] };
  const removed: DriftNote = { key: OTHER, how: 'removed', paths: [], managers: [] };

  test('that was put right is told as in Flux, what it was and what was done, in one order', () => {
    const changes = [
      { key: KEY, action: 'configured' as const },
      { key: OTHER, action: 'created' as const },
      { key: { ...KEY, name: 'b' }, action: 'unchanged' as const },
    ];
    const { events, conditions } = told(object, end('correct', { changes, drift: [removed, changed] }));
    expect(events).toEqual([
      [
        'Warning',
        'DriftDetected',
        'Cluster state of release shop/cart.v3 has drifted from the desired state:\n' +
          'ConfigMap/shop/a removed\nConfigMap/shop/settings changed (data.colour by kubectl-edit)',
      ],
      [
        'Normal',
        'DriftCorrected',
        'Cluster state of release shop/cart.v3 has been corrected:\n' +
          'ConfigMap/shop/a created\nConfigMap/shop/settings configured',
      ],
    ]);
    expect(conditions).toEqual(['Ready True InstallSucceeded', 'Released True InstallSucceeded']);
  });

  test('that is left is told', () => {
    expect(told(object, end('correct', { found: [changed, removed] })).events).toEqual([
      [
        'Warning',
        'DriftDetected',
        'Cluster state of release shop/cart.v3 has drifted from the desired state:\n' +
          'ConfigMap/shop/a removed\nConfigMap/shop/settings changed (data.colour by kubectl-edit)',
      ],
    ]);
  });

  test('of which a part is put right and a part left is told as both', () => {
    const changes = [{ key: OTHER, action: 'created' as const }];
    const { events } = told(object, end('correct', { changes, drift: [removed], found: [changed] }));
    expect(events.map(([, reason, text]) => [reason, text?.split('\n').slice(1)])).toEqual([
      ['DriftDetected', ['ConfigMap/shop/a removed', 'ConfigMap/shop/settings changed (data.colour by kubectl-edit)']],
      ['DriftCorrected', ['ConfigMap/shop/a created']],
    ]);
  });

  test('that could not all be put right says what was', () => {
    const changes = [{ key: OTHER, action: 'created' as const }];
    const { events } = told(object, end('correct', { error: refused, changes }));
    expect(events.map(([, , text]) => text)).toEqual([
      'Failed to partially correct cluster state of release shop/cart.v3:\nDeployment/shop/cart dry-run failed\n\n' +
        'Successful corrections:\nConfigMap/shop/a created',
    ]);
  });

  test('that was none is not told, nor what only becomes ours', () => {
    const changes = [{ key: KEY, action: 'configured' as const }];
    expect(told(object, end('correct', { changes })).events).toEqual([]);

    expect(told(object, end('correct', { drift: [changed] })).events).toEqual([]);
  });

  test('that could not be put right says why, and changes no condition', () => {
    const { events, conditions, status } = told(object, end('correct', { error: refused }));
    expect(events).toEqual([
      [
        'Warning',
        'DriftCorrectionFailed',
        'Failed to correct cluster state of release shop/cart.v3:\nDeployment/shop/cart dry-run failed',
      ],
    ]);
    expect(conditions).toEqual(['Ready True InstallSucceeded', 'Released True InstallSucceeded']);
    expect(status).toMatchObject({ failures: 0 });
  });

  test('names ten fields of an object, and how many more there are', () => {
    const paths = Array.from({ length: 12 }, (_, index) => `data.k${index}`);
    const { events } = told(object, end('correct', { found: [{ ...changed, paths, managers: [] }] }));
    expect(events[0]?.[2]).toMatch(/\(data\.k0, .*data\.k9 and 2 more\)$/);
  });
});

describe('at rest', () => {
  const failed = conditionOf('Released', 'False', 'UpgradeFailed', 'failed');
  const ran = (phase: string): Record<string, object> => ({ 'cart-test': { phase }, 'cart-skipped': {} });
  const atRestOf = (spec: object, status: HelmReleaseStatus): string[] =>
    atRest(helmRelease({ spec, status }), AT).map(({ type, status: is, message }) => `${type} ${is}: ${message}`);
  const release = 'shop/cart.v3 with chart cart@1.4.0';

  test('what is well told stays as it is', () => {
    const status = { history: [snapshot(3)], conditions: [installed, failedTests] };
    expect(atRest(helmRelease({ status }), AT)).toBe(status.conditions);
  });

  test.each<[string, HelmReleaseStatus]>([
    ['an upgrade that was taken back', { history: [snapshot(3)], conditions: [failed] }],
    ['a remedy', { history: [snapshot(3, { action: 'rollback' })], conditions: [failed, remediated] }],
  ])('%s leaves no word', (_what, status) => {
    expect(atRestOf({}, status)).toEqual([`Released True: Helm upgrade succeeded for release ${release}`]);
  });

  test.each([
    ['Succeeded', `True: Helm test succeeded for release ${release}: 1 test hook completed successfully`],
    ['Failed', `False: Helm test failed for release ${release}: cart-test failed`],
  ])('tests that ran are told with what they came to: %s', (phase, expected) => {
    const status = { history: [snapshot(3, { testHooks: ran(phase) })], conditions: [failed] };
    expect(atRestOf({ test: { enable: true, ignoreFailures: true } }, status)).toContain(`TestSuccess ${expected}`);
  });
});

test('events carry what Flux puts on them', () => {
  const ended = end('upgrade', {
    stored: true,
    snapshots: [snapshot(3, { appVersion: '6.1', ociDigest: 'sha256:abc' })],
  });
  expect(told(helmRelease(), ended).annotations).toEqual([
    {
      'helm.toolkit.fluxcd.io/revision': '1.4.0',
      'helm.toolkit.fluxcd.io/token': WANTED.configDigest,
      'helm.toolkit.fluxcd.io/app-version': '6.1',
      'helm.toolkit.fluxcd.io/oci-digest': 'sha256:abc',
    },
  ]);
});

test.each<[TaskEnd['action'], HelmReleaseStatus]>([
  ['install', { failures: 1, lastAttemptedReleaseAction: 'install' }],
  ['upgrade', { failures: 1, lastAttemptedReleaseAction: 'upgrade' }],
  ['rollback', { failures: 1 }],
  ['test', { failures: 1 }],
])('what is tried is noted before it is: %s', (action, expected) => {
  expect(beforeTask(helmRelease({ status: { failures: 1 } }), action)).toEqual(expected);
});
