import type { Condition, Kustomization, KustomizationStatus, ObjectKey } from '@plumb/api';
import { kustomizationMessages as messages, ownMessages, REQUESTED_AT_ANNOTATION, say } from '@plumb/api';
import { checkStatus } from '@plumb/testkit';
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../runtime/outcome.ts';
import { AT, conditionOf, kustomization, REVISION } from '../../testing/builders.ts';
import type { Facts } from './facts.ts';
import { NOTHING } from './facts.ts';
import { nextHistory, progressStatus, report } from './report.ts';

const KEY: ObjectKey = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'settings' };
const facts: Facts = { ...NOTHING, revision: REVISION, timeout: 60_000, digest: 'd1', inventory: [KEY], took: 312 };
const created: Facts = { ...facts, changes: [{ key: KEY, action: 'created' }] };
const said = say(messages.applyFailed, { error: 'Service/shop/cart dry-run failed' });
const asked = { annotations: { [REQUESTED_AT_ANNOTATION]: 'now' } };
const READY = conditionOf('Ready', 'True', 'ReconciliationSucceeded', `Applied revision: ${REVISION}`);

const HEALTHY = conditionOf('Healthy', 'True', 'Succeeded');
const MOMENT = { now: AT, interval: 600_000 };

function told(object: Kustomization, outcome: Outcome<Facts>) {
  const result = report(object, outcome, MOMENT);
  const status = (result.status ?? object.status ?? {}) as KustomizationStatus;
  expect(checkStatus({ ...object, status } as never)).toEqual([]);
  const conditions = (status.conditions ?? []).map((one: Condition) => `${one.type} ${one.status} ${one.reason}`);
  return {
    ...result,
    conditions,
    next: status,
    events: result.events.map(({ type, reason, message }) => ({ type, reason, message })),
  };
}

