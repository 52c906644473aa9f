import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HelmRelease, JsonObject, KubeObject } from '@plumb/api';
import { ChaosProxy } from '@plumb/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installGates, lockdown, Person } from './support/gates.ts';
import {
  answered,
  configMapTemplate,
  deploymentTemplate,
  eventsOf,
  failuresOf,
  historyOf,
  hook,
  messageOf,
  podTemplate,
  recordsOf,
  says,
  stored,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';

const MANY = 24;
const POD = { group: '', version: 'v1', kind: 'Pod' } as const;

// Several waits a test, each of which tells what it waited for.
let releases: Releases;
let dir: string;
let proxy: ChaosProxy;
let oncall: Person;

const startAgent = (): Promise<void> =>
  releases.startAgent({ gates: true, concurrentApplies: 1, connect: { kubeconfig: proxy.kubeconfig } });

beforeAll(async () => {
  releases = await Releases.start({ nodes: true, agent: false });
  await installGates(releases.world.cluster);
  dir = await mkdtemp(join(tmpdir(), 'plumb-locked-releases-'));
  const { kubeconfig } = releases.plane;
  proxy = await ChaosProxy.start({ kubeconfig, dir, seed: 7 });
  oncall = await Person.named('oncall', ['system:masters'], { dir, kubeconfig });
  await startAgent();
});

afterAll(async () => {
  await releases.close();
  await proxy.close();
  await oncall.cluster.close();
  await rm(dir, { recursive: true, force: true });
});

const MAIN = {
  'values.yaml': 'colour: green\n',
  'templates/main.yaml': configMapTemplate('main', { colour: 'green' }),
};

const lock = (more: JsonObject = {}): Promise<() => Promise<void>> => {
  const until = `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`;
  return lockdown(releases.world, oncall, { reason: 'audit', until, ...more });
};

const isHeld = (name: string): Promise<HelmRelease> =>
  releases.until(name, 'be held', (seen) => {
    const waits = /^waits for the end of lockdown \S+ by oncall \(audit\), \S+ at the latest$/;
    return says(seen, 'Ready') === 'False Gated' && waits.test(messageOf(seen, 'Ready') ?? '');
  });

test('tests of a release wait for the end of a lockdown, and that is no failure of theirs', async () => {
  await releases.chart('late', {
    ...MAIN,
    'templates/probe.yaml': podTemplate('probe', { annotations: hook('test') }),
  });
  await releases.release('late');
  await releases.ready('late');
  const release = await lock();
  await releases.release('late', { test: { enable: true } });
  const held = await isHeld('late');
  expect(failuresOf(held)).toEqual([0, 0, 0]);
  expect(says(held, 'TestSuccess')).toBeUndefined();
  expect(await releases.object('Pod', 'late-probe')).toBeNull();
  await release();
  expect(says(await releases.ready('late'), 'TestSuccess')).toBe('True TestSucceeded');
  expect(await recordsOf(releases, 'late')).toEqual(['v1 deployed']);
});

test('tests that run are ended by a lockdown, nothing is remedied for that, and they begin anew at its end', async () => {
  const probe = podTemplate('probe', { behaviour: '{{ if .Values.slow }}run=10m{{ end }}', annotations: hook('test') });
  await releases.chart('cut', { ...MAIN, 'templates/probe.yaml': probe });
  const spec = { test: { enable: true }, install: { timeout: '10m', remediation: { retries: 3 } } };
  await releases.release('cut', { ...spec, timeout: '10m', values: { slow: true } });
  const key = { ...POD, namespace: releases.world.namespace, name: 'cut-probe' };
  const first = await releases.world.until(key, 'run', (object) => object !== null);
  const release = await lock();
  const held = await isHeld('cut');
  expect(failuresOf(held)).toEqual([0, 0, 0]);
  expect([says(held, 'TestSuccess'), says(held, 'Remediated')]).toEqual(['Unknown AwaitingTests', undefined]);
  expect(await recordsOf(releases, 'cut')).toEqual(['v1 deployed']);
  await release();
  const isAnother = (object: KubeObject | null): boolean =>
    object !== null && object.metadata.uid !== first?.metadata.uid;
  await releases.world.until(key, 'run again', isAnother);
  expect((await eventsOf(releases, 'cut')).filter((text) => text.startsWith('TestFailed'))).toEqual([]);
  await releases.release('cut', { ...spec, values: { slow: false } });
  await releases.ready('cut');
});

test('an upgrade that a lockdown ends counts as no failure, and is tried again at its end', async () => {
  const web = deploymentTemplate('web', { behaviour: '{{ if .Values.stuck }}never-ready{{ end }}' });
  await releases.chart('stop', { ...MAIN, 'templates/web.yaml': web });
  const upgrade = { timeout: '10m', remediation: { retries: 3 } };
  await releases.release('stop', { upgrade });
  await releases.ready('stop');
  await releases.release('stop', { upgrade, values: { stuck: true } });
  await stored(releases, 'stop', 2, 'pending-upgrade');
  const release = await lock();
  expect(failuresOf(await isHeld('stop'))).toEqual([0, 0, 0]);
  expect(await recordsOf(releases, 'stop')).toEqual(['v2 failed', 'v1 deployed']);
  await releases.release('stop', { upgrade, values: { stuck: false } });
  await releases.answered('stop');
  await isHeld('stop');
  await release();
  expect(historyOf(await releases.ready('stop'))[0]).toBe('v3 deployed upgrade');
});

test('a release that a stopped agent left locked is not unlocked in a lockdown', async () => {
  await releases.chart('locked', {
    ...MAIN,
    'templates/web.yaml': deploymentTemplate('web', { behaviour: '{{ if .Values.stuck }}never-ready{{ end }}' }),
  });
  await releases.release('locked', { install: { timeout: '10m' }, values: { stuck: true } });
  await releases.world.until(
    { group: 'apps', version: 'v1', kind: 'Deployment', namespace: releases.world.namespace, name: 'locked-web' },
    'be made',
    (object) => object !== null,
  );
  await releases.stopAgent();
  const release = await lock();
  await releases.release('locked', { values: { stuck: false } });
  await startAgent();
  expect(failuresOf(await isHeld('locked'))).toEqual([0, 0, 0]);
  expect(await recordsOf(releases, 'locked')).toEqual(['v1 pending-install']);
  await release();
  await releases.ready('locked');
  expect(await recordsOf(releases, 'locked')).toEqual(['v2 deployed', 'v1 failed']);
});

test('G6: a lockdown that names drift ends a repair that is under way, and its end lets it go on', async () => {
  const { world } = releases;
  const each = configMapTemplate('{{ . }}', { a: "'1'" });
  const parts = `{{- range until ${MANY} }}\n---\n${each.replaceAll('.Release', '$.Release')}{{- end }}\n`;
  await releases.chart('many', { 'templates/parts.yaml': parts });
  await releases.release('many', { driftDetection: { mode: 'enabled' } });
  await releases.ready('many');
  const names = Array.from({ length: MANY }, (_, index) => `many-${index}`);
  const drifted = async (): Promise<number> => {
    const found = await Promise.all(names.map((name) => releases.object('ConfigMap', name)));
    return found.filter((object) => (object?.['data'] as { a?: string } | undefined)?.a !== '1').length;
  };
  await world.cluster.patch(releases.key('many'), { spec: { suspend: true } }, { type: 'merge' });
  for (const name of names) {
    const key = { group: '', version: 'v1', kind: 'ConfigMap', namespace: world.namespace, name };
    await world.edit(key, { data: { a: '2' } });
  }
  // From now on each answer takes a while.
  proxy.set({ delay: 1 });
  await world.cluster.patch(releases.key('many'), { spec: { suspend: false } }, { type: 'merge' });
  await expect.poll(drifted, { timeout: 60_000, interval: 100 }).toBeLessThan(MANY);
  const release = await lock({ causes: ['drift'] });
  const held = await isHeld('many');
  proxy.set({});
  const left = await drifted();
  expect(left).toBeGreaterThan(0);
  expect(failuresOf(held)).toEqual([0, 0, 0]);
  await answered(releases, 'many', await world.request(releases.key('many')));
  expect(await drifted()).toBe(left);
  await release();
  await expect.poll(drifted, { timeout: 60_000, interval: 100 }).toBe(0);
  await releases.ready('many');
  expect((await eventsOf(releases, 'many')).filter((text) => text.startsWith('DriftCorrectionFailed'))).toEqual([]);
});

test('nothing went wrong beside', async () => {
  expect(await releases.problems()).toEqual([]);
});
