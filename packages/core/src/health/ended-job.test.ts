import type { JsonObject, KubeObject } from '@plumb/api';
import { describe, expect, it } from 'vitest';
import { endOfJob, hasTimeToLive } from './ended-job.ts';

function job(spec: JsonObject, conditions: [string, string][] = [], apiVersion = 'batch/v1'): KubeObject {
  const status = { conditions: conditions.map(([type, value]) => ({ type, status: value })) };
  return { apiVersion, kind: 'Job', metadata: { name: 'migrate', namespace: 'shop' }, spec, status };
}
const TTL = { ttlSecondsAfterFinished: 30 };

describe('a Job with a time to live', () => {
  it.each<[string, KubeObject, boolean]>([
    ['of some seconds', job(TTL), true],
    ['of no time at all', job({ ttlSecondsAfterFinished: 0 }), true],
    ['not given', job({}), false],
    ['of another group', job(TTL, [], 'batch.example.com/v1'), false],
    ['of another kind', { ...job(TTL), kind: 'CronJob' }, false],
  ])('%s', (_name, object, has) => {
    expect(hasTimeToLive(object)).toBe(has);
  });

  it.each<[string, KubeObject, 'complete' | 'failed' | null]>([
    [
      'completed',
      job(TTL, [
        ['SuccessCriteriaMet', 'True'],
        ['Complete', 'True'],
      ]),
      'complete',
    ],
    [
      'failed',
      job(TTL, [
        ['FailureTarget', 'True'],
        ['Failed', 'True'],
      ]),
      'failed',
    ],
    ['is about to fail', job(TTL, [['FailureTarget', 'True']]), null],
    ['runs', job(TTL), null],
    ['is suspended', job(TTL, [['Suspended', 'True']]), null],
    ['did not complete', job(TTL, [['Complete', 'False']]), null],
    ['completed and has no time to live', job({}, [['Complete', 'True']]), null],
  ])('%s', (_name, object, end) => {
    expect(endOfJob(object)).toBe(end);
  });
});