describe('a run that reached what is declared', () => {
  test('is Ready at its revision, tells what it changed and that it is over', () => {
    const { conditions, next, events, after } = told(kustomization(), { type: 'done', facts: created });
    expect(conditions).toEqual(['Ready True ReconciliationSucceeded']);
    expect(next).toMatchObject({
      observedGeneration: 1,
      lastAppliedRevision: REVISION,
      lastAttemptedRevision: REVISION,
      inventory: { entries: [{ id: 'shop_settings__ConfigMap', v: 'v1' }] },
      history: [
        { digest: 'sha256:d1', lastReconciledStatus: 'ReconciliationSucceeded', lastReconciledDuration: '312ms' },
      ],
    });
    expect(events).toEqual([
      { type: 'Normal', reason: 'Progressing', message: 'ConfigMap/shop/settings created' },
      {
        type: 'Normal',
        reason: 'ReconciliationSucceeded',
        message: 'Reconciliation finished in 312ms, next run in 10m0s',
      },
    ]);
    expect(after).toBe(600_000);
  });

  test('and found all as it was writes nothing and tells nothing', () => {
    const before = told(kustomization(), { type: 'done', facts }).next;
    const again = told(kustomization({ status: before }), { type: 'done', facts });
    expect(again.status).toBeNull();
    expect(again.events).toEqual([]);
  });

  test('tells what its artifact was made from, and no longer when that is not known any more', () => {
    const originRevision = 'main@sha1:9';
    const object = kustomization();
    const result = report(object, { type: 'done', facts: { ...created, originRevision } }, { now: AT, interval: 1 });
    expect(result.status).toMatchObject({
      lastAppliedOriginRevision: originRevision,
      history: [{ metadata: { revision: REVISION, originRevision } }],
    });
    for (const { annotations } of result.events) {
      expect(annotations).toMatchObject({
        'kustomize.toolkit.fluxcd.io/revision': REVISION,
        'kustomize.toolkit.fluxcd.io/originRevision': originRevision,
      });
    }
    const before = result.status as KustomizationStatus;
    const { next } = told(kustomization({ status: before }), { type: 'done', facts });
    expect(next).not.toHaveProperty('lastAppliedOriginRevision');
    expect(next.history?.[0]?.metadata).toEqual({ revision: REVISION });
  });

  test('marks only the end of the run for the status of a commit', () => {
    const result = report(kustomization(), { type: 'done', facts: created }, { now: AT, interval: 1 });
    const marks = result.events.map(({ annotations }) => annotations?.['kustomize.toolkit.fluxcd.io/commit_status']);
    expect(marks).toEqual([undefined, 'update']);
  });

  test('at another revision with the same objects counts up in history, without an event', () => {
    const before = told(kustomization(), { type: 'done', facts }).next;
    const { next, events } = told(kustomization({ status: before }), {
      type: 'done',
      facts: { ...facts, revision: 'main@sha1:2' },
    });
    expect(next.history).toMatchObject([{ totalReconciliations: 2, metadata: { revision: 'main@sha1:2' } }]);
    expect(events).toEqual([]);
  });

  test('tells what the build warned of, though nothing changed', () => {
    const before = told(kustomization(), { type: 'done', facts }).next;
    const warned: Facts = { ...facts, warnings: ["'vars' is deprecated."] };
    const { events } = told(kustomization({ status: before }), { type: 'done', facts: warned });
    expect(events).toMatchObject([
      { type: 'Normal', reason: 'BuildWarnings', message: "kustomize warns: 'vars' is deprecated." },
      { reason: 'ReconciliationSucceeded' },
    ]);
  });

  test('answers a request with an event, though nothing changed', () => {
    const before = told(kustomization(), { type: 'done', facts }).next;
    const { next, events } = told(kustomization({ metadata: asked, status: before }), { type: 'done', facts });
    expect(next.lastHandledReconcileAt).toBe('now');
    expect(events).toMatchObject([{ reason: 'ReconciliationSucceeded' }]);
  });

  test('says that objects are healthy where it waited for them', () => {
    const spec = { wait: true };
    const { conditions } = told(kustomization({ spec }), { type: 'done', facts: { ...facts, health: 'passed' } });
    expect(conditions).toEqual(['Ready True ReconciliationSucceeded', 'Healthy True Succeeded']);
  });

  test.each<[what: string, status: KustomizationStatus, facts: Facts, told: boolean]>([
    ['was not healthy before', { conditions: [READY], lastAppliedRevision: REVISION }, facts, true],
    ['is healthy as before', { conditions: [READY, HEALTHY], lastAppliedRevision: REVISION }, created, false],
    ['has a new revision that changed something', { conditions: [READY, HEALTHY] }, created, true],
    ['has a new revision that changed nothing', { conditions: [READY, HEALTHY] }, facts, false],
    [
      'has waited with a new revision that changed something',
      { conditions: [conditionOf('Ready', 'Unknown', 'Progressing'), HEALTHY] },
      facts,
      true,
    ],
  ])('tells once that objects are healthy: it %s', (_what, status, passed, isToldNow) => {
    const { events } = told(kustomization({ spec: { wait: true }, status }), {
      type: 'done',
      facts: { ...passed, health: 'passed', took: 5_012 },
    });
    const said_ = events.filter(({ message }) => message === 'Health check passed in 5.012s');
    expect(said_.map(({ reason }) => reason)).toEqual(isToldNow ? ['Progressing'] : []);
  });

  test('says nothing of health any more where it does not wait', () => {
    const status = { conditions: [READY, conditionOf('Healthy', 'True', 'Succeeded')] };
    expect(told(kustomization({ status }), { type: 'done', facts }).conditions).toEqual([
      'Ready True ReconciliationSucceeded',
    ]);
  });

  test('takes Stalled and Reconciling away', () => {
    const status = {
      conditions: [
        conditionOf('Reconciling', 'True', 'ProgressingWithRetry'),
        conditionOf('Ready', 'False', 'BuildFailed'),
      ],
    };
    expect(told(kustomization({ status }), { type: 'done', facts }).conditions).toEqual([
      'Ready True ReconciliationSucceeded',
    ]);
  });
});

describe('drift', () => {
  const note = { key: KEY, how: 'changed' as const, paths: ['data.colour'], managers: ['kubectl-edit'] };
  test('is told with whose it was, and not as a change of ours', () => {
    const drift: Facts = { ...facts, drift: [note], changes: [{ key: KEY, action: 'configured' }] };
    const { events } = told(kustomization({ status: { conditions: [READY] } }), { type: 'done', facts: drift });
    const correction = say(ownMessages.driftCorrected, {
      object: KEY,
      paths: note.paths,
      managers: note.managers,
    }).text;
    expect(events.map(({ reason, message }) => [reason, message])).toContainEqual(['DriftCorrected', correction]);
    expect(events.filter(({ message }) => message.includes('configured'))).toEqual([]);
  });

  test('put right while the head fails is told, and the failure stands', () => {
    const { revision: _none, ...rest } = { ...facts, drift: [note] };
    const status = {
      lastAttemptedRevision: 'main@sha1:2',
      conditions: [conditionOf('Ready', 'False', said.reason, said.text)],
    };
    const { conditions, events, next } = told(kustomization({ status }), {
      type: 'retry',
      facts: rest,
      said,
      after: 5,
    });
    expect(events.map(({ reason }) => reason)).toEqual(['DriftCorrected']);
    expect(conditions).toContain('Ready False ReconciliationFailed');
    expect(next.lastAttemptedRevision).toBe('main@sha1:2');
  });
});

