import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CHANGE } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changeOf, inPhase, installGates, lockdown, Person, policy } from './support/gates.ts';
import { configMapTemplate } from './support/release-facts.ts';
import { Releases } from './support/releases.ts';
import { condition } from './support/world.ts';

let releases: Releases;
let dir: string;
let alice: Person;
let oncall: Person;

beforeAll(async () => {
  releases = await Releases.start({ agent: false });
  await installGates(releases.world.cluster);
  await releases.startAgent({ gates: true });
  dir = await mkdtemp(join(tmpdir(), 'plumb-people-'));
  const { kubeconfig } = releases.plane;
  alice = await Person.named('alice', ['sre'], { dir, kubeconfig });
  oncall = await Person.named('oncall', ['system:masters'], { dir, kubeconfig });
});

afterAll(async () => {
  for (const { cluster } of [alice, oncall]) await cluster.close();
  await releases.close();
  await rm(dir, { recursive: true, force: true });
});

const chart = (extra: Record<string, string> = {}): Record<string, string> => ({
  'values.yaml': 'colour: green\n',
  'templates/settings.yaml':
    'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-settings\ndata:\n  colour: {{ .Values.colour }}\n',
  ...extra,
});

const colour = async (): Promise<string | undefined> => {
  const object = await releases.object('ConfigMap', 'cart-settings');
  return (object?.['data'] as { colour?: string } | undefined)?.colour;
};

async function isHeld(name: string, words: string | RegExp): Promise<void> {
  await releases.until(name, `be held: ${String(words)}`, (release) => {
    const ready = condition(release as never, 'Ready');
    if (ready?.status !== 'False' || ready.reason !== 'Gated') return false;
    return typeof words === 'string' ? ready.message === words : words.test(ready.message);
  });
}

test('an upgrade waits for approval, and nothing of it is stored or run before', async () => {
  const { world } = releases;
  await releases.chart('cart', chart());
  await releases.release('cart');
  await releases.ready('cart');
  await policy(world, 'one', { approvals: [{ name: 'one', groups: ['sre'] }], select: { names: ['cart'] } });
  await releases.release('cart', { values: { colour: 'red' } });
  await isHeld('cart', 'waits for 1 approval by group sre');
  const release = await world.get(releases.key('cart'));
  expect(condition(release, 'Reconciling')).toMatchObject({ status: 'True' });
  expect(await world.get(releases.recordKey('cart', 2))).toBeNull();
  expect(await colour()).toBe('green');
  const change = await changeOf(world, 'cart', 'wait', inPhase('Pending'));
  expect(change).toMatchObject({
    spec: { unit: { kind: 'HelmRelease', name: 'cart' }, cause: 'routine', revision: '1.0.0' },
    status: { counts: { create: 0, change: 1, delete: 0 } },
  });
  await alice.says('Approve', change);
  await releases.ready('cart');
  expect(await colour()).toBe('red');
  await changeOf(
    world,
    'cart',
    'be applied',
    (one) => one.spec.digest === change.spec.digest && inPhase('Applied')(one),
  );
});

test('what is in force is put right while a newer one is held, and that is no change that people are asked for', async () => {
  const { world } = releases;
  await releases.release('cart', { values: { colour: 'black' }, driftDetection: { mode: 'enabled' } });
  await isHeld('cart', 'waits for 1 approval by group sre');
  const settings = { group: '', version: 'v1', kind: 'ConfigMap', namespace: world.namespace, name: 'cart-settings' };
  await world.edit(settings, { data: { colour: 'pink' } });
  await world.until(settings, 'be as approved', (object) => JSON.stringify(object?.['data']).includes('red'));
  await isHeld('cart', 'waits for 1 approval by group sre');
  const held = await changeOf(world, 'cart', 'wait', inPhase('Pending'));
  expect(held.spec.cause).toBe('routine');
  await releases.release('cart', { values: { colour: 'red' } });
  await releases.ready('cart');
});

