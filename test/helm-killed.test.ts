import { setTimeout as sleep } from 'node:timers/promises';
import type { HelmRelease, JsonObject } from '@plumb/api';
import { GIT_REPOSITORY } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { connect } from '@plumb/kube';
import { clusterWith } from '@plumb/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  configMapTemplate,
  eventsOf,
  historyOf,
  hook,
  jobTemplate,
  recordsOf,
  TOLD_WITHIN,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';

// An agent that stops sends nothing more of what is under way: to the releases it is as if it had been killed. No node runs Pods here, so a hook that
// waits for a Job waits for ever.

let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start();
});
afterAll(async () => {
  await releases.close();
});

const SETTINGS = configMapTemplate('settings', { colour: 'green' });
const EXTRA = configMapTemplate('extra', { colour: 'green' });
const PLAIN = { 'templates/settings.yaml': SETTINGS };
const TIDY = 'before-hook-creation,hook-succeeded,hook-failed';

/** A hook that never ends. */
function waiting(event: string, policy?: string): Record<string, string> {
  const annotations = hook(event, policy === undefined ? {} : { delete: policy });
  return { [`templates/${event}.yaml`]: jobTemplate(event, { annotations }) };
}

const jobKey = (name: string) => ({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  namespace: releases.world.namespace,
  name,
});

/** Lets the agent come as far as a hook, and no further. */
async function stopAt(job: string): Promise<void> {
  await releases.world.until(jobKey(job), 'be made', (object) => object !== null);
  await releases.world.stopAgent();
}

test('what an install had made stays under no name that the release does not have any more', async () => {
  await releases.chart('moved', { ...PLAIN, ...waiting('post-install', TIDY) });
  await releases.release('moved');
  await stopAt('moved-post-install');
  expect(await recordsOf(releases, 'moved')).toEqual(['v1 pending-install']);
  await releases.chart('moved', PLAIN, '1.1.0');
  await releases.release('moved', { releaseName: 'away' });
  await releases.startAgent();
  expect(historyOf(await releases.ready('moved'))).toEqual(['v1 deployed install']);
  expect(await recordsOf(releases, 'moved')).toEqual([]);
  expect(await releases.object('ConfigMap', 'moved-settings')).toBeNull();
  expect(await releases.object('Job', 'moved-post-install', 'batch')).toBeNull();
  expect(await releases.object('ConfigMap', 'away-settings')).not.toBeNull();
});

test('a hook that was cut short goes where its policy says so', async () => {
  await releases.chart('hooked', PLAIN);
  await releases.release('hooked');
  await releases.ready('hooked');
  for (const [index, [policy, stays]] of (
    [
      [TIDY, false],
      ['before-hook-creation', true],
    ] as const
  ).entries()) {
    await releases.chart('hooked', { ...PLAIN, ...waiting('pre-upgrade', policy) }, `2.${index}.0`);
    await stopAt('hooked-pre-upgrade');
    await releases.chart('hooked', PLAIN, `3.${index}.0`);
    await releases.startAgent();
    await releases.until(
      'hooked',
      'be upgraded',
      ({ status }) => status?.history?.[0]?.chartVersion === `3.${index}.0`,
    );
    await releases.ready('hooked');
    expect((await releases.object('Job', 'hooked-pre-upgrade', 'batch')) !== null).toBe(stays);
  }
  expect((await eventsOf(releases, 'hooked')).join('\n')).toContain('Unlocked Helm release');
});

test('a hook whose name somebody else took before it ran keeps its hands off', async () => {
  await releases.chart('polite', PLAIN);
  await releases.release('polite');
  await releases.ready('polite');
  const { namespace } = releases.world;
  const mine = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'polite-note', namespace },
    data: { by: 'somebody' },
  };
  await releases.world.cluster.create(mine);
  const note = configMapTemplate(
    'note',
    {},
    `  annotations: ${JSON.stringify(hook('pre-upgrade', { delete: 'hook-succeeded,hook-failed' }))}\n`,
  );
  await releases.chart('polite', { ...PLAIN, 'templates/note.yaml': note }, '2.0.0');
  const failed = await releases.until('polite', 'fail', ({ status }) => status?.history?.[0]?.status === 'failed');
  expect(historyOf(failed)[0]).toBe('v2 failed upgrade');
  await releases.chart('polite', PLAIN, '3.0.0');
  await releases.until('polite', 'be upgraded', ({ status }) => status?.history?.[0]?.chartVersion === '3.0.0');
  expect(await releases.object('ConfigMap', 'polite-note')).toMatchObject({ data: { by: 'somebody' } });
});

test('a release that moves and whose record is gone leaves nothing behind', async () => {
  await releases.chart('lost', PLAIN);
  await releases.release('lost');
  await releases.ready('lost');
  await releases.world.stopAgent();
  await releases.world.cluster.delete(releases.recordKey('lost', 1));
  await releases.release('lost', { releaseName: 'found' });
  await releases.startAgent();
  await releases.ready('lost');
  expect(await releases.object('ConfigMap', 'lost-settings')).toBeNull();
  expect(await releases.object('ConfigMap', 'found-settings')).not.toBeNull();
});

