import type { Condition, HelmRelease, HelmReleaseStatus, ObjectKey, Said } from '@plumb/api';
import {
  FORCE_AT_ANNOTATION,
  helmReleaseMessages as messages,
  ownMessages,
  REQUESTED_AT_ANNOTATION,
  RESET_AT_ANNOTATION,
  say,
} from '@plumb/api';
import { checkStatus } from '@plumb/testkit';
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../runtime/outcome.ts';
import { AT, conditionOf, helmRelease, snapshot } from '../../testing/builders.ts';
import type { Facts } from './facts.ts';
import { announced, report, type Moment } from './report.ts';

const MOMENT: Moment = { now: AT, interval: 600_000, drifted: [] };
const KEY: ObjectKey = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'settings' };

const NOTHING: Facts = { status: undefined, events: [], running: null, held: null, isStalled: false };

function told(object: HelmRelease, outcome: Outcome<Facts>, moment: Partial<Moment> = {}) {
  const result = report(object, outcome, { ...MOMENT, ...moment });
  const status = (result.status ?? object.status ?? {}) as HelmReleaseStatus;
  expect(checkStatus({ ...object, status } as never)).toEqual([]);
  return {
    ...result,
    next: status,
    conditions: (status.conditions ?? []).map((one: Condition) => `${one.type} ${one.status} ${one.reason}`),
    events: result.events.map(({ type, reason, message, logOnly = false }) => ({ type, reason, message, logOnly })),
  };
}

const done: Outcome<Facts> = { type: 'done', facts: NOTHING };
const retry = (said: Said, facts = NOTHING): Outcome<Facts> => ({ type: 'retry', facts, said, after: 30_000 });

const UPGRADED = 'Helm upgrade succeeded for release shop/cart.v2 with chart cart@1.4.0';
const released = conditionOf('Released', 'True', 'UpgradeSucceeded', UPGRADED);
const ready = conditionOf('Ready', 'True', 'UpgradeSucceeded', UPGRADED);
const failed = conditionOf('Released', 'False', 'UpgradeFailed', 'Helm upgrade failed: no');
const atRest: HelmReleaseStatus = {
  conditions: [ready, released],
  history: [snapshot(2)],
  observedGeneration: 1,
  storageNamespace: 'shop',
};

describe('a release at rest', () => {
  test('is as ready as its last action left it, and looked at again after the interval', () => {
    const { conditions, next, events, after, result } = told(
      helmRelease({ status: { history: [snapshot(2)], conditions: [released] } }),
      done,
    );
    expect(conditions).toEqual(['Ready True UpgradeSucceeded', 'Released True UpgradeSucceeded']);
    expect(next.observedGeneration).toBe(1);
    expect([events, after, result]).toEqual([[], 600_000, 'success']);
  });

  test('of which nothing changed has no status written', () => {
    expect(told(helmRelease({ status: atRest }), done).status).toBeNull();
  });

  test('has no condition of a run left, nor of tests that are off', () => {
    const before = [
      conditionOf('Reconciling', 'True', 'Progressing'),
      ready,
      released,
      conditionOf('TestSuccess', 'False', 'TestFailed'),
    ];
    const { conditions } = told(helmRelease({ status: { ...atRest, conditions: before } }), done);
    expect(conditions).toEqual(['Ready True UpgradeSucceeded', 'Released True UpgradeSucceeded']);
  });

  test('keeps what its tests came to while they are on', () => {
    const tests = helmRelease({
      spec: { test: { enable: true } },
      status: { ...atRest, conditions: [released, conditionOf('TestSuccess', 'True', 'TestSucceeded', 'passed')] },
    });
    expect(told(tests, done).conditions).toEqual([
      'Ready True TestSucceeded',
      'Released True UpgradeSucceeded',
      'TestSuccess True TestSucceeded',
    ]);
  });

  test('speaks of the generation it has now, though it was released for another', () => {
    const object = helmRelease({ metadata: { generation: 4 }, status: atRest });
    const { next } = told(object, done);
    expect(next.observedGeneration).toBe(4);
    expect(next.conditions?.find(({ type }) => type === 'Ready')?.observedGeneration).toBe(4);
  });

  test('says nothing that is zero or empty', () => {
    const status = {
      ...atRest,
      failures: 0,
      upgradeFailures: 0,
      observedPostRenderersDigest: '',
      lastAttemptedRevisionDigest: '',
    };
    const { next } = told(helmRelease(), { type: 'done', facts: { ...NOTHING, status } });
    expect(Object.keys(next).toSorted()).toEqual(Object.keys(atRest).toSorted());
  });

  test('that is in no namespace any more does not say so: the API server takes no empty one', () => {
    const status = { ...atRest, storageNamespace: '', history: [] };
    const { status: written } = report(
      helmRelease({ status: atRest }),
      { type: 'done', facts: { ...NOTHING, status } },
      MOMENT,
    );
    expect(Object.keys(written ?? {})).not.toContain('storageNamespace');
    expect(Object.keys(written ?? {})).not.toContain('history');
  });
});

