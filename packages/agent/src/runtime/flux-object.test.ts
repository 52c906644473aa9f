import { DRIFT_ANNOTATION, REQUESTED_AT_ANNOTATION } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { conditionOf, intervalOf, isNews, isTold } from './flux-object.ts';

const metadata = { name: 'shop', uid: 'u1', generation: 3 };
const SAID = { id: 'x', level: 'error', channels: [], reason: 'BuildFailed', text: 'a.yaml:1: bad' } as const;

describe('isNews', () => {
  test.each([
    ['nothing', {}, false],
    ['another resourceVersion', { resourceVersion: '9' }, false],
    ['another uid', { uid: 'u2' }, true],
    ['another generation', { generation: 4 }, true],
    ['a deletion', { deletionTimestamp: '2026-01-01T00:00:00Z' }, true],
    ['another word on drift', { annotations: { [DRIFT_ANNOTATION]: 'warn' } }, true],
    ['any other annotation', { annotations: { note: 'mine' } }, false],
    ['a request', { annotations: { [REQUESTED_AT_ANNOTATION]: 'now' } }, true],
  ])('%s: %o', (_name, change, expected) => {
    expect(isNews({ metadata }, { metadata: { ...metadata, ...change } })).toBe(expected);
  });
});

test.each([
  ['1m30s', 90_000],
  ['soon', 0],
])('an interval of %s is %d ms', (interval, ms) => {
  expect(intervalOf({ spec: { interval } })).toBe(ms);
});

test('a condition is for the generation the object has', () => {
  const condition = conditionOf({ metadata }, 'Ready', 'False', SAID);
  expect(condition).toMatchObject({ type: 'Ready', reason: 'BuildFailed', message: SAID.text, observedGeneration: 3 });
});

test.each([
  ['the same failure', { status: 'False', reason: SAID.reason, message: SAID.text }, true],
  ['another reason', { status: 'False', reason: 'ReconciliationFailed', message: SAID.text }, false],
  ['another text', { status: 'False', reason: SAID.reason, message: 'b.yaml:1: bad' }, false],
  ['a success', { status: 'True', reason: SAID.reason, message: SAID.text }, false],
] as const)('is told: %s', (_name, ready, expected) => {
  const condition = { type: 'Ready', lastTransitionTime: '2026-01-01T00:00:00Z', ...ready };
  expect(isTold({ metadata, status: { conditions: [condition] } }, SAID)).toBe(expected);
});
