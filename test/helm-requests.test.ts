import type { HelmRelease } from '@plumb/api';
import { FORCE_AT_ANNOTATION, RESET_AT_ANNOTATION } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  answered,
  configMapTemplate,
  eventsOf,
  failuresOf,
  historyOf,
  hook,
  jobTemplate,
  messageOf,
  REFUSED_SERVICE,
  request,
  says,
  stored,
  TOLD_WITHIN,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';

let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start({ nodes: true });
  await releases.chart('good', { 'templates/settings.yaml': configMapTemplate('settings', { colour: 'green' }) });
  await releases.chart('bad', { 'templates/service.yaml': REFUSED_SERVICE });
  await releases.release('good');
  await releases.release('bad');
  await releases.ready('good');
  await releases.until('bad', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
});
afterAll(async () => {
  await releases.close();
});

test('a request is answered, and changes nothing of what is as declared', async () => {
  const release = await answered(releases, 'good', await request(releases, 'good'));
  expect(says(release, 'Ready')).toBe('True InstallSucceeded');
  expect(historyOf(release)).toEqual(['v1 deployed install']);
  expect(release.status).not.toHaveProperty('lastHandledForceAt');
  expect(release.status).not.toHaveProperty('lastHandledResetAt');
});

test('one with forceAt upgrades once', async () => {
  const token = await request(releases, 'good', [FORCE_AT_ANNOTATION]);
  const release = await answered(releases, 'good', token);
  expect(release.status).toMatchObject({ lastHandledForceAt: token });
  expect(historyOf(release)).toEqual(['v2 deployed upgrade', 'v1 superseded install']);
  expect(says(release, 'Ready')).toBe('True UpgradeSucceeded');
});

test('a forceAt of another time than requestedAt is none', async () => {
  const release = await answered(releases, 'good', await request(releases, 'good'));
  expect(historyOf(release)[0]).toBe('v2 deployed upgrade');
  expect(release.status?.lastHandledForceAt).not.toBe(release.status?.lastHandledReconcileAt);
});

test('a request alone does not try again what was given up', async () => {
  const release = await answered(releases, 'bad', await request(releases, 'bad'));
  expect(messageOf(release, 'Stalled')).toBe('Failed to install after 1 attempt(s)');
  expect(failuresOf(release)).toEqual([1, 1, 0]);
});

test('forceAt tries it once more', async () => {
  const token = await request(releases, 'bad', [FORCE_AT_ANNOTATION]);
  const release = await answered(releases, 'bad', token);
  expect(release.status).toMatchObject({ lastHandledForceAt: token });
  expect(messageOf(release, 'Stalled')).toBe('Failed to upgrade after 1 attempt(s)');
  expect(failuresOf(release)).toEqual([2, 1, 1]);
  expect(historyOf(release)).toEqual(['v2 failed upgrade', 'v1 failed install']);
});

test('resetAt forgets the failures, and so it is tried again', async () => {
  const token = await request(releases, 'bad', [RESET_AT_ANNOTATION]);
  const release = await answered(releases, 'bad', token);
  expect(release.status).toMatchObject({ lastHandledResetAt: token });
  expect(messageOf(release, 'Stalled')).toBe('Failed to upgrade after 1 attempt(s)');
  expect(failuresOf(release)).toEqual([1, 0, 1]);
  expect(historyOf(release)[0]).toBe('v3 failed upgrade');
});

test('a request that comes while an action is under way is answered by the next one', async () => {
  const job = jobTemplate('job', { behaviour: 'run=2s', annotations: hook('pre-upgrade') });
  await releases.chart('slow', { 'templates/job.yaml': job });
  await releases.release('slow');
  await releases.ready('slow');
  const first = await request(releases, 'slow', [FORCE_AT_ANNOTATION]);
  await stored(releases, 'slow', 2, 'pending-upgrade');
  const second = await request(releases, 'slow', [FORCE_AT_ANNOTATION]);
  const between = await answered(releases, 'slow', first);
  expect(between.status).toMatchObject({ lastHandledForceAt: first });
  expect(historyOf(between)[0]).toBe('v2 deployed upgrade');
  const release = await answered(releases, 'slow', second);
  expect(release.status).toMatchObject({ lastHandledForceAt: second });
  expect(historyOf(release)[0]).toBe('v3 deployed upgrade');
});

