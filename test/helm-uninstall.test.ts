import type { KubeObject } from '@plumb/api';
import { FINALIZER } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  configMapTemplate,
  deploymentTemplate,
  eventsOf,
  hook,
  jobTemplate,
  messageOf,
  recordsOf,
  REFUSED_SERVICE,
  says,
  stored,
  TOLD_WITHIN,
} from './support/release-facts.ts';
import { recordKey } from './support/helm.ts';
import { Releases } from './support/releases.ts';
import { namespaceKey } from './support/world.ts';

let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start({ nodes: true });
});
afterAll(async () => {
  await releases.close();
});

const MAIN = { 'templates/main.yaml': configMapTemplate('main', { colour: '{{ .Values.colour | default "green" }}' }) };

const gone = (name: string): Promise<unknown> =>
  releases.world.until(releases.key(name), 'be gone', (object) => object === null);

async function deleted(name: string): Promise<void> {
  await releases.world.cluster.delete(releases.key(name));
  await gone(name);
}

test('all goes with the release, but for what its chart keeps', async () => {
  await releases.chart('plain', {
    ...MAIN,
    'templates/kept.yaml': configMapTemplate('kept', { a: 'b' }, '  annotations: {helm.sh/resource-policy: keep}\n'),
    'templates/web.yaml': deploymentTemplate('web'),
  });
  await releases.release('plain');
  await releases.ready('plain');
  await releases.release('plain', { values: { colour: 'red' } });
  await releases.ready('plain');
  await deleted('plain');
  const { namespace } = releases.world;
  expect(await releases.object('ConfigMap', 'plain-main')).toBeNull();
  expect(await releases.object('Deployment', 'plain-web', 'apps')).toBeNull();
  expect(await releases.object('ConfigMap', 'plain-kept')).not.toBeNull();
  expect(await recordsOf(releases, 'plain')).toEqual([]);
  await expect
    .poll(() => eventsOf(releases, 'plain'), TOLD_WITHIN)
    .toContain(`UninstallSucceeded: Helm uninstall succeeded for release ${namespace}/plain.v2 with chart plain@1.0.0`);
});

test('keepHistory leaves the records, and a release that is declared again goes on from them', async () => {
  const spec = { uninstall: { keepHistory: true } };
  await releases.chart('kept', MAIN);
  await releases.release('kept', spec);
  await releases.ready('kept');
  await deleted('kept');
  expect(await recordsOf(releases, 'kept')).toEqual(['v1 uninstalled']);
  expect(await releases.object('ConfigMap', 'kept-main')).toBeNull();
  await releases.release('kept', spec);
  await releases.ready('kept');
  expect(await recordsOf(releases, 'kept')).toEqual(['v2 deployed', 'v1 superseded']);
  await releases.release('kept', { ...spec, uninstall: {} });
  await releases.ready('kept');
  await deleted('kept');
  expect(await recordsOf(releases, 'kept')).toEqual([]);
});

