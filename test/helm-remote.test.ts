import type { HelmRelease, KubeObject, ObjectKey } from '@plumb/api';
import { displayKey } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recordKey, recordsOf } from './support/helm.ts';
import { OwnPlane } from './support/own-plane.ts';
import {
  configMapTemplate,
  deploymentTemplate,
  historyOf,
  hook,
  jobTemplate,
  messageOf,
  REFUSED_SERVICE,
  says,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';
import { Requests } from './support/requests.ts';
import { statesOf } from './support/states.ts';
import { configMapKey, deploymentKey } from './support/world.ts';

let releases: Releases;
let plane: OwnPlane;
/** The remote cluster, as its administrator. */
let far: Cluster;
let home: string;
const requests = new Requests();

beforeAll(async () => {
  plane = await OwnPlane.start();
  far = await plane.connect();
  releases = await Releases.start({ agent: { checkInterval: 5_000, remoteClusters: { counter: requests } } });
  home = releases.world.namespace;
  await far.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: home } });
  await kubeconfig('far');
});

afterAll(async () => {
  await releases.close();
  await far.close();
  await plane.close();
});

async function kubeconfig(name: string, text?: string): Promise<void> {
  const value = Buffer.from(text ?? (await plane.kubeconfigText())).toString('base64');
  const metadata = { name, namespace: home };
  await releases.world.apply({ apiVersion: 'v1', kind: 'Secret', metadata, data: { value } } as KubeObject);
}

const FAR = { kubeConfig: { secretRef: { name: 'far' } } };
const MAIN = { 'templates/main.yaml': configMapTemplate('main', { colour: '{{ .Values.colour | default "green" }}' }) };
const main = (name: string): ObjectKey => configMapKey(home, `${name}-main`);
const isGone = (object: KubeObject | null): boolean => object === null;
const isColoured =
  (value: string) =>
  (object: KubeObject | null): boolean =>
    (object?.['data'] as { colour?: string } | undefined)?.colour === value;

/** Waits by watch until an object of the remote cluster is as asked. */
async function untilFar(key: ObjectKey, holds: (object: KubeObject | null) => boolean, ms = 30_000): Promise<void> {
  const over = AbortSignal.timeout(ms);
  let last: KubeObject | null = null;
  try {
    for await (const state of statesOf(far, key, over)) if (holds((last = state))) return;
  } catch (error) {
    if (!over.aborted) throw error;
  }
  throw new Error(`${displayKey(key)} is not as asked: ${JSON.stringify(last)}`);
}

const records = async (cluster: Cluster, name: string): Promise<string[]> =>
  (await recordsOf(cluster, home, name)).map(
    ({ metadata: { labels = {} } }) => `v${labels['version'] ?? ''} ${labels['status'] ?? ''}`,
  );

function untilSays(name: string, pattern: RegExp, ms?: number): Promise<HelmRelease> {
  const fits = (seen: HelmRelease): boolean => pattern.test(messageOf(seen, 'Ready') ?? '');
  return releases.until(name, `say ${String(pattern)}`, fits, ms);
}

test('objects, hooks and records are in the other cluster, and nothing of them here', async () => {
  const lines = Object.entries(hook('pre-install')).map(([key, text]) => `    ${key}: "${text}"\n`);
  await releases.chart('shop', {
    ...MAIN,
    'templates/hook.yaml': configMapTemplate('hook', { a: 'b' }, `  annotations:\n${lines.join('')}`),
    'templates/seen.yaml': configMapTemplate('seen', {
      text: '{{ (lookup "v1" "ConfigMap" .Release.Namespace "seen").data.text | default "nothing" }}',
    }),
  });
  const metadata = { name: 'seen', namespace: home };
  await releases.world.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { text: 'here' } } as KubeObject);
  await far.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { text: 'there' } } as KubeObject);
  await releases.release('shop', FAR);
  const release = await releases.ready('shop');
  expect(release.status?.inventory?.entries).toHaveLength(2);
  expect(await records(far, 'shop')).toEqual(['v1 deployed']);
  expect(await records(releases.world.cluster, 'shop')).toEqual([]);
  for (const suffix of ['main', 'hook', 'seen']) {
    expect(await far.get(configMapKey(home, `shop-${suffix}`))).not.toBeNull();
    expect(await releases.object('ConfigMap', `shop-${suffix}`)).toBeNull();
  }
  expect((await far.get(configMapKey(home, 'shop-seen')))?.['data']).toEqual({ text: 'there' });
});

test('values are read here', async () => {
  const metadata = { name: 'values', namespace: home };
  const data = { 'values.yaml': 'colour: red\n' };
  await releases.world.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data } as KubeObject);
  await releases.release('shop', { ...FAR, valuesFrom: [{ kind: 'ConfigMap', name: 'values' }] });
  const release = await releases.ready('shop');
  expect(historyOf(release)).toEqual(['v2 deployed upgrade', 'v1 superseded install']);
  expect(isColoured('red')(await far.get(main('shop')))).toBe(true);
  await releases.release('shop', FAR);
  await releases.ready('shop');
});

