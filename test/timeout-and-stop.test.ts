import { OWNER_NAME_LABEL } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { condition, configMapKey, statusOf, World } from './support/world.ts';

/** So many, one at a time, take several times as long as their build, on whatever machine. */
const names = Array.from({ length: 600 }, (_, index) => `map-${index}`);
const TIMEOUT = '1.5s';

let world: World;
let revision: string;
beforeAll(async () => {
  world = await World.start({ agent: { concurrentApplies: 1 } });
  const { target } = world;
  const commit = await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/maps.yaml': names.map((name) => configMap(target, name, { a: '1' })).join('---\n'),
    'reviews/review.yaml':
      'apiVersion: authorization.k8s.io/v1\nkind: SelfSubjectAccessReview\nmetadata: { name: me }\nspec: { nonResourceAttributes: { path: /, verb: get } }\n',
    'reviews/map.yaml': configMap(target, 'beside', { a: '1' }),
  });
  revision = `main@sha1:${commit}`;
  await world.gitRepository();
});
afterAll(() => world.close());

test('a run that takes longer than its timeout says so, and the next goes on where it was', async () => {
  await world.kustomization('apps', { timeout: TIMEOUT, retryInterval: '10m' });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'ReconciliationFailed');
  expect(condition(unit, 'Ready')?.message).toBe(
    `not done within the timeout of ${TIMEOUT}; raise spec.timeout if it needs longer`,
  );
  await world.cluster.patch(world.unitKey('apps'), { spec: { timeout: '1m' } }, { type: 'merge' });
  await world.until(configMapKey(world.target, 'map-0'), 'be there', (object) => object !== null);
});

test('an agent that is stopped while it applies leaves no failure behind', async () => {
  await world.stopAgent();
  const unit = await world.get(world.unitKey('apps'));
  expect(statusOf(unit).lastAppliedRevision).toBeUndefined();
  expect(JSON.stringify(statusOf(unit).conditions)).not.toContain('cancelled');
  const messages = (await world.events(world.unitKey('apps'))).map(({ message }) => message);
  expect(messages.filter((message) => message.includes('cancelled'))).toEqual([]);

  await world.startAgent();
  await world.applied('apps', revision);
  const labelSelector = `${OWNER_NAME_LABEL}=apps`;
  const { items } = await world.cluster.list(
    { group: '', version: 'v1', kind: 'ConfigMap' },
    { namespace: world.target, labelSelector },
  );
  expect(items.map(({ metadata }) => metadata.name).toSorted()).toEqual(names.toSorted());
});

test('a kind that can only be created holds nobody up', async () => {
  await world.kustomization('reviews');
  const unit = await world.conditionIs(world.unitKey('reviews'), 'Ready', 'False', 'ReconciliationFailed');
  expect(condition(unit, 'Ready')?.message).toContain('SelfSubjectAccessReview/me');
  expect(await world.get(configMapKey(world.target, 'beside'))).toBeNull();
  expect(await world.problems()).toEqual([]);
});
