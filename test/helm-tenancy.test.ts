import type { KubeObject } from '@plumb/api';
import { HELM_CHART } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { auditedRequests, isWrite } from './support/audit.ts';
import {
  answered,
  configMapTemplate,
  eventsOf,
  historyOf,
  hook,
  messageOf,
  recordsOf,
  request,
  says,
  TOLD_WITHIN,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';
import { configMapKey, namespaceKey, type StartAgent } from './support/world.ts';

const RBAC = 'rbac.authorization.k8s.io';
const AGENT = 'the-agent';
const ALL = ['get', 'list', 'create', 'update', 'patch', 'delete'];
/** What `--tenancy-lockdown` sets. */
const LOCKED: StartAgent = { crossNamespaceRefs: false, defaultServiceAccount: 'default' };

let releases: Releases;
let home: string;
/** A namespace in which tenants may do nothing. */
let foreign: string;
const start = async (options: StartAgent = {}): Promise<void> =>
  releases.startAgent({ connect: { kubeconfig: await releases.plane.kubeconfigFor(AGENT) }, ...options });

beforeAll(async () => {
  releases = await Releases.start({ agent: false, audit: true });
  home = releases.world.namespace;
  foreign = releases.world.target;
  await releases.world.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: foreign } });
  for (const name of ['tenant', 'reader']) {
    await releases.world.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: home } });
  }
  await start();
});
afterAll(async () => {
  await releases.world.cluster.delete(namespaceKey(foreign));
  await releases.close();
});

/** Gives an account rights in its own namespace, and waits until the API server knows it. */
async function allow(account: string, verbs: readonly string[], resources = ['configmaps', 'secrets']): Promise<void> {
  const { world } = releases;
  const metadata = { name: account, namespace: home };
  const rules = [{ apiGroups: [''], resources, verbs: [...verbs] }];
  await world.apply({ apiVersion: `${RBAC}/v1`, kind: 'Role', metadata, rules });
  await world.apply({
    apiVersion: `${RBAC}/v1`,
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: RBAC, kind: 'Role', name: account },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace: home }],
  });
  for (const verb of ALL) await untilMay(account, verb, verbs.includes(verb));
}

async function untilMay(account: string, verb: string, allowed: boolean): Promise<void> {
  for (;;) {
    const answer = await releases.world.cluster.create({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: { name: '' },
      spec: { user: userOf(account), resourceAttributes: { verb, resource: 'configmaps', namespace: home } },
    } as KubeObject);
    if ((answer['status'] as { allowed: boolean }).allowed === allowed) return;
  }
}

const userOf = (account: string): string => `system:serviceaccount:${home}:${account}`;
const cannot = (verb: string, resource: string, account = 'tenant'): RegExp =>
  new RegExp(`User "${userOf(account)}" cannot ${verb} resource "${resource}"`);
const TENANT = { serviceAccountName: 'tenant' };
const MAIN = { 'templates/main.yaml': configMapTemplate('main', { colour: '{{ .Values.colour | default "green" }}' }) };
const isThere = async (name: string, namespace = home): Promise<boolean> =>
  (await releases.world.get(configMapKey(namespace, name))) !== null;
const failed = (name: string, reason: string): ReturnType<Releases['until']> =>
  releases.until(name, `say ${reason}`, (seen) => says(seen, 'Ready') === `False ${reason}`);

test('a tenant without rights is refused in one message, and nothing is stored or made', async () => {
  await releases.chart('shop', MAIN);
  await releases.release('shop', TENANT);
  const release = await failed('shop', 'InstallFailed');
  expect(messageOf(release, 'Ready')).toMatch(/^Helm install failed for release \S+\/shop with chart shop@1\.0\.0: /);
  expect(messageOf(release, 'Ready')).toMatch(cannot('create', 'secrets'));
  expect(await recordsOf(releases, 'shop')).toEqual([]);
  expect(await isThere('shop-main')).toBe(false);
  const told = async (): Promise<string[]> =>
    (await eventsOf(releases, 'shop')).filter((text) => cannot('create', 'secrets').test(text));
  await expect.poll(told, TOLD_WITHIN).toHaveLength(1);
});

test('with a role it is installed, by itself', async () => {
  await allow('tenant', ALL);
  const release = await releases.ready('shop');
  expect(historyOf(release)).toEqual(['v1 deployed install']);
  expect(await isThere('shop-main')).toBe(true);
});

test('an upgrade of a tenant that may not write any more is refused, and what runs stays', async () => {
  await allow('tenant', ['get', 'list']);
  await releases.release('shop', { ...TENANT, values: { colour: 'red' } });
  const release = await failed('shop', 'UpgradeFailed');
  expect(messageOf(release, 'Ready')).toMatch(cannot('create', 'secrets'));
  expect(await recordsOf(releases, 'shop')).toEqual(['v1 deployed']);
  expect((await releases.object('ConfigMap', 'shop-main'))?.['data']).toEqual({ colour: 'green' });
});