describe('a run that failed', () => {
  test('keeps what was applied, does not move observedGeneration, and answers a request', () => {
    const status = { observedGeneration: 1, lastAppliedRevision: 'main@sha1:0', conditions: [READY] };
    const object = kustomization({ metadata: { generation: 2, ...asked }, status });
    const { conditions, next, events, after } = told(object, { type: 'retry', facts, said, after: 600_000 });
    expect(conditions).toEqual(['Reconciling True ProgressingWithRetry', 'Ready False ReconciliationFailed']);
    expect(next).toMatchObject({
      observedGeneration: 1,
      lastAppliedRevision: 'main@sha1:0',
      lastAttemptedRevision: REVISION,
      lastHandledReconcileAt: 'now',
    });
    expect(events).toEqual([{ type: 'Warning', reason: 'ReconciliationFailed', message: said.text }]);
    expect(after).toBe(600_000);
  });

  test('is not told again at each try', () => {
    const status = { conditions: [conditionOf('Ready', 'False', said.reason, said.text)] };
    expect(told(kustomization({ status }), { type: 'retry', facts, said, after: 1 }).events).toEqual([]);
  });

  test('tells what it did change before', () => {
    const { events } = told(kustomization(), { type: 'retry', facts: created, said, after: 1 });
    expect(events.map(({ reason }) => reason)).toEqual(['Progressing', 'ReconciliationFailed']);
  });

  test.each([
    { said: say(messages.sourceNotFound, { source: { kind: 'GitRepository', name: 'shop' } }), given: [true] },
    { said: say(messages.artifactMissing, { retry: 30_000 }), given: [true] },
    { said: say(messages.unhealthy, { error: 'x' }), given: [] },
    { said, given: [undefined] },
  ])('is given where its entry says: $said.id', ({ said: failure, given }) => {
    const { events } = report(kustomization(), { type: 'retry', facts, said: failure, after: 1 }, MOMENT);
    expect(events.map(({ logOnly }) => logOnly)).toEqual(given);
  });

  test('over health says so in Healthy too', () => {
    const unhealthy = say(messages.healthFailed, { took: 60_000, error: 'timeout' });
    const { conditions } = told(kustomization(), {
      type: 'retry',
      facts: { ...facts, health: 'failed' },
      said: unhealthy,
      after: 1,
    });
    expect(conditions).toEqual([
      'Reconciling True ProgressingWithRetry',
      'Ready False HealthCheckFailed',
      'Healthy False HealthCheckFailed',
    ]);
  });
});

test('what only a change of the object can help stalls, and keeps all that is known', () => {
  const status = {
    lastAppliedRevision: REVISION,
    conditions: [conditionOf('Reconciling', 'True', 'Progressing'), READY],
  };
  const refused = say(ownMessages.invalidSpec, {
    problems: [{ path: 'spec.interval', message: 'must be a duration' }],
  });
  const { conditions, next, after } = told(kustomization({ metadata: asked, status }), {
    type: 'terminal',
    facts: NOTHING,
    said: refused,
  });
  expect(conditions).toEqual(['Stalled True InvalidSpec', 'Ready False InvalidSpec']);
  expect(next).toMatchObject({ lastAppliedRevision: REVISION, lastHandledReconcileAt: 'now', observedGeneration: 1 });
  expect(after).toBeNull();
});

