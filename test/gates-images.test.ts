import {
  attachStatement,
  imageKey,
  scanRecord,
  signImage,
  TestRegistry,
  testSigstore,
  vexOf,
  type ImageSigner,
  type PushedImage,
} from '@plumb/testkit';
import type { JsonObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changeOf, clusterPolicy, installGates, policy } from './support/gates.ts';
import { configMap, deployment } from './support/manifests.ts';
import { keptPort } from './support/ports.ts';
import { condition, World } from './support/world.ts';

const DAY = 86_400_000;
const ISSUER = 'https://issuer.example';
const SUBJECT = 'https://builds.example/shop/web';

let world: World;
let registry: TestRegistry;
const key = imageKey();

beforeAll(async () => {
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.startAgent({ gates: true });
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: world.target } });
  await world.gitRepository();
  registry = await TestRegistry.start();
});

afterAll(async () => {
  await registry.close();
  await world.close();
});

const byKey: JsonObject = { keys: [{ pem: key.pem }] };
const reports = (more: JsonObject = {}): JsonObject => ({ maxAge: '72h', maxSeverity: 'Medium', ...more });
const daysAgo = (days: number): Date => new Date(Date.now() - days * DAY);

/** A unit with one Deployment of an image. */
async function runs(unit: string, image: string): Promise<string> {
  const revision = await world.push({ [`${unit}/web.yaml`]: deployment(world.target, unit, { image }) });
  if ((await world.get(world.unitKey(unit))) === null) await world.kustomization(unit, { retryInterval: '1h' });
  return revision;
}

/** Asks for runs, as `flux reconcile` does, until something is seen: nobody is told what was pushed to a registry. */
async function looking<T>(unit: string, seen: Promise<T>): Promise<T> {
  const look = async (): Promise<unknown> => {
    const metadata = { annotations: { 'reconcile.fluxcd.io/requestedAt': crypto.randomUUID() } };
    return world.cluster.patch(world.unitKey(unit), { metadata }, { type: 'merge', fieldManager: 'test' });
  };
  const timer = setInterval(() => void look().catch(() => undefined), 2_000);
  return seen.finally(() => clearInterval(timer));
}

async function isHeld(unit: string, words: RegExp): Promise<void> {
  await world.until(world.unitKey(unit), `be held: ${String(words)}`, (object) => {
    const ready = condition(object, 'Ready');
    return ready?.reason === 'Gated' && words.test(ready.message);
  });
}

const sign = (image: PushedImage, by: ImageSigner = key): Promise<void> =>
  signImage({ registry, image, by, as: 'bundle' });
const state = (image: PushedImage, stated: ReturnType<typeof vexOf>, by: ImageSigner = key): Promise<void> =>
  attachStatement({ registry, image, by, as: 'bundle' }, stated);

test('an image that nobody signed is held, and passes once it is signed; what was signed by another key is refused', async () => {
  await policy(world, 'signed', { select: { names: ['signed'] }, images: { digests: true, signatures: byKey } });
  const image = await registry.image('shop/web');
  const revision = await runs('signed', image.name);
  await isHeld('signed', /^waits for a signature of image \S+\/shop\/web@sha256:\w+ by a key of the policy$/);
  await signImage({ registry, image, by: key, as: 'tag' });
  await looking('signed', world.applied('signed', revision));
  const other = await registry.image('shop/web');
  await sign(other, imageKey());
  const second = await runs('signed', other.name);
  await isHeld(
    'signed',
    /^refused by images\/signatures in \S+: image \S+ is not signed by a key of the policy: it is signed by a key that is not trusted$/,
  );
  await sign(other);
  await looking('signed', world.applied('signed', second));
  const change = await changeOf(
    world,
    'signed',
    'be applied',
    ({ spec, status }) => status?.phase === 'Applied' && spec.revision !== revision,
  );
  const rule = change.status?.requirements?.find((one) => one.rule === 'images/signatures');
  expect(rule).toMatchObject({ verdict: 'Met', evidence: [`${other.name} is signed by key 1 of the policy`] });
});

test('an image that is signed passes at once, by an identity that the trusted root vouches for', async () => {
  const sigstore = await testSigstore();
  const { namespace } = world;
  await world.cluster.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'sigstore', namespace },
    data: { 'trusted_root.json': sigstore.root },
  });
  const keyless = [{ issuer: ISSUER, subjectPattern: 'https://builds\\.example/shop/.*' }];
  const signatures = { keyless, trustedRootRef: { name: 'sigstore' } };
  await policy(world, 'keyless', { select: { names: ['keyless'] }, images: { signatures } });
  const image = await registry.image('shop/web');
  await sign(image, sigstore.identity({ issuer: ISSUER, subject: SUBJECT }));
  await world.applied('keyless', await runs('keyless', image.name));
  const other = await registry.image('shop/web');
  await sign(other, sigstore.identity({ issuer: ISSUER, subject: 'https://builds.example/mallory' }));
  await runs('keyless', other.name);
  await isHeld(
    'keyless',
    /^refused by images\/signatures .*https:\/\/builds\.example\/mallory \(https:\/\/issuer\.example\) may not sign$/,
  );
});

