import type { HelmRelease, JsonObject } from '@plumb/api';
import { packChart, type ChartFiles } from '@plumb/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Helm } from './support/helm.ts';
import { HELM_RUNS } from './support/paths.ts';
import { Releases } from './support/releases.ts';

// What people do with upstream's helm to a release that Plumb made.

let releases: Releases;
let helm: Helm;
let archive: Uint8Array;
beforeAll(async () => {
  releases = await Releases.start();
  helm = await Helm.at(releases.plane.kubeconfig);
  archive = await releases.chart('cart', CART);
  await releases.release('cart');
  await releases.ready('cart');
  await releases.release('cart', { values: { colour: 'red' } });
  await releases.ready('cart');
});
afterAll(async () => {
  await helm.close();
  await releases.close();
});

const CART: ChartFiles = {
  'Chart.yaml': 'apiVersion: v2\nname: cart\nversion: 1.0.0\nappVersion: "7.1"\n',
  'values.yaml': 'colour: green\nsize: m\n',
  'templates/settings.yaml':
    'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-settings\ndata:\n  colour: {{ .Values.colour }}\n  size: {{ .Values.size }}\n',
  'templates/hook.yaml':
    'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-hook\n  annotations:\n    helm.sh/hook: pre-install,pre-upgrade,pre-rollback\ndata:\n  revision: {{ .Release.Revision | quote }}\n',
  'templates/NOTES.txt': 'The colour is {{ .Values.colour }}.\n',
};

/** Of `helm history`. */
interface Entry {
  revision: number;
  status: string;
  description: string;
  chart: string;
}

const get = (what: string, ...flags: string[]): Promise<string> =>
  helm.run('get', what, 'cart', '--namespace', releases.world.namespace, ...flags);
const colour = async (): Promise<unknown> => {
  const object = await releases.object('ConfigMap', 'cart-settings');
  return (object?.['data'] as JsonObject | undefined)?.['colour'];
};
const history = ({ status }: HelmRelease): string[] =>
  (status?.history ?? []).map(({ version, status: state, action }) => `${version} ${state} ${action ?? ''}`.trim());
const newest = (release: HelmRelease): number => release.status?.history?.[0]?.version ?? 0;

/** Waits until it is ready, the newest record being of this number or a later one. */
async function readyAt(version: number): Promise<HelmRelease> {
  return releases.until('cart', `be ready at version ${version}`, (release) => {
    const ready = release.status?.conditions?.find(({ type }) => type === 'Ready');
    return ready?.status === 'True' && newest(release) >= version;
  });
}

test.runIf(HELM_RUNS)('helm lists it, and tells its status and history', async () => {
  const { namespace } = releases.world;
  const { status: own } = await releases.ready('cart');
  expect(own).toMatchObject({ lastAttemptedGeneration: 2, lastAttemptedConfigDigest: own?.history?.[0]?.configDigest });
  const [listed] = await helm.json<JsonObject[]>('list', '--namespace', namespace);
  expect(listed).toMatchObject({
    name: 'cart',
    namespace,
    revision: '2',
    status: 'deployed',
    chart: 'cart-1.0.0',
    app_version: '7.1',
  });
  const status = await helm.json<JsonObject>('status', 'cart', '--namespace', namespace);
  expect(status['info']).toMatchObject({ status: 'deployed', description: 'Upgrade complete' });
  const entries = await helm.json<Entry[]>('history', 'cart', '--namespace', namespace);
  expect(entries.map((entry) => [entry.revision, entry.status, entry.description, entry.chart])).toEqual([
    [1, 'superseded', 'Install complete', 'cart-1.0.0'],
    [2, 'deployed', 'Upgrade complete', 'cart-1.0.0'],
  ]);
});

test.runIf(HELM_RUNS)('helm get gives manifest, values, hooks, notes and metadata', async () => {
  const manifest = await get('manifest');
  expect(manifest).toContain('# Source: cart/templates/settings.yaml\n');
  expect(manifest).toMatch(/^ {2}colour: red$/m);
  expect(await get('manifest', '--revision=1')).toMatch(/^ {2}colour: green$/m);
  expect(JSON.parse(await get('values', '--output=json'))).toEqual({ colour: 'red' });
  expect(JSON.parse(await get('values', '--all', '--output=json'))).toEqual({ colour: 'red', size: 'm' });
  expect(await get('hooks')).toContain('# Source: cart/templates/hook.yaml\n');
  expect((await get('notes')).trim()).toBe('NOTES:\nThe colour is red.');
  const metadata = JSON.parse(await get('metadata', '--output=json')) as JsonObject;
  expect(metadata).toMatchObject({ name: 'cart', chart: 'cart', version: '1.0.0', revision: 2, applyMethod: 'ssa' });
  expect(await get('all')).toContain('LAST DEPLOYED: ');
});

