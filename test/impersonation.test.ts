import { DRIFT_ANNOTATION, type KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap } from './support/manifests.ts';
import { ALL_VERBS, Tenant } from './support/tenant.ts';
import { condition, configMapKey, statusOf, World } from './support/world.ts';

const RBAC = 'rbac.authorization.k8s.io';

let world: World;
let tenant: Tenant;
let revision: string;
beforeAll(async () => {
  world = await World.start();
  tenant = new Tenant(world, 'tenant');
  const { target } = world;
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: target } });
  await world.cluster.create({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'tenant', namespace: world.namespace },
  });
  const commit = await world.repository.commit({
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'green' }),
  });
  revision = `main@sha1:${commit}`;
  await world.gitRepository();
});
afterAll(() => world.close());

const tenantMessage = (): RegExp =>
  new RegExp(
    `^ConfigMap/${world.target}/settings dry-run failed \\(Forbidden\\): .*system:serviceaccount:${world.namespace}:tenant.*\\(apps/settings.yaml\\)$`,
  );

test('a tenant without rights is refused by name and changes nothing', async () => {
  await world.kustomization('apps', { serviceAccountName: 'tenant', retryInterval: '1s' });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'ReconciliationFailed');
  expect(condition(unit, 'Ready')?.message).toMatch(tenantMessage());
  expect(await world.get(configMapKey(world.target, 'settings'))).toBeNull();
});

test('with a role it works, by itself', async () => {
  await tenant.grant();
  await world.applied('apps', revision);
  expect(await world.get(configMapKey(world.target, 'settings'))).not.toBeNull();
});

test('that an object of another unit is there is told to nobody who may not read it', async () => {
  const { target, namespace } = world;
  const metadata = { name: 'spy', namespace };
  await world.cluster.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  const ifNotPresent = (name: string): string =>
    configMap(target, name, {}).replace(
      'metadata:\n',
      'metadata:\n  annotations: { kustomize.toolkit.fluxcd.io/ssa: IfNotPresent }\n',
    );
  await world.push({ 'spy/absent.yaml': ifNotPresent('absent'), 'spy/settings.yaml': ifNotPresent('settings') });
  await world.kustomization('spy', { serviceAccountName: 'spy' });
  const unit = await world.conditionIs(world.unitKey('spy'), 'Ready', 'False', 'ReconciliationFailed');
  const message = condition(unit, 'Ready')?.message ?? '';
  expect(message).toContain(`ConfigMap/${target}/absent dry-run failed (Forbidden)`);
  expect(message).toContain(`ConfigMap/${target}/settings dry-run failed (Forbidden)`);
  await world.push({ 'spy/absent.yaml': null, 'spy/settings.yaml': null });
});

test('what lies outside the role stays as it is', async () => {
  const kinds = { group: '', version: 'v1', kind: 'ConfigMap', namespace: world.namespace, name: 'stray' };
  await world.push({
    'apps/stray.yaml': configMap(world.namespace, 'stray', { a: '1' }),
    'apps/settings.yaml': configMap(world.target, 'settings', { colour: 'blue' }),
  });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'ReconciliationFailed');
  expect(condition(unit, 'Ready')?.message).toContain(`ConfigMap/${world.namespace}/stray dry-run failed (Forbidden)`);
  expect(await world.get(kinds)).toBeNull();
  expect((await world.get(configMapKey(world.target, 'settings')))?.['data']).toEqual({ colour: 'green' });
  await world.push({ 'apps/stray.yaml': null });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True');
});

test('a tenant whose rights are gone cannot prune, and says so; the entry stays', async () => {
  await world.cluster.patch(
    { group: RBAC, version: 'v1', kind: 'Role', namespace: world.target, name: 'tenant' },
    { rules: [] },
    { type: 'merge' },
  );
  await tenant.untilMay('patch', false);
  await world.push({ 'apps/settings.yaml': configMap(world.target, 'other', { a: '1' }) });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'ReconciliationFailed');
  const unit = await world.get(world.unitKey('apps'));
  expect(JSON.stringify(unit?.['status'])).toContain(`${world.target}_settings__ConfigMap`);
  expect(await world.get(configMapKey(world.target, 'settings'))).not.toBeNull();
  await tenant.grant();
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True');
  await world.until(configMapKey(world.target, 'settings'), 'be gone', (object) => object === null);
});

