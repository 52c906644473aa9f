import type { Condition } from '@plumb/api';
import { expect, test } from 'vitest';
import { readySummary } from './ready.ts';

function condition(type: string, status: Condition['status'], observedGeneration?: number): Condition {
  const parts = { type, status, reason: `${type}Reason`, message: `${type} ${status}` };
  return {
    ...parts,
    lastTransitionTime: '2026-11-27T10:00:00Z',
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
  };
}

const OFF = { enable: false, ignoreFailures: false };
const ON = { enable: true, ignoreFailures: false };
const IGNORED = { enable: true, ignoreFailures: true };

test.each<[what: string, conditions: Condition[], tests: typeof ON, says: string | null]>([
  ['nothing yet', [condition('Reconciling', 'True', 2)], OFF, null],
  ['the release', [condition('Released', 'True', 2)], OFF, 'True Released'],
  ['a release that is under way', [condition('Released', 'Unknown', 2)], OFF, 'Unknown Released'],
  ['a failed release', [condition('Released', 'False', 2)], OFF, 'False Released'],
  [
    'a remedy, as not ready',
    [condition('Released', 'False', 2), condition('Remediated', 'True', 2)],
    OFF,
    'False Remediated',
  ],
  [
    'a failed remedy',
    [condition('Released', 'False', 2), condition('Remediated', 'False', 2)],
    OFF,
    'False Remediated',
  ],
  ['tests', [condition('Released', 'True', 2), condition('TestSuccess', 'False', 2)], ON, 'False TestSuccess'],
  [
    'no tests that are off',
    [condition('Released', 'True', 2), condition('TestSuccess', 'False', 2)],
    OFF,
    'True Released',
  ],
  [
    'no ignored tests',
    [condition('Released', 'True', 2), condition('TestSuccess', 'False', 2)],
    IGNORED,
    'True Released',
  ],
  [
    'a remedy over tests',
    [condition('TestSuccess', 'False', 2), condition('Remediated', 'True', 2)],
    ON,
    'False Remediated',
  ],
  [
    'the newest, over an older remedy',
    [condition('Released', 'True', 3), condition('Remediated', 'True', 2)],
    OFF,
    'True Released',
  ],
  [
    'the newest, over one without generation',
    [condition('Released', 'True', 1), condition('Remediated', 'True')],
    OFF,
    'True Released',
  ],
])('Ready says %s', (_what, conditions, tests, says) => {
  const summary = readySummary(conditions, 3, tests);
  const type = summary?.reason.replace('Reason', '');
  expect(summary === null ? null : `${summary.status} ${type}`).toBe(says);
  expect(summary?.observedGeneration ?? 3).toBe(3);
});

test('Ready says it in the words of what it copies', () => {
  const summary = readySummary([condition('Released', 'True', 1)], 4, OFF);
  expect(summary).toEqual({
    status: 'True',
    reason: 'ReleasedReason',
    message: 'Released True',
    observedGeneration: 4,
  });
  expect(readySummary(undefined, 1, OFF)).toBeNull();
});
