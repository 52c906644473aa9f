import { expect, test } from 'vitest';
import { hookProgress, progressOfGone, type HookProgress } from './hook-progress.ts';

const object = (apiVersion: string, kind: string, status?: object) => ({
  apiVersion,
  kind,
  metadata: { name: 'migrate', namespace: 'shop' },
  ...(status === undefined ? {} : { status }),
});
const job = (...conditions: object[]) => object('batch/v1', 'Job', { conditions });
const pod = (status?: object) => object('v1', 'Pod', status);
const LIMIT = 'Job has reached the specified backoff limit';

test.each<[string, ReturnType<typeof object>, HookProgress]>([
  ['a Job that was just made', object('batch/v1', 'Job'), { state: 'running' }],
  ['a Job that begins', job({ type: 'Complete', status: 'False' }), { state: 'running' }],
  ['a Job that is about to end', job({ type: 'SuccessCriteriaMet', status: 'True' }), { state: 'running' }],
  ['a Job that is about to fail', job({ type: 'FailureTarget', status: 'True' }), { state: 'running' }],
  ['a Job that is suspended', job({ type: 'Suspended', status: 'True' }), { state: 'running' }],
  ['a Job that ended', job({ type: 'Complete', status: 'True' }), { state: 'succeeded' }],
  ['a Job that failed', job({ type: 'Failed', status: 'True', message: LIMIT }), { state: 'failed', why: LIMIT }],
  [
    'a Job that failed without a message',
    job({ type: 'Failed', status: 'True', reason: 'DeadlineExceeded' }),
    { state: 'failed', why: 'DeadlineExceeded' },
  ],
  ['a Job that failed without a word', job({ type: 'Failed', status: 'True' }), { state: 'failed', why: '' }],
  ['a Pod that was just made', pod(), { state: 'running' }],
  ['a Pod that waits', pod({ phase: 'Pending' }), { state: 'running' }],
  ['a Pod that runs', pod({ phase: 'Running' }), { state: 'running' }],
  ['a Pod nobody hears of', pod({ phase: 'Unknown' }), { state: 'running' }],
  ['a Pod that ended', pod({ phase: 'Succeeded' }), { state: 'succeeded' }],
  ['a Pod that failed', pod({ phase: 'Failed', reason: 'Evicted', message: 'low' }), { state: 'failed', why: 'low' }],
  ['a Pod that failed with a reason', pod({ phase: 'Failed', reason: 'Evicted' }), { state: 'failed', why: 'Evicted' }],
  ['anything else', object('v1', 'ConfigMap'), { state: 'succeeded' }],
  ['a Deployment, whose readiness is not waited for', object('apps/v1', 'Deployment', {}), { state: 'succeeded' }],
  ['a Job of somebody else', object('jobs.example/v1', 'Job', {}), { state: 'succeeded' }],
  ['a Pod of somebody else', object('pods.example/v1', 'Pod', {}), { state: 'succeeded' }],
])('%s', (_name, given, expected) => {
  expect(hookProgress(given)).toEqual(expected);
});

const brief = (...conditions: object[]) => ({ ...job(...conditions), spec: { ttlSecondsAfterFinished: 0 } });
const CUT: HookProgress = { state: 'failed', why: 'it was deleted while it ran' };

test.each<[string, ReturnType<typeof object>, seen: HookProgress, unseen: HookProgress]>([
  ['a Job that ran', job(), CUT, CUT],
  ['a Job with a time to live that ran', brief(), CUT, { state: 'succeeded' }],
  ['a Job that ended', job({ type: 'Complete', status: 'True' }), { state: 'succeeded' }, { state: 'succeeded' }],
  [
    'a Job with a time to live that failed',
    brief({ type: 'Failed', status: 'True', message: LIMIT }),
    { state: 'failed', why: LIMIT },
    { state: 'failed', why: LIMIT },
  ],
  ['a Pod that ran', pod({ phase: 'Running' }), CUT, CUT],
  ['a Pod that ended', pod({ phase: 'Succeeded' }), { state: 'succeeded' }, { state: 'succeeded' }],
])('%s, when it is gone, and was seen to go or not', (_name, last, seen, unseen) => {
  expect(progressOfGone(last, true)).toEqual(seen);
  expect(progressOfGone(last, false)).toEqual(unseen);
});
