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
  const said = say(messages.urlInvalid, { error: 'no' });
  const { conditions, after, result } = told(gitRepository(), { type: 'terminal', facts: {}, said });
  expect(conditions).toEqual(['Stalled True URLInvalid', 'Ready False URLInvalid']);
  expect(after).toBeNull();
  expect(result).toBe('terminal');
});

const COMMIT = '1'.repeat(40);
const verified = { mode: 'HEAD', commit: { name: COMMIT, key: 'SHA256:abc' } } as const;
const verifiedText = `verified signature of\n\t- commit '${COMMIT}' with key 'SHA256:abc'`;
const notSigned = say(messages.commitNotVerified, { error: `signature verification of commit '${COMMIT}' failed` });

test('what was verified is told once, by whom and of what', () => {
  const { conditions, status, events } = told(gitRepository(null), {
    type: 'done',
    facts: { artifact, subject: 'Raise the limit', verified },
  });
  expect(conditions).toEqual([
    'Ready True Succeeded',
    'ArtifactInStorage True Succeeded',
    'SourceVerified True Succeeded',
  ]);
  expect(status).toMatchObject({ sourceVerificationMode: 'HEAD' });
  expect(events).toMatchObject([
    { type: 'Normal', reason: 'Succeeded', message: verifiedText },
    { reason: 'NewArtifact' },
  ]);
  const again = gitRepository(REVISION, { status: status as object });
  expect(told(again, { type: 'done', facts: { artifact, verified } }).events).toEqual([]);
});

test('a tag and its commit are told together', () => {
  expect(
    say(messages.verified, { tag: { name: `v1@${'2'.repeat(40)}`, key: 'A'.repeat(16) }, commit: verified.commit })
      .text,
  ).toBe(
    `verified signature of\n\t- tag 'v1@${'2'.repeat(40)}' with key '${'A'.repeat(16)}'\n\t- commit '${COMMIT}' with key 'SHA256:abc'`,
  );
});

test('a revision that is not verified keeps the last artifact, and is no failed fetch', () => {
  const before = gitRepository(REVISION, {
    status: { conditions: [conditionOf('FetchFailed', 'True', 'GitOperationFailed')], observedGeneration: 1 },
  });
  const { conditions, status, events } = told(before, {
    type: 'retry',
    facts: { failing: 'SourceVerified' },
    said: notSigned,
    after: 1,
  });
  expect(conditions).toEqual([
    'Reconciling True ProgressingWithRetry',
    'Ready False InvalidCommitSignature',
    'SourceVerified False InvalidCommitSignature',
  ]);
  expect(status).toMatchObject({ artifact: { revision: REVISION } });
  expect(events).toMatchObject([{ type: 'Warning', reason: 'InvalidCommitSignature', message: notSigned.text }]);
});

test.each([
  ['False', 'InvalidCommitSignature', []],
  ['True', 'Succeeded', ['SourceVerified True Succeeded']],
] as const)('a failed fetch: that the last one was verified (%s) stays only where it was', (value, reason, kept) => {
  const before = gitRepository(REVISION, { status: { conditions: [conditionOf('SourceVerified', value, reason)] } });
  const { conditions } = told(before, { type: 'retry', facts: {}, said: fetchFailed, after: 1 });
  expect(conditions.filter((condition) => condition.startsWith('SourceVerified'))).toEqual(kept);
});

test('a mode that cannot be met stalls', () => {
  const said = say(messages.noTag, { error: 'no tag' });
  const { conditions } = told(gitRepository(), { type: 'terminal', facts: { failing: 'SourceVerified' }, said });
  expect(conditions).toEqual([
    'Stalled True InvalidVerificationMode',
    'Ready False InvalidVerificationMode',
    'SourceVerified False InvalidVerificationMode',
  ]);
});

test('without spec.verify nothing is said of it', () => {
  const before = gitRepository(REVISION, {
    status: { sourceVerificationMode: 'HEAD', conditions: [conditionOf('SourceVerified', 'True', 'Succeeded')] },
  });
  const { conditions, status } = told(before, { type: 'done', facts: { artifact } });
  expect(conditions).toEqual(['Ready True Succeeded', 'ArtifactInStorage True Succeeded']);
  expect(status).not.toHaveProperty('sourceVerificationMode');
});
