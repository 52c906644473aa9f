import { randomBytes } from 'node:crypto';
import type { JsonObject, KubeObject, ObjectKey } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace, serviceAccount } from './support/manifests.ts';
import { Requests } from './support/requests.ts';
import { condition, World } from './support/world.ts';

const GROUP = `shop-${randomBytes(4).toString('hex')}.example.com`;
const DEFINITION: ObjectKey = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  namespace: '',
  name: `tills.${GROUP}`,
};

const definition = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: tills.${GROUP}
spec:
  group: ${GROUP}
  scope: Namespaced
  names: { kind: Till, plural: tills, singular: till }
  versions:
    - name: v1
      served: true
      storage: true
      subresources: { status: {} }
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec: { type: object, x-kubernetes-preserve-unknown-fields: true }
            status: { type: object, x-kubernetes-preserve-unknown-fields: true }
`;

const TILLS = {
  apiVersion: `${GROUP}/v1`,
  kind: 'Till',
  inProgress: "status.phase == 'Opening'",
  failed: "status.phase == 'Broken'",
  current: "status.phase == 'Open'",
};

/** For every kind of the group. */
const saying = (current: string) => ({ apiVersion: `${GROUP}/v1`, current });

const requests = new Requests();
let world: World;
beforeAll(async () => {
  world = await World.start({ agent: { connect: { counter: requests } } });
  const { target } = world;
  const commit = await world.repository.commit({
    'base/namespace.yaml': namespace(target),
    'base/tills.yaml': definition,
    'base/account.yaml': serviceAccount(target, 'shop'),
    'apps/main.yaml': till('main', 1),
  });
  await world.gitRepository();
  await world.kustomization('base', { wait: true });
  await world.applied('base', `main@sha1:${commit}`);
});
afterAll(async () => {
  await world.cluster.delete(DEFINITION);
  await world.close();
});

const till = (name: string, size: number): string =>
  `apiVersion: ${GROUP}/v1\nkind: Till\nmetadata:\n  name: ${name}\n  namespace: ${world.target}\nspec: { size: ${size} }\n`;

const tillKey = (name: string): ObjectKey => ({
  group: GROUP,
  version: 'v1',
  kind: 'Till',
  namespace: world.target,
  name,
});

/** What the controller of tills would write, had it one. */
async function report(name: string, status: JsonObject): Promise<void> {
  await world.until(tillKey(name), 'be there', (object) => object !== null);
  await world.cluster.patch(tillKey(name), { status }, { type: 'merge', subresource: 'status' });
}

async function patch(name: string, spec: Record<string, unknown>): Promise<void> {
  await world.cluster.patch(world.unitKey(name), { spec } as never, { type: 'merge' });
}

const readyMessage = (unit: KubeObject | null): string => condition(unit, 'Ready')?.message ?? '';
const tillReads = (): string[] => requests.take().filter((sent) => sent === 'get tills');

test('a unit is Ready when its own expressions say so', async () => {
  await world.kustomization('apps', { wait: true, healthCheckExprs: [TILLS] });
  await world.conditionIs(world.unitKey('apps'), 'Healthy', 'Unknown', 'Progressing');
  await report('main', { phase: 'Opening' });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'Unknown');
  await report('main', { phase: 'Open' });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True', 'ReconciliationSucceeded');
  expect(condition(await world.get(world.unitKey('apps')), 'Healthy')?.status).toBe('True');
});

test('its objects are read once at most, and not at all while they are as they were', async () => {
  // One by the first apply, to see whether the object is somebody's; one to judge it, unless the watch was there first.
  expect(tillReads().length).toBeLessThanOrEqual(2);
  await world.judgedAnew('apps');
  expect(tillReads()).toEqual([]);
});

test('an object that failed by them fails the unit at once, and one that recovers makes it Ready again', async () => {
  await report('main', { phase: 'Broken' });
  const revision = await world.push({ 'apps/map.yaml': configMap(world.target, 'map', { a: '1' }) });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'HealthCheckFailed');
  expect(readyMessage(unit)).toMatch(
    new RegExp(`failed early due to stalled resources: \\[Till/${world.target}/main status: 'Failed'\\]$`),
  );
  await report('main', { phase: 'Open' });
  await world.applied('apps', revision);
});

test('a controller that has not seen the spec yet is waited for, whatever the expressions say', async () => {
  await report('main', { phase: 'Open', observedGeneration: 1 });
  const revision = await world.push({ 'apps/main.yaml': till('main', 2) });
  await world.conditionIs(world.unitKey('apps'), 'Healthy', 'Unknown', 'Progressing');
  await report('main', { phase: 'Open', observedGeneration: 2 });
  await world.applied('apps', revision);
});

test('two units may judge one object differently', async () => {
  const check = { apiVersion: `${GROUP}/v1`, kind: 'Till', name: 'main', namespace: world.target };
  const spec = { path: './base', prune: false, healthChecks: [check] };
  await world.kustomization('pleased', { ...spec, healthCheckExprs: [{ ...TILLS, current: 'spec.size == 2' }] });
  await world.kustomization('usual', spec);
  await world.kustomization('strict', {
    ...spec,
    timeout: '8s',
    healthCheckExprs: [saying('spec.size == 3')],
  });
  await world.conditionIs(world.unitKey('pleased'), 'Healthy', 'True');
  await world.conditionIs(world.unitKey('usual'), 'Healthy', 'True');
  const unit = await world.conditionIs(world.unitKey('strict'), 'Ready', 'False', 'HealthCheckFailed');
  expect(readyMessage(unit)).toContain(`timeout waiting for: [Till/${world.target}/main status: 'InProgress']`);
});

test('an expression that asks for what is not there leaves the health unknown, and is told', async () => {
  await patch('strict', {
    healthCheckExprs: [saying('status.nothing')],
  });
  const said = (unit: KubeObject | null): boolean =>
    readyMessage(unit).includes(
      "status: 'Unknown': failed to evaluate the CEL expression 'status.nothing': no such key",
    );
  await world.until(world.unitKey('strict'), 'tell of the expression', said);
});

test('one that cannot be used stalls its unit, and no other', async () => {
  await patch('strict', { healthCheckExprs: [{ ...TILLS, current: 'status.' }] });
  const unit = await world.conditionIs(world.unitKey('strict'), 'Stalled', 'True', 'InvalidCELExpression');
  expect(readyMessage(unit)).toMatch(
    /^Reconciliation failed terminally due to configuration error: failed to create custom status evaluator for healthchecks\[0\]: failed to parse the expression Current: failed to parse the CEL expression 'status\.': ERROR: <input>:1:8: Syntax error/,
  );
  await patch('strict', { healthCheckExprs: [saying('spec.size == 2')] });
  await world.conditionIs(world.unitKey('strict'), 'Ready', 'True');
});

test('one that takes all memory harms its own unit alone', async () => {
  const step = (length: number): string => `.replace('x', '${'x'.repeat(length)}')`;
  const current = `'x'${step(1_000)}${step(1_000)}${step(10_000)} == ''`;
  await patch('strict', { timeout: '3s', healthCheckExprs: [saying(current)] });
  const revision = await world.push({ 'apps/map.yaml': configMap(world.target, 'map', { a: '2' }) });
  await world.applied('apps', revision);
  const said = (unit: KubeObject | null): boolean => readyMessage(unit).includes("status: 'Unknown': the helper ended");
  await world.until(world.unitKey('strict'), 'tell that the helper ended', said);
});

test('a unit with a service account of its own reads as that', async () => {
  const { target } = world;
  const check = { apiVersion: `${GROUP}/v1`, kind: 'Till', name: 'main', namespace: target };
  await world.apply({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'shop', namespace: world.namespace },
  });
  await world.push({ 'empty/kustomization.yaml': 'resources: []\n' });
  await world.kustomization('tenant', {
    path: './empty',
    serviceAccountName: 'shop',
    timeout: '8s',
    healthChecks: [check],
    healthCheckExprs: [saying('spec.size == 2')],
  });
  const unit = await world.conditionIs(world.unitKey('tenant'), 'Ready', 'False', 'HealthCheckFailed');
  expect(readyMessage(unit)).toMatch(/status: 'Failed': tills\S* "main" is forbidden: User "system:serviceaccount:/);
  expect(await world.problems()).toEqual([]);
});