describe('drift that is left', () => {
  const CART: ObjectKey = { group: 'apps', version: 'v1', kind: 'Deployment', namespace: 'shop', name: 'cart' };
  const change = { path: 'spec.replicas', declared: '2', live: '7' };
  const changed = {
    key: CART,
    how: 'changed',
    paths: [change.path],
    managers: ['kubectl'],
    changes: [change],
    more: 0,
  } as const;
  const removed = { ...changed, key: KEY, how: 'removed', changes: [] } as const;
  const found = [changed, removed].map((one) => ({
    ...one,
    paths: [...one.paths],
    managers: ['kubectl'],
    changes: [...one.changes],
  }));
  const left: Facts = { ...facts, found, drifted: [CART, KEY] };
  const before = (): KustomizationStatus =>
    told(kustomization(), { type: 'done', facts: { ...facts, drifted: [] } }).next;
  const NAMED = '2 objects differ from what is declared and are left so: ConfigMap/shop/settings, Deployment/shop/cart';

  test('is told, and named beside Ready, which does not depend on it; it is no run of its own', () => {
    const status = before();
    const { conditions, next, events } = told(kustomization({ status }), { type: 'done', facts: left });
    expect(conditions).toEqual(['Ready True ReconciliationSucceeded', 'Drifted True DriftDetected']);
    expect(next.conditions?.find(({ type }) => type === 'Drifted')?.message).toBe(NAMED);
    expect(next.history).toEqual(status.history);
    expect(events).toEqual([
      {
        type: 'Warning',
        reason: 'DriftDetected',
        message:
          'drift detected: Deployment/shop/cart: kubectl changed spec.replicas (declared 2, is 7); it is left so',
      },
      {
        type: 'Warning',
        reason: 'DriftDetected',
        message: 'drift detected: ConfigMap/shop/settings was deleted; it is not created again',
      },
    ]);
  });

  test.each<[what: string, outcome: Outcome<Facts>]>([
    ['fails', { type: 'retry', facts: left, said, after: 1 }],
    ['waits', { type: 'again', facts: { ...left, health: 'waiting' }, after: 1 }],
  ])('is named in a run that %s', (_what, outcome) => {
    const { next, events } = told(kustomization({ status: before() }), outcome);
    expect(next.conditions?.find(({ type }) => type === 'Drifted')?.message).toBe(NAMED);
    expect(events.filter(({ reason }) => reason === 'DriftDetected')).toHaveLength(2);
  });

  test('that is over is named no more; while that is not known, it stays', () => {
    const status = told(kustomization({ status: before() }), { type: 'done', facts: left }).next;
    const unknown = told(kustomization({ status }), { type: 'retry', facts, said, after: 1 });
    expect(unknown.conditions).toContain('Drifted True DriftDetected');
    const over = told(kustomization({ status }), { type: 'done', facts: { ...facts, drifted: [] } });
    expect(over.conditions).toEqual(['Ready True ReconciliationSucceeded']);
    expect(over.events).toEqual([]);
    expect(over.next.history).toEqual(status.history);
  });
});

describe('a wait for health', () => {
  const waiting = (took: number): Outcome<Facts> => ({
    type: 'again',
    facts: { ...facts, health: 'waiting', took },
    after: 5,
  });
  test('is told when it lasts', () => {
    const { conditions } = told(kustomization(), waiting(1_000));
    expect(conditions).toEqual([
      'Reconciling True Progressing',
      'Ready Unknown Progressing',
      'Healthy Unknown Progressing',
    ]);
  });

  test('is not before', () => {
    expect(told(kustomization(), waiting(999)).status).toBeNull();
  });
});

test('the inventory stands in the status before anything is made', () => {
  const status = progressStatus(kustomization(), facts, AT) as KustomizationStatus;
  expect(checkStatus({ ...kustomization(), status } as never)).toEqual([]);
  expect(status.inventory?.entries).toEqual([{ id: 'shop_settings__ConfigMap', v: 'v1' }]);
  expect(status.conditions).toMatchObject([
    { type: 'Reconciling', status: 'True' },
    { type: 'Ready', status: 'Unknown' },
  ]);
});

describe('history', () => {
  const moment = { now: AT, reason: 'ReconciliationSucceeded' as const };
  const after = (digests: readonly string[]) =>
    digests.reduce<NonNullable<ReturnType<typeof nextHistory>>>(
      (list, digest) => nextHistory(list, { ...facts, digest }, moment) ?? list,
      [],
    );

  test('has the newest first and at most five', () => {
    expect(after(['a', 'b', 'c', 'd', 'e', 'f']).map(({ digest }) => digest)).toEqual(
      ['f', 'e', 'd', 'c', 'b'].map((name) => `sha256:${name}`),
    );
  });

  test('counts the same result on one entry, wherever it stands', () => {
    const list = after(['a', 'b', 'a']);
    expect(list.map(({ digest, totalReconciliations }) => [digest, totalReconciliations])).toEqual([
      ['sha256:a', 2],
      ['sha256:b', 1],
    ]);
  });

  test('is left as it is by a run without a bundle', () => {
    const { digest: _none, ...rest } = facts;
    expect(nextHistory([], rest, moment)).toBeNull();
  });
});

