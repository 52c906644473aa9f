import type { KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, deployment, namespace } from './support/manifests.ts';
import { Requests } from './support/requests.ts';
import { condition, configMapKey, deploymentKey, statusOf, World } from './support/world.ts';

const requests = new Requests();
const agent = { connect: { counter: requests } };
let world: World;
beforeAll(async () => {
  world = await World.start({ agent });
  const { target } = world;
  const commit = await world.repository.commit({ 'apps/namespace.yaml': namespace(target) });
  await world.gitRepository();
  await world.kustomization('apps');
  await world.applied('apps', `main@sha1:${commit}`);
});
afterAll(() => world.close());

const gone = (object: KubeObject | null): boolean => object === null;

function job(name: string, options: { image?: string; ttl?: number; spec?: string } = {}): string {
  const { image = 'shop/migrate:1.0', ttl, spec = '' } = options;
  return `apiVersion: batch/v1
kind: Job
metadata:
  name: ${name}
  namespace: ${world.target}
spec:
${ttl === undefined ? '' : `  ttlSecondsAfterFinished: ${ttl}\n`}${spec}  template:
    spec:
      restartPolicy: Never
      containers:
        - name: main
          image: ${image}
`;
}
const jobKey = (name: string) => ({ group: 'batch', version: 'v1', kind: 'Job', namespace: world.target, name });

const jobsSent = (): string[] => requests.take().filter((sent) => /^(apply|create|patch|delete) jobs/.test(sent));

async function patch(spec: Record<string, unknown>): Promise<void> {
  await world.cluster.patch(world.unitKey('apps'), { spec } as never, { type: 'merge' });
}

test('a Job that its time to live removed counts as done, and does not run again', async () => {
  await patch({ wait: true });
  const revision = await world.push({ 'apps/migrate.yaml': job('migrate', { ttl: 0 }) });
  await world.applied('apps', revision);
  await world.until(jobKey('migrate'), 'be removed', gone);
  requests.take();
  const next = await world.push({ 'apps/map.yaml': configMap(world.target, 'map', { a: '1' }) });
  await world.applied('apps', next);
  await world.judgedAnew('apps');
  expect(jobsSent()).toEqual([]);
  expect(await world.get(jobKey('migrate'))).toBeNull();
});

test('not after a restart either', async () => {
  await world.stopAgent();
  requests.take();
  await world.startAgent(agent);
  await world.edit(configMapKey(world.target, 'map'), { data: { a: 'changed' } });
  const token = await world.request(world.unitKey('apps'));
  const unit = await world.until(
    world.unitKey('apps'),
    'answer',
    (object) => statusOf(object).lastHandledReconcileAt === token,
  );
  expect(condition(unit, 'Ready')?.status).toBe('True');
  // The one is a dry run: it tells that the Job is not there.
  expect(jobsSent()).toEqual(['apply jobs']);
  expect(await world.get(jobKey('migrate'))).toBeNull();
});

test('it runs again when it is declared otherwise', async () => {
  const revision = await world.push({ 'apps/migrate.yaml': job('migrate', { ttl: 300, image: 'shop/migrate:1.1' }) });
  await world.applied('apps', revision);
  expect((await world.get(jobKey('migrate')))?.['status']).toMatchObject({ succeeded: 1 });
});

test('a suspended Job and a CronJob are nothing to wait for', async () => {
  const { target } = world;
  const cron = `apiVersion: batch/v1\nkind: CronJob\nmetadata: { name: nightly, namespace: ${target} }\nspec:\n  schedule: "0 3 * * *"\n  jobTemplate: { spec: { template: { spec: { restartPolicy: Never, containers: [{ name: main, image: "shop/a:1" }] } } } }\n`;
  const suspended = job('later', { spec: '  suspend: true\n' });
  const revision = await world.push({ 'apps/later.yaml': suspended, 'apps/nightly.yaml': cron });
  await world.applied('apps', revision);
});

test('health checks look in the namespace of the Kustomization where none is given, and name a kind that is not served', async () => {
  const home = world.namespace;
  await world.apply(JSON.parse(JSON.stringify(configMapIn(home))) as KubeObject);
  await patch({
    wait: false,
    timeout: '8s',
    healthChecks: [
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'flag' },
      { apiVersion: 'v1', kind: 'Namespace', name: home },
      { apiVersion: 'shop.example.com/v1', kind: 'Till', name: 'main' },
    ],
  });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'HealthCheckFailed');
  expect(condition(unit, 'Ready')?.message).toMatch(
    new RegExp(
      `timeout waiting for: \\[Till/${home}/main status: 'NotFound': the cluster serves no kind Till in shop.example.com/v1\\]$`,
    ),
  );
  await patch({ healthChecks: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'flag' }] });
  await world.conditionIs(world.unitKey('apps'), 'Healthy', 'True', 'Succeeded');
});

const configMapIn = (namespaceName: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'flag', namespace: namespaceName },
});

test('a failed run is kept in the history beside those that ended well', async () => {
  const unit = await world.get(world.unitKey('apps'));
  const history = statusOf(unit).history ?? [];
  expect(history.length).toBeLessThanOrEqual(5);
  expect(history.slice(0, 2).map((entry) => entry.lastReconciledStatus)).toEqual([
    'ReconciliationSucceeded',
    'HealthCheckFailed',
  ]);
  expect(history[1]?.digest).toBe(history[0]?.digest);
});

test('a commit that cuts a wait short is told', async () => {
  const { target } = world;
  await patch({ wait: true, timeout: '5m', healthChecks: null });
  await world.push({ 'apps/cart.yaml': deployment(target, 'cart', { image: 'shop/cart:unready' }) });
  await world.conditionIs(world.unitKey('apps'), 'Healthy', 'Unknown', 'Progressing');
  const revision = await world.push({ 'apps/cart.yaml': deployment(target, 'cart', { image: 'shop/cart:1.1' }) });
  await world.applied('apps', revision);
  const message = await world.event(world.unitKey('apps'), 'HealthCheckCanceled');
  expect(message).toBe(
    `Health checks canceled due to new reconciliation triggered by GitRepository/${world.namespace}/shop`,
  );
});

test('while its source is gone, what was delivered last is put right all the same', async () => {
  const { target } = world;
  await world.cluster.delete(world.sourceKey());
  await world.until(world.sourceKey(), 'go', gone);
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'ArtifactFailed');
  await world.edit(configMapKey(target, 'map'), { data: { a: 'red' } });
  await world.until(configMapKey(target, 'map'), 'be as declared', (object) => {
    return (object?.['data'] as Record<string, string> | undefined)?.['a'] === '1';
  });
  await world.cluster.delete(deploymentKey(target, 'cart'));
  await world.until(deploymentKey(target, 'cart'), 'be back', (object) => object !== null);
  expect(await world.problems()).toEqual([]);
});