describe('drift', () => {
  const drifting = (mode?: 'enabled' | 'warn' | 'disabled'): HelmRelease =>
    helmRelease({ spec: mode === undefined ? {} : { driftDetection: { mode } }, status: atRest });
  const driftedOf = (object: HelmRelease, drifted: Moment['drifted'], outcome: Outcome<Facts> = done) =>
    told(object, outcome, { drifted }).next.conditions?.find(({ type }) => type === 'Drifted');

  test.each([undefined, 'disabled'] as const)('is not spoken of where nobody looks for it: %s', (mode) => {
    expect(driftedOf(drifting(mode), [])).toBeUndefined();
  });

  test.each(['enabled', 'warn'] as const)('that is none is said where it is looked for: %s', (mode) => {
    expect(driftedOf(drifting(mode), [])).toMatchObject({
      status: 'False',
      reason: 'NoDriftDetected',
      message: 'No drift detected for release shop/cart.v2',
    });
  });

  test('that is left is named, and does not make the release unready', () => {
    const object = drifting('warn');
    expect(driftedOf(object, [KEY])).toMatchObject({
      status: 'True',
      reason: 'DriftDetected',
      message: 'Cluster state of release shop/cart.v2 has drifted from the desired state:\nConfigMap/shop/settings',
    });
    expect(told(object, done, { drifted: [KEY] }).conditions).toContain('Ready True UpgradeSucceeded');
  });

  test('that an annotation asks to tell of is named too', () => {
    expect(driftedOf(drifting(), [KEY])?.status).toBe('True');
  });

  test('of which nothing is known stays as it was told', () => {
    const before = conditionOf('Drifted', 'True', 'DriftDetected', 'so');
    const object = helmRelease({ status: { ...atRest, conditions: [ready, before, released] } });
    expect(driftedOf(object, undefined)).toEqual(before);
    expect(driftedOf(object, [])).toBeUndefined();
  });

  test('is told of while something else fails', () => {
    const outcome = retry(say(messages.valuesFailed, { error: 'no values' }));
    expect(driftedOf(drifting('warn'), [KEY], outcome)?.status).toBe('True');
  });
});

describe('an action that lasts', () => {
  const running = (action: string): Outcome<Facts> => ({
    type: 'again',
    facts: { ...NOTHING, running: { action, timeout: 300_000 } },
    after: 300_000,
  });

  test('is told, and an install or upgrade is not ready meanwhile', () => {
    const { conditions, next, after, result, events } = told(helmRelease({ status: atRest }), running('upgrade'));
    expect(conditions).toEqual([
      'Reconciling True Progressing',
      'Ready Unknown Progressing',
      'Released True UpgradeSucceeded',
    ]);
    expect(next.conditions?.[0]?.message).toBe("Running 'upgrade' action with timeout of 5m0s");
    expect(next.observedGeneration).toBe(1);
    expect([after, result, events]).toEqual([300_000, 'requeue', []]);
  });

  test.each(['test', 'rollback', 'correct'])('of another kind leaves Ready as it was: %s', (action) => {
    expect(told(helmRelease({ status: atRest }), running(action)).conditions).toContain('Ready True UpgradeSucceeded');
  });

  test.each([
    ['uninstall-remediation', 'uninstall'],
    ['correct', 'correct cluster drift'],
    ['unlock', 'unlock'],
  ])('is called what Flux calls it: %s', (action, name) => {
    const { next } = told(helmRelease({ status: atRest }), running(action));
    expect(next.conditions?.[0]?.message).toBe(`Running '${name}' action with timeout of 5m0s`);
  });

  test('takes the place of Stalled', () => {
    const stalled = [
      conditionOf('Stalled', 'True', 'RetriesExceeded'),
      conditionOf('Ready', 'False', 'UpgradeFailed'),
      failed,
    ];
    const { conditions } = told(helmRelease({ status: { ...atRest, conditions: stalled } }), running('upgrade'));
    expect(conditions.slice(0, 2)).toEqual(['Reconciling True Progressing', 'Ready Unknown Progressing']);
  });

  test('and that is short is not told', () => {
    const outcome: Outcome<Facts> = { type: 'again', facts: NOTHING, after: 500 };
    expect(told(helmRelease({ status: atRest }), outcome).status).toBeNull();
  });

  test('does not answer a request', () => {
    const object = helmRelease({ status: atRest, metadata: { annotations: { [REQUESTED_AT_ANNOTATION]: 'now' } } });
    expect(told(object, running('upgrade')).next.lastHandledReconcileAt).toBeUndefined();
  });
});