test('a tenant that may not delete is told so in the words of the API server, and what is to go stays', async () => {
  await tenant.grant(ALL_VERBS.filter((verb) => verb !== 'delete'));
  await tenant.untilMay('delete', false);
  await world.applied('apps', await world.push({ 'apps/more.yaml': configMap(world.target, 'more', { a: '1' }) }));
  await world.push({ 'apps/more.yaml': null });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'PruneFailed');
  expect(condition(unit, 'Ready')?.message).toMatch(tenant.forbidden('delete'));
  expect(await world.get(configMapKey(world.target, 'more'))).not.toBeNull();
  await tenant.grant();
  await world.until(configMapKey(world.target, 'more'), 'be gone', (object) => object === null);
});

test('a tenant that may change but not create is told so, and nothing is made', async () => {
  await tenant.grant(ALL_VERBS.filter((verb) => verb !== 'create'));
  await tenant.untilMay('create', false);
  await world.push({ 'apps/made.yaml': configMap(world.target, 'made', { a: '1' }) });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'ReconciliationFailed');
  expect(condition(unit, 'Ready')?.message).toMatch(tenant.forbidden('create'));
  expect(await world.get(configMapKey(world.target, 'made'))).toBeNull();
  await world.push({ 'apps/made.yaml': null });
  await tenant.grant();
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True');
});

test('a tenant that may not change is told so, and its drift is not put right with other rights', async () => {
  await tenant.grant(['get', 'list', 'watch']);
  await tenant.untilMay('patch', false);
  await world.edit(configMapKey(world.target, 'other'), { data: { a: 'wrong' } });
  await world.request(world.unitKey('apps'));
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'ReconciliationFailed');
  expect(condition(unit, 'Ready')?.message).toMatch(tenant.forbidden('patch'));
  expect((await world.get(configMapKey(world.target, 'other')))?.['data']).toEqual({ a: 'wrong' });
  await tenant.grant();
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True');
  expect((await world.get(configMapKey(world.target, 'other')))?.['data']).toEqual({ a: '1' });
});

const mode = (value: string | null): Promise<unknown> =>
  world.edit(world.unitKey('apps'), { metadata: { annotations: { [DRIFT_ANNOTATION]: value } } });

test('drift that is left shows nothing of an object that the tenant may not read', async () => {
  await tenant.grant(ALL_VERBS.filter((verb) => verb !== 'get'));
  await tenant.untilMay('get', false);
  await mode('warn');
  await world.judgedAnew('apps');
  await world.edit(configMapKey(world.target, 'other'), { data: { a: 'of another' } });
  const told = await world.event(world.unitKey('apps'), 'DriftDetected', () => true);
  expect(told).toBe(`drift detected: ConfigMap/${world.target}/other: somebody changed it; it is left so`);
  await tenant.grant();
  await tenant.untilMay('get', true);
  await world.edit(configMapKey(world.target, 'other'), { data: { a: 'third' } });
  const shows = (message: string): boolean => message.includes('data.a (declared "1", is "third")');
  await world.event(world.unitKey('apps'), 'DriftDetected', shows);
  await mode(null);
  const isBack = (object: KubeObject | null): boolean => JSON.stringify(object?.['data']) === '{"a":"1"}';
  await world.until(configMapKey(world.target, 'other'), 'be put right', isBack);
});

