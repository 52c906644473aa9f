import type { JsonObject, KubeObject } from '@plumb/api';
import type { ChartFiles } from '@plumb/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  configMapTemplate,
  deploymentTemplate,
  historyOf,
  jobTemplate,
  messageOf,
  recordsOf,
  REFUSED_SERVICE,
  says,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';
import { definitionOf, serve } from './support/source-kinds.ts';

const TILL = { group: 'shop.example.com', version: 'v1', kind: 'Till' };
const API = `${TILL.group}/${TILL.version}`;

interface Definition {
  versions: (JsonObject & { subresources: JsonObject })[];
}

let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start({ nodes: true });
  await serve(releases.world.cluster, [TILL]);
  // Charts of these scenarios say themselves what becomes of their tills: status is a field like others.
  const { metadata, spec } = definitionOf(TILL) as unknown as { metadata: { name: string }; spec: Definition };
  const versions = spec.versions.map(({ subresources: _none, ...version }) => version);
  const key = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', namespace: '' };
  await releases.world.edit({ ...key, name: metadata.name }, { spec: { versions } });
});
afterAll(async () => {
  await releases.close();
});

const till = (status: string): string =>
  `apiVersion: ${API}\nkind: Till\nmetadata: {name: "{{ .Release.Name }}-till"}\nspec: {}\nstatus: ${status}\n`;
/** By its status it is on its way, for whoever knows no more of it. */
const OPENING = till('{conditions: [{type: Ready, status: "False", reason: Opening, message: not open yet}]}');
const WEB = { 'templates/web.yaml': deploymentTemplate('web', { behaviour: 'never-ready' }) };
const JOB = { 'templates/job.yaml': jobTemplate('job', { behaviour: 'run=10m' }) };
const CUSTOM = { 'templates/till.yaml': OPENING };
const MAIN = { 'templates/main.yaml': configMapTemplate('main', { colour: '{{ .Values.colour | default "green" }}' }) };

let count = 0;
/** Installs a chart that nothing was made of yet. @returns what Ready says in the end */
async function installed(files: ChartFiles, spec: Record<string, unknown>): Promise<[string, string | undefined]> {
  count += 1;
  const name = `wait-${count}`;
  await releases.chart(name, files);
  await releases.release(name, { timeout: '1s', ...spec });
  const release = await releases.until(
    name,
    'come to an end',
    (seen) => says(seen, 'Stalled') !== undefined || says(seen, 'Ready')?.startsWith('True') === true,
  );
  return [name, says(release, 'Ready')];
}

const legacy = { waitStrategy: { name: 'legacy' } };
const poller = { waitStrategy: { name: 'poller' } };
const READY = 'True InstallSucceeded';
const LATE = 'False InstallFailed';
/** What is to be ready has time to be made; what is waited for never comes. */
const timeoutFor = (expected: string): string => (expected.startsWith('True') ? '20s' : '1s');

describe('an install waits', () => {
  test.each<[string, ChartFiles, Record<string, unknown>, string]>([
    ['for a Deployment', WEB, {}, LATE],
    ['for a Deployment, with poller', WEB, poller, LATE],
    ['for a Deployment, with legacy', WEB, legacy, LATE],
    ['for no Deployment with disableWait', WEB, { install: { disableWait: true } }, READY],
    ['for no Deployment with disableWait and legacy', WEB, { ...legacy, install: { disableWait: true } }, READY],
    ['for a Deployment with disableWaitForJobs', WEB, { install: { disableWaitForJobs: true } }, LATE],
    ['for a Job', JOB, {}, LATE],
    ['for a Job, with legacy', JOB, legacy, LATE],
    ['for no Job with disableWaitForJobs', JOB, { install: { disableWaitForJobs: true } }, READY],
    ['for no Job with disableWait', JOB, { install: { disableWait: true } }, READY],
    ['for a kind of its own', CUSTOM, {}, LATE],
    ['for a kind of its own, with poller', CUSTOM, poller, LATE],
    ['for no kind of its own with legacy', CUSTOM, legacy, READY],
  ])('%s', async (_what, files, spec, expected) => {
    expect((await installed(files, { timeout: timeoutFor(expected), ...spec }))[1]).toBe(expected);
  });

  test('no longer than its own timeout, whatever the others are', async () => {
    const other = '10m';
    const spec = { timeout: other, install: { timeout: '1s' }, upgrade: { timeout: other } };
    const [name, ready] = await installed(WEB, spec);
    expect(ready).toBe(LATE);
    const release = await releases.world.get(releases.key(name));
    expect(messageOf(release as never, 'Ready')).toMatch(/Deployment\/\S+-web .*: not ready within 1s$/);
  });

  test('no longer than until all that is not ready has failed', async () => {
    const failing = { 'templates/job.yaml': jobTemplate('job', { behaviour: 'fail, run=100ms' }) };
    const [name, ready] = await installed(failing, { timeout: '10m' });
    expect(ready).toBe(LATE);
    const release = await releases.world.get(releases.key(name));
    expect(messageOf(release as never, 'Ready')).toMatch(/Job\/\S+-job/);
  });
});

