import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '@plumb/api';
import { createDecryptor } from '@plumb/engine';
import type { Decryptor } from '@plumb/engine';
import { DECRYPT_PATH, SopsBench } from '@plumb/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configMap, namespace, secret } from './support/manifests.ts';
import { condition, configMapKey, statusOf, World } from './support/world.ts';

const WATCHED = { 'reconcile.fluxcd.io/watch': 'Enabled' };
const dataOnly = ['--encrypted-regex', '^(data|stringData)$'];

const bench = new SopsBench();
const age = bench.ageKey();
const stranger = bench.ageKey();
/** Counts the files it was asked to decrypt. */
const decryptor = countingDecryptor();

let world: World;
let records: string;
beforeAll(async () => {
  records = await mkdtemp(join(tmpdir(), 'plumb-records-'));
  world = await World.start({ agent: agent() });
  await world.repository.commit({ 'README.md': 'Shop\n' });
  await world.gitRepository();
});
afterAll(async () => {
  await world.close();
  await decryptor.close();
  bench[Symbol.dispose]();
  await rm(records, { recursive: true });
});

function countingDecryptor(): Decryptor & { files: number } {
  const real = createDecryptor({ path: DECRYPT_PATH });
  const counting = {
    ...real,
    files: 0,
    decrypt: (request: Parameters<Decryptor['decrypt']>[0]) => {
      counting.files += request.files.length;
      return real.decrypt(request);
    },
  };
  return counting;
}

function agent({ verifyMac = true } = {}) {
  return { decryption: { decryptor, verifyMac, surroundings: null }, records: { dir: records, maker: 'test' } };
}

function encrypt(content: string, flags: readonly string[] = dataOnly): string {
  return bench.encrypt(content, { format: 'yaml', flags: ['--age', age.recipient, ...flags] }).toString();
}

function keySecret(name: string, file: string, labels = {}): Promise<KubeObject> {
  const metadata = { name, namespace: world.namespace, labels };
  return world.apply({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: { 'identity.agekey': file } });
}

const decryption = (name: string) => ({ provider: 'sops', secretRef: { name } });
const secretKey = (name: string) => ({ group: '', version: 'v1', kind: 'Secret', namespace: world.target, name });

/** What a Secret in the cluster holds, as text. */
function dataOf(object: KubeObject | null): Record<string, string> {
  const data = (object?.['data'] ?? {}) as Record<string, string>;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
}

/** Everything that was told of a unit. */
async function told(name: string): Promise<string> {
  const key = world.unitKey(name);
  const { data: _keys, ...unit } = (await world.get(key)) ?? { data: null };
  return JSON.stringify([unit, await world.events(key)]);
}

function message(unit: KubeObject): string {
  return condition(unit, 'Ready')?.message ?? '';
}

test('encrypted Secrets, variables and patches arrive in the cluster as what they were', async () => {
  const { target } = world;
  const dotenv = bench.encrypt('USER=admin\nPASSWORD=s3cr3t-env\n', {
    format: 'dotenv',
    flags: ['--age', age.recipient],
  });
  const revision = await world.push({
    'apps/kustomization.yaml': `resources: [namespace.yaml, db.yaml, settings.yaml]
secretGenerator:
  - {name: mail, namespace: ${target}, envs: [mail.env], options: {disableNameSuffixHash: true}}
patches:
  - path: patch.yaml
`,
    'apps/namespace.yaml': namespace(target),
    'apps/db.yaml': encrypt(secret(target, 'db', { password: 's3cr3t-db' })),
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'green' }),
    'apps/mail.env': dotenv,
    'apps/patch.yaml': encrypt(configMap(target, 'settings', { key: 's3cr3t-patch' })),
  });
  await keySecret('keys', age.file, WATCHED);
  await world.kustomization('apps', { decryption: decryption('keys') });
  await world.applied('apps', revision);
  expect(dataOf(await world.get(secretKey('db')))).toEqual({ password: 's3cr3t-db' });
  expect(dataOf(await world.get(secretKey('mail')))).toEqual({ USER: 'admin', PASSWORD: 's3cr3t-env' });
  expect(await world.get(configMapKey(target, 'settings'))).toMatchObject({
    data: { colour: 'green', key: 's3cr3t-patch' },
  });
  expect(await world.get(secretKey('db'))).not.toHaveProperty('sops');
  expect(await told('apps')).not.toContain('s3cr3t');
});

