import { conditionsOf, intAt, isMap, textAt, valueAt } from '../fields.ts';
import type { KubeObject } from '@plumb/api';
import { current, failed, inProgress } from './verdict.ts';
import type { HealthRule } from './verdict.ts';

function crashLooping(object: KubeObject): string[] {
  const containers = valueAt(object, ['status', 'containerStatuses']);
  if (!Array.isArray(containers)) return [];
  return containers
    .filter(isMap)
    .filter((container) => textAt(container, ['state', 'waiting', 'reason'], '') === 'CrashLoopBackOff')
    .map((container) => textAt(container, ['name'], ''))
    .filter((name) => name !== '');
}

function runningPod(object: KubeObject): ReturnType<HealthRule> {
  const ready = conditionsOf(object).some(({ type, status }) => type === 'Ready' && status === 'True');
  if (ready) return current('Pod is Ready');
  const names = crashLooping(object);
  if (names.length > 0) return failed(`Containers in CrashLoop state: ${names.join(',')}`);
  return inProgress('Pod is running but is not Ready');
}

function pendingPod(object: KubeObject): ReturnType<HealthRule> {
  const unschedulable = conditionsOf(object).some(
    ({ type, status, reason }) => type === 'PodScheduled' && status === 'False' && reason === 'Unschedulable',
  );
  // kstatus calls this Failed 15 s after creation. Without a clock that moment cannot be seen, and a new node may still
  // help; the unit's timeout ends the wait.
  return inProgress(unschedulable ? 'Pod has not been scheduled' : 'Pod is in the Pending phase');
}

export const podHealth: HealthRule = (object) => {
  const phase = textAt(object, ['status', 'phase'], '');
  switch (phase) {
    case 'Succeeded':
      return current('Pod has completed successfully');
    case 'Failed':
      return current('Pod has completed, but not successfully');
    case 'Running':
      return runningPod(object);
    case 'Pending':
      return pendingPod(object);
    case '':
      return inProgress('Pod phase not available');
    default:
      return { status: 'Unknown', message: `unknown phase ${phase}` };
  }
};

/**
 * Flux's rule (fluxcd/pkg runtime/statusreaders), stricter than kstatus: a Job is Current when it completed, not when it
 * started. A suspended Job awaits nothing.
 */
export const jobHealth: HealthRule = (object) => {
  const wanted = intAt(object, ['spec', 'completions'], intAt(object, ['spec', 'parallelism'], 1));
  for (const { type, status } of conditionsOf(object)) {
    if (status !== 'True') continue;
    if (type === 'Complete') {
      return current(`Job Completed. succeeded: ${intAt(object, ['status', 'succeeded'], 0)}/${wanted}`);
    }
    if (type === 'Failed') return failed(`Job Failed. failed: ${intAt(object, ['status', 'failed'], 0)}/${wanted}`);
    if (type === 'Suspended') return current('Job is suspended');
  }
  return inProgress('Job in progress');
};
