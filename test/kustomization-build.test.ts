import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { condition, configMapKey, World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start({ agent: { customStageKinds: [{ group: '', kind: 'ConfigMap' }] } });
  const { target } = world;
  await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/kustomization.yaml': 'resources: [namespace.yaml, map.yaml]\n',
    'apps/map.yaml': configMap(target, 'map', { a: '1' }),
  });
  await world.gitRepository();
});
afterAll(() => world.close());

test('a component that is missing is an error, unless the unit says otherwise', async () => {
  await world.kustomization('apps', { components: ['../labels'] });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'BuildFailed');
  expect(condition(unit, 'Ready')?.message).toContain("'../labels' does not exist");
  await world.cluster.patch(world.unitKey('apps'), { spec: { ignoreMissingComponents: true } }, { type: 'merge' });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True', 'ReconciliationSucceeded');
});

test('it is built as soon as it comes', async () => {
  const revision = await world.push({
    'labels/kustomization.yaml':
      'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nlabels: [{pairs: {team: shop}}]\n',
  });
  await world.applied('apps', revision);
  expect((await world.get(configMapKey(world.target, 'map')))?.metadata.labels).toMatchObject({ team: 'shop' });
});

test('build metadata is written on the objects', async () => {
  await world.cluster.patch(
    world.unitKey('apps'),
    { spec: { buildMetadata: ['originAnnotations', 'transformerAnnotations'] } },
    { type: 'merge' },
  );
  const live = await world.until(configMapKey(world.target, 'map'), 'say where it comes from', (object) => {
    return object?.metadata.annotations?.['config.kubernetes.io/origin'] !== undefined;
  });
  expect(live?.metadata.annotations).toMatchObject({
    'config.kubernetes.io/origin': 'path: map.yaml\n',
    'alpha.config.kubernetes.io/transformations': expect.stringContaining('kind: LabelTransformer'),
  });
});

test('what kustomize warns of is told once, and again only when it warns of something else', async () => {
  const { target } = world;
  const text = 'commonLabels: { team: shop }\nresources: [namespace.yaml, map.yaml]\n';
  await world.push({ 'apps/kustomization.yaml': text });
  expect(await world.event(world.unitKey('apps'), 'BuildWarnings')).toMatch(
    /^kustomize warns: 'commonLabels' is deprecated/,
  );
  const revision = await world.push({ 'apps/map.yaml': configMap(target, 'map', { a: '2' }) });
  await world.applied('apps', revision);
  await world.event(world.unitKey('apps'), 'Progressing', (message) => message.includes('/map configured'));
  const warnings = (await world.events(world.unitKey('apps'))).filter(({ reason }) => reason === 'BuildWarnings');
  expect(warnings).toMatchObject([{ type: 'Normal' }]);
});

test('kinds of the custom stage are in place before the rest is looked at', async () => {
  const { target } = world;
  const bad = `apiVersion: v1\nkind: Service\nmetadata: { name: bad, namespace: ${target} }\nspec: { ports: [{ port: -1 }] }\n`;
  await world.push({
    'apps/first.yaml': configMap(target, 'first', {}),
    'apps/bad.yaml': bad,
    'apps/kustomization.yaml': 'resources: [namespace.yaml, map.yaml, first.yaml, bad.yaml]\n',
  });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'ReconciliationFailed');
  expect(await world.get(configMapKey(target, 'first'))).not.toBeNull();
  expect(await world.problems()).toEqual([]);
});
