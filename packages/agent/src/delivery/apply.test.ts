import { OWNERSHIPS } from '@plumb/core';
import type { JsonObject, KubeObject, ObjectKey } from '@plumb/api';
import { APPLY_MANAGER, keyId } from '@plumb/api';
import type { Action, Cause, Plan } from '@plumb/core';
import { DEFAULT_RULES, ownerLabels } from '@plumb/core';
import { MemoryCluster } from '@plumb/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../runtime/clock.ts';
import type { ApplyContext } from './apply.ts';
import { applyPlan } from './apply.ts';
import { LiveObjects } from './live.ts';
import { UnitMemory } from './unit.ts';

const REF = { kind: 'Kustomization', namespace: 'shop', name: 'apps' };
const DEFINITION: ObjectKey = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  namespace: '',
  name: 'campaigns.example.com',
};
const SETTINGS: ObjectKey = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'settings' };

const definition: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: DEFINITION.name, labels: ownerLabels(REF) },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { kind: 'Campaign', plural: 'campaigns', singular: 'campaign', listKind: 'CampaignList' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
};
const settings: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: 'shop', labels: ownerLabels(REF) },
  data: { colour: 'green' },
};

let cluster: MemoryCluster;
let live: LiveObjects;
let unit: UnitMemory;
beforeEach(async () => {
  cluster = new MemoryCluster();
  unit = new UnitMemory(REF, 'u1');
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  live = new LiveObjects({ cluster, ownership: OWNERSHIPS.Kustomization, onChange: () => {} });
  await cluster.create(definition);
  await accept('False');
  await live.watchKinds([DEFINITION, SETTINGS]);
});
afterEach(() => live.close());

/** Whether the server accepts the definition's names; where it does not, nothing of its kind can be stored. */
async function accept(status: 'True' | 'False'): Promise<void> {
  const condition = { type: 'NamesAccepted', status, reason: 'test', message: 'test' };
  const established = { ...condition, type: 'Established' };
  const patch: JsonObject = { status: { conditions: [condition, established] } };
  await cluster.patch(DEFINITION, patch, { type: 'merge', subresource: 'status' });
}

function contextOf(stageTimeout: number): ApplyContext {
  const objects = [definition, settings].map((body, index) => {
    const bytes = Buffer.from(JSON.stringify(body));
    const key = index === 0 ? DEFINITION : SETTINGS;
    const origin = { path: '', document: 0 };
    return { key, digest: 'd', rules: DEFAULT_RULES, ignored: [], origin, pack: { bytes }, at: 0, size: bytes.length };
  });
  return {
    cluster,
    live,
    clock: systemClock,
    unit,
    bundle: { objects },
    fieldManager: APPLY_MANAGER,
    overriddenManagers: [],
    force: false,
    deliveredBefore: false,
    inForce: false,
    drift: 'correct',
    hidesValues: false,
    parallel: 4,
    stageTimeout,
    signal: new AbortController().signal,
    onAnswer: () => {},
  } as unknown as ApplyContext;
}

function health(): string | undefined {
  return live.get(keyId(DEFINITION))?.health.status;
}

/** Resolves when somebody waits for live objects. */
function waiting(): Promise<void> {
  const until = live.until.bind(live);
  return new Promise((resolve) => {
    live.until = (...args) => {
      resolve();
      return until(...args);
    };
  });
}

/** Of a run after one that wrote the definition: only what comes after it is still to be made. */
function planFor(cause: Cause, definitionAction: Action['kind'] = 'unchanged'): Plan {
  return {
    cause,
    stages: [
      { name: 'definitions', actions: [{ kind: definitionAction, key: DEFINITION, index: 0 }] },
      { name: 'rest', actions: [{ kind: 'create', key: SETTINGS, index: 1 }] },
    ],
    prune: [],
    unseen: [],
    refused: [],
  };
}

describe('a definition that an earlier run wrote, and whose names are not accepted', () => {
  test('is waited for again, and nothing that comes after it is made', async () => {
    await expect(applyPlan(planFor('routine'), contextOf(50), [])).rejects.toMatchObject({
      code: 'timeout',
      message: 'timeout waiting for: CustomResourceDefinition/campaigns.example.com',
    });
    expect(await cluster.get(SETTINGS)).toBeNull();
  });

  test('is waited for once: the next run says so at once, and the one after they are accepted goes on', async () => {
    await expect(applyPlan(planFor('routine'), contextOf(50), [])).rejects.toMatchObject({ code: 'timeout' });
    live.until = () => Promise.reject(new Error('nobody waits'));
    await expect(applyPlan(planFor('routine'), contextOf(30_000), [])).rejects.toMatchObject({ code: 'timeout' });
    live.until = LiveObjects.prototype.until;
    const seen = live.until(() => health() === 'Current', 5_000, new AbortController().signal);
    await accept('True');
    await seen;
    await applyPlan(planFor('routine'), contextOf(50), []);
    expect(await cluster.get(SETTINGS)).not.toBeNull();
    expect(unit.overdue.size).toBe(0);
  });

  test.each<[string, Error, number]>([
    ["counts as waited for where the unit's own time is over", new DOMException('over', 'TimeoutError'), 1],
    ['does not where something else ends the run', new DOMException('stop', 'AbortError'), 0],
  ])('%s', async (_what, reason, overdue) => {
    const stop = new AbortController();
    const waits = waiting();
    const failed = applyPlan(planFor('routine'), { ...contextOf(30_000), signal: stop.signal }, []).catch(() => {});
    await waits;
    stop.abort(reason);
    await failed;
    expect(unit.overdue.size).toBe(overdue);
  });

  test('lets the rest go on as soon as they are', async () => {
    const waits = waiting();
    const applied = applyPlan(planFor('routine'), contextOf(30_000), []);
    await waits;
    await accept('True');
    await applied;
    expect(await cluster.get(SETTINGS)).not.toBeNull();
  });

  test('is not waited for any longer when it is deleted', async () => {
    const waits = waiting();
    const failed = applyPlan(planFor('routine'), contextOf(30_000), []).catch((thrown: unknown) => thrown);
    await waits;
    await cluster.delete(DEFINITION);
    expect(await failed).toMatchObject({
      code: 'apply-failed',
      message: 'CustomResourceDefinition/campaigns.example.com was deleted while what comes after it waited for it',
    });
    expect(await cluster.get(SETTINGS)).toBeNull();
  });

  test.each<[string, Cause, Action['kind']]>([
    ['drift is put right', 'drift', 'unchanged'],
    ['it is left alone', 'routine', 'skip'],
    ['its drift is left', 'routine', 'tolerate'],
  ])('keeps nobody where %s', async (_where, cause, kind) => {
    await applyPlan(planFor(cause, kind), contextOf(50), []);
    expect(await cluster.get(SETTINGS)).not.toBeNull();
  });
});

test('a definition in force costs no request and no wait', async () => {
  await accept('True');
  await live.until(() => health() === 'Current', 5_000, new AbortController().signal);
  cluster.clearRequests();
  await applyPlan(planFor('routine'), contextOf(50), []);
  expect(cluster.requests.map(({ verb }) => verb).filter((verb) => verb !== 'apply')).toEqual([]);
});