test.runIf(HELM_RUNS)('what helm rolled back is upgraded again to what is declared', async () => {
  // Helm applies as `helm` and asks before it takes fields of others: of Flux's just as of ours, which have the same name.
  const { namespace } = releases.world;
  const back = ['rollback', 'cart', '1', '--namespace', namespace];
  await expect(helm.run(...back)).rejects.toThrow('conflict with "helm-controller": .data.colour');
  await readyAt(4);
  await helm.run(...back, '--force-conflicts');
  const release = await readyAt(6);
  expect(await colour()).toBe('red');
  expect(history(release)).toEqual(['6 deployed upgrade', '5 superseded']);
  const entries = await helm.json<Entry[]>('history', 'cart', '--namespace', namespace);
  expect(entries.map((entry) => `${entry.revision} ${entry.status}: ${entry.description}`)).toEqual([
    '2 superseded: Upgrade complete',
    expect.stringMatching(/^3 failed: Rollback "cart" failed: conflict occurred/),
    '4 superseded: Upgrade complete',
    '5 superseded: Rollback to 1',
    '6 deployed: Upgrade complete',
  ]);
});

test.runIf(HELM_RUNS)('what helm upgraded to other values is upgraded back', async () => {
  await helm.upgrade(releases.world.namespace, 'cart', {
    archive,
    values: 'colour: blue\n',
    flags: ['--force-conflicts'],
  });
  await readyAt(8);
  expect(await colour()).toBe('red');
});

test.runIf(HELM_RUNS)('what helm upgraded to just what is declared is taken over as it is', async () => {
  const { namespace } = releases.world;
  await helm.upgrade(namespace, 'cart', { archive, values: 'colour: red\n' });
  const release = await readyAt(9);
  expect(history(release)[0]).toBe('9 deployed');
  expect(await releases.world.event(releases.key('cart'), 'ReleaseAdopted')).toContain(
    `${namespace}/cart.v9 is as declared`,
  );
  await releases.answered('cart');
  const entries = await helm.json<Entry[]>('history', 'cart', '--namespace', namespace);
  expect(entries.at(-1)).toMatchObject({ revision: 9, status: 'deployed' });
});

test.runIf(HELM_RUNS)('what helm uninstalled is installed again', async () => {
  await helm.run('uninstall', 'cart', '--namespace', releases.world.namespace, '--wait');
  const release = await releases.until(
    'cart',
    'be installed again',
    ({ status }) => status?.history?.[0]?.version === 1 && status.history[0].status === 'deployed',
  );
  expect(history(release)).toEqual(['1 deployed install']);
  expect(await colour()).toBe('red');
});

test.runIf(HELM_RUNS)('what helm uninstalled, keeping its history, is installed again', async () => {
  await helm.run('uninstall', 'cart', '--namespace', releases.world.namespace, '--wait', '--keep-history');
  const release = await readyAt(2);
  expect(history(release)).toEqual(['2 deployed install']);
  expect(await colour()).toBe('red');
});

test.runIf(HELM_RUNS)('a helm upgrade that fails is upgraded over', async () => {
  const { namespace } = releases.world;
  const bad = packChart({ ...CART, 'templates/bad.yaml': BAD }, 'cart');
  const upgrade = helm.upgrade(namespace, 'cart', {
    archive: bad,
    values: 'colour: blue\n',
    flags: ['--force-conflicts'],
  });
  await expect(upgrade).rejects.toThrow('must be between 1 and 65535');
  const release = await readyAt(4);
  expect(history(release)[0]).toBe('4 deployed upgrade');
  expect(await colour()).toBe('red');
  const entries = await helm.json<Entry[]>('history', 'cart', '--namespace', namespace);
  // An install that uses a name again supersedes what was uninstalled, as `helm install --replace` does.
  expect(entries.map((entry) => entry.status)).toEqual(['superseded', 'superseded', 'failed', 'deployed']);
  expect(await releases.world.problems()).toEqual([]);
});

const BAD = 'apiVersion: v1\nkind: Service\nmetadata:\n  name: bad\nspec:\n  ports: [{port: 0}]\n';