test('hooks are part of what is approved: another one is another change', async () => {
  const { world } = releases;
  const hook = (data: string): Record<string, string> => ({
    'templates/hook.yaml': `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cart-hook\n  annotations:\n    helm.sh/hook: pre-upgrade\ndata:\n  a: ${data}\n`,
  });
  await releases.chart('cart', chart(hook('one')), '1.1.0');
  const first = await changeOf(
    world,
    'cart',
    'wait',
    (one) => one.spec.revision === '1.1.0' && inPhase('Pending')(one),
  );
  expect(first.status?.objects).toContainEqual({ object: `ConfigMap/${world.namespace}/cart-hook`, action: 'create' });
  await releases.chart('cart', chart(hook('two')), '1.2.0');
  await changeOf(
    world,
    'cart',
    'be superseded',
    (one) => one.spec.digest === first.spec.digest && inPhase('Superseded')(one),
  );
  const second = await changeOf(
    world,
    'cart',
    'wait',
    (one) => one.spec.revision === '1.2.0' && inPhase('Pending')(one),
  );
  expect(second.spec.digest).not.toBe(first.spec.digest);
  expect(await releases.object('ConfigMap', 'cart-hook')).toBeNull();
  await alice.says('Approve', second);
  await releases.ready('cart');
  expect((await releases.object('ConfigMap', 'cart-hook'))?.['data']).toEqual({ a: 'two' });
});

test('a change is of the past when what is declared goes back to what runs', async () => {
  const { world } = releases;
  await releases.release('cart', { values: { colour: 'grey' } });
  const held = await changeOf(world, 'cart', 'wait', inPhase('Pending'));
  await releases.release('cart', { values: { colour: 'red' } });
  await changeOf(
    world,
    'cart',
    'be superseded',
    (one) => one.spec.digest === held.spec.digest && inPhase('Superseded')(one),
  );
  await releases.ready('cart');
  expect(await colour()).toBe('red');
});

test('a change whose end could not be written is seen to be applied by the next run', async () => {
  const { world } = releases;
  const done = await changeOf(world, 'cart', 'be applied', (one) => {
    return one.spec.revision === '1.2.0' && inPhase('Applied')(one);
  });
  const key = { ...CHANGE, namespace: world.namespace, name: done.metadata.name };
  const status = { phase: 'Applying', endedAt: null };
  await world.cluster.patch(key, { status }, { type: 'merge', subresource: 'status' });
  // A run may come before the agent has seen the edit.
  const phase = async (): Promise<unknown> => {
    await releases.answered('cart');
    return (await world.get(key))?.['status'];
  };
  await expect
    .poll(phase, { timeout: 60_000 })
    .toMatchObject({ phase: 'Applied', endedAt: expect.any(String) as string });
});

test('a check refuses what the chart renders', async () => {
  const { world } = releases;
  await policy(world, 'colours', {
    select: { names: ['cart'] },
    checks: [
      {
        name: 'no-blue',
        expression: "object.kind != 'ConfigMap' || object.data.?colour.orValue('') != 'blue'",
        message: 'is blue',
      },
    ],
  });
  await releases.release('cart', { values: { colour: 'blue' } });
  await isHeld(
    'cart',
    /^refused by checks\/no-blue in ReleasePolicy\/\S+\/colours: ConfigMap\/\S+\/cart-settings: is blue; waits for 1 approval by group sre$/,
  );
  await releases.release('cart', { values: { colour: 'red' } });
  await releases.ready('cart');
  expect(await colour()).toBe('red');
});

test('a lockdown holds an install, and lets it go on when it is over', async () => {
  const { world } = releases;
  const until = `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`;
  const release = await lockdown(world, oncall, { reason: 'audit', until });
  await releases.chart('basket', chart());
  await releases.release('basket');
  await isHeld('basket', /^waits for the end of lockdown/);
  expect(await world.get(releases.recordKey('basket', 1))).toBeNull();
  await release();
  await releases.ready('basket');
});

test('a release that would take a claim with it is not uninstalled without approval', async () => {
  const { world } = releases;
  const claim =
    'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: data\nspec:\n  accessModes: [ReadWriteOnce]\n  resources:\n    requests:\n      storage: 1Gi\n';
  await releases.chart('store', { ...chart(), 'templates/claim.yaml': claim });
  await releases.release('store', { install: { disableWait: true } });
  await releases.ready('store');
  await world.cluster.delete(releases.key('store'));
  const change = await changeOf(world, 'store', 'wait', inPhase('Pending'));
  expect(change.spec.cause).toBe('prune');
  expect(change.status?.message).toBe(
    `waits for an approval by anybody of the deletion of PersistentVolumeClaim/${world.namespace}/data`,
  );
  await alice.says('Approve', change);
  await world.until(releases.key('store'), 'be gone', (object) => object === null);
});

