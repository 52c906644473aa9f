import type { Kustomization, KubeObject, ObjectKey } from '@plumb/api';
import { apiVersionOf, keyId, keyOf, parseApiVersion } from '@plumb/api';
import type { Health, ObjectHealth } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import type { Change } from './apply.ts';
import type { LiveObjects } from './live.ts';
import type { Tenant } from './readable.ts';
import { refusal, refusals } from './readable.ts';
import type { StoredBundle, UnitMemory } from './unit.ts';

/** An object whose health is waited for. */
export interface Target {
  key: ObjectKey;
  /** The cluster serves its kind: until then it cannot be watched, and its namespace is a guess. */
  served: boolean;
  /** Why the unit may not read it, in the API server's words: then nothing of it is told. */
  refused?: string;
}

/** What looking at health takes: what there is, and where it is watched. */
export interface Sight {
  cluster: Pick<Cluster, 'resource'>;
  live: Pick<LiveObjects, 'get' | 'watchObject' | 'keepOnly'>;
  /** The uid of the unit that looks. */
  unit: string;
  /** Acts as the unit's service account, which must be allowed to read what is waited for; null: the unit acts as the agent. */
  tenant: Tenant | null;
}

/**
 * The objects whose health a unit waits for, each watched: all of its own with spec.wait, but for those this run left alone; else those
 * spec.healthChecks names. The unit itself is never among them: it would wait for its own end.
 */
export async function healthTargets(
  unit: Kustomization,
  bundle: StoredBundle,
  changes: readonly Change[],
  sight: Sight,
): Promise<Target[]> {
  const own = keyId(keyOf(unit as KubeObject));
  const isNamed = unit.spec.wait !== true;
  const targets = isNamed
    ? await namedTargets(unit, sight)
    : await lookAtOwn(
        ownKeys(bundle, changes).filter((key) => keyId(key) !== own),
        sight,
      );
  // What an earlier spec named is watched no longer.
  sight.live.keepOnly(sight.unit, new Set(isNamed ? targets.map(({ key }) => keyId(key)) : []));
  return targets.filter(({ key }) => keyId(key) !== own);
}

function ownKeys(bundle: StoredBundle, changes: readonly Change[]): ObjectKey[] {
  const skipped = new Set(changes.filter(({ action }) => action === 'skipped').map(({ key }) => keyId(key)));
  return bundle.objects.map(({ key }) => key).filter((key) => !skipped.has(keyId(key)));
}

/** What was applied is watched already; a tenant may have lost the right to read it since. */
async function lookAtOwn(keys: readonly ObjectKey[], { cluster, tenant }: Sight): Promise<Target[]> {
  const refused = tenant === null ? new Map<string, string>() : await refusals(keys, tenant, cluster);
  return keys.map((key) => {
    const words = refused.get(keyId(key));
    return { key, served: true, ...(words === undefined ? {} : { refused: words }) };
  });
}

/** A missing apiVersion is apps/v1; a missing namespace the unit's own, for kinds that have one. */
async function namedTargets(unit: Kustomization, sight: Sight): Promise<Target[]> {
  const checks = unit.spec.healthChecks ?? [];
  return Promise.all(
    checks.map(({ apiVersion = 'apps/v1', kind, name, namespace = unit.metadata.namespace ?? '' }) =>
      look({ ...parseApiVersion(apiVersion), kind, name, namespace }, sight),
    ),
  );
}

async function look(key: ObjectKey, { cluster, live, tenant, unit }: Sight): Promise<Target> {
  const resource = await cluster.resource(key);
  if (resource === null) return { key, served: false };
  const target = resource.namespaced ? key : { ...key, namespace: '' };
  const refused = tenant === null ? null : await refusal(target, tenant);
  if (refused !== null) return { key: target, served: true, refused };
  await live.watchObject(target, unit);
  return { key: target, served: true };
}

/** Whether what is waited for is in view. */
export function isInView({ served, refused }: Target): boolean {
  return served && refused === undefined;
}

/** Looks again for what is not in view: a definition may have come meanwhile, or a right. @returns the same list where all is */
export async function lookAgain(
  unit: Pick<Kustomization, 'spec'>,
  targets: readonly Target[],
  sight: Sight,
): Promise<readonly Target[]> {
  if (targets.every(isInView)) return targets;
  if (unit.spec.wait === true)
    return lookAtOwn(
      targets.map(({ key }) => key),
      sight,
    );
  return Promise.all(targets.map((target) => (isInView(target) ? target : look(target.key, sight))));
}

/** The verdicts the watches have brought in so far; no request is made. */
export function healthNow(
  targets: readonly Target[],
  live: Pick<LiveObjects, 'get'>,
  unit: UnitMemory,
): ObjectHealth[] {
  return targets.map(({ key, served, refused }) => {
    if (refused !== undefined) return { key, health: { status: 'Failed', message: refused } };
    return { key, health: served ? healthOf(key, live, unit) : unservedHealth(key) };
  });
}

function healthOf(key: ObjectKey, live: Pick<LiveObjects, 'get'>, unit: UnitMemory): Health {
  const id = keyId(key);
  const seen = live.get(id);
  if (seen !== undefined) return unit.verdicts.healthOf(id, seen) ?? seen.health;
  switch (unit.applied.get(id)?.ended) {
    case 'complete':
      return { status: 'Current', message: 'Job completed and was removed' };
    case 'failed':
      return { status: 'Failed', message: 'Job failed and was removed' };
    default:
      return { status: 'NotFound', message: 'object not found' };
  }
}

function unservedHealth(key: ObjectKey): Health {
  return { status: 'NotFound', message: `the cluster serves no kind ${key.kind} in ${apiVersionOf(key)}` };
}