test('what was uninstalled as a remedy goes on from its record, too', async () => {
  const spec = { uninstall: { keepHistory: true }, install: { remediation: { retries: 1 } } };
  await releases.chart('cured', { ...MAIN, 'templates/service.yaml': REFUSED_SERVICE });
  await releases.release('cured', spec);
  const stalled = await releases.until('cured', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  expect(messageOf(stalled, 'Stalled')).toBe('Failed to install after 2 attempt(s)');
  expect(await recordsOf(releases, 'cured')).toEqual(['v2 failed', 'v1 uninstalled']);
});

test('orphan leaves what the objects made', async () => {
  await releases.chart('orphan', { 'templates/web.yaml': deploymentTemplate('web') });
  await releases.release('orphan', { uninstall: { deletionPropagation: 'orphan' } });
  await releases.ready('orphan');
  await deleted('orphan');
  const { items } = await releases.world.cluster.list(
    { group: 'apps', version: 'v1', kind: 'ReplicaSet' },
    { namespace: releases.world.namespace, labelSelector: 'app=orphan-web' },
  );
  expect(items.length).toBe(1);
});

test('foreground waits for what they made', async () => {
  await releases.chart('front', { 'templates/web.yaml': deploymentTemplate('web') });
  await releases.release('front', { uninstall: { deletionPropagation: 'foreground' } });
  await releases.ready('front');
  await deleted('front');
  const { items } = await releases.world.cluster.list(
    { group: '', version: 'v1', kind: 'Pod' },
    { namespace: releases.world.namespace, labelSelector: 'app=front-web' },
  );
  expect(items).toEqual([]);
});

test('what is suspended is let go of, and stays', async () => {
  await releases.chart('still', MAIN);
  await releases.release('still');
  await releases.ready('still');
  await releases.release('still', { suspend: true });
  await deleted('still');
  expect(await releases.object('ConfigMap', 'still-main')).not.toBeNull();
  expect(await recordsOf(releases, 'still')).toEqual(['v1 deployed']);
});

test('a release that is deleted while its first install waits goes at once, with all of it', async () => {
  await releases.chart('early', {
    ...MAIN,
    'templates/web.yaml': deploymentTemplate('web', { behaviour: 'never-ready' }),
  });
  await releases.release('early', { install: { timeout: '10m' } });
  await releases.until('early', 'run', (seen) => says(seen, 'Reconciling') === 'True Progressing');
  await stored(releases, 'early', 1, 'pending-install');
  await deleted('early');
  expect(await releases.object('ConfigMap', 'early-main')).toBeNull();
  expect(await releases.object('Deployment', 'early-web', 'apps')).toBeNull();
  expect(await recordsOf(releases, 'early')).toEqual([]);
});

test('so does one that waits for a hook of an upgrade', async () => {
  await releases.chart('hooked', {
    ...MAIN,
    'templates/job.yaml': jobTemplate('job', { behaviour: 'run=10m', annotations: hook('pre-upgrade') }),
  });
  await releases.release('hooked');
  await releases.ready('hooked');
  await releases.release('hooked', { values: { colour: 'red' } });
  await stored(releases, 'hooked', 2, 'pending-upgrade');
  await deleted('hooked');
  expect(await releases.object('ConfigMap', 'hooked-main')).toBeNull();
  expect(await recordsOf(releases, 'hooked')).toEqual([]);
});

test('storage and objects may be elsewhere', async () => {
  const { target, namespace } = releases.world;
  const elsewhere = `${target}-records`;
  await releases.world.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: elsewhere } });
  await releases.chart('far', MAIN);
  await releases.release('far', {
    targetNamespace: target,
    storageNamespace: elsewhere,
    install: { createNamespace: true },
  });
  await releases.ready('far');
  const name = `${target}-far`;
  expect(await recordsOf(releases, name, elsewhere)).toEqual(['v1 deployed']);
  expect(
    await releases.world.get({ group: '', version: 'v1', kind: 'ConfigMap', namespace: target, name: `${name}-main` }),
  ).not.toBeNull();
  await deleted('far');
  expect(await recordsOf(releases, name, elsewhere)).toEqual([]);
  expect(
    await releases.world.get({ group: '', version: 'v1', kind: 'ConfigMap', namespace: target, name: `${name}-main` }),
  ).toBeNull();
  // A namespace is not the release's own.
  expect(await releases.world.get(namespaceKey(target))).not.toBeNull();
  await releases.world.cluster.delete(namespaceKey(elsewhere));
  expect(await recordsOf(releases, 'far', namespace)).toEqual([]);
});

