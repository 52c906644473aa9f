import type { ObjectKey } from '@plumb/api';
import { formatDuration, keyId, PlumbError, systemError } from '@plumb/api';
import { aggregate, type AggregateHealth } from '@plumb/core';
import { judge } from '../delivery/judge.ts';
import { healthNow, type Target } from '../delivery/settle.ts';
import type { UnitMemory } from '../delivery/unit.ts';
import type { ActionContext } from './context.ts';

export interface HealthWait {
  keys: readonly ObjectKey[];
  /** Milliseconds. */
  timeout: number;
  /** Whether Jobs are to have ended. */
  jobs: boolean;
  /** A value of any object may come from a Secret. */
  hidesValues: boolean;
}

/** How often verdicts that were not to be had are looked for. Milliseconds. */
const LOOK_AGAIN = 5_000;

/** The kinds whose readiness Helm 3 knew (helm pkg/kube/ready.go): with `legacy` no other is waited for. */
const LEGACY_KINDS: ReadonlySet<string> = new Set([
  '/Pod',
  'batch/Job',
  'apps/Deployment',
  '/PersistentVolumeClaim',
  '/Service',
  'apps/DaemonSet',
  'apiextensions.k8s.io/CustomResourceDefinition',
  'apps/StatefulSet',
  '/ReplicationController',
  'apps/ReplicaSet',
]);

/**
 * Waits until objects of a release are ready, as the watch tells.
 * @throws PlumbError `health-failed` when some failed for good or the time is over, naming them; `cancelled`
 */
export async function awaitHealth(wait: HealthWait, context: ActionContext): Promise<void> {
  const { unit, clock, live, job, release, signal } = context;
  const isLegacy = release.spec.waitStrategy?.name === 'legacy';
  // Helm 3 knew none of them (helm-controller internal/action/client.go).
  const expressions = isLegacy ? [] : (release.spec.healthCheckExprs ?? []);
  const keys = wait.keys.filter((key) => isAwaited(key, wait, context));
  if (keys.length === 0) return;
  const targets: Target[] = keys.map((key) => ({ key, served: true }));
  const startedAt = clock.now();
  const deadline = startedAt + wait.timeout;
  unit.verdicts.begin(expressions, keys);
  // Who brings news of health looks here whether anybody waits for it.
  unit.settling = { startedAt, deadline, targets, lookAgainAt: 0, failed: false };
  try {
    for (;;) {
      if (expressions.length > 0) await judgeAll(wait, context);
      const verdict = aggregate(healthNow(targets, live, unit));
      if (verdict.status === 'current') return;
      const left = deadline - clock.now();
      if (verdict.status === 'failed') throw missing(verdict, unit, verdict.message);
      if (left <= 0) {
        const message = `${verdict.message}: not ready within ${formatDuration(wait.timeout)}`;
        throw missing(verdict, unit, message);
      }
      await job.waitForNudge(unit.verdicts.passing ? Math.min(left, LOOK_AGAIN) : left, signal);
      if (signal.aborted) throw systemError('cancelled', 'the wait was cut short', signal.reason);
    }
  } finally {
    unit.settling = null;
    unit.verdicts.end();
  }
}

function isAwaited({ group, kind }: ObjectKey, wait: HealthWait, { release }: ActionContext): boolean {
  if (kind === 'Job' && group === 'batch' && !wait.jobs) return false;
  return release.spec.waitStrategy?.name !== 'legacy' || LEGACY_KINDS.has(`${group}/${kind}`);
}

async function judgeAll({ hidesValues }: HealthWait, context: ActionContext): Promise<void> {
  const { cluster, unit, live, expressions, parallel, signal } = context;
  await judge({ cluster, unit, live, expressions, own: true, hidesValues, parallel, signal }, true);
}

/** What was waited for in vain is kept: it may turn healthy after all. */
function missing({ unready }: AggregateHealth, unit: UnitMemory, message: string): PlumbError {
  for (const { key } of unready) unit.missed.add(keyId(key));
  return new PlumbError('health-failed', message, { fault: 'user', policy: 'retry' });
}
