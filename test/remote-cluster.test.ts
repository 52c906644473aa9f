import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject, ObjectKey } from '@plumb/api';
import { displayKey } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configMap } from './support/manifests.ts';
import { OwnPlane } from './support/own-plane.ts';
import { Requests } from './support/requests.ts';
import { statesOf } from './support/states.ts';
import { TcpProxy } from './support/tcp-proxy.ts';
import { condition, configMapKey, statusOf, World, type StartAgent } from './support/world.ts';

const AWAY_MS = 12_000;
const WATCHED = { 'reconcile.fluxcd.io/watch': 'Enabled' };

let world: World;
let plane: OwnPlane;
/** The remote cluster, as its administrator. */
let far: Cluster;
let home: string;
/** Its administrator's kubeconfig. */
let admin: string;
const requests = new Requests();
const notices: string[] = [];
let dir: string;

const agent = (): StartAgent => ({
  remoteClusters: { counter: requests },
  records: { dir, maker: 'this build' },
  onNotice: (text) => notices.push(text),
  checkInterval: 5_000,
});

beforeAll(async () => {
  plane = await OwnPlane.start();
  far = await plane.connect();
  dir = await mkdtemp(join(tmpdir(), 'plumb-records-'));
  world = await World.start({ agent: agent() });
  home = world.namespace;
  for (const cluster of [far, world.cluster]) await createNamespace(cluster, world.target);
  admin = await plane.kubeconfigText();
  await kubeconfig('far', admin);
  await world.repository.commit({
    'far/settings.yaml': configMap(world.target, 'settings', { colour: 'green' }),
    'far/other.yaml': configMap(world.target, 'other', { a: '1' }),
    'near/settings.yaml': configMap(world.target, 'near', { a: '1' }),
  });
});

afterAll(async () => {
  await world.close();
  await far.close();
  await plane.close();
  await rm(dir, { recursive: true });
});

async function createNamespace(cluster: Cluster, name: string): Promise<void> {
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
}

function kubeconfig(name: string, text: string, more: { key?: string; labels?: object } = {}): Promise<KubeObject> {
  const { key = 'value', labels = {} } = more;
  const data = { [key]: Buffer.from(text).toString('base64') };
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: home, labels }, data };
  return world.apply(secret as KubeObject);
}

function unit(name: string, spec: Record<string, unknown> = {}): Promise<KubeObject> {
  const kubeConfig = { secretRef: { name: 'far' } };
  return world.kustomization(name, { path: './far', retryInterval: '1s', kubeConfig, ...spec });
}

/** Waits by watch until an object of some cluster is as asked. */
async function until(
  cluster: Cluster,
  key: ObjectKey,
  holds: (object: KubeObject | null) => boolean,
  ms = 30_000,
): Promise<void> {
  const over = AbortSignal.timeout(ms);
  let last: KubeObject | null = null;
  try {
    for await (const state of statesOf(cluster, key, over)) if (holds((last = state))) return;
  } catch (error) {
    if (!over.aborted) throw error;
  }
  throw new Error(`${displayKey(key)} is not as asked: ${JSON.stringify(last)}; faults: ${world.faults.join('; ')}`);
}

const settings = (): ObjectKey => configMapKey(world.target, 'settings');
const colour =
  (value: string) =>
  (object: KubeObject | null): boolean =>
    (object?.['data'] as { colour?: string } | undefined)?.colour === value;
const isGone = (object: KubeObject | null): boolean => object === null;
const messageOf = (object: KubeObject | null): string => condition(object, 'Ready')?.message ?? '';

function says(name: string, pattern: RegExp, ms?: number): Promise<KubeObject | null> {
  const fits = (object: KubeObject | null): boolean =>
    condition(object, 'Ready')?.status === 'False' && pattern.test(messageOf(object));
  return world.until(world.unitKey(name), `say ${String(pattern)}`, fits, ms);
}

/** Remote clusters the agent is connected to now. */
function connections(): number {
  return [...world.agent.metrics.lines()].filter((line) => /^plumb_api_request_window\{cluster="[^"]/.test(line))
    .length;
}

