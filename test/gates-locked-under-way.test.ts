import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '@plumb/api';
import { ChaosProxy } from '@plumb/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clusterPolicy, installGates, lockdown, Person } from './support/gates.ts';
import { answered, configMapTemplate, deploymentTemplate, messageOf, says, stored } from './support/release-facts.ts';
import { Releases } from './support/releases.ts';
import { configMapKey } from './support/world.ts';

const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap' } as const;
const MANY = 24;

// Several waits a test, each of which tells what it waited for.
let releases: Releases;
let dir: string;
/** Leads to the cluster as a kubeConfig names it. */
let proxy: ChaosProxy;
let oncall: Person;

beforeAll(async () => {
  releases = await Releases.start({ agent: false, nodes: true });
  const { world, plane } = releases;
  await installGates(world.cluster);
  dir = await mkdtemp(join(tmpdir(), 'plumb-locked-'));
  proxy = await ChaosProxy.start({ kubeconfig: plane.kubeconfig, dir, seed: 5 });
  oncall = await Person.named('oncall', ['system:masters'], { dir, kubeconfig: plane.kubeconfig });
  const value = (await readFile(proxy.kubeconfig)).toString('base64');
  const metadata = { name: 'far', namespace: world.namespace };
  await world.apply({ apiVersion: 'v1', kind: 'Secret', metadata, data: { value } } as KubeObject);
  await releases.startAgent({ gates: true, concurrentApplies: 1 });
  await clusterPolicy(world, 'free', { limits: { defaults: 'Off' } });
});

afterAll(async () => {
  await releases.close();
  await proxy.close();
  await oncall.cluster.close();
  await rm(dir, { recursive: true, force: true });
});

const lock = (): Promise<() => Promise<void>> => {
  const until = `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`;
  return lockdown(releases.world, oncall, { reason: 'audit', until });
};

async function isHeld(name: string): Promise<void> {
  await releases.until(
    name,
    'be held',
    (seen) =>
      says(seen, 'Ready') === 'False Gated' &&
      (messageOf(seen, 'Ready') ?? '').startsWith('waits for the end of lockdown '),
  );
}

/** How many of the parts of a release are there. */
async function parts(): Promise<number> {
  const { items } = await releases.world.cluster.list(CONFIG_MAP, { namespace: releases.world.namespace });
  return items.filter(({ metadata }) => metadata.name.startsWith('many-part-')).length;
}

test('what an upgrade made that a lockdown ends is not deleted, and the next one goes on with it', async () => {
  const { world } = releases;
  const files = {
    'values.yaml': 'more: false\nstuck: false\n',
    'templates/web.yaml': deploymentTemplate('web', { behaviour: '{{ if .Values.stuck }}never-ready{{ end }}' }),
    'templates/more.yaml': `{{ if .Values.more }}\n${configMapTemplate('more', { colour: 'green' })}{{ end }}\n`,
  };
  const upgrade = { timeout: '10m', cleanupOnFail: true };
  await releases.chart('tidy', files);
  await releases.release('tidy', { upgrade });
  await releases.ready('tidy');
  await releases.release('tidy', { upgrade, values: { more: true, stuck: true } });
  await stored(releases, 'tidy', 2, 'pending-upgrade');
  const more = configMapKey(world.namespace, 'tidy-more');
  const made = await world.until(more, 'be made', (object) => object !== null);
  const release = await lock();
  await isHeld('tidy');
  expect((await world.get(more))?.metadata.uid).toBe(made?.metadata.uid);
  await release();
  await releases.release('tidy', { upgrade, values: { more: true, stuck: false } });
  await releases.ready('tidy');
  expect((await world.get(more))?.metadata.uid).toBe(made?.metadata.uid);
});

const FAR = { kubeConfig: { secretRef: { name: 'far' } }, timeout: '5m' };

test('G6: a lockdown stops a release on its way to a remote cluster, and its end lets it go on', async () => {
  const { world } = releases;
  const each = configMapTemplate('part-{{ . }}', { colour: 'green' }).replaceAll('.Release', '$.Release');
  await releases.chart('many', { 'templates/parts.yaml': `{{- range until ${MANY} }}\n---\n${each}{{- end }}\n` });
  proxy.set({ delay: 1 });
  await releases.release('many', FAR);
  await world.until(configMapKey(world.namespace, 'many-part-0'), 'be made', (object) => object !== null, 60_000);
  const release = await lock();
  await isHeld('many');
  const stopped = await parts();
  expect(stopped).toBeLessThan(MANY);
  proxy.set({});
  await answered(releases, 'many', await world.request(releases.key('many')));
  expect(await parts()).toBe(stopped);
  await release();
  await releases.ready('many');
  expect(await parts()).toBe(MANY);
});

test('G6: it stops what goes with a unit too', async () => {
  const { world } = releases;
  proxy.set({ delay: 1 });
  await world.cluster.delete(releases.key('many'));
  const isGone = (object: KubeObject | null): boolean => object === null;
  const gone = Promise.any(
    Array.from({ length: MANY }, (_, index) =>
      world.until(configMapKey(world.namespace, `many-part-${index}`), 'go', isGone, 60_000),
    ),
  );
  await gone;
  const release = await lock();
  await isHeld('many');
  const left = await parts();
  expect(left).toBeGreaterThan(0);
  proxy.set({});
  await world.request(releases.key('many'));
  // What is being deleted answers no request: whatever still went would go within this time.
  await sleep(2_000);
  expect(await parts()).toBe(left);
  await release();
  await world.until(releases.key('many'), 'be gone', isGone, 60_000);
  expect(await parts()).toBe(0);
});

test('nothing went wrong beside', async () => {
  expect(await releases.problems()).toEqual([]);
});
