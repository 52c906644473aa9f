import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject, KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changeOf, inPhase, installGates, lockdown, Person, policy } from './support/gates.ts';
import { dataOf, Helm, recordIn } from './support/helm.ts';
import { HELM3_PATH, HELM_RUNS } from './support/paths.ts';
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

const edit = (version: number, from: string, to: string): Promise<void> =>
  rewrite('cart', version, (record) => painted(record, from, to));

async function rewrite(name: string, version: number, how: (record: JsonObject) => JsonObject): Promise<void> {
  const key = releases.recordKey(name, version);
  const data = dataOf(how(recordIn(await releases.world.get(key))));
  await releases.world.cluster.patch(key, { data } as JsonObject, { type: 'merge' });
}

/** Stores a record of somebody else's beside the newest one. */
async function forge(version: number, from: (record: JsonObject) => JsonObject): Promise<void> {
  const { world } = releases;
  const before = (await world.get(releases.recordKey('cart', version - 1))) as KubeObject;
  const { labels = {}, annotations = {} } = before.metadata;
  const { name } = releases.recordKey('cart', version);
  const metadata = { name, namespace: world.namespace, labels: { ...labels, version: `${version}` }, annotations };
  const data = dataOf({ ...from(recordIn(before)), version });
  const forged = { apiVersion: 'v1', kind: 'Secret', type: 'helm.sh/release.v1', metadata, data };
  await world.cluster.create(forged as KubeObject, { fieldManager: 'somebody' });
}

/** With a hook that ran when a rollback ended. */
const hooked = (record: JsonObject): JsonObject => {
  const manifest = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: theirs\n';
  const hook = { name: 'theirs', kind: 'ConfigMap', path: 'a.yaml', manifest, events: ['post-rollback'] };
  return { ...record, hooks: [{ ...hook, last_run: { phase: '' } }] };
};

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
  await forge(3, (record) => ({ ...painted(record, 'green', 'red'), config: { colour: 'red' } }));
  const token = await request(releases, 'cart');
  await releases.until('cart', 'look at it', (seen) => seen.status?.lastHandledReconcileAt === token && isGated(seen));
  expect(await colour()).toBe('green');
  await alice.says('Approve', await changeOf(world, 'cart', 'wait', inPhase('Pending')));
  await releases.ready('cart');
  expect(await colour()).toBe('red');
  expect((await recordsOf(releases, 'cart'))[0]).toBe('v4 deployed');
});

const storedAnew = (version: number): Promise<unknown> =>
  releases.until('cart', 'be stored anew', (seen) => historyOf(seen)[0] === `v${version} deployed upgrade`);

test('a copy of the record in force with a hook of others is brought in anew without it', async () => {
  await forge(5, hooked);
  await storedAnew(6);
  await releases.ready('cart');
  expect(recordIn(await releases.world.get(releases.recordKey('cart', 6)))['hooks'] ?? []).toEqual([]);
});

const records = (): { dir: string; maker: string } => ({ dir: join(dir, 'units'), maker: 'test' });

test('an agent without records of its own believes what the storage says, once', async () => {
  await releases.stopAgent();
  await edit(6, 'red', 'pink');
  await releases.startAgent({ gates: true, records: records() });
  await expect.poll(colour, { timeout: 20_000 }).toBe('pink');
  await answered(releases, 'cart', await request(releases, 'cart'));
  expect((await recordsOf(releases, 'cart'))[0]).toBe('v6 deployed');
  await edit(6, 'pink', 'blue');
  await storedAnew(7);
  await releases.ready('cart');
  expect(await colour()).toBe('red');
});

test('an agent that starts again with its records believes no other', async () => {
  await releases.stopAgent();
  await edit(7, 'red', 'pink');
  await releases.startAgent({ gates: true, records: records() });
  await storedAnew(8);
  await releases.ready('cart');
  expect(await colour()).toBe('red');
});

test.runIf(HELM_RUNS)('a release that helm made is at rest, whatever comes to govern it', async () => {
  const { world, plane } = releases;
  const name = 'basket';
  const archive = await releases.chart(name, {
    'templates/settings.yaml': configMapTemplate('settings', { colour: 'green' }),
  });
  const helm = await Helm.at(plane.kubeconfig, HELM3_PATH);
  await helm.install(world.namespace, name, { archive });
  await helm.close();
  await releases.release(name, {});
  await releases.ready(name);
  const isAtRest = async (): Promise<void> => {
    const seen = await answered(releases, name, await request(releases, name));
    expect([says(seen, 'Ready')?.split(' ')[0], await recordsOf(releases, name)]).toEqual(['True', ['v1 deployed']]);
  };
  await rewrite(name, 1, hooked);
  await isAtRest();
  await policy(world, 'two', { approvals: [{ name: 'two', groups: ['sre'] }], select: { names: [name] } });
  await isAtRest();
  const oncall = await Person.named('oncall', ['system:masters'], { dir, kubeconfig: plane.kubeconfig });
  const until = new Date(Date.now() + 3_600_000).toISOString();
  const lift = await lockdown(world, oncall, { reason: 'a freeze', until });
  await isAtRest();
  await lift();
  await oncall.cluster.close();
  await releases.stopAgent();
  await releases.startAgent({ gates: true });
  await isAtRest();
});

test('nothing went wrong beside', async () => {
  expect(await releases.problems()).toEqual([]);
});
