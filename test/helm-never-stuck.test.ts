import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { JsonObject } from '@plumb/api';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { beginUpgrade, dataOf, Helm, recordIn, recordKey } from './support/helm.ts';
import {
  answered,
  configMapTemplate,
  deploymentTemplate,
  eventsOf,
  failuresOf,
  historyOf,
  hook,
  jobTemplate,
  messageOf,
  recordsOf,
  REFUSED_SERVICE,
  request,
  says,
  stored,
  TOLD_WITHIN,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';
import { deploymentKey } from './support/world.ts';

let releases: Releases;
let helm: Helm;
let running: ChildProcess | undefined;
beforeAll(async () => {
  releases = await Releases.start({ nodes: true, agent: false });
  helm = await Helm.at(releases.plane.kubeconfig);
});
afterAll(async () => {
  await helm.close();
  await releases.close();
});
afterEach(async () => {
  await releases.stopAgent();
  await kill();
});

async function kill(): Promise<void> {
  const child = running;
  running = undefined;
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

const MAIN = { 'templates/main.yaml': configMapTemplate('main', { colour: '{{ .Values.colour | default "green" }}' }) };
const WEB = {
  'templates/web.yaml': deploymentTemplate('web', { behaviour: '{{ if not .Values.fixed }}never-ready{{ end }}' }),
};

/** Waits until what is waited for is there. */
const made = (name: string): Promise<unknown> =>
  releases.world.until(deploymentKey(releases.world.namespace, `${name}-web`), 'be made', (object) => object !== null);

const colourOf = async (name: string): Promise<unknown> => {
  const object = await releases.object('ConfigMap', `${name}-main`);
  return (object?.['data'] as { colour?: string } | undefined)?.colour;
};

test('an install whose agent was killed is unlocked and finished by the next one', async () => {
  await releases.chart('first', { ...MAIN, ...WEB });
  running = await releases.spawnAgent();
  await releases.release('first', { install: { timeout: '10m' }, upgrade: { timeout: '10m' } });
  await made('first');
  await kill();
  expect(await recordsOf(releases, 'first')).toEqual(['v1 pending-install']);
  await releases.release('first', { values: { fixed: true } });
  await releases.startAgent();
  const release = await releases.ready('first');
  const { namespace } = releases.world;
  expect(await recordsOf(releases, 'first')).toEqual(['v2 deployed', 'v1 failed']);
  expect(says(release, 'Ready')).toBe('True UpgradeSucceeded');
  expect(failuresOf(release)).toEqual([0, 0, 0]);
  await expect
    .poll(() => eventsOf(releases, 'first'), TOLD_WITHIN)
    .toContain(
      `PendingRelease: Unlocked Helm release ${namespace}/first.v1 with chart first@1.0.0 in pending-install state`,
    );
});

test('so is an upgrade, though nobody changed anything meanwhile', async () => {
  await releases.chart('second', {
    ...MAIN,
    'templates/job.yaml': jobTemplate('job', {
      behaviour: 'run={{ if eq (int .Release.Revision) 2 }}10m{{ else }}100ms{{ end }}',
      annotations: hook('pre-upgrade'),
    }),
  });
  running = await releases.spawnAgent();
  await releases.release('second', { upgrade: { timeout: '10m' } });
  await releases.ready('second');
  await releases.release('second', { upgrade: { timeout: '10m' }, values: { colour: 'red' } });
  await stored(releases, 'second', 2, 'pending-upgrade');
  await kill();
  expect(await recordsOf(releases, 'second')).toEqual(['v2 pending-upgrade', 'v1 deployed']);
  await releases.startAgent();
  const release = await releases.ready('second');
  expect(historyOf(release)[0]).toBe('v3 deployed upgrade');
  expect(await recordsOf(releases, 'second')).toEqual(['v3 deployed', 'v2 failed', 'v1 superseded']);
  expect(await colourOf('second')).toBe('red');
});

test('an agent that is asked to end leaves nothing behind that keeps the next one', async () => {
  await releases.chart('third', { ...MAIN, ...WEB });
  await releases.startAgent();
  await releases.release('third', { install: { timeout: '10m' } });
  await made('third');
  await releases.stopAgent();
  await releases.release('third', { values: { fixed: true } });
  await releases.startAgent();
  const release = await releases.ready('third');
  expect(failuresOf(release)).toEqual([0, 0, 0]);
  expect((await recordsOf(releases, 'third'))[0]).toBe('v2 deployed');
});

test('what somebody else is at work on is left alone, and that is told', async () => {
  await releases.chart('theirs', MAIN);
  await releases.startAgent();
  await releases.release('theirs');
  await releases.ready('theirs');
  await beginUpgrade(releases.world.cluster, releases.world.namespace, 'theirs');
  await releases.release('theirs', { values: { colour: 'red' } });
  const { namespace } = releases.world;
  const waiting = await releases.until('theirs', 'wait', (seen) => says(seen, 'Reconciling') !== undefined);
  expect(messageOf(waiting, 'Reconciling')).toBe(
    `release ${namespace}/theirs.v2 is in pending-upgrade state, and not by this agent: waiting for whoever works on it`,
  );
  const token = await request(releases, 'theirs');
  await answered(releases, 'theirs', token);
  expect(await recordsOf(releases, 'theirs')).toEqual(['v2 pending-upgrade', 'v1 deployed']);
  expect(await colourOf('theirs')).toBe('green');
});

test('but not for ever', async () => {
  const { cluster, namespace } = releases.world;
  await releases.startAgent();
  const long = String(Math.floor(Date.now() / 1_000) - 3_600);
  await cluster.patch(
    recordKey(namespace, 'theirs', 2),
    { metadata: { labels: { createdAt: long } } },
    { type: 'merge', fieldManager: 'Helm' },
  );
  const release = await releases.ready('theirs');
  expect(historyOf(release)[0]).toBe('v3 deployed upgrade');
  expect(await recordsOf(releases, 'theirs')).toEqual(['v3 deployed', 'v2 failed', 'v1 superseded']);
  expect(await colourOf('theirs')).toBe('red');
});

test('when they are done in time, work goes on at once', async () => {
  await releases.chart('shared', MAIN);
  await releases.startAgent();
  await releases.release('shared');
  await releases.ready('shared');
  await beginUpgrade(releases.world.cluster, releases.world.namespace, 'shared');
  await releases.release('shared', { values: { colour: 'red' } });
  await releases.until('shared', 'wait', (seen) => says(seen, 'Reconciling') !== undefined);
  const { cluster, namespace } = releases.world;
  const key = recordKey(namespace, 'shared', 2);
  const record = recordIn(await cluster.get(key));
  const info = { ...(record['info'] as JsonObject), status: 'deployed' };
  await cluster.patch(
    key,
    { data: dataOf({ ...record, info }), metadata: { labels: { status: 'deployed' } } },
    { type: 'merge', fieldManager: 'Helm' },
  );
  const release = await releases.ready('shared');
  expect((await recordsOf(releases, 'shared'))[0]).toBe('v3 deployed');
  expect(says(release, 'Ready')).toBe('True UpgradeSucceeded');
});

const BROKEN = { 'templates/service.yaml': `{{- if not .Values.fixed }}\n${REFUSED_SERVICE}{{- end }}\n` };

async function givenUp(name: string, spec: Record<string, unknown> = {}): Promise<void> {
  await releases.release(name, spec);
  await releases.until(name, 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
}

test('what was given up is tried again when a labelled ConfigMap of its values changes', async () => {
  const { namespace } = releases.world;
  const values = (text: string): Promise<unknown> =>
    releases.world.apply({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'config', namespace, labels: { 'reconcile.fluxcd.io/watch': 'Enabled' } },
      data: { 'values.yaml': text },
    });
  await releases.startAgent();
  await values('fixed: false\n');
  await releases.chart('config', { ...MAIN, ...BROKEN });
  await givenUp('config', { valuesFrom: [{ kind: 'ConfigMap', name: 'config' }] });
  await values('fixed: true\n');
  const release = await releases.ready('config');
  expect(failuresOf(release)).toEqual([0, 0, 0]);
});

test('when its chart changes, also under the same version', async () => {
  await releases.startAgent();
  await releases.chart('chart', { ...MAIN, ...BROKEN });
  await givenUp('chart');
  await releases.chart('chart', MAIN);
  const release = await releases.ready('chart');
  expect(failuresOf(release)).toEqual([0, 0, 0]);
  await expect
    .poll(() => eventsOf(releases, 'chart'), TOLD_WITHIN)
    .toContain(
      'ReleaseRecovery: going on with upgrade: what the release depends on changed since its retries were spent',
    );
});

test('when something that it depends on turns Ready, and that is told', async () => {
  await releases.startAgent();
  await releases.chart('base', { ...MAIN, ...WEB });
  await releases.release('base', { values: { fixed: true } });
  await releases.ready('base');
  // It needs a namespace that comes later.
  await releases.chart('above', {
    'templates/far.yaml': `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: far, namespace: "${releases.world.target}"}\n`,
  });
  await givenUp('above', { dependsOn: [{ name: 'base' }] });
  await releases.world.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: releases.world.target } });
  await releases.release('base', { values: { fixed: true, colour: 'red' } });
  const release = await releases.ready('above');
  expect(says(release, 'Ready')).toBe('True UpgradeSucceeded');
  await expect
    .poll(() => eventsOf(releases, 'above'), TOLD_WITHIN)
    .toContain(
      'ReleaseRecovery: going on with upgrade: what the release depends on changed since its retries were spent',
    );
});

