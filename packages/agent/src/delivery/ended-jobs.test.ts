import type { KubeObject, ObjectKey } from '@plumb/api';
import { APPLY_MANAGER, keyId, keyOf } from '@plumb/api';
import { DEFAULT_RULES, makePlan, observe } from '@plumb/core';
import { expect, test } from 'vitest';
import { judge } from './drift.ts';
import { UnitMemory } from './unit.ts';

const UNIT = { kind: 'Kustomization', namespace: 'shop', name: 'apps' };

function job(ttl: boolean, condition?: string): KubeObject {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: 'migrate',
      namespace: 'shop',
      uid: 'u',
      resourceVersion: '2',
      deletionTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: ttl ? { ttlSecondsAfterFinished: 0 } : {},
    status: { conditions: condition === undefined ? [] : [{ type: condition, status: 'True' }] },
  };
}
const key: ObjectKey = keyOf(job(true));
const id = keyId(key);

/** What is planned for the Job, as it was declared and otherwise, after it left the watch. */
function afterwards(last: KubeObject): { drift: boolean; same: string | undefined; changed: string | undefined } {
  const unit = new UnitMemory(UNIT, 'u1');
  unit.applied.set(id, { desiredDigest: 'd1', ownedHash: 'h', uid: 'u', resourceVersion: '1' });
  const drift = judge({ id, key, before: observe(last, APPLY_MANAGER), after: undefined, object: last }, unit);
  const plan = (digest: string): string | undefined =>
    makePlan({
      cause: 'routine',
      desired: [{ key, digest, rules: DEFAULT_RULES }],
      observed: () => undefined,
      applied: (asked) => unit.applied.get(keyId(asked)),
      inventory: [key],
      unit: UNIT,
      prune: true,
    }).stages[0]?.actions[0]?.kind;
  return { drift, same: plan('d1'), changed: plan('d2') };
}

test.each<[string, KubeObject, { drift: boolean; same: string }]>([
  ['completed', job(true, 'Complete'), { drift: false, same: 'unchanged' }],
  ['failed', job(true, 'Failed'), { drift: false, same: 'unchanged' }],
  ['had not ended', job(true), { drift: true, same: 'create' }],
  ['completed, but has no time to live', job(false, 'Complete'), { drift: true, same: 'create' }],
])('a Job that is removed after it %s', (_name, last, expected) => {
  expect(afterwards(last)).toEqual({ ...expected, changed: 'create' });
});