describe('a unit with a kubeconfig', () => {
  let revision: string;

  test('is applied in the other cluster, and nowhere else; its status is here', async () => {
    await world.gitRepository();
    revision = await world.push({ 'far/third.yaml': configMap(world.target, 'third', { a: '1' }) });
    await unit('far');
    const object = await world.applied('far', revision);
    expect(statusOf(object as unknown as KubeObject).inventory?.entries).toHaveLength(3);
    expect(colour('green')(await far.get(settings()))).toBe(true);
    expect(await world.get(settings())).toBeNull();
    await world.event(world.unitKey('far'), 'ReconciliationSucceeded');
  });

  test('is held to what is declared there, whatever an object of the same name is here', async () => {
    await world.cluster.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: world.target },
      data: { colour: 'red' },
    });
    await far.patch(settings(), { data: { colour: 'blue' } }, { type: 'merge', fieldManager: 'kubectl-edit' });
    await until(far, settings(), colour('green'));
    await world.event(world.unitKey('far'), 'DriftCorrected', (text) =>
      text.includes('kubectl-edit changed data.colour'),
    );
    await far.delete(settings());
    await until(far, settings(), colour('green'));
    expect(colour('red')(await world.get(settings()))).toBe(true);
  });

  test('is pruned there', async () => {
    revision = await world.push({ 'far/third.yaml': null });
    await world.applied('far', revision);
    expect(await far.get(configMapKey(world.target, 'third'))).toBeNull();
  });

  test('is as it was after a restart: nothing is written there that is right already', async () => {
    await world.stopAgent();
    const token = await world.request(world.unitKey('far'));
    requests.take();
    await world.startAgent(agent());
    await world.until(world.unitKey('far'), 'answer', (object) => statusOf(object).lastHandledReconcileAt === token);
    expect(requests.take().filter((request) => /^(get|apply|patch|create|delete) (?!raw)/.test(request))).toEqual([]);
    await far.patch(settings(), { data: { colour: 'blue' } }, { type: 'merge' });
    await until(far, settings(), colour('green'));
  });

  test('shares its connection with every unit whose kubeconfig says the same', async () => {
    await kubeconfig('same', JSON.stringify(JSON.parse(admin)), { key: 'config' });
    await unit('twin', { path: './near', kubeConfig: { secretRef: { name: 'same', key: 'config' } } });
    await world.applied('twin', revision);
    expect(await far.get(configMapKey(world.target, 'near'))).not.toBeNull();
    expect(connections()).toBe(1);
    await world.cluster.delete(world.unitKey('twin'));
    await until(far, configMapKey(world.target, 'near'), isGone);
    await world.until(world.unitKey('twin'), 'go', isGone);
  });
});

test('a cluster that is down: its units say since when, ask rarely, and go on by themselves; nobody else notices', async () => {
  await world.kustomization('near');
  await world.conditionIs(world.unitKey('near'), 'Ready', 'True');
  notices.length = 0;
  const stoppedAt = Date.now();
  await plane.stop();
  const downAt = Date.now();
  requests.take();
  const object = await says('far', /^the cluster at .* \(Secret\/.*\/far\) has not answered since 20.*: /);
  const since = Date.parse(/since (\S+Z)/.exec(messageOf(object))?.[1] ?? '');
  expect(since).toBeGreaterThan(stoppedAt - 10_000);
  expect(since).toBeLessThan(downAt + 10_000);
  const revision = await world.push({
    'near/settings.yaml': configMap(world.target, 'near', { a: '2' }),
    'far/settings.yaml': configMap(world.target, 'settings', { colour: 'white' }),
  });
  await world.applied('near', revision);
  await world.judgedAnew('far');
  await sleep(AWAY_MS);
  // One probe with its pauses, and what each watch tried before it waited.
  expect(requests.take().length).toBeLessThan(30 + AWAY_MS / 1_000);
  expect(notices).toEqual([expect.stringMatching(/^the cluster at .* has not answered since/)]);
  await plane.again();
  await world.applied('far', revision);
  expect(colour('white')(await far.get(settings()))).toBe(true);
  await far.patch(settings(), { data: { colour: 'blue' } }, { type: 'merge' });
  await until(far, settings(), colour('white'));
  expect(notices[1]).toMatch(/answers again$/);
});