describe('failures in the history', () => {
  const health = say(messages.healthFailed, { took: 60_000, error: 'timeout waiting' });
  const retry = (facts_: Facts, failure = said): Outcome<Facts> => ({
    type: 'retry',
    facts: facts_,
    said: failure,
    after: 1,
  });

  test('stand beside what ended well', () => {
    const { next } = told(kustomization({ status: told(kustomization(), { type: 'done', facts }).next }), retry(facts));
    expect(next.history?.map((entry) => entry.lastReconciledStatus)).toEqual([
      'ReconciliationFailed',
      'ReconciliationSucceeded',
    ]);
  });

  test.each<[string, Outcome<Facts>]>([
    ['of a build have no objects to name', retry(NOTHING, say(messages.buildFailed, { error: 'no' }))],
    ['of a build are not kept, whatever is known', retry(facts, say(messages.buildFailed, { error: 'no' }))],
    [
      'that are only still so are no runs',
      retry({ ...facts, health: 'failed' }, say(messages.unhealthy, { error: 'x' })),
    ],
  ])('%s', (_name, outcome) => {
    expect(told(kustomization(), outcome).next.history).toBeUndefined();
  });

  test('of health and of pruning are kept', () => {
    const failed = told(kustomization(), retry({ ...facts, health: 'failed' }, health)).next;
    expect(failed.history).toMatchObject([{ digest: 'sha256:d1', lastReconciledStatus: 'HealthCheckFailed' }]);
    const pruning = say(messages.pruneFailed, { error: 'no' });
    expect(told(kustomization(), retry(facts, pruning)).next.history).toMatchObject([
      { lastReconciledStatus: 'PruneFailed' },
    ]);
  });

  test('that were told already do not count again', () => {
    const status = told(kustomization(), retry(facts)).next;
    expect(told(kustomization({ status }), retry(facts)).next.history).toMatchObject([{ totalReconciliations: 1 }]);
  });
});

test('a wait that was cut short is told before anything else', () => {
  const trigger = { kind: 'GitRepository', namespace: 'shop', name: 'shop' };
  const { events } = told(kustomization(), { type: 'done', facts: { ...created, canceled: trigger } });
  expect(events.map(({ reason }) => reason)).toEqual(['HealthCheckCanceled', 'Progressing', 'ReconciliationSucceeded']);
});

test('an object that was deleted to be created again is told with the fields that could not change', () => {
  const changes = [{ key: KEY, action: 'created' as const, recreated: ['data'] }];
  const { events } = told(kustomization(), { type: 'done', facts: { ...facts, changes } });
  expect(events.map(({ message }) => message).slice(0, 2)).toEqual([
    'ConfigMap/shop/settings was deleted and created again: data cannot be changed in place',
    'ConfigMap/shop/settings created',
  ]);
});

describe('what runs, while something newer is held', () => {
  const gated = say(ownMessages.gated, { why: 'waits for 1 approval by anybody' });
  const newer = 'main@sha1:newer';
  const status = told(kustomization(), {
    type: 'retry',
    facts: { ...NOTHING, revision: newer },
    said: gated,
    after: 1,
  }).next;
  const held: Facts = { ...NOTHING, revision: REVISION, digest: 'd1', took: 2_000 };
  const after = (what: Partial<Facts>) =>
    told(kustomization({ status }), {
      type: 'retry',
      facts: { ...NOTHING, held: { ...held, ...what } },
      said: gated,
      after: 1,
    });

  test('is applied once it is healthy, and the unit is held all the same', () => {
    const { conditions, next, events } = after({ health: 'passed' });
    expect(conditions).toEqual([
      'Reconciling True ProgressingWithRetry',
      'Ready False Gated',
      'Healthy True Succeeded',
    ]);
    expect(next).toMatchObject({
      lastAppliedRevision: REVISION,
      lastAttemptedRevision: newer,
      history: [{ digest: 'sha256:d1', lastReconciledStatus: 'ReconciliationSucceeded' }],
    });
    expect(events).toMatchObject([{ type: 'Normal', message: 'Health check passed in 2s' }]);
  });

  test('is told to be ill when it does not get healthy', () => {
    const lost = say(messages.healthFailed, { took: 2_000, error: 'timeout' });
    const { conditions, next, events } = after({ health: 'failed', lost });
    expect(conditions).toContain('Healthy False HealthCheckFailed');
    expect(conditions).toContain('Ready False Gated');
    expect(next).not.toHaveProperty('lastAppliedRevision');
    expect(next.history).toMatchObject([{ digest: 'sha256:d1', lastReconciledStatus: 'HealthCheckFailed' }]);
    expect(events).toMatchObject([{ type: 'Warning', reason: 'HealthCheckFailed' }]);
  });
});
