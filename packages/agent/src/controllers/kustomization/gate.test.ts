import type { ObjectKey } from '@plumb/api';
import { keyId, userError, type PlumbError } from '@plumb/api';
import type { ActionKind, Cause, Plan } from '@plumb/core';
import { expect, test } from 'vitest';
import { UnitMemory, type StoredBundle } from '../../delivery/unit.ts';
import type { Gatekeeper } from '../../gates/gatekeeper.ts';
import type { GateRequest } from '../../gates/gate-request.ts';
import { kustomization } from '../../testing/builders.ts';
import { askedFor, causeOf, policyGate } from './gate.ts';

const KEY: ObjectKey = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'settings' };

const BUNDLE = { objects: [{ digest: 'a' }] as unknown as StoredBundle['objects'] };

function planOf(kind: ActionKind | null, prune: readonly ObjectKey[] = []): Plan {
  const actions = kind === null ? [] : [{ kind, key: KEY, index: 0 }];
  return { cause: 'routine', stages: [{ name: 'rest', actions }], prune, unseen: [], refused: [] };
}

function memoryWith(isApplied: boolean): UnitMemory {
  const memory = new UnitMemory({ kind: 'Kustomization', namespace: 'shop', name: 'apps' }, 'uid');
  const record = { desiredDigest: 'a', ownedHash: 'b', uid: 'u', resourceVersion: '1' };
  if (isApplied) memory.applied.set(keyId(KEY), record);
  return memory;
}

test.each<[what: string, plan: Plan, is: { inForce: boolean; applied: boolean }, cause: string]>([
  ['a correction of what is in force is of drift', planOf('correct'), { inForce: true, applied: true }, 'drift'],
  ['a comparison of what is in force is so too', planOf('compare'), { inForce: true, applied: false }, 'drift'],
  ['so is one that was applied and is gone', planOf('create'), { inForce: true, applied: true }, 'drift'],
  [
    'what the status says is in force, and we applied otherwise, is not',
    planOf('change'),
    { inForce: true, applied: true },
    'routine',
  ],
  ['nor what we never applied', planOf('create'), { inForce: true, applied: false }, 'routine'],
  ['what is declared anew is routine', planOf('change'), { inForce: false, applied: true }, 'routine'],
  ['what only deletes is pruned', planOf(null, [KEY]), { inForce: true, applied: true }, 'prune'],
  [
    'what deletes and applies is routine',
    planOf('change', [{ ...KEY, name: 'old' }]),
    { inForce: true, applied: true },
    'routine',
  ],
])('%s', (_what, plan, { inForce, applied }, cause) => {
  expect(causeOf(plan, BUNDLE, { cause: 'routine', inForce, memory: memoryWith(applied) })).toBe(cause);
});

test.each(['drift', 'rebuild', 'emergency'] as const)('a delivery for %s is that', (cause) => {
  expect(causeOf(planOf('change'), BUNDLE, { cause, inForce: false, memory: memoryWith(true) })).toBe(cause);
});

test.each([
  ['what an earlier process applied as it is declared is of drift', 'a', 'drift'],
  ['what it applied otherwise is routine, whatever the status says', 'b', 'routine'],
])('%s', (_what, desiredDigest, cause) => {
  const memory = memoryWith(false);
  memory.recalled = new Map([[keyId(KEY), { desiredDigest, ownedHash: 'h' }]]) as unknown as UnitMemory['recalled'];
  expect(causeOf(planOf('compare'), BUNDLE, { cause: 'routine', inForce: true, memory })).toBe(cause);
});

test.each([
  ['what an earlier process applied is built again', 'a', 'rebuild'],
  ['what it applied otherwise is routine, whatever the status says of what was delivered last', 'b', 'routine'],
])('%s', (_what, desiredDigest, cause) => {
  const memory = memoryWith(false);
  memory.recalled = new Map([[keyId(KEY), { desiredDigest, ownedHash: 'h' }]]) as unknown as UnitMemory['recalled'];
  expect(causeOf(planOf('compare'), BUNDLE, { cause: 'rebuild', inForce: false, memory })).toBe(cause);
});

test('what must not be told is known once the bodies of a bundle are brought in', async () => {
  const requests: GateRequest[] = [];
  const pass: Gatekeeper['pass'] = (request) => {
    requests.push(request);
    return Promise.resolve(null);
  };
  const bundle = { objects: [], pack: { bytes: null }, configs: '', reads: { remotes: [] } } as unknown as StoredBundle;
  const loadBodies = (): Promise<void> => {
    bundle.pack.secrets = ['hunter2'];
    return Promise.resolve();
  };
  const context = { gates: { pass }, memory: memoryWith(true), cause: 'drift', loadBodies };
  await policyGate(kustomization(), bundle, context as unknown as Parameters<typeof policyGate>[2])(planOf(null));
  expect(requests[0]?.secrets).toEqual([]);
  await requests[0]?.contents();
  expect(requests[0]?.secrets).toEqual(['hunter2']);
});

const FAILED = userError('apply-failed', 'no');

test.each<[what: string, error: PlumbError | null, of: { cause: Cause; isAsked: boolean }, told: string[]]>([
  ['not once what is declared is delivered', null, { cause: 'routine', isAsked: true }, ['', '']],
  ['not once nothing is to be done for it, whoever asked last', null, { cause: 'routine', isAsked: false }, ['', '']],
  ['still after a repair', null, { cause: 'drift', isAsked: false }, ['', keyId(KEY)]],
  ['still after what was delivered before came back', null, { cause: 'rebuild', isAsked: false }, ['', keyId(KEY)]],
  ['whatever else failed', FAILED, { cause: 'routine', isAsked: true }, ['gated', keyId(KEY)]],
  ['by no repair that fails', FAILED, { cause: 'drift', isAsked: false }, ['apply-failed', keyId(KEY)]],
])('what is deleted to be made anew is asked for %s', (_what, error, { cause, isAsked }, told) => {
  const memory = memoryWith(true);
  memory.replacing.add(keyId(KEY));
  memory.guard = { guarded: new Set([keyId(KEY)]), isAsked };
  expect([askedFor(error, { memory, cause })?.code ?? '', [...memory.replacing].join()]).toEqual(told);
});