test('a cluster that hangs without a word is found out, and holds up nobody else', async () => {
  const proxy = await TcpProxy.to(Number(plane.host.split(':')[1]));
  try {
    await kubeconfig('hung', admin.replace(plane.host, `127.0.0.1:${proxy.port}`));
    const kubeConfig = { secretRef: { name: 'hung' } };
    await world.repository.commit({ 'hung/map.yaml': configMap(world.target, 'hung', { a: '1' }) });
    await world.requestSource();
    for (const name of ['hung', 'hung-2', 'hung-3']) await unit(name, { path: './hung', kubeConfig });
    await world.conditionIs(world.unitKey('hung'), 'Ready', 'True');
    proxy.cut();
    const revision = await world.push({
      'hung/map.yaml': configMap(world.target, 'hung', { a: '2' }),
      'near/settings.yaml': configMap(world.target, 'near', { a: '3' }),
    });
    await world.applied('near', revision);
    await says('hung', /^the cluster at .* has not answered since/, 90_000);
    proxy.heal();
    for (const name of ['hung', 'hung-2', 'hung-3']) await world.applied(name, revision);
    for (const name of ['hung', 'hung-2', 'hung-3']) {
      await world.cluster.delete(world.unitKey(name));
      await world.until(world.unitKey(name), 'go', isGone);
    }
  } finally {
    await proxy.close();
  }
});

test('a unit that is to deliver here from now on leaves what it applied there', async () => {
  await world.push({
    'moved/map.yaml': configMap(world.target, 'moved', { a: '1' }),
    'moved/lost.yaml': configMap(world.target, 'lost', { a: '1' }),
  });
  await unit('moved');
  const key = configMapKey(world.target, 'moved');
  await world.conditionIs(world.unitKey('moved'), 'Ready', 'True');
  await world.cluster.patch(world.unitKey('moved'), { spec: { path: './moved' } }, { type: 'merge' });
  await until(far, key, (object) => object !== null);
  const annotations = { 'plumb.dev/drift': 'warn' };
  await world.cluster.patch(world.unitKey('moved'), { metadata: { annotations } }, { type: 'merge' });
  // The two clusters' watches have no order: that it is to be left has to be known first.
  const asked = await world.request(world.unitKey('moved'));
  await world.until(world.unitKey('moved'), 'be asked', (object) => statusOf(object).lastHandledReconcileAt === asked);
  const lost = configMapKey(world.target, 'lost');
  await until(far, lost, (object) => object !== null);
  await far.delete(lost);
  await world.event(world.unitKey('moved'), 'DriftDetected', (text) => text.includes('lost was deleted'));
  await world.cluster.patch(world.unitKey('moved'), { spec: { kubeConfig: null } }, { type: 'merge' });
  await world.until(key, 'be here', (object) => object !== null);
  // That it is missing there says nothing of here.
  await world.until(lost, 'be here', (object) => object !== null);
  await far.patch(key, { data: { a: 'mine' } }, { type: 'merge' });
  await world.cluster.delete(world.unitKey('moved'));
  await world.until(key, 'go', isGone);
  expect((await far.get(key))?.['data']).toEqual({ a: 'mine' });
});

test('a cluster that was never there costs its own unit alone', async () => {
  await kubeconfig('nowhere', admin.replace(plane.host, '127.0.0.1:1'));
  await unit('nowhere', { kubeConfig: { secretRef: { name: 'nowhere' } } });
  await says('nowhere', /the cluster at 127\.0\.0\.1:1 .*ECONNREFUSED/);
  await kubeconfig('nowhere', admin);
  await world.request(world.unitKey('nowhere'));
  await world.conditionIs(world.unitKey('nowhere'), 'Ready', 'True');
  await world.cluster.delete(world.unitKey('nowhere'));
  await world.until(world.unitKey('nowhere'), 'go', isGone);
});