test('when what it waited for in vain turns healthy after all, and that is told', async () => {
  await releases.startAgent();
  await releases.chart('late', { 'templates/web.yaml': deploymentTemplate('web', { behaviour: 'slow-start=8s' }) });
  await givenUp('late', { install: { timeout: '1s' } });
  const release = await releases.ready('late');
  expect(await recordsOf(releases, 'late')).toEqual(['v2 deployed', 'v1 failed']);
  expect(failuresOf(release)).toEqual([0, 0, 0]);
  await expect
    .poll(() => eventsOf(releases, 'late'), TOLD_WITHIN)
    .toContain(
      'ReleaseRecovery: going on with upgrade: what the release depends on changed since its retries were spent',
    );
});

test('so it is when its agent was restarted meanwhile', async () => {
  await releases.startAgent();
  await releases.chart('later', { 'templates/web.yaml': deploymentTemplate('web', { behaviour: 'slow-start=10s' }) });
  await givenUp('later', { install: { timeout: '1s' } });
  await releases.stopAgent();
  await releases.startAgent();
  await releases.ready('later');
  expect(await recordsOf(releases, 'later')).toEqual(['v2 deployed', 'v1 failed']);
});

test('but not each time, where the chart renders something else with each try', async () => {
  await releases.startAgent();
  const web = deploymentTemplate('web', { behaviour: 'slow-start=2{{ randNumeric 3 }}ms' });
  await releases.chart('drawn', { 'templates/web.yaml': web });
  await givenUp('drawn', { install: { timeout: '1s' }, upgrade: { timeout: '1s' } });
  await stored(releases, 'drawn', 2, 'failed');
  const key = deploymentKey(releases.world.namespace, 'drawn-web');
  await releases.world.until(key, 'be ready', (object) => {
    const { replicas, updatedReplicas, readyReplicas } = (object?.['status'] ?? {}) as Record<string, number>;
    return replicas === 1 && updatedReplicas === 1 && readyReplicas === 1;
  });
  await answered(releases, 'drawn', await request(releases, 'drawn'));
  expect(await recordsOf(releases, 'drawn')).toEqual(['v2 failed', 'v1 failed']);
});