test('a hook that fails holds up the deletion, is told, and is tried again', async () => {
  const annotations = { ...hook('pre-delete'), 'helm.sh/hook-delete-policy': 'hook-succeeded' };
  await releases.chart('held', { ...MAIN, 'templates/job.yaml': jobTemplate('job', { annotations }) });
  await releases.release('held');
  await releases.ready('held');
  const { namespace } = releases.world;
  const containers = [{ name: 'main', image: 'x' }];
  const other: KubeObject = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'held-job', namespace },
    spec: {
      suspend: true,
      template: { spec: { restartPolicy: 'Never', containers } },
    },
  };
  await releases.world.apply(other);
  await releases.world.cluster.delete(releases.key('held'));
  const message = await releases.world.event(releases.key('held'), 'UninstallFailed');
  expect(message).toMatch(
    `Helm uninstall failed for release ${namespace}/held.v1 with chart held@1.0.0: hook Job/${namespace}/held-job failed: `,
  );
  const left = await releases.until('held', 'tell', (seen) => says(seen, 'Ready') === 'False UninstallFailed');
  expect(says(left, 'Released')).toBe('False UninstallFailed');
  expect(messageOf(left, 'Ready')).toBe(message);
  expect(left.metadata.finalizers).toContain(FINALIZER);
  expect(await releases.object('ConfigMap', 'held-main')).not.toBeNull();
  await releases.world.cluster.delete({ group: 'batch', version: 'v1', kind: 'Job', namespace, name: 'held-job' });
  await gone('held');
  expect(await releases.object('ConfigMap', 'held-main')).toBeNull();
  expect(await recordsOf(releases, 'held')).toEqual([]);
});

test('what the agent began and could not tell of any more is uninstalled as well', async () => {
  await releases.chart('cut', {
    ...MAIN,
    'templates/web.yaml': deploymentTemplate('web', { behaviour: 'never-ready' }),
  });
  await releases.release('cut', { install: { timeout: '10m' } });
  await releases.until('cut', 'run', (seen) => says(seen, 'Reconciling') === 'True Progressing');
  await stored(releases, 'cut', 1, 'pending-install');
  await releases.stopAgent();
  // As a process that is killed leaves it.
  await releases.world.cluster.patch(
    releases.key('cut'),
    { status: { history: null, storageNamespace: null } },
    { type: 'merge', subresource: 'status' },
  );
  await releases.world.cluster.delete(releases.key('cut'));
  await releases.startAgent();
  await gone('cut');
  expect(await releases.object('ConfigMap', 'cut-main')).toBeNull();
  expect(await releases.object('Deployment', 'cut-web', 'apps')).toBeNull();
  expect(await recordsOf(releases, 'cut')).toEqual([]);
});

test('objects whose records are gone stay, and are told, but for those that are gone or kept by a rule', async () => {
  await releases.chart('lost', {
    ...MAIN,
    'templates/spare.yaml': configMapTemplate('spare', { a: 'b' }),
    'templates/kept.yaml': configMapTemplate('kept', { a: 'b' }, '  annotations: {helm.sh/resource-policy: keep}\n'),
  });
  await releases.release('lost');
  await releases.ready('lost');
  await releases.stopAgent();
  const { cluster, namespace } = releases.world;
  const map = { group: '', version: 'v1', kind: 'ConfigMap', namespace };
  await cluster.delete({ ...map, name: 'lost-spare' });
  // As the deletion of the namespace of the records leaves it.
  await cluster.delete(recordKey(namespace, 'lost', 1));
  await cluster.delete(releases.key('lost'));
  await releases.startAgent();
  await gone('lost');
  expect(await releases.object('ConfigMap', 'lost-main')).not.toBeNull();
  const why = `no record of release ${namespace}/lost is left to uninstall it by`;
  const text = `PruneFailed: unable to prune objects, they are left in their cluster: ${why}\nConfigMap/${namespace}/lost-main`;
  await expect.poll(() => eventsOf(releases, 'lost'), TOLD_WITHIN).toContain(text);
});

test('a release of the same name that others made is not', async () => {
  await releases.chart('theirs', MAIN);
  await releases.release('theirs', { releaseName: 'still', chartRef: { kind: 'HelmChart', name: 'nowhere' } });
  await releases.until('theirs', 'miss its chart', (seen) => says(seen, 'Ready') === 'False ArtifactFailed');
  await deleted('theirs');
  expect(await recordsOf(releases, 'still')).toEqual(['v1 deployed']);
  expect(await releases.object('ConfigMap', 'still-main')).not.toBeNull();
  expect(await releases.problems()).toEqual([]);
});