test('drift is put right there, whatever an object of the same name is here', async () => {
  await releases.release('shop', { ...FAR, driftDetection: { mode: 'enabled' } });
  await releases.ready('shop');
  const metadata = { name: 'shop-main', namespace: home };
  await releases.world.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { colour: 'here' } } as KubeObject);
  await far.patch(main('shop'), { data: { colour: 'blue' } }, { type: 'merge', fieldManager: 'kubectl-edit' });
  await untilFar(main('shop'), isColoured('green'));
  expect(await releases.world.event(releases.key('shop'), 'DriftCorrected')).toContain('shop-main configured');
  await far.delete(main('shop'));
  await untilFar(main('shop'), isColoured('green'));
  expect(isColoured('here')(await releases.object('ConfigMap', 'shop-main'))).toBe(true);
  await releases.world.cluster.delete(main('shop'));
});

test('a restart writes nothing there', async () => {
  await releases.stopAgent();
  requests.take();
  await releases.startAgent({ checkInterval: 5_000, remoteClusters: { counter: requests } });
  await releases.answered('shop');
  expect(requests.take().filter((request) => /^(apply|patch|create|update|delete) /.test(request))).toEqual([]);
});

test('a failed upgrade is rolled back there', async () => {
  const upgrade = { remediation: { retries: 0, remediateLastFailure: true } };
  const bad = { 'templates/bad.yaml': `{{ if .Values.bad }}\n${REFUSED_SERVICE}{{ end }}\n` };
  await releases.chart('back', { ...MAIN, ...bad });
  await releases.release('back', { ...FAR, upgrade });
  await releases.ready('back');
  await releases.release('back', { ...FAR, upgrade, values: { bad: true, colour: 'red' } });
  const release = await releases.until('back', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  expect(says(release, 'Remediated')).toBe('True RollbackSucceeded');
  expect(await records(far, 'back')).toEqual(['v1 superseded', 'v2 failed', 'v3 deployed']);
});

test('a record that somebody deleted there is missed by the next run', async () => {
  await far.delete(recordKey(home, 'back', 3));
  await releases.release('back', FAR);
  await releases.ready('back');
  expect((await records(far, 'back')).at(-1)).toBe('v3 deployed');
});

test('a cluster that goes away is told of, and what was declared meanwhile is done when it is back', async () => {
  await releases.chart('spent', { 'templates/bad.yaml': REFUSED_SERVICE });
  await releases.release('spent', FAR);
  await releases.until('spent', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  await plane.stop();
  await releases.release('shop', { ...FAR, values: { colour: 'white' } });
  await untilSays('shop', /^the cluster at .* \(Secret\/\S+\/far\) has not answered since /, 60_000);
  const there = await releases.world.get(releases.key('shop'));
  expect(historyOf(there as unknown as HelmRelease)[0]).toMatch(/^v3 deployed upgrade$/);
  await releases.chart('near', MAIN);
  await releases.release('near');
  await releases.ready('near');
  await plane.again();
  const release = await releases.ready('shop', 90_000);
  expect(historyOf(release)[0]).toBe('v4 deployed upgrade');
  expect(isColoured('white')(await far.get(main('shop')))).toBe(true);
  expect(says(release, 'Ready')).toBe('True UpgradeSucceeded');
});

test('what was given up there is tried again when its cluster is back', async () => {
  expect(await releases.world.event(releases.key('spent'), 'ReleaseRecovery')).toBe(
    'going on with upgrade: what the release depends on changed since its retries were spent',
  );
});

test('one that goes away while an upgrade waits leaves nothing locked', async () => {
  const web = { 'templates/web.yaml': `{{ if .Values.web }}\n${deploymentTemplate('web')}{{ end }}\n` };
  await releases.chart('cut', { ...MAIN, ...web });
  await releases.release('cut', { ...FAR, upgrade: { timeout: '5m' } });
  await releases.ready('cut');
  // Nothing runs there: it waits.
  await releases.release('cut', { ...FAR, upgrade: { timeout: '5m' }, values: { web: true, colour: 'red' } });
  await untilFar(deploymentKey(home, 'cut-web'), (object) => object !== null);
  expect(await records(far, 'cut')).toEqual(['v1 deployed', 'v2 pending-upgrade']);
  await plane.stop();
  await releases.release('cut', { ...FAR, values: { colour: 'blue' } });
  await untilSays('cut', /has not answered since /, 60_000);
  await plane.again();
  await releases.ready('cut', 90_000);
  expect(isColoured('blue')(await far.get(main('cut')))).toBe(true);
  expect(await far.get(deploymentKey(home, 'cut-web'))).toBeNull();
  expect(await records(far, 'cut')).toEqual(['v1 superseded', 'v2 failed', 'v3 deployed']);
});

test('a hook that does not end there is told', async () => {
  await releases.chart('hooked', {
    'templates/job.yaml': jobTemplate('job', { annotations: hook('pre-install') }),
  });
  await releases.release('hooked', { ...FAR, install: { timeout: '1s' } });
  const release = await releases.until('hooked', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  expect(messageOf(release, 'Ready')).toMatch(/hook Job\/\S+\/hooked-job failed: it did not end within 1s/);
});

test('without its kubeConfig a release is made here again, and what is there stays', async () => {
  await releases.chart('moved', MAIN);
  await releases.release('moved');
  await releases.ready('moved');
  await releases.release('moved', FAR);
  await releases.ready('moved');
  expect(await records(far, 'moved')).toEqual(['v1 deployed']);
  await releases.release('moved', { values: { colour: 'red' } });
  const release = await releases.ready('moved');
  expect(isColoured('red')(await releases.object('ConfigMap', 'moved-main'))).toBe(true);
  expect(await records(releases.world.cluster, 'moved')).toEqual(['v1 superseded', 'v2 deployed']);
  expect(historyOf(release)[0]).toBe('v2 deployed upgrade');
  expect(await records(far, 'moved')).toEqual(['v1 deployed']);
  expect(isColoured('green')(await far.get(main('moved')))).toBe(true);
  await releases.world.cluster.delete(releases.key('moved'));
  await releases.world.until(releases.key('moved'), 'go', isGone);
  expect(await releases.object('ConfigMap', 'moved-main')).toBeNull();
  expect(isColoured('green')(await far.get(main('moved')))).toBe(true);
});

test('one that is as declared in both clusters is upgraded in neither', async () => {
  await releases.chart('both', MAIN);
  await releases.release('both');
  await releases.ready('both');
  for (const spec of [FAR, {}, FAR, {}]) {
    await releases.release('both', spec);
    await releases.ready('both');
  }
  expect(await records(releases.world.cluster, 'both')).toEqual(['v1 deployed']);
  expect(await records(far, 'both')).toEqual(['v1 deployed']);
});

test('what is in force there says nothing of here, though both have the same number', async () => {
  await releases.chart('alike', MAIN);
  await releases.release('alike');
  await releases.ready('alike');
  await releases.release('alike', { ...FAR, values: { colour: 'red' } });
  await releases.ready('alike');
  await releases.release('alike', { values: { colour: 'red' } });
  await releases.ready('alike');
  expect(isColoured('red')(await releases.object('ConfigMap', 'alike-main'))).toBe(true);
  expect(await records(releases.world.cluster, 'alike')).toEqual(['v1 superseded', 'v2 deployed']);
});

test('a kubeconfig that is not there, or leads nowhere, is told, and nothing is done here in its place', async () => {
  await releases.chart('lost', MAIN);
  await releases.release('lost', { kubeConfig: { secretRef: { name: 'none' } } });
  const message = `unable to read KubeConfig secret '${home}/none' error: secrets "none" not found`;
  const release = await untilSays('lost', /unable to read KubeConfig secret/);
  expect([says(release, 'Ready'), messageOf(release, 'Ready')]).toEqual(['False RESTClientError', message]);
  await kubeconfig('none', (await plane.kubeconfigText()).replace(plane.host, '127.0.0.1:1'));
  await releases.answered('lost');
  await untilSays('lost', /the cluster at 127\.0\.0\.1:1 .*ECONNREFUSED/);
  expect(await releases.object('ConfigMap', 'lost-main')).toBeNull();
  await kubeconfig('none');
  await releases.answered('lost');
  await releases.ready('lost');
  expect(await far.get(main('lost'))).not.toBeNull();
});

test('a service account is impersonated there, with the rights it has there', async () => {
  await releases.chart('tenant', MAIN);
  await releases.release('tenant', { ...FAR, serviceAccountName: 'tenant' });
  const release = await untilSays('tenant', new RegExp(`system:serviceaccount:${home}:tenant" cannot`));
  expect(says(release, 'Ready')).toMatch(/^False (StateError|InstallFailed)$/);
  expect(await far.get(main('tenant'))).toBeNull();
});

test('a deleted release is uninstalled there', async () => {
  await releases.world.cluster.delete(releases.key('shop'));
  await releases.world.until(releases.key('shop'), 'go', isGone);
  for (const suffix of ['main', 'seen']) expect(await far.get(configMapKey(home, `shop-${suffix}`))).toBeNull();
  expect(await records(far, 'shop')).toEqual([]);
});

test('one whose kubeconfig is gone with its cluster is let go, and says what it leaves', async () => {
  await plane.stop();
  await releases.world.cluster.delete({ group: '', version: 'v1', kind: 'Secret', namespace: home, name: 'far' });
  await releases.world.cluster.delete(releases.key('cut'));
  const left = await releases.world.event(releases.key('cut'), 'PruneFailed', () => true, 60_000);
  expect(left).toContain(`ConfigMap/${home}/cut-main`);
  await releases.world.until(releases.key('cut'), 'go', isGone);
  expect(await releases.problems()).toEqual([]);
});