describe('nothing is decrypted', () => {
  const unchanged = async (work: () => Promise<unknown>): Promise<void> => {
    const before = decryptor.files;
    await work();
    expect(decryptor.files).toBe(before);
  };

  test('when a unit is asked to run and nothing changed', async () => {
    await unchanged(async () => {
      const token = await world.request(world.unitKey('apps'));
      await world.until(world.unitKey('apps'), 'answer', (unit) => {
        return statusOf(unit).lastHandledReconcileAt === token;
      });
    });
  });

  test('when a commit changes something else', async () => {
    await unchanged(async () => {
      const revision = await world.push({ 'README.md': 'Our shop\n' });
      await world.applied('apps', revision);
    });
  });

  test('after a restart', async () => {
    await unchanged(async () => {
      await world.stopAgent();
      await world.startAgent(agent());
      const revision = await world.push({ 'README.md': 'Our own shop\n' });
      await world.applied('apps', revision);
    });
  });

  test('but a change of the keys is a reason to', async () => {
    const before = decryptor.files;
    await keySecret('keys', `# once more\n${age.file}`, WATCHED);
    await expect.poll(() => decryptor.files, { timeout: 20_000 }).toBeGreaterThan(before);
  });
});

test('drift of a decrypted Secret is put right', async () => {
  await world.edit(secretKey('db'), { data: { password: btoa('wrong') } });
  const right = await world.until(secretKey('db'), 'be right', (live) => dataOf(live)['password'] === 's3cr3t-db');
  expect(right).not.toBeNull();
  expect(await told('apps')).not.toContain('s3cr3t');
});

test('an encrypted Secret does not reach the cluster where decryption is not configured', async () => {
  const { target } = world;
  await world.push({
    'open/settings.yaml': configMap(target, 'open', {}),
    'open/secret.yaml': encrypt(secret(target, 'open', { password: 's3cr3t' })),
  });
  await world.kustomization('open');
  const unit = await world.conditionIs(world.unitKey('open'), 'Ready', 'False', 'ReconciliationFailed');
  expect(message(unit)).toBe(
    `Secret/${target}/open is SOPS encrypted, configuring decryption is required for this secret to be reconciled`,
  );
  expect(await world.get(configMapKey(target, 'open'))).toBeNull();
  await world.edit(world.unitKey('open'), { spec: { decryption: decryption('keys') } });
  await world.conditionIs(world.unitKey('open'), 'Ready', 'True');
  expect(dataOf(await world.get(secretKey('open')))).toEqual({ password: 's3cr3t' });
});

test('a value the API server does not take is not repeated', async () => {
  const { target } = world;
  const file = configMap(target, 'bad', { a: 's3cr3t' }).replace(
    'name: bad',
    'name: bad\n  finalizers: ["s3cr3t value"]',
  );
  await world.push({ 'bad/settings.yaml': encrypt(file, ['--encrypted-regex', '^(data|finalizers)$']) });
  await world.kustomization('bad', { decryption: decryption('keys') });
  const unit = await world.conditionIs(world.unitKey('bad'), 'Ready', 'False', 'ReconciliationFailed');
  expect(message(unit)).toMatch(/finalizers\[0\]: Invalid value: "\*\*\*"/);
  expect(await told('bad')).not.toContain('s3cr3t');
});

