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

/** Good by default; with `broken` a Pod comes that is never ready, with `refused` a Service that nobody takes. */
const FILES = {
  'values.yaml': 'colour: green\nbroken: false\nrefused: false\n',
  'templates/settings.yaml': configMapTemplate('settings', { colour: '{{ .Values.colour }}' }),
  'templates/web.yaml': `{{- if .Values.broken }}\n${deploymentTemplate('web', { behaviour: 'never-ready' })}{{- end }}\n`,
  'templates/service.yaml': `{{- if .Values.refused }}\n${REFUSED_SERVICE}{{- end }}\n`,
};

const colourOf = async (name: string): Promise<unknown> => {
  const object = await releases.object('ConfigMap', `${name}-settings`);
  return (object?.['data'] as { colour?: string } | undefined)?.colour;
};

const installed = async (name: string, spec: Record<string, unknown>): Promise<void> => {
  await releases.chart(name, FILES);
  await releases.release(name, spec);
  await releases.ready(name);
};

test('without retries a failed upgrade is given up, and the release in force stays', async () => {
  await installed('once', {});
  await releases.release('once', { values: { colour: 'red', refused: true } });
  const release = await releases.until('once', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  const { namespace } = releases.world;
  expect(messageOf(release, 'Stalled')).toBe('Failed to upgrade after 1 attempt(s)');
  expect(messageOf(release, 'Ready')).toMatch(
    `Helm upgrade failed for release ${namespace}/once with chart once@1.0.0: Service/`,
  );
  expect([says(release, 'Ready'), says(release, 'Released')]).toEqual(['False UpgradeFailed', 'False UpgradeFailed']);
  expect(failuresOf(release)).toEqual([1, 0, 1]);
  expect(historyOf(release)).toEqual(['v2 failed upgrade', 'v1 deployed install']);
  expect(await recordsOf(releases, 'once')).toEqual(['v2 failed', 'v1 deployed']);
  expect(await colourOf('once')).toBe('green');
});

test('what mends it is upgraded to, and the counters start afresh', async () => {
  await releases.release('once', { values: { colour: 'blue' } });
  const release = await releases.ready('once');
  expect(failuresOf(release)).toEqual([0, 0, 0]);
  expect(historyOf(release)[0]).toBe('v3 deployed upgrade');
  expect(await recordsOf(releases, 'once')).toEqual(['v3 deployed', 'v2 failed', 'v1 superseded']);
  expect(await colourOf('once')).toBe('blue');
});

test('with retries each failure is rolled back, the last one too', async () => {
  const upgrade = { timeout: '1s', remediation: { retries: 1 } };
  await installed('back', { upgrade });
  await releases.release('back', { upgrade, values: { colour: 'red', broken: true } });
  const release = await releases.until('back', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  const { namespace } = releases.world;
  expect(messageOf(release, 'Stalled')).toBe('Failed to upgrade after 2 attempt(s)');
  expect(says(release, 'Remediated')).toBe('True RollbackSucceeded');
  expect(says(release, 'Released')).toBe('False UpgradeFailed');
  expect(says(release, 'Ready')).toBe('False RollbackSucceeded');
  expect(messageOf(release, 'Ready')).toBe(
    `Helm rollback to previous release ${namespace}/back.v3 with chart back@1.0.0 succeeded`,
  );
  expect(failuresOf(release)).toEqual([2, 0, 2]);
  expect(historyOf(release)).toEqual(['v5 deployed rollback', 'v4 failed upgrade', 'v3 superseded rollback']);
  expect(await recordsOf(releases, 'back')).toEqual([
    'v5 deployed',
    'v4 failed',
    'v3 superseded',
    'v2 failed',
    'v1 superseded',
  ]);
  expect(await colourOf('back')).toBe('green');
  expect(await releases.object('Deployment', 'back-web', 'apps')).toBeNull();
  await expect
    .poll(() => eventsOf(releases, 'back'), TOLD_WITHIN)
    .toContain(
      `RollbackSucceeded: Helm rollback to previous release ${namespace}/back.v1 with chart back@1.0.0 succeeded`,
    );
});

test('going back to what was rolled back to makes it Ready without another release', async () => {
  await releases.release('back', { upgrade: { timeout: '1s', remediation: { retries: 1 } } });
  const release = await releases.ready('back');
  const { namespace } = releases.world;
  expect(says(release, 'Remediated')).toBeUndefined();
  expect(messageOf(release, 'Ready')).toBe(
    `Helm upgrade succeeded for release ${namespace}/back.v5 with chart back@1.0.0`,
  );
  expect((await recordsOf(releases, 'back'))[0]).toBe('v5 deployed');
  expect(failuresOf(release)).toEqual([0, 0, 0]);
});

test('the strategy uninstall removes all, and the next try is an install', async () => {
  const upgrade = { timeout: '1s', remediation: { retries: 1, strategy: 'uninstall' } };
  await installed('away', { upgrade });
  await releases.release('away', { upgrade, install: { timeout: '1s' }, values: { broken: true } });
  const release = await releases.until('away', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  const { namespace } = releases.world;
  expect(messageOf(release, 'Stalled')).toBe('Failed to install after 1 attempt(s)');
  expect(says(release, 'Ready')).toBe('False InstallFailed');
  expect(failuresOf(release)).toEqual([2, 1, 1]);
  expect(historyOf(release)).toEqual(['v1 failed install']);
  await expect
    .poll(() => eventsOf(releases, 'away'), TOLD_WITHIN)
    .toContain(
      `UninstallSucceeded: Helm uninstall remediation for release ${namespace}/away.v2 with chart away@1.0.0 succeeded`,
    );
});

test('cleanupOnFail deletes what the failed upgrade made', async () => {
  const upgrade = { timeout: '1s', cleanupOnFail: true };
  await installed('tidy', { upgrade });
  await releases.release('tidy', { upgrade, values: { broken: true } });
  const release = await releases.until('tidy', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  expect(historyOf(release)).toEqual(['v2 failed upgrade', 'v1 deployed install']);
  expect(await releases.object('Deployment', 'tidy-web', 'apps')).toBeNull();
  const entries = release.status?.inventory?.entries ?? [];
  expect(entries.map(({ id }) => id)).toEqual([`${releases.world.namespace}_tidy-settings__ConfigMap`]);
});

test('without a good release there is nothing to roll back to', async () => {
  const upgrade = { remediation: { retries: 1 } };
  await releases.chart('never', FILES);
  await releases.release('never', { upgrade, values: { refused: true } });
  await releases.until('never', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  await releases.release('never', { upgrade, values: { refused: true, colour: 'red' } });
  const release = await releases.until(
    'never',
    'miss its target',
    (seen) => says(seen, 'Stalled') === 'True MissingRollbackTarget',
  );
  expect(messageOf(release, 'Stalled')).toBe(
    'Failed to perform remediation: missing target release for rollback: cannot remediate failed release',
  );
  expect(says(release, 'Ready')).toBe('False UpgradeFailed');
  expect(failuresOf(release)).toEqual([1, 0, 1]);
  expect(historyOf(release)).toEqual(['v2 failed upgrade', 'v1 failed install']);
});

test('a target that is gone from storage is replaced by the newest good release there, and that is told', async () => {
  const upgrade = { remediation: { retries: 1 } };
  const job = jobTemplate('job', { behaviour: 'run=10m', annotations: hook('pre-upgrade') });
  const spec = { upgrade, timeout: '10m' };
  await releases.chart('lost', { ...FILES, 'templates/job.yaml': `{{- if .Values.broken }}\n${job}{{- end }}\n` });
  await releases.release('lost', spec);
  await releases.ready('lost');
  await releases.release('lost', { ...spec, values: { colour: 'blue' } });
  await releases.ready('lost');
  await releases.release('lost', { ...spec, values: { colour: 'red', broken: true } });
  const { namespace } = releases.world;
  const hookKey = { group: 'batch', version: 'v1', kind: 'Job', namespace, name: 'lost-job' };
  const fail = async (): Promise<void> => {
    await releases.world.until(hookKey, 'run', (object) => object !== null);
    await releases.world.cluster.delete(hookKey, { propagationPolicy: 'Background' });
  };
  await stored(releases, 'lost', 3, 'pending-upgrade');
  await releases.world.cluster.delete(releases.recordKey('lost', 2));
  await fail();
  await stored(releases, 'lost', 5, 'pending-upgrade');
  await fail();
  const release = await releases.until('lost', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  await expect
    .poll(() => eventsOf(releases, 'lost'), TOLD_WITHIN)
    .toContain(
      'ReleaseRecovery: going on with rollback: the release to roll back to is gone from storage: going back to v1, the newest good release in storage',
    );
  expect(says(release, 'Remediated')).toBe('True RollbackSucceeded');
  expect(await colourOf('lost')).toBe('green');
});

test('preserveValues keeps what the last release was given', async () => {
  await releases.chart('keep', {
    'values.yaml': 'a: 0\nb: 0\n',
    'templates/settings.yaml': configMapTemplate('settings', { all: '"{{ .Values.a }} {{ .Values.b }}"' }),
  });
  await releases.release('keep', { values: { a: 1, b: 2 } });
  await releases.ready('keep');
  await releases.release('keep', { values: { b: 3 }, upgrade: { preserveValues: true } });
  await releases.ready('keep');
  expect((await releases.object('ConfigMap', 'keep-settings'))?.['data']).toEqual({ all: '1 3' });
  await releases.release('keep', { values: { b: 4 } });
  await releases.ready('keep');
  expect((await releases.object('ConfigMap', 'keep-settings'))?.['data']).toEqual({ all: '0 4' });
});

test('what cannot be changed is made anew with force only', async () => {
  const job = (image: string): string =>
    `apiVersion: batch/v1\nkind: Job\nmetadata: {name: "{{ .Release.Name }}-job"}\nspec:\n  suspend: true\n  template:\n    spec: {restartPolicy: Never, containers: [{name: main, image: "${image}"}]}\n`;
  await releases.chart('rigid', { 'templates/job.yaml': job('shop/cart:1.0.0') });
  await releases.release('rigid');
  await releases.ready('rigid');
  const uid = (await releases.object('Job', 'rigid-job', 'batch'))?.metadata.uid;
  await releases.chart('rigid', { 'templates/job.yaml': job('shop/cart:2.0.0') }, '2.0.0');
  const failed = await releases.until('rigid', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  expect(messageOf(failed, 'Ready')).toMatch(/immutable/);
  await releases.release('rigid', { upgrade: { force: true } });
  const release = await releases.ready('rigid');
  expect(historyOf(release)[0]).toBe('v3 deployed upgrade');
  expect((await releases.object('Job', 'rigid-job', 'batch'))?.metadata.uid).not.toBe(uid);
  await expect
    .poll(() => eventsOf(releases, 'rigid'), TOLD_WITHIN)
    .toContainEqual(
      expect.stringMatching(
        /^Progressing: Job\/\S+\/rigid-job was deleted and created again: .* cannot be changed in place$/,
      ),
    );
  expect(await releases.problems()).toEqual([]);
});
