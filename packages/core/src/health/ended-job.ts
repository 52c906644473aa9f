import { parseApiVersion } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import { conditionsOf, valueAt } from '../fields.ts';

/** Whether an object is a Job that the cluster removes some time after it ended (spec.ttlSecondsAfterFinished, 0 included). */
export function hasTimeToLive(object: KubeObject): boolean {
  if (object.kind !== 'Job' || parseApiVersion(object.apiVersion).group !== 'batch') return false;
  const seconds = valueAt(object, ['spec', 'ttlSecondsAfterFinished']);
  return typeof seconds === 'number' || typeof seconds === 'bigint';
}

/** How a Job with a time to live ended, from its last state; null while it has not, and for anything else. */
export function endOfJob(last: KubeObject): 'complete' | 'failed' | null {
  if (!hasTimeToLive(last)) return null;
  const end = conditionsOf(last).find(
    ({ type, status }) => status === 'True' && (type === 'Complete' || type === 'Failed'),
  );
  if (end === undefined) return null;
  return end.type === 'Complete' ? 'complete' : 'failed';
}
