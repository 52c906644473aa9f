import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject, KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changeOf, inPhase, installGates, Person, policy } from './support/gates.ts';
import { dataOf, recordIn } from './support/helm.ts';
import {
  answered,
  configMapTemplate,
  historyOf,
  messageOf,
  recordsOf,
  request,
  says,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';

let releases: Releases;
let dir: string;
let alice: Person;

beforeAll(async () => {
  releases = await Releases.start({ agent: false });
  await installGates(releases.world.cluster);
  await releases.startAgent({ gates: true });
  dir = await mkdtemp(join(tmpdir(), 'plumb-edited-'));
  alice = await Person.named('alice', ['sre'], { dir, kubeconfig: releases.plane.kubeconfig });
  await policy(releases.world, 'one', { approvals: [{ name: 'one', groups: ['sre'] }], select: { names: ['cart'] } });
  await releases.chart('cart', {
    'values.yaml': 'colour: green\n',
    'templates/settings.yaml': configMapTemplate('settings', { colour: '{{ .Values.colour }}' }),
  });
  await releases.release('cart', SPEC);
  await alice.says('Approve', await changeOf(releases.world, 'cart', 'wait', inPhase('Pending')));
  await releases.ready('cart');
});

afterAll(async () => {
  await alice.cluster.close();
  await releases.close();
  await rm(dir, { recursive: true, force: true });
});

const SPEC = { driftDetection: { mode: 'enabled' } };

const colour = async (): Promise<string | undefined> => {
  const object = await releases.object('ConfigMap', 'cart-settings');
  return (object?.['data'] as { colour?: string } | undefined)?.colour;
};

/** A record in which the release has another colour. */
const painted = (record: JsonObject, from: string, to: string): JsonObject => ({
  ...record,
  manifest: manifestIn(record).replace(`colour: ${from}`, `colour: ${to}`),
});

const manifestIn = ({ manifest }: JsonObject): string => (typeof manifest === 'string' ? manifest : '');

async function edit(version: number, from: string, to: string): Promise<void> {
  const key = releases.recordKey('cart', version);
  const data = dataOf(painted(recordIn(await releases.world.get(key)), from, to));
  await releases.world.cluster.patch(key, { data } as JsonObject, { type: 'merge' });
}

const isGated = (release: unknown): boolean =>
  says(release as never, 'Ready') === 'False Gated' &&
  messageOf(release as never, 'Ready') === 'waits for 1 approval by group sre';

test('an edited record of a release that a policy governs comes into force as no repair of drift', async () => {
  await edit(1, 'green', 'pink');
  const release = await releases.until(
    'cart',
    'be stored anew',
    (seen) => historyOf(seen)[0] === 'v2 deployed upgrade',
  );
  expect(await recordsOf(releases, 'cart')).toEqual(['v2 deployed', 'v1 superseded']);
  expect(manifestIn(recordIn(await releases.world.get(releases.recordKey('cart', 2))))).toContain('green');
  expect(release.status?.history?.[0]?.version).toBe(2);
  await releases.ready('cart');
  expect(await colour()).toBe('green');
});

test('a forged record of what is held is not taken for what runs', async () => {
  const { world } = releases;
  await releases.release('cart', { ...SPEC, values: { colour: 'red' } });
  await releases.until('cart', 'be held', isGated);
  const before = (await world.get(releases.recordKey('cart', 2))) as KubeObject;
  const record = { ...painted(recordIn(before), 'green', 'red'), version: 3, config: { colour: 'red' } };
  const { labels = {}, annotations = {} } = before.metadata;
  const { namespace } = world;
  const { name } = releases.recordKey('cart', 3);
  const metadata = { name, namespace, labels: { ...labels, version: '3' }, annotations };
  const forged = { apiVersion: 'v1', kind: 'Secret', type: 'helm.sh/release.v1', metadata, data: dataOf(record) };
  await world.cluster.create(forged as KubeObject, { fieldManager: 'somebody' });
  const token = await request(releases, 'cart');
  await releases.until('cart', 'look at it', (seen) => seen.status?.lastHandledReconcileAt === token && isGated(seen));
  expect(await colour()).toBe('green');
  await alice.says('Approve', await changeOf(world, 'cart', 'wait', inPhase('Pending')));
  await releases.ready('cart');
  expect(await colour()).toBe('red');
  expect((await recordsOf(releases, 'cart'))[0]).toBe('v4 deployed');
});

test('an agent that lost what it knew believes a record that is what runs, and no other', async () => {
  await releases.stopAgent();
  await releases.startAgent({ gates: true });
  const token = await request(releases, 'cart');
  await answered(releases, 'cart', token);
  expect((await recordsOf(releases, 'cart'))[0]).toBe('v4 deployed');
  await releases.ready('cart');
  await releases.stopAgent();
  await edit(4, 'red', 'pink');
  await releases.startAgent({ gates: true });
  // What is declared was approved.
  await releases.until('cart', 'be stored anew', (seen) => historyOf(seen)[0] === 'v5 deployed upgrade');
  await releases.ready('cart');
  expect(await colour()).toBe('red');
});

test('nothing went wrong beside', async () => {
  expect(await releases.problems()).toEqual([]);
});
