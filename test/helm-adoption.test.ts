import type { HelmRelease, JsonObject, KubeObject } from '@plumb/api';
import { FINALIZER, HELM_APPLY_MANAGER, HELM_OWNER_NAME_LABEL } from '@plumb/api';
import type { ChartFiles } from '@plumb/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataOf, Helm, recordIn, recordKey, recordsOf } from './support/helm.ts';
import { HELM3_PATH, HELM_RUNS } from './support/paths.ts';
import { Releases } from './support/releases.ts';
import { condition } from './support/world.ts';

// Releases that others made are taken over: as they are where they are as declared, by one upgrade where they are not.

let releases: Releases;
let helm: Helm;
let helm3: Helm;
beforeAll(async () => {
  releases = await Releases.start();
  helm = await Helm.at(releases.plane.kubeconfig);
  helm3 = await Helm.at(releases.plane.kubeconfig, HELM3_PATH);
});
afterAll(async () => {
  await helm.close();
  await helm3.close();
  await releases.close();
});

const MAPS = ['settings', 'more'] as const;
const map = (name: string, data: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-${name}\ndata:\n  ${data}\n`;

const SHOP: ChartFiles = {
  'values.yaml': 'colour: green\nold: true\nmore: true\n',
  'templates/settings.yaml': map(
    'settings',
    'colour: {{ .Values.colour }}\n  {{- if .Values.old }}\n  old: x\n  {{- end }}',
  ),
  'templates/more.yaml': `{{- if .Values.more }}\n${map('more', 'colour: {{ .Values.colour }}')}\n{{- end }}`,
};

const object = (release: string, name: string): Promise<KubeObject | null> =>
  releases.object('ConfigMap', `${release}-${name}`);
const versions = async (release: string): Promise<(string | undefined)[]> =>
  Promise.all(MAPS.map(async (name) => (await object(release, name))?.metadata.resourceVersion));
const statuses = async (name: string): Promise<string[]> =>
  (await recordsOf(releases.world.cluster, releases.world.namespace, name)).map(
    ({ metadata }) => `${metadata.labels?.['version'] ?? ''} ${metadata.labels?.['status'] ?? ''}`,
  );
const adopted = (name: string): Promise<string> => releases.world.event(releases.key(name), 'ReleaseAdopted');
const history = ({ status }: HelmRelease): string[] =>
  (status?.history ?? []).map(({ version, status: state, action }) => `${version} ${state} ${action ?? ''}`.trim());
const managers = (live: KubeObject | null): string[] =>
  (live?.metadata.managedFields ?? []).map(({ manager, operation }) => `${manager} ${operation}`).sort();

async function byHelm(name: string, values: string, { isHelm3 = false } = {}): Promise<void> {
  const archive = await releases.chart(name, SHOP);
  await (isHelm3 ? helm3 : helm).install(releases.world.namespace, name, { archive, values });
}

test.runIf(HELM_RUNS).each([
  ['helm 4', 'four', false],
  ['helm 3', 'three', true],
])('a release by %s that is as declared is taken over as it is', async (_by, name, isHelm3) => {
  await byHelm(name, 'colour: red\n', { isHelm3 });
  const before = await versions(name);
  await releases.release(name, { values: { colour: 'red' } });
  const release = await releases.ready(name);
  const { namespace } = releases.world;
  expect(await adopted(name)).toBe(
    `${namespace}/${name}.v1 is as declared, though made by others: taken over as it is`,
  );
  expect(history(release)).toEqual(['1 deployed']);
  expect(release.status?.history?.[0]).toMatchObject({ chartName: name, chartVersion: '1.0.0', namespace, name });
  expect(release.status?.inventory?.entries?.map(({ id }) => id)).toEqual([
    `${namespace}_${name}-more__ConfigMap`,
    `${namespace}_${name}-settings__ConfigMap`,
  ]);
  expect(condition(release as unknown as KubeObject, 'Ready')).toMatchObject({ status: 'True' });
  await releases.answered(name);
  expect(await statuses(name)).toEqual(['1 deployed']);
  expect(await versions(name)).toEqual(before);
  expect(await helm3.run('history', name, `--namespace=${namespace}`)).toContain('Install complete');
});

test.runIf(HELM_RUNS).each(['four', 'three'])(
  'the first upgrade of %s takes the objects over whole, and deletes what left the chart',
  async (name) => {
    expect(managers(await object(name, 'settings'))).not.toContain(`${HELM_APPLY_MANAGER} Apply`);
    await releases.release(name, { values: { colour: 'blue', old: false, more: false } });
    const release = await releases.ready(name);
    expect(history(release)).toEqual(['2 deployed upgrade', '1 superseded']);
    const live = await object(name, 'settings');
    expect(live?.['data']).toEqual({ colour: 'blue' });
    expect(managers(live)).toEqual([`${HELM_APPLY_MANAGER} Apply`]);
    expect(live?.metadata.labels?.[HELM_OWNER_NAME_LABEL]).toBe(name);
    expect(await object(name, 'more')).toBeNull();
    const method = recordIn(await releases.world.get(recordKey(releases.world.namespace, name, 2)))['apply_method'];
    expect(method).toBe(name === 'four' ? 'ssa' : 'csa');
  },
);

test.runIf(HELM_RUNS)('one with other values is upgraded once', async () => {
  await byHelm('other', 'colour: red\n');
  await releases.release('other', { values: { colour: 'blue' } });
  const release = await releases.ready('other');
  expect(history(release)).toEqual(['2 deployed upgrade', '1 superseded']);
  expect((await object('other', 'settings'))?.['data']).toEqual({ colour: 'blue', old: 'x' });
  await releases.answered('other');
  expect(await statuses('other')).toEqual(['1 superseded', '2 deployed']);
});

test('what Flux installed goes on with the status that Flux wrote, without an upgrade', async () => {
  const name = 'flux';
  await releases.chart(name, SHOP);
  await releases.release(name, { values: { colour: 'red' } });
  const { status } = await releases.ready(name);
  await letGo(name);
  const before = await versions(name);

  const { history: snapshots = [] } = status ?? {};
  // Without what only Plumb, or a later Flux, writes.
  const told = { ...status, inventory: null, failures: null, observedPostRenderersDigest: null };
  await handOver(name, { ...told, history: snapshots, lastAttemptedReleaseActionDuration: null } as JsonObject);
  // It runs by itself as soon as the agent is there.
  await releases.until(name, 'be taken on', ({ metadata }) => metadata.finalizers?.includes(FINALIZER) === true);
  expect(history(await releases.answered(name))).toEqual(['1 deployed install']);
  expect(await statuses(name)).toEqual(['1 deployed']);
  expect(await versions(name)).toEqual(before);
  expect((await releases.world.events(releases.key(name))).map(({ reason }) => reason)).not.toContain('ReleaseAdopted');
  expect(managers(await object(name, 'settings'))).toEqual([`${HELM_APPLY_MANAGER} Apply`]);
});

test('so does one of which Flux noted a digest of another method', async () => {
  const name = 'older';
  await releases.chart(name, SHOP);
  await releases.release(name, { values: { colour: 'red' } });
  const { status } = await releases.ready(name);
  await letGo(name);
  // What Plumb alone notes beside a record.
  await releases.world.cluster.patch(
    recordKey(releases.world.namespace, name, 1),
    { metadata: { annotations: null } },
    { type: 'merge' },
  );
  const before = await versions(name);
  const [snapshot] = status?.history ?? [];
  const older = { ...snapshot, apiVersion: null, action: null, digest: `sha256:${'0'.repeat(64)}` };
  await handOver(name, { ...status, history: [older], inventory: null } as unknown as JsonObject);
  expect(await adopted(name)).toContain('taken over as it is');
  await releases.until(name, 'note the digest', ({ status: seen }) => seen?.history?.[0]?.digest === snapshot?.digest);
  expect((await releases.ready(name)).status?.inventory?.entries).toHaveLength(2);
  await releases.answered(name);
  expect(await statuses(name)).toEqual(['1 deployed']);
  expect(await versions(name)).toEqual(before);
  // What leaves the chart now is deleted, though the status that was found listed nothing.
  await releases.release(name, { values: { colour: 'red', more: false } });
  await releases.ready(name);
  expect(await object(name, 'more')).toBeNull();
});

/** Deletes a HelmRelease that leaves its release behind, as it does while it is suspended. */
async function letGo(name: string): Promise<void> {
  await releases.release(name, { suspend: true });
  await releases.world.cluster.delete(releases.key(name));
  await releases.world.until(releases.key(name), 'be gone', (found) => found === null);
  await releases.world.stopAgent();
}

/** Makes it anew, with a status that somebody else wrote, and starts the agent. */
async function handOver(name: string, status: JsonObject): Promise<void> {
  await releases.release(name, { values: { colour: 'red' } });
  await releases.world.cluster.patch(releases.key(name), { status }, { type: 'merge', subresource: 'status' });
  await releases.startAgent();
}

test('the newest record that somebody changes where it stands is seen at once', async () => {
  await releases.chart('edited', SHOP);
  await releases.release('edited', { driftDetection: { mode: 'enabled' } });
  await releases.ready('edited');
  const key = recordKey(releases.world.namespace, 'edited', 1);
  const record = recordIn(await releases.world.get(key));
  const manifest = (record['manifest'] as string).replaceAll('green', 'red');
  await releases.world.edit(key, { data: dataOf({ ...record, manifest }) });
  const settings = { group: '', version: 'v1', kind: 'ConfigMap', namespace: releases.world.namespace };
  const isRed = (live: KubeObject | null): boolean => JSON.stringify(live?.['data']).includes('red');
  await releases.world.edit({ ...settings, name: 'edited-settings' }, { data: { colour: 'blue' } });
  await releases.world.until({ ...settings, name: 'edited-settings' }, 'be as the record says', isRed);
  const changed = recordIn(await releases.world.get(key));
  await releases.world.edit(key, { data: dataOf({ ...changed, config: { colour: 'red' } }) });
  await releases.until(
    'edited',
    'be upgraded to what is declared',
    ({ status }) => status?.history?.[0]?.version === 2,
  );
  await releases.ready('edited');
  expect((await object('edited', 'settings'))?.['data']).toEqual({ colour: 'green', old: 'x' });
  expect(await statuses('edited')).toEqual(['1 superseded', '2 deployed']);
});

test('with disableTakeOwnership an object of somebody else is not touched, and nothing is stored', async () => {
  const name = 'careful';
  await releases.chart(name, SHOP);
  const { namespace } = releases.world;
  const metadata = { name: `${name}-settings`, namespace, labels: { 'app.kubernetes.io/managed-by': 'hand' } };
  const there = await releases.world.cluster.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata,
    data: { mine: '1' },
  });
  await releases.release(name, { install: { disableTakeOwnership: true } });
  const refused = await releases.world.conditionIs(releases.key(name), 'Ready', 'False', 'InstallFailed');
  expect(condition(refused, 'Ready')?.message).toBe(
    `Helm install failed for release ${namespace}/${name} with chart ${name}@1.0.0: unable to continue with install: ` +
      `ConfigMap/${namespace}/${name}-settings exists and cannot be imported into the current release: invalid ownership metadata; ` +
      'label validation error: key "app.kubernetes.io/managed-by" must equal "Helm": current value is "hand"; ' +
      `annotation validation error: missing key "meta.helm.sh/release-name": must be set to "${name}"; ` +
      `annotation validation error: missing key "meta.helm.sh/release-namespace": must be set to "${namespace}"`,
  );
  expect(await statuses(name)).toEqual([]);
  expect(await object(name, 'more')).toBeNull();
  expect((await object(name, 'settings'))?.metadata.resourceVersion).toBe(there.metadata.resourceVersion);

  await releases.release(name, {});
  await releases.ready(name);
  const taken = await object(name, 'settings');
  expect(taken?.metadata.labels?.['app.kubernetes.io/managed-by']).toBe('Helm');
  expect(taken?.['data']).toEqual({ colour: 'green', mine: '1', old: 'x' });
  expect(await releases.world.problems()).toEqual([]);
});
