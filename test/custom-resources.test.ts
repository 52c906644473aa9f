import { randomBytes } from 'node:crypto';
import type { KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { namespace } from './support/manifests.ts';
import { condition, statusOf, World } from './support/world.ts';

const GROUP = `shop-${randomBytes(4).toString('hex')}.example.com`;
const LARGE = '9007199254740993';

const definition = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: campaigns.${GROUP}
spec:
  group: ${GROUP}
  scope: Namespaced
  names: { kind: Campaign, plural: campaigns, singular: campaign }
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec: { type: object, x-kubernetes-preserve-unknown-fields: true }
`;

const campaign = (name: string, namespaceName: string, spec: string): string =>
  `apiVersion: ${GROUP}/v1\nkind: Campaign\nmetadata:\n  name: ${name}\n  namespace: ${namespaceName}\nspec: ${spec}\n`;

const key = (name: string, namespaceName: string) => ({
  group: GROUP,
  version: 'v1',
  kind: 'Campaign',
  namespace: namespaceName,
  name,
});

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(async () => {
  await world.cluster.delete({
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    namespace: '',
    name: `campaigns.${GROUP}`,
  });
  await world.close();
});

test('a definition and an object of it arrive in one run', async () => {
  const { target } = world;
  const commit = await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/campaign.yaml': campaign('spring', target, `{ discount: 10, budget: ${LARGE} }`),
    'apps/crd.yaml': definition,
  });
  await world.gitRepository();
  await world.kustomization('apps', { wait: true });
  const unit = await world.applied('apps', `main@sha1:${commit}`);
  expect(unit.status?.inventory?.entries.map(({ id }) => id)).toEqual([
    `_campaigns.${GROUP}_apiextensions.k8s.io_CustomResourceDefinition`,
    `_${target}__Namespace`,
    `${target}_spring_${GROUP}_Campaign`,
  ]);
});

test('an integer beyond 2^53 arrives as it was written, and its drift is seen', async () => {
  const { target } = world;
  const spec = (object: unknown): string =>
    JSON.stringify(object, (_, value) => (typeof value === 'bigint' ? String(value) : value));
  const live = await world.get(key('spring', target));
  expect(spec(live?.['spec'])).toContain(LARGE);
  // One more: as a double it would be the same number.
  await world.edit(key('spring', target), { spec: { budget: 9007199254740992n } } as never);
  await world.until(key('spring', target), 'have its budget', (object) => spec(object?.['spec']).includes(LARGE));
  await world.event(world.unitKey('apps'), 'DriftCorrected', (text) => text.includes('spec.budget'));
});

test('a kind nobody serves is named, with its file, and nothing beside it is applied', async () => {
  const { target } = world;
  const stray = campaign('summer', target, '{}').replace('Campaign', 'Voucher');
  await world.push({ 'apps/voucher.yaml': stray, 'apps/autumn.yaml': campaign('autumn', target, '{}') });
  const failed = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'ReconciliationFailed');
  const message = condition(failed, 'Ready')?.message;
  expect(message).toBe(
    `Voucher/${target}/summer (apps/voucher.yaml): the cluster serves no kind Voucher in ${GROUP}/v1; apply its definition first`,
  );
  expect(await world.get(key('autumn', target))).toBeNull();
});

test('nor does it keep a new definition waiting for it', async () => {
  const other = definition.replaceAll('campaign', 'coupon').replaceAll('Campaign', 'Coupon');
  const revision = await world.push({ 'apps/more.yaml': other });
  const told = (unit: KubeObject | null): boolean => {
    const ready = condition(unit, 'Ready');
    return ready?.status === 'False' && ready.message.includes('the cluster serves no kind Voucher');
  };
  const isOver = (unit: KubeObject | null): boolean => statusOf(unit).lastAttemptedRevision === revision && told(unit);
  await world.until(world.unitKey('apps'), 'name the unknown kind', isOver, 15_000);
});

test('without it the rest goes on', async () => {
  const revision = await world.push({ 'apps/voucher.yaml': null, 'apps/more.yaml': null });
  await world.applied('apps', revision);
  expect(await world.get(key('autumn', world.target))).not.toBeNull();
  expect(await world.problems()).toEqual([]);
});
