import type { KubeObject } from '@plumb/api';
import { HELM_RELEASE } from '@plumb/api';
import { LASTING_HOOKS, PASSING_HOOKS } from './charts.ts';
import { HOOK_KINDS, POD } from './model.ts';
import { isRecord } from './record.ts';

/** What somebody wrote, as it is and as it was before; null: not there. */
export interface Write {
  readonly now: KubeObject | null;
  readonly before: KubeObject | null;
}

/** The moments of a release's life, by a write that is part of each: a kill comes right after it. */
export const MOMENTS = {
  'a record is stored': ({ now, before }) => before === null && isPending(statusOf(now)),
  'a rollback begins': ({ now }) => statusOf(now) === 'pending-rollback',
  'a hook is made': ({ now, before }) => before === null && now !== null && isHook(now),
  'a test is run': ({ now, before }) => before === null && now !== null && isTest(now),
  'a hook is deleted': ({ now, before }) => now === null && before !== null && isHook(before),
  'an object is applied': ({ now }) => now !== null && isObject(now),
  'an object is deleted': ({ now, before }) => now === null && before !== null && isObject(before),
  'a release is in force': ({ now }) => statusOf(now) === 'deployed',
  'a release failed': ({ now }) => statusOf(now) === 'failed',
  'an uninstall begins': ({ now }) => statusOf(now) === 'uninstalling',
  'a record is deleted': ({ now, before }) => now === null && before !== null && isRecord(before),
  'a status is written': ({ now }) => now?.kind === HELM_RELEASE.kind,
} as const satisfies Record<string, (write: Write) => boolean>;

export type Moment = keyof typeof MOMENTS;

function statusOf(object: KubeObject | null): string {
  return object !== null && isRecord(object) ? (object.metadata.labels?.['status'] ?? '') : '';
}

function isPending(status: string): boolean {
  return status.startsWith('pending-');
}

function isHook({ kind, metadata: { name } }: KubeObject): boolean {
  const isRunning = HOOK_KINDS.some((one) => one.kind === kind);
  return isRunning || [...PASSING_HOOKS, ...LASTING_HOOKS].some((hook) => name.endsWith(`-${hook}`));
}

/** The Pod of a test; those of Jobs have longer names. */
function isTest({ kind, metadata: { name } }: KubeObject): boolean {
  return kind === POD.kind && name.endsWith('-test');
}

function isObject(object: KubeObject): boolean {
  return object.metadata.labels?.['app.kubernetes.io/managed-by'] === 'Helm' && !isHook(object);
}

const PHASES: Readonly<Record<string, string>> = {
  'pending-install': 'install',
  'pending-upgrade': 'upgrade',
  'pending-rollback': 'rollback',
  uninstalling: 'uninstall',
};

/** What releases are in the middle of, by what their objects are now: `install`, `upgrade`, `rollback`, `uninstall`, and `hook` and `test` beside. */
export function phasesOf(objects: Iterable<KubeObject>): Set<string> {
  const phases = new Set<string>();
  for (const object of objects) {
    const phase = PHASES[statusOf(object)];
    if (phase !== undefined) phases.add(phase);
    if (object.kind === 'Job' && !hasEnded(object)) phases.add('hook');
    if (isTest(object) && !hasStopped(object)) phases.add('test');
  }
  return phases;
}

function hasEnded(job: KubeObject): boolean {
  const { conditions = [] } = (job['status'] ?? {}) as { conditions?: { type: string; status: string }[] };
  return conditions.some(({ type, status }) => ['Complete', 'Failed'].includes(type) && status === 'True');
}

function hasStopped(pod: KubeObject): boolean {
  const { phase = '' } = (pod['status'] ?? {}) as { phase?: string };
  return ['Succeeded', 'Failed'].includes(phase);
}