test('a release that a person healed turns Ready as it is', async () => {
  const { namespace } = releases.world;
  await releases.startAgent();
  const archive = await releases.chart('healed', { ...MAIN, ...WEB });
  await releases.release('healed', { values: { fixed: true } });
  await releases.ready('healed');
  const values = { colour: 'red' };
  await givenUp('healed', { upgrade: { timeout: '1s' }, values });
  // The person knows what it waits for.
  await helm.upgrade(namespace, 'healed', { archive, values: JSON.stringify(values), flags: ['--force-conflicts'] });
  const release = await releases.ready('healed');
  expect(await recordsOf(releases, 'healed')).toEqual(['v3 deployed', 'v2 failed', 'v1 superseded']);
  expect(historyOf(release)[0]).toBe('v3 deployed');
  expect(says(release, 'Ready')).toBe('True UpgradeSucceeded');
  expect(messageOf(release, 'Ready')).toBe(
    `Helm upgrade succeeded for release ${namespace}/healed.v3 with chart healed@1.0.0`,
  );
  await expect
    .poll(() => eventsOf(releases, 'healed'), TOLD_WITHIN)
    .toContain(`ReleaseAdopted: ${namespace}/healed.v3 is as declared, though made by others: taken over as it is`);
});

test('so does one that a person rolled back to what is declared again', async () => {
  const { namespace } = releases.world;
  await releases.startAgent();
  await releases.chart('undone', { ...MAIN, ...BROKEN });
  await releases.release('undone', { values: { fixed: true } });
  await releases.ready('undone');
  await givenUp('undone', { values: { colour: 'red' } });
  const spec = { values: { fixed: true } };
  await releases.release('undone', { ...spec, suspend: true });
  await helm.run('rollback', 'undone', '1', `--namespace=${namespace}`, '--force-conflicts');
  await releases.release('undone', spec);
  const release = await releases.ready('undone');
  expect(await recordsOf(releases, 'undone')).toEqual(['v3 deployed', 'v2 failed', 'v1 superseded']);
  expect(failuresOf(release)).toEqual([0, 0, 0]);
  expect(await releases.problems()).toEqual([]);
});