describe('credentials that are rotated', () => {
  async function account(name: string): Promise<string> {
    await far.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: world.target } });
    await far.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', name, namespace: world.target }],
    } as KubeObject);
    const { token } = await far.createToken({ namespace: world.target, name }, { audiences: [] });
    return plane.kubeconfigText({ token });
  }
  const revoke = (name: string): Promise<boolean> =>
    far.delete({ group: '', version: 'v1', kind: 'ServiceAccount', namespace: world.target, name });

  test('in a labelled Secret are taken at once, and the old connection is closed', async () => {
    await kubeconfig('rotated', await account('first'), { labels: WATCHED });
    await unit('rotated', { path: './near', kubeConfig: { secretRef: { name: 'rotated' } } });
    await world.conditionIs(world.unitKey('rotated'), 'Ready', 'True');
    const before = connections();
    await kubeconfig('rotated', await account('second'), { labels: WATCHED });
    await revoke('first');
    const key = configMapKey(world.target, 'near');
    await far.patch(key, { data: { a: 'spoilt' } }, { type: 'merge' });
    await until(far, key, (object) => (object?.['data'] as { a: string } | undefined)?.a === '3');
    expect(connections()).toBe(before);
  });

  test('that are refused are told, and others are looked for, without a label and without a restart', async () => {
    const third = await account('third');
    await kubeconfig('plain', third);
    await unit('plain', {
      path: './near',
      interval: '1h',
      retryInterval: '1h',
      kubeConfig: { secretRef: { name: 'plain' } },
    });
    await world.conditionIs(world.unitKey('plain'), 'Ready', 'True');
    await revoke('third');
    await says('plain', /refuses the credentials of Secret\/.*\/plain: Unauthorized/, 90_000);
    await kubeconfig('plain', await account('fourth'));
    await world.until(
      world.unitKey('plain'),
      'be Ready',
      (object) => condition(object, 'Ready')?.status === 'True',
      90_000,
    );
  });
});

describe('a Secret that cannot be used is said', () => {
  test.each<{ what: string; name: string; prepare?: () => Promise<unknown>; key?: string; says: RegExp }>([
    {
      what: 'it is not there',
      name: 'none',
      says: /unable to read KubeConfig secret '.*\/none' error: secrets "none" not found/,
    },
    {
      what: 'another key',
      name: 'far',
      key: 'kubeconfig',
      says: /does not contain a 'kubeconfig' key with a kubeconfig/,
    },
    {
      what: 'no kubeconfig',
      name: 'broken',
      prepare: () => kubeconfig('broken', 'token: s3cret: ['),
      says: /invalid KubeConfig in secret '.*\/broken': the kubeconfig is neither YAML nor JSON$/,
    },
    {
      what: 'a program',
      name: 'exec',
      prepare: async () => {
        const config = JSON.parse(admin) as { users: { user: object }[] };
        for (const one of config.users) one.user = { exec: { command: 'touch', args: ['/tmp/plumb-was-here'] } };
        return kubeconfig('exec', JSON.stringify(config));
      },
      says: /runs a program \(exec\): .*--insecure-kubeconfig-exec/,
    },
  ])('$what', async ({ name, prepare, key, says: pattern }) => {
    await prepare?.();
    await unit('flawed', { kubeConfig: { secretRef: { name, ...(key === undefined ? {} : { key }) } } });
    const object = await says('flawed', pattern);
    expect(messageOf(object)).not.toContain('s3cret');
    expect(condition(object, 'Ready')?.reason).toBe('ReconciliationFailed');
    await world.cluster.delete(world.unitKey('flawed'));
    await world.until(world.unitKey('flawed'), 'go', isGone);
  });
});

test('a service account is impersonated in the other cluster, with the rights it has there', async () => {
  await createNamespace(far, home);
  await far.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'tenant', namespace: home } });
  await unit('tenant', { path: './near', serviceAccountName: 'tenant' });
  const name = `system:serviceaccount:${home}:tenant`;
  await says('tenant', new RegExp(`^ConfigMap/${world.target}/near dry-run failed \\(Forbidden\\): .*${name}`));
  const metadata = { name: 'tenant', namespace: world.target };
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['*'] }];
  await far.create({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules } as KubeObject);
  await far.create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'tenant' },
    subjects: [{ kind: 'ServiceAccount', name: 'tenant', namespace: home }],
  } as KubeObject);
  const ready = await world.conditionIs(world.unitKey('tenant'), 'Ready', 'True');
  expect(statusOf(ready).inventory?.entries).toHaveLength(1);
});