test('nor is drift put right with other rights', async () => {
  await releases.release('shop', { ...TENANT, driftDetection: { mode: 'enabled' } });
  await releases.ready('shop');
  await releases.world.edit(configMapKey(home, 'shop-main'), { data: { colour: 'red' } });
  const told = await releases.world.event(releases.key('shop'), 'DriftCorrectionFailed');
  expect(told).toMatch(cannot('patch', 'configmaps'));
  expect((await releases.object('ConfigMap', 'shop-main'))?.['data']).toEqual({ colour: 'red' });
  await allow('tenant', ALL);
  await releases.world.event(releases.key('shop'), 'DriftCorrected');
});

test('an account that does not exist has no rights', async () => {
  await releases.chart('ghost', MAIN);
  await releases.release('ghost', { serviceAccountName: 'nobody' });
  expect(messageOf(await failed('ghost', 'InstallFailed'), 'Ready')).toMatch(cannot('create', 'secrets', 'nobody'));
  expect(await isThere('ghost-main')).toBe(false);
});

test.each([
  [
    'targetNamespace',
    'InstallFailed',
    /ConfigMap\/\S+ dry-run failed \(Forbidden\): .* cannot patch resource "configmaps"/,
  ],
  // Its records there are in nobody's view: the agent acts on one namespace.
  ['storageNamespace', 'StateError', /cannot list resource "secrets"/],
])('%s in a namespace of others is refused', async (field, reason, words) => {
  const name = field.toLowerCase();
  await releases.chart(name, MAIN);
  await releases.release(name, { ...TENANT, releaseName: name, [field]: foreign });
  const message = messageOf(await failed(name, reason), 'Ready') ?? '';
  expect(message).toMatch(words);
  expect(message).toContain(userOf('tenant'));
  expect(await isThere(`${name}-main`, foreign)).toBe(false);
  expect(await isThere(`${name}-main`)).toBe(false);
  expect(await recordsOf(releases, name, foreign)).toEqual([]);
});

test('the record of others cannot be read through a storageNamespace', async () => {
  await releases.chart('theirs', MAIN);
  await releases.release('theirs', { storageNamespace: foreign });
  await releases.ready('theirs');
  await releases.chart('thief', MAIN);
  await releases.release('thief', { ...TENANT, releaseName: 'theirs', storageNamespace: foreign });
  const release = await failed('thief', 'StateError');
  expect(messageOf(release, 'Ready')).toMatch(cannot('list', 'secrets'));
  expect(await recordsOf(releases, 'theirs', foreign)).toEqual(['v1 deployed']);
  expect(release.status?.history).toBeUndefined();
});

test('createNamespace takes the right to make one', async () => {
  await releases.chart('fresh', MAIN);
  const targetNamespace = `${foreign}-fresh`;
  await releases.release('fresh', { ...TENANT, targetNamespace, install: { createNamespace: true } });
  const release = await failed('fresh', 'InstallFailed');
  expect(messageOf(release, 'Ready')).toMatch(cannot('get', 'namespaces'));
  expect(await releases.world.get(namespaceKey(targetNamespace))).toBeNull();
});

test('templates look up what the tenant may read, and are refused the rest', async () => {
  const data = { found: '{{ (lookup "v1" "ConfigMap" .Values.in "hidden").data.text | default "nothing" }}' };
  await releases.chart('lookup', { 'templates/main.yaml': configMapTemplate('main', data) });
  for (const namespace of [home, foreign]) {
    const metadata = { name: 'hidden', namespace };
    await releases.world.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { text: 'classified' } });
  }
  await releases.release('lookup', { ...TENANT, values: { in: home } });
  await releases.ready('lookup');
  expect((await releases.object('ConfigMap', 'lookup-main'))?.['data']).toEqual({ found: 'classified' });
  await releases.release('lookup', { ...TENANT, values: { in: foreign } });
  const release = await failed('lookup', 'UpgradeFailed');
  expect(messageOf(release, 'Ready')).toMatch(cannot('get', 'configmaps'));
  expect(await recordsOf(releases, 'lookup')).toEqual(['v1 deployed']);
});