describe('what is about to be done', () => {
  const about = { action: 'install', timeout: 300_000, snapshot: null, owned: [KEY] } as const;

  test('to a release that nothing is told of yet names it, and what it owns', () => {
    const pending = snapshot(1, { status: 'pending-install', action: 'install' });
    const object = helmRelease({ status: { failures: 0, lastAttemptedGeneration: 1 } });
    const status = announced(object, { ...about, snapshot: pending }, AT);
    expect(checkStatus({ ...object, status } as never)).toEqual([]);
    expect(status.history).toEqual([pending]);
    expect(status.inventory).toEqual({ entries: [{ id: 'shop_settings__ConfigMap', v: 'v1' }] });
    expect(status.conditions?.map(({ type, status: value }) => `${type} ${value}`)).toEqual([
      'Reconciling True',
      'Ready Unknown',
    ]);
    expect(status).not.toHaveProperty('failures');
  });

  test('to one that is told of keeps its history', () => {
    const status = announced(helmRelease({ status: atRest }), { ...about, action: 'rollback' }, AT);
    expect(status.history).toEqual(atRest.history);
    expect(status.conditions?.map(({ type, reason }) => `${type} ${reason}`)).toEqual([
      'Reconciling Progressing',
      'Ready UpgradeSucceeded',
      'Released UpgradeSucceeded',
    ]);
  });

  test('leaves no status without Ready while it goes on', () => {
    const outcome: Outcome<Facts> = {
      type: 'again',
      facts: { ...NOTHING, status: { conditions: [failed] } },
      after: 1,
    };
    expect(told(helmRelease(), outcome).conditions).toEqual([
      'Ready False UpgradeFailed',
      'Released False UpgradeFailed',
    ]);
    const early: Outcome<Facts> = { type: 'again', facts: { ...NOTHING, status: { failures: 1 } }, after: 1 };
    expect(told(helmRelease(), early).conditions).toEqual([]);
  });
});

describe('a failure', () => {
  const said = say(messages.valuesFailed, { error: 'could not resolve Secret' });

  test('of what comes before an action is what Ready says', () => {
    const { conditions, next, events, after, result } = told(helmRelease({ status: atRest }), retry(said));
    expect(conditions).toEqual([
      'Reconciling True ProgressingWithRetry',
      'Ready False ValuesError',
      'Released True UpgradeSucceeded',
    ]);
    expect(next.observedGeneration).toBe(1);
    expect(events).toEqual([{ type: 'Warning', reason: 'ValuesError', message: said.text, logOnly: false }]);
    expect([after, result]).toEqual([30_000, 'error']);
  });

  test('that was told is not told again', () => {
    const first = told(helmRelease(), retry(said));
    const again = told(helmRelease({ status: first.next }), retry(said));
    expect([again.events, again.status]).toEqual([[], null]);
  });

  test('that needs no event is a line of the log', () => {
    const waiting = say(messages.sourceNotReady, {
      source: { kind: 'HelmChart', namespace: 'shop', name: 'cart' },
      why: 'x',
    });
    const { events } = told(helmRelease(), retry(waiting));
    expect(events).toEqual([{ type: 'Normal', reason: 'SourceNotReady', message: waiting.text, logOnly: true }]);
  });

  test('of an action is told by what the action left, once', () => {
    const text = 'Helm upgrade failed: no';
    const outcome = retry({ ...say(messages.upgradeFailed, { release: '', chart: '', error: '' }), text });
    const { conditions, events } = told(helmRelease({ status: { ...atRest, conditions: [failed] } }), outcome);
    expect(conditions).toEqual([
      'Reconciling True ProgressingWithRetry',
      'Ready False UpgradeFailed',
      'Released False UpgradeFailed',
    ]);
    expect(events).toEqual([]);
  });

  test('does not observe its generation', () => {
    const object = helmRelease({ metadata: { generation: 4 }, status: atRest });
    expect(told(object, retry(said)).next.observedGeneration).toBe(1);
  });
});