test('what ends after the spec changed is told for the generation that it was begun with', async () => {
  const endless = jobTemplate('job', {
    behaviour: 'run={{ if .Values.run }}{{ .Values.run }}{{ else }}100ms{{ end }}',
    annotations: hook('pre-upgrade'),
  });
  await releases.chart('cut', { 'templates/job.yaml': endless });
  await releases.release('cut');
  await releases.ready('cut');
  await releases.release('cut', { timeout: '5m', values: { run: '10m' } });
  await stored(releases, 'cut', 2, 'pending-upgrade');
  await releases.release('cut', { timeout: '5m', values: { run: '9m' } });
  await stored(releases, 'cut', 3, 'pending-upgrade');
  const generationOf = ({ status }: HelmRelease, type: string): number | undefined =>
    status?.conditions?.find((condition) => condition.type === type)?.observedGeneration;
  const release = await releases.until('cut', 'be upgraded anew', (seen) => generationOf(seen, 'Reconciling') === 3);
  const trigger = `New reconciliation triggered by HelmRelease/${releases.world.namespace}/cut`;
  expect(says(release, 'Released')).toBe('False HealthCheckCanceled');
  expect(messageOf(release, 'Released')).toBe(
    `Helm upgrade failed for release ${releases.world.namespace}/cut with chart cut@1.0.0: ${trigger}`,
  );
  expect(failuresOf(release)).toEqual([0, 0, 0]);
  await expect
    .poll(() => eventsOf(releases, 'cut'), TOLD_WITHIN)
    .toContain(
      `HealthCheckCanceled: Health checks canceled due to new reconciliation triggered by HelmRelease/${releases.world.namespace}/cut`,
    );
  expect(generationOf(release, 'Released')).toBe(2);
  expect(release.status).toMatchObject({ observedGeneration: 1, lastAttemptedGeneration: 3 });
  await releases.release('cut');
  expect(says(await releases.ready('cut'), 'Ready')).toBe('True UpgradeSucceeded');
});

test.each([
  ['is suspended meanwhile', 'rest', { suspend: true }, undefined],
  [
    'is made invalid meanwhile',
    'flaw',
    { driftDetection: { ignore: [{ paths: ['/data'], target: { kind: '(' } }] } },
    'True InvalidSpec',
  ],
] as const)('what an action came to is told where the release %s', async (_what, name, spec, stalled) => {
  const job = jobTemplate('job', { behaviour: 'run=3s', annotations: hook('pre-upgrade') });
  await releases.chart(name, { 'templates/job.yaml': job });
  await releases.release(name, {});
  await releases.ready(name);
  await releases.release(name, { values: { colour: 'red' } });
  await releases.until(name, 'tell that it runs', (seen) => says(seen, 'Reconciling') === 'True Progressing');
  await releases.release(name, { values: { colour: 'red' }, ...spec });
  const release = await releases.until(
    name,
    'tell how it ended',
    (seen) => says(seen, 'Released') === 'True UpgradeSucceeded' && says(seen, 'Stalled') === stalled,
  );
  expect(says(release, 'Reconciling')).toBeUndefined();
  expect(historyOf(release)).toEqual(['v2 deployed upgrade', 'v1 superseded install']);
  const upgraded = `${releases.world.namespace}/${name}.v2 with chart ${name}@1.0.0`;
  expect(await releases.world.event(releases.key(name), 'UpgradeSucceeded')).toBe(
    `Helm upgrade succeeded for release ${upgraded}`,
  );
});

test('tokens are recorded whatever the outcome', async () => {
  await releases.release('lost', { chartRef: { kind: 'HelmChart', name: 'nowhere' } });
  await releases.until('lost', 'miss its chart', (seen) => says(seen, 'Ready') === 'False ArtifactFailed');
  const token = await request(releases, 'lost', [FORCE_AT_ANNOTATION, RESET_AT_ANNOTATION]);
  const release = await answered(releases, 'lost', token);
  expect(release.status).toMatchObject({ lastHandledForceAt: token, lastHandledResetAt: token });
  expect(messageOf(release, 'Ready')).toBe(
    `could not get Source object: HelmChart/${releases.world.namespace}/nowhere not found`,
  );
  expect(await releases.problems()).toEqual([]);
});
