import { systemError } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { connect } from '@plumb/kube';
import type { ChartFiles } from '@plumb/testkit';
import { clusterWith } from '@plumb/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
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
  says,
  stored,
  TOLD_WITHIN,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';

let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start({ nodes: true });
});
afterAll(async () => {
  await releases.close();
});

const settings = { 'templates/settings.yaml': configMapTemplate('settings', { colour: 'green' }) };

test('an object that the API server refuses fails the install, which is recorded and given up', async () => {
  await releases.chart('refused', { ...settings, 'templates/service.yaml': REFUSED_SERVICE });
  await releases.release('refused');
  const release = await releases.until('refused', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  const { namespace } = releases.world;
  const begin = `Helm install failed for release ${namespace}/refused with chart refused@1.0.0: `;
  expect(messageOf(release, 'Released')).toMatch(begin);
  expect(messageOf(release, 'Released')).toMatch(/Service\/\S+\/refused-refused.*70000/);
  expect(messageOf(release, 'Ready')).toBe(messageOf(release, 'Released'));
  expect([says(release, 'Released'), says(release, 'Ready')]).toEqual(['False InstallFailed', 'False InstallFailed']);
  expect(says(release, 'Stalled')).toBe('True RetriesExceeded');
  expect(messageOf(release, 'Stalled')).toBe('Failed to install after 1 attempt(s)');
  expect(says(release, 'Reconciling')).toBeUndefined();
  expect(failuresOf(release)).toEqual([1, 1, 0]);
  expect(historyOf(release)).toEqual(['v1 failed install']);
  expect(release.status).toMatchObject({
    observedGeneration: 1,
    lastAttemptedGeneration: 1,
    lastAttemptedRevision: '1.0.0',
    lastAttemptedReleaseAction: 'install',
    storageNamespace: namespace,
  });
  expect(await recordsOf(releases, 'refused')).toEqual(['v1 failed']);
  expect(await releases.object('ConfigMap', 'refused-settings')).toBeNull();
  await expect
    .poll(() => eventsOf(releases, 'refused'), TOLD_WITHIN)
    .toEqual([
      `InstallFailed: ${messageOf(release, 'Released')}`,
      'RetriesExceeded: Failed to install after 1 attempt(s)',
    ]);
});

test.each<{ what: string; name: string; files: ChartFiles; values?: Record<string, unknown>; text: RegExp }>([
  {
    what: 'a template',
    name: 'template',
    files: { 'templates/broken.yaml': '{{ fail "no colour was chosen" }}' },
    text: /no colour was chosen/,
  },
  {
    what: 'the schema of the values',
    name: 'schema',
    files: { 'values.schema.json': '{"properties": {"colour": {"type": "string"}}}' },
    values: { colour: 1 },
    text: /colour.*string/,
  },
  {
    what: 'a kind that is not served',
    name: 'unserved',
    files: { 'templates/x.yaml': 'apiVersion: no.dev/v1\nkind: None\nmetadata: {name: x}\n' },
    text: /None\/\S+\/x \(.*templates\/x.yaml\): the cluster serves no kind None in no.dev\/v1/,
  },
])('what $what fails for leaves no trace, and is tried again', async ({ name, files, values = {}, text }) => {
  await releases.chart(name, { ...settings, ...files });
  await releases.release(name, { values });
  const release = await releases.until(name, 'fail twice', (seen) => failuresOf(seen)[0] >= 2);
  expect(messageOf(release, 'Released')).toMatch(
    `Helm install failed for release ${releases.world.namespace}/${name} with chart ${name}@1.0.0: `,
  );
  expect(messageOf(release, 'Released')).toMatch(text);
  expect(['Released', 'Ready', 'Stalled'].map((type) => says(release, type))).toEqual([
    'False InstallFailed',
    'False InstallFailed',
    undefined,
  ]);
  expect(says(release, 'Reconciling')).toBe('True ProgressingWithRetry');
  expect(failuresOf(release).slice(1)).toEqual([0, 0]);
  expect(historyOf(release)).toEqual([]);
  expect(release.status?.observedGeneration).toBe(-1);
  expect(await recordsOf(releases, name)).toEqual([]);
  expect(await releases.object('ConfigMap', `${name}-settings`)).toBeNull();
});

test('a mend of the chart installs it, and the counters start afresh', async () => {
  await releases.chart('template', settings, '1.0.1');
  const release = await releases.ready('template');
  expect(failuresOf(release)).toEqual([0, 0, 0]);
  expect(historyOf(release)).toEqual(['v1 deployed install']);
});

test('a hook that fails is named, and nothing comes after it', async () => {
  const annotations = hook('pre-install');
  await releases.chart('hooked', {
    ...settings,
    'templates/job.yaml': jobTemplate('migrate', { behaviour: 'fail, run=100ms', annotations }),
  });
  await releases.release('hooked');
  const release = await releases.until('hooked', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  expect(messageOf(release, 'Ready')).toMatch(/: failed pre-install: hook Job\/\S+\/hooked-migrate failed: /);
  expect(historyOf(release)).toEqual(['v1 failed install']);
  expect(await releases.object('ConfigMap', 'hooked-settings')).toBeNull();
  expect(await releases.object('Job', 'hooked-migrate', 'batch')).not.toBeNull();
});

test('what is not ready in time fails the install, and stays to be looked at', async () => {
  await releases.chart('slow', { 'templates/web.yaml': deploymentTemplate('web', { behaviour: 'never-ready' }) });
  await releases.release('slow', { install: { timeout: '8s' } });
  const running = await releases.until(
    'slow',
    'be told of',
    (seen) => says(seen, 'Reconciling') === 'True Progressing' && historyOf(seen).length > 0,
  );
  expect(messageOf(running, 'Reconciling')).toBe("Running 'install' action with timeout of 8s");
  expect(says(running, 'Ready')).toBe('Unknown Progressing');
  expect(messageOf(running, 'Ready')).toBe(messageOf(running, 'Reconciling'));
  expect(historyOf(running)).toEqual(['v1 pending-install install']);
  await stored(releases, 'slow', 1, 'pending-install');
  const release = await releases.until('slow', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  expect(messageOf(release, 'Ready')).toMatch(/Deployment\/\S+\/slow-web.*not ready within 8s/);
  expect(failuresOf(release)).toEqual([1, 1, 0]);
  expect(await releases.object('Deployment', 'slow-web', 'apps')).not.toBeNull();
});

test('with retries it is uninstalled and installed again, until they are spent', async () => {
  await releases.chart('again', { ...settings, 'templates/service.yaml': REFUSED_SERVICE });
  await releases.release('again', { install: { remediation: { retries: 2 } } });
  const release = await releases.until('again', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  expect(messageOf(release, 'Stalled')).toBe('Failed to install after 3 attempt(s)');
  expect(failuresOf(release)).toEqual([3, 3, 0]);
  // The last failure is left as it is.
  expect(historyOf(release)).toEqual(['v1 failed install']);
  expect(says(release, 'Ready')).toBe('False InstallFailed');
  expect(await recordsOf(releases, 'again')).toEqual(['v1 failed']);
  const { namespace } = releases.world;
  await expect
    .poll(() => eventsOf(releases, 'again'), TOLD_WITHIN)
    .toContain(
      `UninstallSucceeded: Helm uninstall remediation for release ${namespace}/again.v1 with chart again@1.0.0 succeeded`,
    );
});

test('remediateLastFailure leaves nothing behind', async () => {
  await releases.chart('clean', {
    ...settings,
    'templates/web.yaml': deploymentTemplate('web', { behaviour: 'never-ready' }),
  });
  await releases.release('clean', { install: { timeout: '1s', remediation: { remediateLastFailure: true } } });
  const release = await releases.until('clean', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  const { namespace } = releases.world;
  expect(messageOf(release, 'Stalled')).toBe('Failed to install after 1 attempt(s)');
  expect(says(release, 'Remediated')).toBe('True UninstallSucceeded');
  expect(says(release, 'Ready')).toBe('False UninstallSucceeded');
  expect(messageOf(release, 'Ready')).toBe(
    `Helm uninstall remediation for release ${namespace}/clean.v1 with chart clean@1.0.0 succeeded`,
  );
  expect(says(release, 'Released')).toBe('False InstallFailed');
  expect(historyOf(release)).toEqual(['v1 uninstalled uninstall-remediation']);
  expect(await recordsOf(releases, 'clean')).toEqual([]);
  expect(await releases.object('ConfigMap', 'clean-settings')).toBeNull();
  expect(release.status?.inventory?.entries ?? []).toEqual([]);
});

test('RetryOnFailure upgrades what failed after its interval, without a remedy', async () => {
  await releases.chart('retry', { ...settings, 'templates/service.yaml': REFUSED_SERVICE });
  await releases.release('retry', {
    install: { strategy: { name: 'RetryOnFailure', retryInterval: '1s' } },
    upgrade: { strategy: { name: 'RetryOnFailure', retryInterval: '1s' } },
  });
  const failed = await releases.until('retry', 'fail again', (seen) => failuresOf(seen)[2] >= 1);
  expect(says(failed, 'Stalled')).toBeUndefined();
  expect(says(failed, 'Remediated')).toBeUndefined();
  expect(historyOf(failed).at(-1)).toBe('v1 failed install');
  await releases.chart('retry', settings, '1.0.1');
  const release = await releases.ready('retry');
  expect(failuresOf(release)).toEqual([0, 0, 0]);
  expect(historyOf(release)[0]).toMatch(/^v\d+ deployed upgrade$/);
  expect(await releases.problems()).toEqual([]);
});

test('what is not applied in time fails the install, and counts', async () => {
  await releases.stopAgent();
  const cluster = await connect({ kubeconfig: releases.plane.kubeconfig, userAgent: 'plumb-agent' });
  await releases.startAgent({ cluster: silentFor(cluster, 'late-settings') });
  await releases.chart('late', settings);
  await releases.release('late', { install: { timeout: '1s' } });
  const release = await releases.until('late', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  const { namespace } = releases.world;
  expect(messageOf(release, 'Ready')).toBe(
    `Helm install failed for release ${namespace}/late with chart late@1.0.0: applying the objects did not end within 1s`,
  );
  expect(failuresOf(release)).toEqual([1, 1, 0]);
  expect(historyOf(release)).toEqual(['v1 failed install']);
  await releases.stopAgent();
  await cluster.close();
});

/** A cluster that gives no answer to applies of an object. */
function silentFor(cluster: Cluster, name: string): Cluster {
  return clusterWith(cluster, {
    async apply(object, options) {
      if (object.metadata.name !== name) return cluster.apply(object, options);
      await new Promise<void>((resolve) => options.signal?.addEventListener('abort', () => resolve()));
      throw systemError('cancelled', 'apply configmaps: cancelled');
    },
  });
}