describe('a release that is given up', () => {
  const said = { ...say(messages.retriesExceeded, { action: 'upgrade', attempts: 3 }) };
  const facts = { ...NOTHING, isStalled: true };
  const object = helmRelease({ metadata: { generation: 4 }, status: { ...atRest, conditions: [failed], failures: 3 } });

  test('is Stalled, not Ready by its last action, and observed', () => {
    const { conditions, next, events, result, after } = told(object, retry(said, facts));
    expect(conditions).toEqual([
      'Stalled True RetriesExceeded',
      'Ready False UpgradeFailed',
      'Released False UpgradeFailed',
    ]);
    expect(next.observedGeneration).toBe(4);
    expect(events).toEqual([
      { type: 'Warning', reason: 'RetriesExceeded', message: 'Failed to upgrade after 3 attempt(s)', logOnly: false },
    ]);
    expect([result, after]).toEqual(['terminal', 30_000]);
  });

  test('is told once', () => {
    const { next } = told(object, retry(said, facts));
    expect(told({ ...object, status: next }, retry(said, facts)).events).toEqual([]);
  });

  test('is not Ready either where no action left a word', () => {
    const bare = helmRelease({ status: { observedGeneration: 1 } });
    expect(told(bare, retry(say(messages.missingTarget, {}), facts)).conditions).toEqual([
      'Stalled True MissingRollbackTarget',
      'Ready False MissingRollbackTarget',
    ]);
  });
});

test('what only a change of the object can help stalls, keeps all that is known, and is not tried again', () => {
  const said = say(ownMessages.invalidSpec, { problems: [{ path: 'spec.interval', message: 'is required' }] });
  const object = helmRelease({ metadata: { generation: 2 }, status: atRest });
  const { conditions, next, after, result, events } = told(object, { type: 'terminal', facts: NOTHING, said });
  expect(conditions).toEqual(['Stalled True InvalidSpec', 'Ready False InvalidSpec', 'Released True UpgradeSucceeded']);
  expect(next).toMatchObject({ observedGeneration: 2, history: atRest.history, storageNamespace: 'shop' });
  expect([after, result]).toEqual([null, 'terminal']);
  expect(events).toHaveLength(1);
  expect(told({ ...object, status: next }, { type: 'terminal', facts: NOTHING, said }).events).toEqual([]);
});

describe('a request is answered whatever comes of it', () => {
  const annotations = { [REQUESTED_AT_ANNOTATION]: 'now' };
  const said = say(messages.valuesFailed, { error: 'no' });
  const outcomes: [string, Outcome<Facts>][] = [
    ['success', done],
    ['a failure', retry(said)],
    ['the end of retries', retry(say(messages.missingTarget, {}), { ...NOTHING, isStalled: true })],
    ['a refusal', { type: 'terminal', facts: NOTHING, said }],
  ];

  test.each(outcomes)('%s', (_name, outcome) => {
    const asked = helmRelease({
      status: { conditions: [failed], history: [snapshot(2, { status: 'failed' })], failures: 1 },
      metadata: { annotations },
    });
    const object = outcome.type === 'done' ? helmRelease({ status: atRest, metadata: { annotations } }) : asked;
    const { next } = told(object, outcome);
    expect(next).toMatchObject({ lastHandledReconcileAt: 'now' });
    expect([next.lastHandledForceAt, next.lastHandledResetAt]).toEqual([undefined, undefined]);
  });

  test.each([
    [FORCE_AT_ANNOTATION, 'lastHandledForceAt'],
    [RESET_AT_ANNOTATION, 'lastHandledResetAt'],
  ])('%s counts where it is the token of the request', (annotation, field) => {
    const answer = (token: string) =>
      told(helmRelease({ status: atRest, metadata: { annotations: { ...annotations, [annotation]: token } } }), done)
        .next;
    expect(answer('now')).toMatchObject({ [field]: 'now', lastHandledReconcileAt: 'now' });
    expect(answer('before')).not.toHaveProperty(field);
  });
});
