import type { KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMapTemplate, hook, historyOf, jobTemplate, messageOf, says } from './support/release-facts.ts';
import { Releases } from './support/releases.ts';

// Jobs that are removed once they ended: by the cluster's own controller, and where the moment matters by the test.

let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start({ nodes: true });
});
afterAll(async () => {
  await releases.close();
});

const MAIN = { 'templates/main.yaml': configMapTemplate('main', { colour: '{{ .Values.colour | default "green" }}' }) };

const jobKey = (name: string) => ({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  namespace: releases.world.namespace,
  name,
});

const isComplete = (job: KubeObject | null): boolean => JSON.stringify(job?.['status'] ?? {}).includes('"Complete"');

test('hooks that are removed as soon as they completed have succeeded', async () => {
  const jobs = ['a', 'b', 'c', 'd', 'e'].map((suffix): [string, string] => [
    `templates/${suffix}.yaml`,
    jobTemplate(suffix, { ttl: 0, annotations: hook('post-install,post-upgrade') }),
  ]);
  await releases.chart('brief', { ...MAIN, ...Object.fromEntries(jobs) });
  await releases.release('brief');
  await releases.ready('brief');
  await releases.release('brief', { values: { colour: 'red' } });
  expect(historyOf(await releases.ready('brief'))).toEqual(['v2 deployed upgrade', 'v1 superseded install']);
  for (const suffix of ['a', 'e']) await releases.world.until(jobKey(`brief-${suffix}`), 'be removed', (job) => !job);
});

test('one that is removed as soon as it failed has failed', async () => {
  const failing = jobTemplate('job', { ttl: 0, behaviour: 'fail, run=100ms', annotations: hook('pre-install') });
  await releases.chart('bad', { ...MAIN, 'templates/job.yaml': failing });
  await releases.release('bad');
  const release = await releases.until('bad', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  expect(messageOf(release, 'Ready')).toMatch(/hook Job\/\S+\/bad-job failed: Job has reached/);
});

test('one that somebody deletes while it runs has failed', async () => {
  const long = jobTemplate('job', { ttl: 0, behaviour: 'run=60s', annotations: hook('pre-install') });
  await releases.chart('cut', { ...MAIN, 'templates/job.yaml': long });
  await releases.release('cut');
  const runs = (job: KubeObject | null): boolean => JSON.stringify(job?.['status'] ?? {}).includes('"active":1');
  await releases.world.until(jobKey('cut-job'), 'run', runs);
  await releases.world.cluster.delete(jobKey('cut-job'), { propagationPolicy: 'Background' });
  const release = await releases.until('cut', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  expect(messageOf(release, 'Ready')).toMatch(/hook Job\/\S+\/cut-job failed: it was deleted while it ran/);
});

test('a Job of a release that ended and was removed is no drift, and is made again by each upgrade', async () => {
  await releases.chart('again', { ...MAIN, 'templates/job.yaml': jobTemplate('job', { ttl: 3_600 }) });
  const spec = { driftDetection: { mode: 'enabled' } } as const;
  const seen = new Set<string | undefined>();
  for (const colour of ['green', 'red', 'blue']) {
    await releases.release('again', { ...spec, values: { colour } });
    const isNew = (job: KubeObject | null): boolean => isComplete(job) && !seen.has(job?.metadata.uid);
    const job = await releases.world.until(jobKey('again-job'), 'run', isNew);
    await releases.ready('again');
    seen.add(job?.metadata.uid);
    await releases.world.cluster.delete(jobKey('again-job'), { propagationPolicy: 'Background' });
    await releases.world.until(jobKey('again-job'), 'be removed', (there) => there === null);
    await releases.answered('again');
    expect(await releases.object('Job', 'again-job', 'batch')).toBeNull();
  }
  expect(seen.size).toBe(3);
  expect(await releases.problems()).toEqual([]);
});