test('hooks are made as the tenant', async () => {
  const lines = Object.entries(hook('pre-install')).map(([key, text]) => `    ${key}: "${text}"\n`);
  const head = `  namespace: ${foreign}\n  annotations:\n${lines.join('')}`;
  await releases.chart('hooked', { ...MAIN, 'templates/hook.yaml': configMapTemplate('hook', { a: 'b' }, head) });
  await releases.release('hooked', TENANT);
  const release = await releases.until('hooked', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  const message = messageOf(release, 'Ready');
  expect(message).toMatch(/failed pre-install: hook ConfigMap\/\S+\/hooked-hook cannot be deleted: /);
  expect(message).toMatch(cannot('delete', 'configmaps'));
  expect(await isThere('hooked-hook', foreign)).toBe(false);
  expect(await isThere('hooked-main')).toBe(false);
});

test('another account is asked for its own rights', async () => {
  await allow('reader', ['get', 'list']);
  await releases.release('shop', { serviceAccountName: 'reader', values: { colour: 'blue' } });
  expect(messageOf(await failed('shop', 'UpgradeFailed'), 'Ready')).toMatch(cannot('create', 'secrets', 'reader'));
  await releases.release('shop', { ...TENANT, values: { colour: 'blue' } });
  expect(historyOf(await releases.ready('shop'))[0]).toBe('v2 deployed upgrade');
});

test('a tenant that may not delete keeps its release until it may', async () => {
  await allow(
    'tenant',
    ALL.filter((verb) => verb !== 'delete'),
  );
  await releases.world.cluster.delete(releases.key('shop'));
  const told = await releases.world.event(releases.key('shop'), 'UninstallFailed');
  expect(told).toMatch(cannot('delete', 'configmaps'));
  expect(await isThere('shop-main')).toBe(true);
  await allow('tenant', ALL);
  await releases.world.until(releases.key('shop'), 'be gone', (object) => object === null);
  expect(await isThere('shop-main')).toBe(false);
  expect(await recordsOf(releases, 'shop')).toEqual([]);
});

test('a release whose account is gone is let go, and says what it leaves', async () => {
  const metadata = { name: 'brief', namespace: home };
  await releases.world.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  await allow('brief', ALL);
  await releases.chart('brief', MAIN);
  await releases.release('brief', { serviceAccountName: 'brief' });
  await releases.ready('brief');
  await releases.world.cluster.delete({ group: '', version: 'v1', kind: 'ServiceAccount', ...metadata });
  await releases.world.cluster.delete(releases.key('brief'));
  await releases.world.until(releases.key('brief'), 'be gone', (object) => object === null);
  expect(await releases.world.event(releases.key('brief'), 'PruneFailed')).toContain(`ConfigMap/${home}/brief-main`);
  expect(await isThere('brief-main')).toBe(true);
});

test('locked down, a release that names no account acts as the default one', async () => {
  await releases.stopAgent();
  await start(LOCKED);
  await releases.chart('bare', MAIN);
  await releases.release('bare');
  expect(messageOf(await failed('bare', 'InstallFailed'), 'Ready')).toMatch(cannot('create', 'secrets', 'default'));
  await allow('default', ALL);
  await releases.ready('bare');
});

test('locked down, a chart of another namespace is refused, by both ways of naming one, and no HelmChart is made', async () => {
  const { namespace: _own, ...kinds } = { ...HELM_CHART, namespace: '' };
  const words = (source: string): string => `can't access '${source}', cross-namespace references have been blocked`;
  await releases.release('afar', { chartRef: { kind: 'HelmChart', name: 'cart', namespace: foreign } });
  const byRef = await releases.until('afar', 'be refused', (seen) => says(seen, 'Stalled') === 'True AccessDenied');
  expect(says(byRef, 'Ready')).toBe('False AccessDenied');
  expect(messageOf(byRef, 'Ready')).toBe(words(`HelmChart/${foreign}/cart`));
  const sourceRef = { kind: 'HelmRepository', name: 'charts', namespace: foreign };
  await releases.release('made', { chartRef: undefined, chart: { spec: { chart: 'cart', sourceRef } } });
  const byChart = await releases.until('made', 'be refused', (seen) => says(seen, 'Stalled') === 'True AccessDenied');
  expect(messageOf(byChart, 'Ready')).toBe(words(`HelmChart/${foreign}/${home}-made`));
  expect((await releases.world.cluster.list(kinds, { namespace: foreign })).items).toEqual([]);
  await answered(releases, 'afar', await request(releases, 'afar'));
  expect(await releases.problems()).toEqual([]);
});

test("by the audit log the agent's own rights were used for its own objects alone", async () => {
  await releases.stopAgent();
  const requests = await auditedRequests(releases.plane.auditLog, [AGENT]);
  // What it released as itself, before it was locked down.
  const own = requests.filter((one) => isWrite(one) && one.as === '' && !one.name.includes('theirs'));
  const resources = new Set(own.map(({ resource }) => resource));
  expect([...resources].filter((one) => !['helmreleases', 'events', 'leases'].includes(one))).toEqual([]);
  const tenants = new Set(requests.filter(isWrite).map(({ as }) => as));
  expect(tenants).toContain(userOf('tenant'));
});
