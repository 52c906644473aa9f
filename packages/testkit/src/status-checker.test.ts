import type { KubeObject } from '@plumb/api';
import { expect, test } from 'vitest';

import { checkStatus } from './status-checker.ts';

const READY = condition('Ready', { status: 'True', reason: 'Succeeded' });

function condition(type: string, change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    type,
    status: 'True',
    reason: 'Progressing',
    message: 'm',
    observedGeneration: 2,
    lastTransitionTime: '2026-01-01T00:00:00Z',
    ...change,
  };
}

function objectWith(conditions: Record<string, unknown>[], observedGeneration = 2, kind = 'K'): KubeObject {
  return {
    apiVersion: 'v1',
    kind,
    metadata: { name: 'a', generation: 2 },
    status: { observedGeneration, conditions },
  };
}

const failing = condition('Ready', { status: 'False', reason: 'BuildFailed' });

test.each([
  { case: 'a ready object', conditions: [READY], rules: [] },
  { case: 'an object nobody has looked at', conditions: [], observedGeneration: -1, rules: [] },
  {
    case: 'an object at work',
    conditions: [condition('Reconciling'), condition('Ready', { status: 'Unknown' })],
    rules: [],
  },
  { case: 'a stalled object', conditions: [condition('Stalled', { reason: 'InvalidPath' }), failing], rules: [] },
  { case: 'no Ready', conditions: [condition('Healthy')], rules: ['S01'] },
  { case: 'Ready twice', conditions: [READY, READY], rules: ['S01'] },
  { case: 'another type twice', conditions: [READY, condition('Healthy'), condition('Healthy')], rules: ['S02'] },
  {
    case: 'Stalled beside Reconciling',
    conditions: [condition('Stalled'), condition('Reconciling'), failing],
    rules: ['S03'],
  },
  { case: 'Reconciling=False', conditions: [condition('Reconciling', { status: 'False' }), READY], rules: ['S04'] },
  { case: 'Drifted=False', conditions: [READY, condition('Drifted', { status: 'False' })], rules: ['S04'] },
  {
    case: 'Drifted=False of a HelmRelease',
    kind: 'HelmRelease',
    conditions: [
      condition('Stalled', { reason: 'RetriesExceeded' }),
      failing,
      condition('Drifted', { status: 'False', reason: 'NoDriftDetected' }),
    ],
    rules: [],
  },
  { case: 'a generation from the future', conditions: [READY], observedGeneration: 3, rules: ['S05'] },
  { case: 'a condition from the future', conditions: [condition('Ready', { observedGeneration: 3 })], rules: ['S05'] },
  {
    case: 'a condition without generation',
    conditions: [condition('Ready', { observedGeneration: undefined })],
    rules: ['S06'],
  },
  { case: 'Ready before Reconciling', conditions: [READY, condition('Reconciling')], rules: ['S07'] },
  { case: 'an empty reason', conditions: [condition('Ready', { reason: '' })], rules: ['S08'] },
  { case: 'a reason in lower case', conditions: [condition('Ready', { reason: 'failed' })], rules: ['S08'] },
  { case: 'a message without end', conditions: [condition('Ready', { message: 'x'.repeat(32_769) })], rules: ['S09'] },
  {
    case: 'a failure without words',
    conditions: [condition('Ready', { status: 'False', message: '' })],
    rules: ['S10'],
  },
  { case: 'a status of its own', conditions: [condition('Ready', { status: 'Maybe' })], rules: ['S11'] },
  {
    case: 'a time with milliseconds',
    conditions: [condition('Ready', { lastTransitionTime: '2026-01-01T00:00:00.123Z' })],
    rules: ['S12'],
  },
  { case: 'Stalled and Ready', conditions: [condition('Stalled'), READY], rules: ['S13', 'S14'] },
  {
    case: 'Stalled for a generation not observed',
    conditions: [condition('Stalled'), failing],
    observedGeneration: 1,
    rules: ['S14'],
  },
])('$case breaks $rules', ({ conditions, observedGeneration, kind, rules }) => {
  expect(checkStatus(objectWith(conditions, observedGeneration, kind)).map((line) => line.slice(0, 3))).toEqual(rules);
});

const INSTALLED = { reason: 'InstallSucceeded' };
const RELEASE = [condition('Ready', INSTALLED), condition('Released', INSTALLED)];
const DEPLOYED = [{ version: 2, status: 'deployed' }];

test.each<{ case: string; conditions: Record<string, unknown>[]; status?: Record<string, unknown>; rules: string[] }>([
  { case: 'one that is installed', conditions: RELEASE, rules: [] },
  { case: 'no drift', conditions: [...RELEASE, condition('Drifted', { status: 'False' })], rules: [] },
  { case: 'Ready for what no action says', conditions: [condition('Ready', INSTALLED)], rules: ['S15'] },
  {
    case: 'Ready in other words than the action',
    conditions: [condition('Ready', INSTALLED), condition('Released', { ...INSTALLED, message: 'n' })],
    rules: ['S15'],
  },
  { case: 'Ready beside Remediated', conditions: [...RELEASE, condition('Remediated')], rules: ['S16'] },
  { case: 'Ready without a release', conditions: RELEASE, status: { history: [] }, rules: ['S17'] },
  {
    case: 'Ready with a failed release',
    conditions: RELEASE,
    status: { history: [{ version: 2, status: 'failed' }] },
    rules: ['S17'],
  },
  { case: 'Ready with failures', conditions: RELEASE, status: { failures: 1 }, rules: ['S17'] },
  {
    case: 'an oldest release first',
    conditions: RELEASE,
    status: { history: [{ version: 1, status: 'deployed' }, ...DEPLOYED] },
    rules: ['S18'],
  },
  { case: 'a release twice', conditions: RELEASE, status: { history: [...DEPLOYED, ...DEPLOYED] }, rules: ['S18'] },
  {
    case: 'more failed upgrades than failures',
    conditions: [],
    status: { failures: 1, installFailures: 1, upgradeFailures: 1 },
    rules: ['S19'],
  },
  { case: 'an attempt from the future', conditions: RELEASE, status: { lastAttemptedGeneration: 3 }, rules: ['S20'] },
])('of a HelmRelease, $case breaks $rules', ({ conditions, status = {}, rules }) => {
  const object = objectWith(conditions);
  const release = {
    ...object,
    kind: 'HelmRelease',
    status: { history: DEPLOYED, ...(object['status'] as object), ...status },
  };
  expect(checkStatus(release as KubeObject).map((line) => line.slice(0, 3))).toEqual(rules);
});