test.each([
  ['warn', 'told as a change'],
  ['ignore', 'left without a word'],
])('under %s, an object that is gone and that the tenant may not read is %s, and fails nothing', async (word) => {
  const other = configMapKey(world.target, 'other');
  await tenant.grant(ALL_VERBS.filter((verb) => verb !== 'get'));
  await tenant.untilMay('get', false);
  await mode(word);
  await world.judgedAnew('apps');
  await world.cluster.delete(other);
  const unit = world.unitKey('apps');
  if (word === 'warn') await world.conditionIs(unit, 'Drifted', 'True', 'DriftDetected');
  const token = await world.request(unit);
  const seen = await world.until(unit, 'answer', (object) => statusOf(object).lastHandledReconcileAt === token);
  expect(condition(seen, 'Ready')?.status).toBe('True');
  expect(condition(seen, 'Drifted')?.status).toBe(word === 'warn' ? 'True' : undefined);
  const told = await world.events(unit);
  expect(
    told.filter(({ message }) => tenant.forbidden('get').test(message) || message.includes('was deleted')),
  ).toEqual([]);
  expect(await world.get(other)).toBeNull();
  await mode(null);
  await world.until(other, 'be back', (object) => object !== null);
  await tenant.grant();
});

test('another account is asked for its own rights, though no object changed', async () => {
  await world.kustomization('apps', { serviceAccountName: 'nobody', retryInterval: '1s' });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'ReconciliationFailed');
  expect(condition(unit, 'Ready')?.message).toContain(
    `User "system:serviceaccount:${world.namespace}:nobody" cannot patch resource "configmaps"`,
  );
  await world.kustomization('apps', { serviceAccountName: 'tenant', retryInterval: '1s' });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True');
});

test('a health check reveals nothing that the tenant may not read', async () => {
  const { target } = world;
  await world.cluster.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hidden', namespace: target } });
  const healthChecks = [{ apiVersion: 'v1', kind: 'Secret', name: 'hidden', namespace: target }];
  await world.kustomization('apps', { serviceAccountName: 'tenant', retryInterval: '1s', healthChecks });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'HealthCheckFailed');
  expect(condition(unit, 'Ready')?.message).toMatch(
    /Secret\/.*\/hidden status: 'Failed': secrets "hidden" is forbidden/,
  );
  await world.kustomization('apps', { serviceAccountName: 'tenant', retryInterval: '1s' });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True');
});

test('with wait: true nothing is told of own objects that the tenant may not read any more', async () => {
  const spec = { serviceAccountName: 'tenant', retryInterval: '1s', wait: true };
  const health = { apiVersion: 'v1', kind: 'ConfigMap', current: "data.a == '2'", failed: "data.a == '1'" };
  await tenant.grant(ALL_VERBS.filter((verb) => verb !== 'get'));
  await tenant.untilMay('get', false);
  await world.kustomization('apps', { ...spec, healthCheckExprs: [health] });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'HealthCheckFailed');
  expect(condition(unit, 'Ready')?.message).toMatch(
    /ConfigMap\/.*\/other status: 'Failed': configmaps "other" is forbidden/,
  );
  expect(condition(unit, 'Ready')?.message).toMatch(tenant.forbidden('get'));
  await tenant.grant();
  const isJudged = (object: KubeObject | null): boolean =>
    condition(object, 'Ready')?.message.endsWith("/other status: 'Failed']") === true;
  await world.until(world.unitKey('apps'), 'be judged', isJudged);
  await world.kustomization('apps', { serviceAccountName: 'tenant', retryInterval: '1s' });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True');
});

test("a service account that does not exist gives nobody the agent's own rights", async () => {
  await world.kustomization('ghost', { path: './apps', serviceAccountName: 'nobody' });
  const unit = await world.conditionIs(world.unitKey('ghost'), 'Ready', 'False', 'ReconciliationFailed');
  expect(condition(unit, 'Ready')?.message).toContain(`system:serviceaccount:${world.namespace}:nobody`);
});

test('a Kustomization whose account is gone is let go, and says what it leaves', async () => {
  await world.cluster.delete({
    group: '',
    version: 'v1',
    kind: 'ServiceAccount',
    namespace: world.namespace,
    name: 'tenant',
  });
  await world.cluster.delete(world.unitKey('apps'));
  await world.until(world.unitKey('apps'), 'go', (object) => object === null);
  const names = (message: string): boolean => message.includes(`ConfigMap/${world.target}/other`);
  expect(await world.event(world.unitKey('apps'), 'PruneFailed', names)).toContain('unable to prune objects');
  expect(await world.get(configMapKey(world.target, 'other'))).not.toBeNull();
  expect(await world.problems()).toEqual([]);
});
