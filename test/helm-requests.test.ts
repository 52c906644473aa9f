import { FORCE_AT_ANNOTATION, RESET_AT_ANNOTATION } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  answered,
  configMapTemplate,
  failuresOf,
  historyOf,
  messageOf,
  REFUSED_SERVICE,
  request,
  says,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';

let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start();
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
