import type { KubeObject, ObjectKey } from '@plumb/api';
import { HELM_RELEASE } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { OwnPlane } from './support/own-plane.ts';
import { definitionOf } from './support/source-kinds.ts';
import { condition, configMapKey, World } from './support/world.ts';

const API = 'helm.toolkit.fluxcd.io/v2';
const CUSTOM_RESOURCE_DEFINITION = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
} as const;

let plane: OwnPlane;
let world: World;
let revision: string;
beforeAll(async () => {
  plane = await OwnPlane.start();
  world = await World.start({ kubeconfig: plane.kubeconfig, agent: false });
  const definition = { ...CUSTOM_RESOURCE_DEFINITION, namespace: '', name: `helmreleases.${HELM_RELEASE.group}` };
  await world.cluster.delete(definition);
  await world.until(definition, 'be gone', (object) => object === null);
  await world.startAgent({ dependencyInterval: 20_000 });
  const { target } = world;
  const commit = await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/settings.yaml': configMap(target, 'settings', { a: '1' }),
  });
  revision = `main@sha1:${commit}`;
  await world.gitRepository();
});
afterAll(async () => {
  await world.close();
  await plane.close();
});

const releaseKey = (name: string): ObjectKey => ({ ...HELM_RELEASE, namespace: world.namespace, name });

async function release(name: string, spec: Record<string, unknown> = {}): Promise<void> {
  const metadata = { name, namespace: world.namespace };
  // Suspended, they are nobody's work: their status is written by hand.
  await world.apply({ apiVersion: API, kind: 'HelmRelease', metadata, spec: { suspend: true, ...spec } as never });
}

async function report(name: string, status: 'True' | 'False', observedGeneration = 1): Promise<void> {
  const said = { type: 'Ready', status, reason: 'Said', message: 'by hand', observedGeneration };
  const ready = { ...said, lastTransitionTime: '2026-01-01T00:00:00Z' };
  await world.cluster.patch(
    releaseKey(name),
    { status: { observedGeneration, conditions: [ready], history: [{ version: 1, status: 'deployed' }] } },
    { type: 'merge', subresource: 'status' },
  );
}

async function says(name: string, message: string): Promise<void> {
  const holds = (unit: KubeObject | null): boolean => condition(unit, 'Ready')?.message === message;
  await world.until(world.unitKey(name), `say ${message}`, holds);
}

test('while the cluster serves no HelmReleases, one is not found and why is told', async () => {
  await world.kustomization('apps', { dependsOn: [{ kind: 'HelmRelease', name: 'db' }] });
  const id = `HelmRelease/${world.namespace}/db`;
  await says('apps', `dependency '${id}' not found: the cluster serves no kind HelmRelease in ${API}`);
  expect(await world.get(configMapKey(world.target, 'settings'))).toBeNull();
});

test('once it does, the release is waited for until it is Ready at its own generation', async () => {
  const id = `HelmRelease/${world.namespace}/db`;
  await world.apply(definitionOf(HELM_RELEASE));
  await says('apps', `dependency '${id}' not found`);
  await release('db');
  await says('apps', `dependency '${id}' is not ready`);
  await report('db', 'True', 0);
  expect(await world.get(configMapKey(world.target, 'settings'))).toBeNull();
  const began = performance.now();
  await report('db', 'True');
  await world.applied('apps', revision);
  // The change itself wakes the unit; it is not the interval that does.
  expect(performance.now() - began).toBeLessThan(15_000);
});

test('a readyExpr judges a release too, at each of its changes', async () => {
  const readyExpr = "dep.kind == 'HelmRelease' && dep.spec.version == self.metadata.labels.version";
  await release('cache', { version: '1' });
  await world.kustomization('more', {
    path: './apps',
    prune: false,
    dependsOn: [{ kind: 'HelmRelease', name: 'cache', readyExpr }],
  });
  await world.cluster.patch(world.unitKey('more'), { metadata: { labels: { version: '2' } } }, { type: 'merge' });
  await says('more', `dependency 'HelmRelease/${world.namespace}/cache' is not ready according to readyExpr eval`);
  await release('cache', { version: '2' });
  const unit = await world.applied('more', revision);
  expect(unit.metadata.labels).toEqual({ version: '2' });
});

test('a cycle is named across kinds', async () => {
  const { namespace: home } = world;
  await release('hen', { dependsOn: [{ name: 'nest' }] });
  await release('nest', { dependsOn: [{ kind: 'Kustomization', name: 'egg' }] });
  await world.kustomization('egg', { path: './apps', dependsOn: [{ kind: 'HelmRelease', name: 'hen' }] });
  await says(
    'egg',
    `dependency cycle: ${home}/egg -> HelmRelease/${home}/hen -> HelmRelease/${home}/nest -> ${home}/egg`,
  );
  expect(await world.problems()).toEqual([]);
});
