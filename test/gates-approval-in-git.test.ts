import { afterAll, beforeAll, expect, test } from 'vitest';
import { installGates } from './support/gates.ts';
import { configMap } from './support/manifests.ts';
import { condition, configMapKey, World } from './support/world.ts';

let world: World;

beforeAll(async () => {
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.startAgent({ gates: true });
  const { target } = world;
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: target } });
  await world.repository.commit({
    'apps/settings.yaml': configMap(target, 'settings', { a: '1' }),
    'apps/approval.yaml': `apiVersion: plumb.dev/v1
kind: Approval
metadata: { name: by-commit, namespace: ${target} }
spec: { change: any, digest: sha256:any, decision: Approve, by: admin }
`,
  });
  await world.gitRepository();
});

afterAll(() => world.close());

test('a unit that declares an approval is refused, and nothing of it is applied', async () => {
  await world.kustomization('apps', { retryInterval: '1h' });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'BuildFailed');
  expect(condition(unit, 'Ready')?.message).toContain(`Approval/${world.target}/by-commit is declared in the source`);
  expect(await world.get(configMapKey(world.target, 'settings'))).toBeNull();
});