test('a kubeconfig that is good for one namespace is enough for what goes there', async () => {
  await kubeconfig('limited', await plane.kubeconfigText({ user: 'limited' }));
  await world.push({ 'limited/map.yaml': configMap(world.target, 'limited', { a: '1' }) });
  await unit('limited', { path: './limited', kubeConfig: { secretRef: { name: 'limited' } } });
  await says('limited', /^ConfigMap cannot be watched: .*User "limited" cannot list/);
  await far.create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'limited', namespace: world.target },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'admin' },
    subjects: [{ kind: 'User', name: 'limited', apiGroup: 'rbac.authorization.k8s.io' }],
  } as KubeObject);
  await world.conditionIs(world.unitKey('limited'), 'Ready', 'True');
  const key = configMapKey(world.target, 'limited');
  await far.delete(key);
  await until(far, key, (object) => object !== null);
  expect(condition(await world.get(world.unitKey('limited')), 'Ready')?.status).toBe('True');
});

test('a ConfigMap says how to reach a cluster that trusts this one: by the token of a service account', async () => {
  const { clusters } = JSON.parse(await world.kubeconfig()) as { clusters: { cluster: Record<string, string> }[] };
  const { server = '', 'certificate-authority-data': ca = '' } = clusters[0]?.cluster ?? {};
  await world.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'caller', namespace: home } });
  await world.apply({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: home },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', name: 'caller', namespace: home }],
  } as KubeObject);
  const data = {
    provider: 'generic',
    address: server,
    'ca.crt': Buffer.from(ca, 'base64').toString(),
    audiences: 'https://kubernetes.default.svc',
    serviceAccountName: 'caller',
  };
  const metadata = { name: 'issuer', namespace: home, labels: WATCHED };
  const issuer = (lines: object): Promise<KubeObject> =>
    world.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: lines } as KubeObject);
  await issuer({ ...data, address: '' });
  const kubeConfig = { configMapRef: { name: 'issuer' } };
  await unit('issued', { path: './far', retryInterval: '1h', kubeConfig, targetNamespace: home });
  await says('issued', /address/);
  // It carries the label: what it says is acted upon at once.
  await issuer(data);
  await world.conditionIs(world.unitKey('issued'), 'Ready', 'True');
  const applied = await world.get(configMapKey(home, 'settings'));
  expect(applied?.metadata.labels).toMatchObject({ 'kustomize.toolkit.fluxcd.io/name': 'issued' });
  await world.cluster.delete(world.unitKey('issued'));
  await world.until(world.unitKey('issued'), 'go', isGone);
  await world.cluster.delete({
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    kind: 'ClusterRoleBinding',
    namespace: '',
    name: home,
  });
});

describe('a unit that is deleted', () => {
  test('deletes its objects there, also when its kubeconfig is deleted along with it', async () => {
    await world.cluster.delete({ group: '', version: 'v1', kind: 'Secret', namespace: home, name: 'far' });
    await world.cluster.delete(world.unitKey('far'));
    await world.until(world.unitKey('far'), 'go', isGone);
    expect(await far.get(settings())).toBeNull();
    expect(colour('red')(await world.get(settings()))).toBe(true);
    await kubeconfig('far', admin);
  });

  test('is let go when neither its cluster nor its kubeconfig is there any more, and says what it leaves', async () => {
    await unit('lost', { path: './far' });
    await world.conditionIs(world.unitKey('lost'), 'Ready', 'True');
    await plane.stop();
    await says('lost', /has not answered since/);
    await world.cluster.delete(world.unitKey('lost'));
    await world.event(world.unitKey('lost'), 'PruneFailed', (text) => text.includes('has not answered since'));
    expect(await world.get(world.unitKey('lost'))).not.toBeNull();
    await world.cluster.delete({ group: '', version: 'v1', kind: 'Secret', namespace: home, name: 'far' });
    await world.request(world.unitKey('lost'));
    await world.until(world.unitKey('lost'), 'go', isGone);
    const left = await world.event(world.unitKey('lost'), 'PruneFailed', (text) =>
      text.includes('are left in their cluster'),
    );
    expect(left).toContain(`ConfigMap/${world.target}/settings`);
    expect(await world.problems()).toEqual([]);
  });
});
