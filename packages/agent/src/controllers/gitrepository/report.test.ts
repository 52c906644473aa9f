import type { Condition, GitRepository, JsonObject } from '@plumb/api';
import { gitRepositoryMessages as messages, REQUESTED_AT_ANNOTATION, say } from '@plumb/api';
import { checkStatus } from '@plumb/testkit';
import { expect, test } from 'vitest';
import type { Outcome } from '../../runtime/outcome.ts';
import { AT, conditionOf, gitRepository, REVISION } from '../../testing/builders.ts';
import type { Facts } from './act.ts';
import { report } from './report.ts';

const artifact = gitRepository().status?.artifact as NonNullable<Facts['artifact']>;
const fetchFailed = say(messages.fetchFailed, { error: 'host unreachable' });
const moment = { now: AT, interval: 60_000 };
const asked = { annotations: { [REQUESTED_AT_ANNOTATION]: 'now' } };

function told(object: GitRepository, outcome: Outcome<Facts>) {
  const result = report(object, outcome, moment);
  const status = { ...(object.status as JsonObject | undefined), ...result.status };
  expect(checkStatus({ ...object, status } as never)).toEqual([]);
  const conditions = (status['conditions'] ?? []) as unknown as Condition[];
  return { ...result, conditions: conditions.map(({ type, status: value, reason }) => `${type} ${value} ${reason}`) };
}

test('a new artifact is Ready, and told with its commit', () => {
  const { conditions, status, events, after } = told(gitRepository(null), {
    type: 'done',
    facts: { artifact, subject: 'Raise the limit' },
  });
  expect(conditions).toEqual(['Ready True Succeeded', 'ArtifactInStorage True Succeeded']);
  expect(status).toMatchObject({ artifact: { revision: REVISION }, observedGeneration: 1 });
  expect(events).toMatchObject([
    { type: 'Normal', reason: 'NewArtifact', message: "stored artifact for commit 'Raise the limit'" },
  ]);
  expect(after).toBe(60_000);
});

test('nothing new is no event, unless somebody asked', () => {
  expect(told(gitRepository(), { type: 'done', facts: { artifact } }).events).toEqual([]);
  const { events, status } = told(gitRepository(REVISION, { metadata: asked }), { type: 'done', facts: { artifact } });
  expect(events).toMatchObject([{ type: 'Normal', reason: 'ArtifactUpToDate' }]);
  expect(status).toMatchObject({ lastHandledReconcileAt: 'now' });
});

test('the ignore rules that made the artifact are noted, and forgotten with them', () => {
  const { status } = told(gitRepository(), { type: 'done', facts: { artifact, observed: { observedIgnore: '*.md' } } });
  expect(status).toMatchObject({ observedIgnore: '*.md' });
  const before = gitRepository(REVISION, { status: { observedIgnore: '*.md' } });
  expect(told(before, { type: 'done', facts: { artifact } }).status).not.toHaveProperty('observedIgnore');
});

test('a failure keeps the last artifact, does not move observedGeneration, and answers a request', () => {
  const before = gitRepository(REVISION, { metadata: { generation: 2, ...asked }, status: { observedGeneration: 1 } });
  const { conditions, status, events, after } = told(before, {
    type: 'retry',
    facts: {},
    said: fetchFailed,
    after: 750,
  });
  expect(conditions).toEqual([
    'Reconciling True ProgressingWithRetry',
    'Ready False GitOperationFailed',
    'FetchFailed True GitOperationFailed',
  ]);
  expect(status).toMatchObject({
    artifact: { revision: REVISION },
    observedGeneration: 1,
    lastHandledReconcileAt: 'now',
  });
  expect(events).toMatchObject([{ type: 'Warning', reason: 'GitOperationFailed' }]);
  expect(after).toBe(750);
});

test('the same failure is not told again at each try', () => {
  const conditions = [conditionOf('Ready', 'False', 'GitOperationFailed', fetchFailed.text)];
  const { events } = told(gitRepository(REVISION, { status: { conditions } }), {
    type: 'retry',
    facts: {},
    said: fetchFailed,
    after: 1,
  });
  expect(events).toEqual([]);
});

test('success takes every sign of trouble away', () => {
  const trouble = ['Reconciling', 'FetchFailed'].map((type) =>
    conditionOf(type as 'Reconciling', 'True', 'GitOperationFailed'),
  );
  const before = gitRepository(REVISION, {
    status: { conditions: [...trouble, conditionOf('Ready', 'False', 'GitOperationFailed')] },
  });
  const { conditions } = told(before, { type: 'done', facts: { artifact } });
  expect(conditions).toEqual(['Ready True Succeeded', 'ArtifactInStorage True Succeeded']);
});

test('what nothing but a change can help stalls, and only a change wakes it', () => {
  const said = say(messages.urlInvalid, { url: 'ftp://x', error: 'no' });
  const { conditions, after, result } = told(gitRepository(), { type: 'terminal', facts: {}, said });
  expect(conditions).toEqual(['Stalled True URLInvalid', 'Ready False URLInvalid']);
  expect(after).toBeNull();
  expect(result).toBe('terminal');
});