test('a Secret that says so stays encrypted, and is the API server’s business', async () => {
  const { target } = world;
  const annotated = secret(target, 'closed', { password: 's3cr3t' }).replace(
    '\nstringData',
    '\n  annotations: { kustomize.toolkit.fluxcd.io/decrypt: Disabled }\nstringData',
  );
  await world.push({ 'closed/secret.yaml': encrypt(annotated) });
  await world.kustomization('closed', { decryption: decryption('keys') });
  const unit = await world.conditionIs(world.unitKey('closed'), 'Ready', 'False', 'ReconciliationFailed');
  expect(message(unit)).toMatch(/sops/);
});

test('a Secret with keys that is not there is named, and the unit goes on when it comes', async () => {
  const { target } = world;
  await world.push({ 'late/secret.yaml': encrypt(secret(target, 'late', { password: 's3cr3t' })) });
  await world.kustomization('late', { decryption: decryption('late-keys') });
  const unit = await world.conditionIs(world.unitKey('late'), 'Ready', 'False', 'BuildFailed');
  expect(message(unit)).toBe('secrets "late-keys" not found');
  await keySecret('late-keys', age.file, WATCHED);
  await world.conditionIs(world.unitKey('late'), 'Ready', 'True');
  expect(dataOf(await world.get(secretKey('late')))).toEqual({ password: 's3cr3t' });
});

test('a wrong key is told with the object, and the right one puts it right', async () => {
  const { target } = world;
  await world.push({ 'wrong/secret.yaml': encrypt(secret(target, 'wrong', { password: 's3cr3t' })) });
  await keySecret('wrong-keys', stranger.file, WATCHED);
  await world.kustomization('wrong', { decryption: decryption('wrong-keys') });
  const unit = await world.conditionIs(world.unitKey('wrong'), 'Ready', 'False', 'BuildFailed');
  expect(message(unit)).toMatch(
    new RegExp(
      `decryption failed for 'Secret\\.v1\\.\\[noGrp\\]/wrong': failed to decrypt and format '${target}/wrong'`,
    ),
  );
  expect(message(unit)).toContain('cannot get sops data key');
  expect(await world.get(secretKey('wrong'))).toBeNull();
  await keySecret('wrong-keys', age.file, WATCHED);
  await world.conditionIs(world.unitKey('wrong'), 'Ready', 'True');
  expect(await told('wrong')).not.toMatch(/s3cr3t|AGE-SECRET-KEY/);
});

describe('a file that was changed without sops', () => {
  const good = (target: string): string => encrypt(secret(target, 'mac', { password: 's3cr3t', user: 'admin' }));

  test('is refused, and what was applied before stays', async () => {
    const { target } = world;
    const file = good(target);
    const revision = await world.push({ 'mac/secret.yaml': file });
    await world.kustomization('mac', { decryption: decryption('keys') });
    await world.applied('mac', revision);
    const tampered = file.replace(/\n +user: ENC.*/, '');
    expect(tampered).not.toBe(file);
    await world.push({ 'mac/secret.yaml': tampered });
    const unit = await world.conditionIs(world.unitKey('mac'), 'Ready', 'False', 'BuildFailed');
    expect(message(unit)).toContain('failed to verify sops data integrity: the MAC does not match');
    expect(dataOf(await world.get(secretKey('mac')))).toEqual({ password: 's3cr3t', user: 'admin' });
    expect(await told('mac')).not.toContain('s3cr3t');
  });

  test('is taken with the laxness of Flux', async () => {
    await world.stopAgent();
    await world.startAgent(agent({ verifyMac: false }));
    const live = await world.until(secretKey('mac'), 'be as told', (object) => dataOf(object)['user'] === undefined);
    expect(dataOf(live)).toEqual({ password: 's3cr3t' });
    await world.conditionIs(world.unitKey('mac'), 'Ready', 'True');
  });
});

test('no status broke a rule on the way', async () => {
  expect(await world.problems()).toEqual([]);
});
