import type { HelmRelease } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  configMapTemplate,
  eventsOf,
  failuresOf,
  historyOf,
  hook,
  messageOf,
  podTemplate,
  recordsOf,
  says,
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

/** Two tests, of which the second fails where the values say so. */
const FILES = {
  'values.yaml': 'colour: green\nbroken: false\nrun: 100ms\n',
  'templates/settings.yaml': configMapTemplate('settings', { colour: '{{ .Values.colour }}' }),
  'templates/a.yaml': podTemplate('a', { annotations: hook('test', { weight: 1 }) }),
  'templates/b.yaml': podTemplate('b', {
    behaviour: '{{ if .Values.broken }}fail, {{ end }}run={{ .Values.run }}',
    annotations: hook('test', { weight: 2 }),
  }),
};

const testsOf = ({ status }: HelmRelease): Record<string, string> =>
  Object.fromEntries(
    Object.entries(status?.history?.[0]?.testHooks ?? {}).map(([name, { phase = '' }]) => [name, phase]),
  );

test('tests run after an install, and are told', async () => {
  await releases.chart('good', FILES);
  await releases.release('good', { test: { enable: true } });
  const release = await releases.ready('good');
  const { namespace } = releases.world;
  const message = `Helm test succeeded for release ${namespace}/good.v1 with chart good@1.0.0: 2 test hooks completed successfully`;
  expect(says(release, 'TestSuccess')).toBe('True TestSucceeded');
  expect(messageOf(release, 'TestSuccess')).toBe(message);
  expect([says(release, 'Ready'), messageOf(release, 'Ready')]).toEqual(['True TestSucceeded', message]);
  expect(says(release, 'Released')).toBe('True InstallSucceeded');
  expect(testsOf(release)).toEqual({ 'good-a': 'Succeeded', 'good-b': 'Succeeded' });
  expect(historyOf(release)).toEqual(['v1 deployed install']);
  const reasons = async (): Promise<string[]> =>
    (await eventsOf(releases, 'good')).map((text) => text.slice(0, text.indexOf(':')));
  await expect.poll(reasons, TOLD_WITHIN).toEqual(['InstallSucceeded', 'TestSucceeded']);
});

test('until they have run the release waits for them', async () => {
  // Long enough to be seen at.
  await releases.release('good', { test: { enable: true }, values: { colour: 'red', run: '2s' } });
  const waiting = await releases.until(
    'good',
    'await its tests',
    (seen) => says(seen, 'TestSuccess') === 'Unknown AwaitingTests',
  );
  expect(messageOf(waiting, 'TestSuccess')).toBe(
    `Helm release ${releases.world.namespace}/good.v2 with chart good@1.0.0 is awaiting tests`,
  );
  await releases.ready('good');
});

test('filters choose the tests', async () => {
  const filters = [{ name: 'some-b', exclude: true }];
  await releases.chart('some', FILES);
  await releases.release('some', { test: { enable: true, filters }, values: { broken: true } });
  const release = await releases.ready('some');
  expect(messageOf(release, 'TestSuccess')).toMatch(/: 1 test hook completed successfully$/);
  expect(testsOf(release)).toEqual({ 'some-a': 'Succeeded' });
  await releases.release('some', {
    test: { enable: true, filters: [{ name: 'some-a' }] },
    values: { broken: true, colour: 'red' },
  });
  expect(testsOf(await releases.ready('some'))).toEqual({ 'some-a': 'Succeeded' });
});

test('a chart without tests has passed them all', async () => {
  await releases.chart('none', { 'templates/settings.yaml': FILES['templates/settings.yaml'] });
  await releases.release('none', { test: { enable: true } });
  const release = await releases.ready('none');
  expect(messageOf(release, 'Ready')).toMatch(/: no test hooks$/);
  expect(release.status?.history?.[0]?.testHooks).toEqual({});
});

test('a failed test fails the install', async () => {
  await releases.chart('bad', FILES);
  await releases.release('bad', { test: { enable: true }, values: { broken: true } });
  const release = await releases.until('bad', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  const { namespace } = releases.world;
  expect(says(release, 'TestSuccess')).toBe('False TestFailed');
  expect(messageOf(release, 'TestSuccess')).toMatch(
    `Helm test failed for release ${namespace}/bad.v1 with chart bad@1.0.0: hook Pod/${namespace}/bad-b failed`,
  );
  expect([says(release, 'Ready'), says(release, 'Released')]).toEqual(['False TestFailed', 'True InstallSucceeded']);
  expect(messageOf(release, 'Stalled')).toBe('Failed to install after 1 attempt(s)');
  expect(failuresOf(release)).toEqual([1, 1, 0]);
  expect(testsOf(release)).toEqual({ 'bad-a': 'Succeeded', 'bad-b': 'Failed' });
  // Helm knows no failed tests: the release is in force.
  expect(await recordsOf(releases, 'bad')).toEqual(['v1 deployed']);
});

test('without tests it is Ready as it is', async () => {
  await releases.release('bad', { values: { broken: true } });
  const release = await releases.ready('bad');
  expect(says(release, 'TestSuccess')).toBeUndefined();
  expect(says(release, 'Ready')).toBe('True InstallSucceeded');
  expect(failuresOf(release)).toEqual([0, 0, 0]);
});

test('a failed test that is to be ignored is told, and nothing else', async () => {
  await releases.chart('brave', FILES);
  await releases.release('brave', { test: { enable: true, ignoreFailures: true }, values: { broken: true } });
  const release = await releases.ready('brave');
  expect(says(release, 'TestSuccess')).toBe('False TestFailed');
  expect(says(release, 'Ready')).toBe('True InstallSucceeded');
  expect(historyOf(release)).toEqual(['v1 deployed install']);
});

test('a failed test of an upgrade is rolled back', async () => {
  const spec = { test: { enable: true }, upgrade: { remediation: { retries: 1 } } };
  await releases.chart('back', FILES);
  await releases.release('back', spec);
  await releases.ready('back');
  await releases.release('back', { ...spec, values: { broken: true, colour: 'red' } });
  const release = await releases.until('back', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  expect(messageOf(release, 'Stalled')).toBe('Failed to upgrade after 2 attempt(s)');
  expect(failuresOf(release)).toEqual([2, 0, 2]);
  expect(says(release, 'Remediated')).toBe('True RollbackSucceeded');
  expect(says(release, 'Ready')).toBe('False RollbackSucceeded');
  expect(historyOf(release)[0]).toBe('v5 deployed rollback');
  expect((await releases.object('ConfigMap', 'back-settings'))?.['data']).toEqual({ colour: 'green' });
});

test('what was rolled back to is tested when it is what is declared', async () => {
  await releases.release('back', { test: { enable: true }, upgrade: { remediation: { retries: 1 } } });
  const release = await releases.ready('back');
  expect(says(release, 'Ready')).toBe('True TestSucceeded');
  expect(historyOf(release)[0]).toBe('v5 deployed rollback');
  expect(testsOf(release)).toEqual({ 'back-a': 'Succeeded', 'back-b': 'Succeeded' });
});

test('a test that does not end fails when its time is over', async () => {
  await releases.chart('slow', {
    'templates/a.yaml': podTemplate('a', { behaviour: 'run=60s', annotations: hook('test') }),
  });
  await releases.release('slow', { test: { enable: true, timeout: '1s' } });
  const release = await releases.until('slow', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  expect(messageOf(release, 'Ready')).toMatch(/hook Pod\/\S+\/slow-a failed: it did not end within 1s/);
  expect(await releases.problems()).toEqual([]);
});
