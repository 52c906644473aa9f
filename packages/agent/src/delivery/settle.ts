import type { KustomizationSpec, ObjectKey } from '@plumb/api';
import { keyId, parseApiVersion } from '@plumb/api';
import type { Health } from '@plumb/core';
import type { LiveObjects } from './live.ts';
import type { StoredBundle } from './unit.ts';

export interface ObjectHealth {
  key: ObjectKey;
  health: Health;
}

/**
 * The objects whose health a unit waits for: all of its own with spec.wait, else those spec.healthChecks names (a missing apiVersion is apps/v1).
 * The unit itself is never among them: it would wait for its own end.
 */
export function healthTargets(spec: KustomizationSpec, bundle: StoredBundle, self: ObjectKey): ObjectKey[] {
  const keys = spec.wait === true ? ownTargets(bundle) : namedTargets(spec);
  const own = keyId(self);
  return keys.filter((key) => keyId(key) !== own);
}

function ownTargets(bundle: StoredBundle): ObjectKey[] {
  const applied = bundle.objects.filter(({ rules }) => rules.reconcile && rules.ssa !== 'Ignore');
  return applied.map((object) => object.key);
}

function namedTargets(spec: KustomizationSpec): ObjectKey[] {
  return (spec.healthChecks ?? []).map((check) => {
    const { group, version } = parseApiVersion(check.apiVersion ?? 'apps/v1');
    return { group, version, kind: check.kind, name: check.name, namespace: check.namespace ?? '' };
  });
}

/** The verdicts the watches have brought in so far; no request is made. */
export function healthNow(targets: readonly ObjectKey[], live: LiveObjects): ObjectHealth[] {
  return targets.map((key) => ({
    key,
    health: live.get(keyId(key))?.health ?? { status: 'NotFound', message: 'object not found' },
  }));
}