test('a failed install takes what it made with it, and what it took over only where somebody approves', async () => {
  const { world } = releases;
  const { namespace } = world;
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
  const claim = { group: '', version: 'v1', kind: 'PersistentVolumeClaim', namespace };
  for (const name of ['taken-data', 'kept-data'])
    await world.cluster.create({
      apiVersion: 'v1',
      kind: claim.kind,
      metadata: { name, namespace },
      spec,
    } as KubeObject);
  await sleep(1_500);
  const failing = { timeout: '6s', install: { remediation: { retries: 1 } }, uninstall: { disableWait: true } };
  // More than may go with a release that is not in trouble.
  const settings = Array.from({ length: 12 }, (_, index) => configMapTemplate(`${index}`, { colour: 'red' })).join(
    '---\n',
  );
  for (const name of ['fresh', 'taken', 'kept']) {
    const annotations = name === 'kept' ? { 'helm.sh/resource-policy': 'keep' } : {};
    const metadata = { name: `${name}-data`, annotations };
    const template = JSON.stringify({ apiVersion: 'v1', kind: claim.kind, metadata, spec });
    const more = name === 'kept' ? { 'templates/more.yaml': settings } : {};
    await releases.chart(name, { ...more, 'templates/claim.yaml': template });
    await releases.release(name, failing);
  }
  await isHeld(
    'taken',
    `waits for an approval by anybody of the deletion of PersistentVolumeClaim/${namespace}/taken-data`,
  );
  for (const name of ['fresh', 'kept'])
    await world.event(releases.key(name), 'UninstallSucceeded', (text) => text.includes(`${name}.v1`));
  for (const name of ['taken-data', 'kept-data']) {
    const left = await world.get({ ...claim, name });
    expect([left?.metadata.name, left?.metadata.deletionTimestamp]).toEqual([name, undefined]);
  }
});

test('a policy that names drift holds its repair', async () => {
  const { world } = releases;
  const check = { name: 'by-hand', expression: 'false', message: 'is put right by hand', causes: ['drift'] };
  await policy(world, 'steady', { select: { names: ['steady'] }, checks: [check] });
  await releases.chart('steady', chart());
  await releases.release('steady', { driftDetection: { mode: 'enabled' } });
  await releases.ready('steady');
  const key = { group: '', version: 'v1', kind: 'ConfigMap', namespace: world.namespace, name: 'steady-settings' };
  await world.edit(key, { data: { colour: 'grey' } });
  await isHeld(
    'steady',
    /^refused by checks\/by-hand in ReleasePolicy\/\S+\/steady: ConfigMap\/\S+\/steady-settings: is put right by hand$/,
  );
  expect((await world.get(key))?.['data']).toEqual({ colour: 'grey' });
  const mended = { ...check, expression: 'true' };
  await policy(world, 'steady', { select: { names: ['steady'] }, checks: [mended] });
  const isGreen = (object: KubeObject | null): boolean => (object?.['data'] as { colour?: string })?.colour === 'green';
  await world.until(key, 'be put right', isGreen);
  // So it is while something newer waits.
  await releases.release('steady', {
    driftDetection: { mode: 'enabled' },
    valuesFrom: [{ kind: 'ConfigMap', name: 'none' }],
  });
  await world.conditionIs(releases.key('steady'), 'Ready', 'False', 'ValuesError');
  await policy(world, 'steady', { select: { names: ['steady'] }, checks: [check] });
  await world.edit(key, { data: { colour: 'grey' } });
  await world.event(releases.key('steady'), 'DriftCorrectionFailed', (text) => text.includes('is put right by hand'));
  expect((await world.get(key))?.['data']).toEqual({ colour: 'grey' });
  await policy(world, 'steady', { select: { names: ['steady'] }, checks: [mended] });
  await world.until(key, 'be put right', isGreen);
});

test('nothing went wrong beside', async () => {
  expect(await releases.problems()).toEqual([]);
});