test('what an upgrade had made is in the inventory before the next one begins', async () => {
  await releases.chart('twice', PLAIN);
  await releases.release('twice');
  await releases.ready('twice');
  await releases.chart('twice', { ...PLAIN, 'templates/extra.yaml': EXTRA, ...waiting('post-upgrade') }, '2.0.0');
  await stopAt('twice-post-upgrade');
  expect(await releases.object('ConfigMap', 'twice-extra')).not.toBeNull();
  await releases.chart('twice', { ...PLAIN, ...waiting('pre-upgrade') }, '3.0.0');
  await releases.startAgent();
  await releases.world.until(releases.recordKey('twice', 3), 'be stored', (record) => record !== null);
  const { status } = (await releases.world.get(releases.key('twice'))) as unknown as HelmRelease;
  expect(JSON.stringify(status?.inventory)).toContain('twice-extra');
  await stopAt('twice-pre-upgrade');
  await releases.chart('twice', PLAIN, '4.0.0');
  await releases.startAgent();
  await releases.until('twice', 'be upgraded', (seen) => seen.status?.history?.[0]?.chartVersion === '4.0.0');
  await releases.ready('twice');
  expect(await releases.object('ConfigMap', 'twice-extra')).toBeNull();
});

test('what a failed upgrade had made goes with the next one, though the status was told nothing of the one between them', async () => {
  const failed = (version: number) => (seen: HelmRelease) => historyOf(seen)[0] === `v${version} failed upgrade`;
  await releases.chart('thrice', PLAIN);
  await releases.release('thrice', { timeout: '2s' });
  await releases.ready('thrice');
  await releases.chart('thrice', { ...PLAIN, 'templates/extra.yaml': EXTRA, ...waiting('post-upgrade') }, '2.0.0');
  const { status } = await releases.until('thrice', 'fail', failed(2));
  expect(await releases.object('ConfigMap', 'thrice-extra')).not.toBeNull();
  await releases.chart('thrice', { ...PLAIN, ...waiting('pre-upgrade') }, '3.0.0');
  await releases.until('thrice', 'fail again', failed(3));
  await releases.stopAgent();
  const untold = { status: { history: status?.history as JsonObject[] } };
  await releases.world.cluster.patch(releases.key('thrice'), untold, { type: 'merge', subresource: 'status' });
  await releases.chart('thrice', PLAIN, '4.0.0');
  await releases.startAgent();
  await releases.until('thrice', 'be upgraded', (seen) => seen.status?.history?.[0]?.chartVersion === '4.0.0');
  await releases.ready('thrice');
  expect(await recordsOf(releases, 'thrice')).toContain('v3 failed');
  expect(await releases.object('ConfigMap', 'thrice-extra')).toBeNull();
});

test('an install that something newer cuts short says so, and of which chart it was', async () => {
  await releases.chart('newer', { ...PLAIN, ...waiting('pre-install', TIDY) });
  await releases.release('newer');
  await releases.world.until(jobKey('newer-pre-install'), 'be made', (object) => object !== null);
  await releases.chart('newer', PLAIN, '2.0.0');
  await releases.ready('newer');
  const { namespace } = releases.world;
  await expect
    .poll(() => eventsOf(releases, 'newer'), TOLD_WITHIN)
    .toContain(
      `HealthCheckCanceled: Helm install failed for release ${namespace}/newer with chart newer@1.0.0: New reconciliation triggered by HelmChart/${namespace}/newer`,
    );
  expect(await releases.object('Job', 'newer-pre-install', 'batch')).toBeNull();
});

test('an uninstall that keeps the history leaves no record in force', async () => {
  await releases.chart('kept', PLAIN);
  await releases.release('kept', { uninstall: { keepHistory: true } });
  await releases.ready('kept');
  await releases.chart('kept', { ...PLAIN, 'templates/extra.yaml': EXTRA, ...waiting('post-upgrade') }, '2.0.0');
  await releases.world.until(jobKey('kept-post-upgrade'), 'be made', (object) => object !== null);
  await releases.world.cluster.delete(releases.key('kept'));
  await releases.world.until(releases.key('kept'), 'be gone', (object) => object === null);
  expect(await recordsOf(releases, 'kept')).toEqual(['v2 uninstalled', 'v1 superseded']);
  for (const name of ['kept-settings', 'kept-extra']) expect(await releases.object('ConfigMap', name)).toBeNull();
});

test('a record of which the status was not told any more is not taken for that of others', async () => {
  await releases.chart('own', PLAIN);
  await releases.release('own');
  await releases.ready('own');
  await releases.world.stopAgent();
  const nothing = { status: { history: null, conditions: null, lastAttemptedGeneration: null } };
  await releases.world.cluster.patch(releases.key('own'), nothing, { type: 'merge', subresource: 'status' });
  await releases.startAgent();
  expect(historyOf(await releases.ready('own'))).toEqual(['v1 deployed']);
  expect(await recordsOf(releases, 'own')).toEqual(['v1 deployed']);
  expect((await eventsOf(releases, 'own')).join('\n')).not.toContain('ReleaseAdopted');
});

test('an agent that sees its HelmReleases before all else works on them', async () => {
  await releases.world.stopAgent();
  await releases.chart('early', PLAIN);
  await releases.release('early');
  const cluster = await connect({ kubeconfig: releases.plane.kubeconfig, userAgent: 'plumb-agent' });
  await releases.startAgent({ cluster: lateFor(cluster) });
  await releases.ready('early');
  expect(await releases.problems()).toEqual([]);
  await releases.world.stopAgent();
  await cluster.close();
});

/** A cluster whose GitRepositories are slow to be listed. */
function lateFor(cluster: Cluster): Cluster {
  return clusterWith(cluster, {
    async list(kind, options) {
      if (kind.kind === GIT_REPOSITORY.kind) await sleep(1_000);
      return cluster.list(kind, options);
    },
  });
}
