import type { KubeObject } from '@plumb/api';
import { APPLY_MANAGER, FORCE_RULE, keyId, OWNER_NAME_LABEL, PlumbError, RECONCILE_RULE } from '@plumb/api';
import type { Action } from '@plumb/core';
import { DEFAULT_RULES, ownerLabels } from '@plumb/core';
import { MemoryCluster } from '@plumb/testkit';
import { describe, expect, test } from 'vitest';
import type { ApplyContext } from './apply.ts';
import { mayRecreate, remove } from './recreate.ts';

const unit = { kind: 'Kustomization', namespace: 'shop', name: 'apps' };
const key = { group: 'apps', version: 'v1', kind: 'Deployment', namespace: 'shop', name: 'cart' };
const action: Action = { kind: 'change', key, index: 0 };
const immutable = 'Deployment.apps "cart" is invalid: spec.selector: Invalid value: {"a":"b"}: field is immutable';
const IMMUTABLE = new PlumbError('api-invalid', immutable, { fault: 'user', policy: 'retry' });
const AWAY = new PlumbError('api-unavailable', immutable, { fault: 'system', policy: 'retry' });
const OTHER = new PlumbError('api-invalid', 'Deployment.apps "cart" is invalid: spec: Required value', {
  fault: 'user',
  policy: 'retry',
});

const live = (labels = ownerLabels(unit), annotations = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'cart', namespace: 'shop', labels, annotations },
});
const context = (force: boolean, ruled = false): ApplyContext => {
  const rules = { ...DEFAULT_RULES, force: ruled };
  return {
    force,
    unit: { ref: unit, guard: { guarded: new Set(), isAsked: true }, replacing: new Set() },
    bundle: { objects: [{ rules }] },
    fieldManager: APPLY_MANAGER,
  } as unknown as ApplyContext;
};
const another = ownerLabels({ ...unit, name: 'other' });

test.each<[string, boolean, [KubeObject | null, PlumbError, ApplyContext]]>([
  ['spec.force asks for it', true, [live(), IMMUTABLE, context(true)]],
  ['its declaration asks for it', true, [live(), IMMUTABLE, context(false, true)]],
  [
    'the live object asks for it',
    true,
    [live(ownerLabels(unit), { [FORCE_RULE]: 'enabled' }), IMMUTABLE, context(false)],
  ],
  ['nobody asks for it', false, [live(), IMMUTABLE, context(false)]],
  ['it was refused for something else', false, [live(), OTHER, context(true)]],
  ['the API server could not answer', false, [live(), AWAY, context(true)]],
  ['it is not there', false, [null, IMMUTABLE, context(true)]],
  ['it carries no owner labels', false, [live({}), IMMUTABLE, context(true)]],
  ['it asks to be left', false, [live(ownerLabels(unit), { [RECONCILE_RULE]: 'disabled' }), IMMUTABLE, context(true)]],
  ["it is another unit's", false, [live(another), IMMUTABLE, context(true)]],
])('an object may be deleted and made anew when %s: %s', (_name, may, [object, refusal, how]) => {
  expect(mayRecreate(action, object, refusal, how)).toBe(may);
});

test('what gates guard is not: it is noted, so that the next run asks for leave', () => {
  const guarding = context(true);
  guarding.unit.guard = { guarded: new Set([keyId(key)]), isAsked: true };
  expect(() => mayRecreate(action, live(), IMMUTABLE, guarding)).toThrow(
    'Deployment/shop/cart can only be changed by deleting it and making it anew, which waits for an approval',
  );
  expect([...guarding.unit.replacing]).toEqual([keyId(key)]);
  expect(mayRecreate(action, live({}), IMMUTABLE, guarding)).toBe(false);
});

test('a repair deletes nothing that gates guard, and asks for nothing', () => {
  const guarding = context(true);
  guarding.unit.guard = { guarded: new Set([keyId(key)]), isAsked: false };
  expect(() => mayRecreate(action, live(), IMMUTABLE, guarding)).toThrow(
    'can only be put right by deleting it and making it anew, which needs an approval that no repair asks for',
  );
  expect([...guarding.unit.replacing]).toEqual([]);
});

describe('one that is deleted to be made anew', () => {
  const map = { ...key, group: '', kind: 'ConfigMap' };

  /** Deletes it; `edits` are made in turn after it was read and before it is deleted. @returns the requests, and what is there then */
  async function removed(...edits: object[]): Promise<{ sent: string[]; error: unknown; left: KubeObject | null }> {
    const cluster = new MemoryCluster();
    await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
    const read = await cluster.create({ ...live(), apiVersion: 'v1', kind: 'ConfigMap' });
    for (const metadata of edits) {
      const before = async (): Promise<void> => {
        await cluster.patch(map, { metadata } as never, { type: 'merge' });
      };
      cluster.faults.add({ matches: ({ verb }) => verb === 'delete', before });
    }
    const { signal } = new AbortController();
    const watch = { get: () => undefined, until: () => Promise.resolve(true) };
    const parts = { cluster, live: watch, clock: { now: () => 0 }, stageTimeout: 1_000, signal };
    const all = { ...context(true), ...parts } as unknown as ApplyContext;
    const error = await remove({ ...action, key: map }, read, IMMUTABLE, all).catch((thrown: unknown) => thrown);
    const sent = cluster.requests.map(({ verb }) => verb).filter((verb) => verb === 'get' || verb === 'delete');
    return { sent, error, left: await cluster.get(map) };
  }

  test('is deleted as it was read', async () => {
    expect(await removed()).toEqual({ sent: ['delete', 'get'], error: undefined, left: null });
  });

  test('is read and judged again when it changed meanwhile', async () => {
    const again = ['delete', 'get', 'delete', 'get'];
    expect(await removed({ labels: { note: 'mine' } })).toEqual({ sent: again, error: undefined, left: null });
  });

  test.each([
    ['it lost our label', { labels: { [OWNER_NAME_LABEL]: null } }],
    ['it asks to be left', { annotations: { [RECONCILE_RULE]: 'disabled' } }],
  ])('stays when meanwhile %s, with the refusal that led to it', async (_how, edit) => {
    const { error, left } = await removed(edit);
    expect(error).toBe(IMMUTABLE);
    expect(left).not.toBeNull();
  });

  test('stays for now when it changes all the time', async () => {
    const { error, left } = await removed(
      ...Array.from({ length: 5 }, (_, index) => ({ labels: { note: `${index}` } })),
    );
    expect(error).toMatchObject({ code: 'api-conflict' });
    expect(left).not.toBeNull();
  });
});
