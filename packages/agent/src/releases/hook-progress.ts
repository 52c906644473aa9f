import type { KubeObject } from '@plumb/api';
import { hasTimeToLive } from '@plumb/core';

/** How far the object of a hook is. Helm waits for Jobs and Pods only (helm pkg/kube, WatchUntilReady); anything else is done when it is made. */
export type HookProgress = { state: 'running' | 'succeeded' } | { state: 'failed'; why: string };

interface Progressing {
  phase?: string;
  reason?: string;
  message?: string;
  conditions?: readonly { type: string; status: string; reason?: string; message?: string }[];
}

export function hookProgress(object: KubeObject): HookProgress {
  const status = (object['status'] ?? {}) as Progressing;
  if (object.kind === 'Job' && object.apiVersion.startsWith('batch/')) return jobProgress(status);
  if (object.kind === 'Pod' && object.apiVersion === 'v1') return podProgress(status);
  return { state: 'succeeded' };
}

/**
 * How the object of a hook that is gone ended, by its last state that was seen. Where nobody saw it go, a Job with a time to live has run: only what
 * has ended is removed by it. How it ended is not known then; it counts as well, as in Flux (helm-controller, `job-ttl`) and Helm's older waiter.
 * @param isEnd whether it was deleted in that state
 */
export function progressOfGone(last: KubeObject, isEnd: boolean): HookProgress {
  const progress = hookProgress(last);
  if (progress.state !== 'running') return progress;
  if (!isEnd && hasTimeToLive(last)) return { state: 'succeeded' };
  return { state: 'failed', why: 'it was deleted while it ran' };
}

function jobProgress({ conditions = [] }: Progressing): HookProgress {
  const holds = (type: string) => conditions.find((one) => one.type === type && one.status === 'True');
  if (holds('Complete') !== undefined) return { state: 'succeeded' };
  const failed = holds('Failed');
  return failed === undefined ? { state: 'running' } : { state: 'failed', why: failed.message ?? failed.reason ?? '' };
}

function podProgress({ phase, message, reason }: Progressing): HookProgress {
  if (phase === 'Succeeded') return { state: 'succeeded' };
  return phase === 'Failed' ? { state: 'failed', why: message ?? reason ?? '' } : { state: 'running' };
}