test('a report that is old holds, and a new one lets pass', async () => {
  await policy(world, 'fresh', {
    select: { names: ['fresh'] },
    images: { signatures: byKey, vulnerabilities: reports() },
  });
  const image = await registry.image('shop/web');
  await sign(image);
  const revision = await runs('fresh', image.name);
  await isHeld('fresh', /^waits for a vulnerability report of image \S+ by a key of the policy$/);
  await state(image, scanRecord(daysAgo(5), []));
  await looking(
    'fresh',
    isHeld('fresh', /^waits for a vulnerability report .* that is newer than 72h: the newest is of \S+$/),
  );
  await state(image, scanRecord(daysAgo(1), [{ id: 'CVE-2026-1', severity: 'MEDIUM' }]));
  await looking('fresh', world.applied('fresh', revision));
});

test('a vulnerability above the limit refuses, unless VEX says that the image is not affected', async () => {
  await policy(world, 'clean', {
    select: { names: ['clean'] },
    images: { vulnerabilities: reports({ signedBy: byKey }) },
  });
  const image = await registry.image('shop/web');
  await state(image, scanRecord(daysAgo(1), [{ id: 'CVE-2026-2', severity: 'CRITICAL' }]));
  const revision = await runs('clean', image.name);
  await isHeld(
    'clean',
    /^refused by images\/vulnerabilities in \S+: image \S+ has vulnerabilities above Medium, by the report of \S+: CVE-2026-2 \(Critical\)$/,
  );
  await state(image, vexOf('CVE-2026-2', 'not_affected'));
  await looking('clean', world.applied('clean', revision));
});

test('a registry that is away holds, and the change passes when it is back', async () => {
  const away = await TestRegistry.start({ port: keptPort() });
  const image = await away.image('shop/web');
  await signImage({ registry: away, image, by: key, as: 'bundle' });
  await away.close();
  await policy(world, 'away', { select: { names: ['away'] }, images: { signatures: byKey } });
  const revision = await runs('away', image.name);
  await isHeld(
    'away',
    /^waits for an answer of the registry of image \S+: registry '127\.0\.0\.1:\d+' could not be asked: .*ECONNREFUSED/,
  );
  // What was in it is gone with it, and the image that it names is another one by now: what counts is its name.
  const back = await TestRegistry.start({ port: away.port });
  await signImage({ registry: back, image, by: key, as: 'tag' });
  await looking('away', world.applied('away', revision));
  await back.close();
});

test('keys and logins are read where the policy says, and what is missing holds', async () => {
  const { namespace } = world;
  const secretRef = { name: 'cosign', namespace };
  const signatures = { keys: [{ secretRef }] };
  const release = await clusterPolicy(world, 'secret', { select: { names: ['secret'] }, images: { signatures } });
  const image = await registry.image('shop/web');
  await sign(image);
  const revision = await runs('secret', image.name);
  await isHeld(
    'secret',
    /^waits for images\/signatures in \S+, which could not be evaluated: Secret \S+\/cosign is not there$/,
  );
  const stringData = { 'cosign.pub': key.pem };
  await world.cluster.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'cosign', namespace }, stringData });
  await looking('secret', world.applied('secret', revision));
  await release();
});

test('a field that a policy names is looked into as containers are', async () => {
  const fields = [{ kind: 'ConfigMap', path: 'data.image' }];
  await policy(world, 'fields', {
    select: { names: ['fields'] },
    images: { registries: [registry.host], signatures: byKey, fields },
  });
  const image = await registry.image('shop/web');
  const declare = (named: string): Promise<string> =>
    world.push({ 'fields/own.yaml': configMap(world.target, 'own', { image: named }) });
  await declare('127.0.0.1:1/shop/web');
  await world.kustomization('fields', { retryInterval: '1h' });
  await isHeld(
    'fields',
    /^refused by images in \S+: ConfigMap\S+own: image 127\.0\.0\.1:1\/shop\/web is not of 127\.0\.0\.1:\d+; waits for image 127\.0\.0\.1:1\/shop\/web to be of a registry that may be asked$/,
  );
  await declare(image.name);
  await isHeld('fields', /^waits for a signature of image \S+\/shop\/web@sha256:\w+ by a key of the policy$/);
  await sign(image);
  await looking('fields', world.applied('fields', await declare(image.name)));
});

test('nothing went wrong beside', async () => {
  expect(await world.problems()).toEqual([]);
});