describe('an upgrade waits', () => {
  test.each<[string, ChartFiles, Record<string, unknown>, string]>([
    ['for a Deployment', WEB, { timeout: '1s' }, 'False UpgradeFailed'],
    ['for no Deployment with disableWait', WEB, { disableWait: true }, 'True UpgradeSucceeded'],
    ['for a Job', JOB, { timeout: '1s' }, 'False UpgradeFailed'],
    ['for no Job with disableWaitForJobs', JOB, { disableWaitForJobs: true }, 'True UpgradeSucceeded'],
    ['for no kind of its own with legacy', CUSTOM, { legacy }, 'True UpgradeSucceeded'],
  ])('%s', async (_what, files, { legacy: more = {}, ...upgrade }, expected) => {
    const [name] = await installed(MAIN, { timeout: '10m', upgrade, ...(more as object) });
    await releases.chart(name, { ...MAIN, ...files }, '2.0.0');
    const ended = await releases.until(name, `say ${expected}`, (seen) => says(seen, 'Ready') === expected);
    expect(historyOf(ended)[0]).toMatch(/^v2 (deployed|failed) upgrade$/);
  });
});

describe('a rollback waits', () => {
  test.each<[string, ChartFiles, Record<string, unknown>, string]>([
    ['for a Deployment', WEB, { timeout: '1s' }, 'False RollbackFailed'],
    ['for no Deployment with disableWait', WEB, { disableWait: true }, 'True RollbackSucceeded'],
    ['for a Job', JOB, { timeout: '1s' }, 'False RollbackFailed'],
    ['for no Job with disableWaitForJobs', JOB, { disableWaitForJobs: true }, 'True RollbackSucceeded'],
  ])('%s', async (_what, files, rollback, expected) => {
    const bad = `{{ if .Values.bad }}\n${REFUSED_SERVICE}{{ end }}\n`;
    const upgrade = { remediation: { retries: 0, remediateLastFailure: true } };
    const spec = { timeout: '10m', install: { disableWait: true }, upgrade, rollback };
    const [name] = await installed({ ...files, 'templates/bad.yaml': bad }, spec);
    await releases.release(name, { ...spec, values: { bad: true } });
    const ended = await releases.until(name, `say ${expected}`, (seen) => says(seen, 'Remediated') === expected);
    const status = expected.startsWith('True') ? 'deployed' : 'failed';
    expect((await recordsOf(releases, name))[0]).toBe(`v3 ${status}`);
    expect(says(ended, 'Released')).toBe('False UpgradeFailed');
  });
});

describe('healthCheckExprs', () => {
  const check = {
    apiVersion: API,
    kind: 'Till',
    inProgress: "status.phase == 'Opening'",
    failed: "status.phase == 'Broken'",
    current: "status.phase == 'Open'",
  };
  const phase = (name: string): ChartFiles => ({ 'templates/till.yaml': till(`{phase: ${name}}`) });

  test.each([
    ['Open', '20s', READY],
    ['Opening', '1s', LATE],
    // It has failed: that is not waited for.
    ['Broken', '10m', LATE],
  ])('judge a custom kind: %s', async (name, timeout, expected) => {
    expect((await installed(phase(name), { timeout, healthCheckExprs: [check] }))[1]).toBe(expected);
  });

  test('are asked in place of the usual rules', async () => {
    const current = "status.conditions.exists(c, c.reason == 'Opening')";
    const healthCheckExprs = [{ apiVersion: API, kind: 'Till', current }];
    expect((await installed(CUSTOM, { timeout: '20s', healthCheckExprs }))[1]).toBe(READY);
    expect((await installed(phase('Broken'), { timeout: '20s' }))[1]).toBe(READY);
  });

  test('go on at once when an object changes', async () => {
    const name = 'opens';
    await releases.chart(name, phase('Opening'));
    await releases.release(name, { timeout: '10m', healthCheckExprs: [check] });
    const key = { ...TILL, namespace: releases.world.namespace, name: `${name}-till` };
    await releases.world.until(key, 'be made', (object: KubeObject | null) => object !== null);
    await releases.until(name, 'wait', (seen) => says(seen, 'Reconciling') === 'True Progressing');
    await releases.world.edit(key, { status: { phase: 'Open' } });
    await releases.ready(name);
  });

  test('that are none are refused before anything is done', async () => {
    const name = 'wrong';
    await releases.chart(name, phase('Open'));
    await releases.release(name, { healthCheckExprs: [{ ...check, current: 'status.' }] });
    const refused = await releases.until(name, 'be refused', (seen) => says(seen, 'Stalled') !== undefined);
    expect(says(refused, 'Ready')).toBe('False InvalidCELExpression');
    expect(await recordsOf(releases, name)).toEqual([]);
  });

  test('nothing else was wrong', async () => {
    expect(await releases.problems()).toEqual([]);
  });
});
