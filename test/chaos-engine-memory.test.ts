import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { condition, configMapKey, statusOf, World } from './support/world.ts';

const MIB = 2 ** 20;
const LIMIT = 24 * MIB;
const built = (...resources: string[]): string =>
  `resources: [${resources.join(', ')}]\nlabels: [{pairs: {built: 'yes'}}]\n`;

let world: World;
beforeAll(async () => {
  world = await World.start({ engine: { memoryLimit: LIMIT } });
  const { target } = world;
  const commit = await world.repository.commit({
    'apps/kustomization.yaml': built('namespace.yaml', 'settings.yaml'),
    'apps/namespace.yaml': namespace(target),
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'green' }),
    'beside/kustomization.yaml': built('beside.yaml'),
    'beside/beside.yaml': configMap(target, 'beside', { colour: 'green' }),
  });
  await world.gitRepository();
  await world.kustomization('apps', { retryInterval: '1s' });
  await world.kustomization('beside', { retryInterval: '1s', dependsOn: [{ name: 'apps' }] });
  await world.applied('beside', `main@sha1:${commit}`);
});
afterAll(() => world.close());

test('a build that needs more memory than the engine may have fails alone, is named once, and the next commit mends it', async () => {
  const { target } = world;
  const before = statusOf(await world.get(world.unitKey('apps')));
  const maps = Array.from({ length: 8 }, (_, index) => `large-${index}.yaml`);
  const ballast = maps.map((file) => [`apps/${file}`, configMap(target, file.slice(0, -5), { text: 'x'.repeat(MIB) })]);
  await world.push({
    ...Object.fromEntries(ballast),
    'apps/kustomization.yaml': built('namespace.yaml', 'settings.yaml', ...maps),
  });
  const failed = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'BuildFailed');
  const message = condition(failed, 'Ready')?.message ?? '';
  expect(message).toContain('engine: out of memory: more than 24 MiB used');

  // The last good state stays in force, and is kept in force.
  expect(statusOf(failed)).toMatchObject({
    inventory: before.inventory,
    lastAppliedRevision: before.lastAppliedRevision,
  });
  const settings = configMapKey(target, 'settings');
  await world.edit(settings, { data: { colour: 'red' } });
  await world.until(
    settings,
    'be green again',
    (object) => (object?.['data'] as { colour: string } | undefined)?.colour === 'green',
  );
  await world.event(world.unitKey('apps'), 'BuildFailed');
  const told = (await world.events(world.unitKey('apps'))).filter((event) => event.message.includes('out of memory'));
  expect(told).toHaveLength(1);

  const gone = Object.fromEntries(maps.map((file) => [`apps/${file}`, null]));
  const next = await world.push({
    ...gone,
    'apps/kustomization.yaml': built('namespace.yaml', 'settings.yaml'),
    'beside/beside.yaml': configMap(target, 'beside', { colour: 'blue' }),
  });
  await world.applied('apps', next);
  await world.applied('beside', next);
  expect(await world.problems()).toEqual([]);
});
