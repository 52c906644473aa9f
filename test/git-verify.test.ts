import { Signing, type Signer } from '@plumb/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { condition, configMapKey, statusOf, World } from './support/world.ts';

let world: World;
let signing: Signing;
let ada: Signer;
let ben: Signer;
let eve: Signer;
/** The last revision that was signed by somebody who is trusted. */
let good: string;

beforeAll(async () => {
  world = await World.start();
  signing = new Signing();
  ada = signing.ssh('ada');
  ben = signing.gpg('ben');
  eve = signing.ssh('eve');
});
afterAll(async () => {
  signing[Symbol.dispose]();
  await world.close();
});

const SHOP = { ref: { branch: 'main' } };

/** Commits as somebody who signs with this key does; null signs nothing. */
async function commit(signer: Signer | null, files: Parameters<World['push']>[0]): Promise<string> {
  const { repository } = world;
  await repository.git('config', 'commit.gpgSign', String(signer !== null));
  for (const setting of signer?.config.filter((word) => word !== '-c') ?? []) {
    const equals = setting.indexOf('=');
    await repository.git('config', setting.slice(0, equals), setting.slice(equals + 1));
  }
  return `main@sha1:${await repository.commit(files)}`;
}

/** Who is trusted. The label asks that a change is acted upon at once. */
async function trust(keys: Readonly<Record<string, string>>): Promise<void> {
  await world.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'keys', namespace: world.namespace, labels: { 'reconcile.fluxcd.io/watch': 'Enabled' } },
    data: Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, Buffer.from(key).toString('base64')])),
  });
}

const everyone = (): Record<string, string> => ({ 'ada.sshpub': ada.publicKey, 'ben.asc': ben.publicKey });
const verify = (mode?: string) => ({ ...SHOP, verify: { ...(mode && { mode }), secretRef: { name: 'keys' } } });
const settings = (colour: string) => ({ 'apps/settings.yaml': configMap(world.target, 'settings', { colour }) });

async function colour(): Promise<unknown> {
  const found = await world.get(configMapKey(world.target, 'settings'));
  return (found?.['data'] as { colour?: string } | undefined)?.colour;
}

async function refused(reason: string): Promise<string> {
  const source = await world.conditionIs(world.sourceKey(), 'SourceVerified', 'False', reason);
  expect(condition(source, 'Ready')).toMatchObject({ status: 'False', reason });
  return condition(source, 'SourceVerified')?.message ?? '';
}

test('an unsigned commit is never offered', async () => {
  await trust(everyone());
  const revision = await commit(null, { 'apps/namespace.yaml': namespace(world.target), ...settings('unsigned') });
  await world.kustomization('apps');
  await world.gitRepository(verify());
  expect(await refused('InvalidCommitSignature')).toBe(
    `signature verification of commit '${revision.slice('main@sha1:'.length)}' failed: unable to verify Git commit: unable to verify payload: signature is empty`,
  );
  expect((await world.get(world.sourceKey()))?.['status']).not.toHaveProperty('artifact');
  expect(await colour()).toBeUndefined();
});

test('a commit that somebody trusted signed is, and the status says by whom', async () => {
  good = await commit(ada, settings('ada'));
  await world.requestSource();
  await world.applied('apps', good);
  const source = await world.conditionIs(world.sourceKey(), 'SourceVerified', 'True', 'Succeeded');
  const said = `verified signature of\n\t- commit '${good.slice('main@sha1:'.length)}' with key 'SHA256:`;
  expect(condition(source, 'SourceVerified')?.message).toContain(said);
  expect(source['status']).toMatchObject({ sourceVerificationMode: 'HEAD', artifact: { revision: good } });
  expect(await world.event(world.sourceKey(), 'Succeeded')).toContain(said);
  expect(await colour()).toBe('ada');
});

test('with an OpenPGP key too', async () => {
  good = await commit(ben, settings('ben'));
  await world.requestSource();
  await world.applied('apps', good);
  expect(await colour()).toBe('ben');
});

test.each([
  ['nobody', null],
  ['a stranger', 'eve'],
])('what %s signed after it leaves the last one in force, also after a restart', async (_, who) => {
  await commit(who === null ? null : eve, settings('evil'));
  const token = await world.requestSource();
  await refused('InvalidCommitSignature');
  await world.until(world.sourceKey(), 'answer', (source) => {
    return statusOf(source).lastHandledReconcileAt === token;
  });
  expect((await world.get(world.sourceKey()))?.['status']).toMatchObject({ artifact: { revision: good } });
  await world.stopAgent();
  await world.cluster.delete(configMapKey(world.target, 'settings'));
  await world.startAgent();
  await world.until(configMapKey(world.target, 'settings'), 'come back', (found) => found !== null);
  expect(await colour()).toBe('ben');
  await refused('InvalidCommitSignature');
});

test('a key that is trusted no more: the current revision is refused, and stays in force', async () => {
  good = await commit(ada, settings('ada again'));
  await world.requestSource();
  await world.applied('apps', good);
  await trust({ 'ben.asc': ben.publicKey });
  expect(await refused('InvalidCommitSignature')).toContain('no matching key');
  expect((await world.get(world.sourceKey()))?.['status']).toMatchObject({ artifact: { revision: good } });
  await trust(everyone());
  await world.conditionIs(world.sourceKey(), 'Ready', 'True');
  await world.conditionIs(world.sourceKey(), 'SourceVerified', 'True');
});

test('a Secret without keys is named, and so is one that is not there', async () => {
  await trust({ 'ada.pub': ada.publicKey });
  expect(await refused('VerificationError')).toContain("has no key that ends in '.asc' (OpenPGP) or '.sshpub' (SSH)");
  await world.gitRepository({ ...SHOP, verify: { secretRef: { name: 'gone' } } });
  await world.until(world.sourceKey(), 'miss the Secret', (source) =>
    (condition(source, 'SourceVerified')?.message ?? '').includes('public keys secret error: secrets "gone" not found'),
  );
  await trust(everyone());
});

test('a tag needs a tag: its mode stalls on a branch, and verifies a signed tag of an unsigned commit', async () => {
  await world.gitRepository(verify('Tag'));
  const source = await world.conditionIs(world.sourceKey(), 'Stalled', 'True', 'InvalidVerificationMode');
  expect(condition(source, 'SourceVerified')).toMatchObject({ status: 'False', reason: 'InvalidVerificationMode' });
  const { repository } = world;
  const id = (await commit(null, settings('tagged'))).slice('main@sha1:'.length);
  await repository.git('tag', 'v1.0.0');
  await repository.git(...ada.config, 'tag', '-s', '-m', 'release', 'v1.1.0');
  await repository.git('push', '--quiet', 'origin', 'v1.0.0', 'v1.1.0');
  await world.gitRepository({ ...verify('Tag'), ref: { tag: 'v1.0.0' } });
  expect(await refused('InvalidGitObject')).toBe("cannot verify signature of tag 'v1.0.0' since it is not signed");
  await world.gitRepository({ ...verify('Tag'), ref: { semver: '>=1.0.0' } });
  await world.applied('apps', `v1.1.0@sha1:${id}`);
  expect((await world.get(world.sourceKey()))?.['status']).toMatchObject({ sourceVerificationMode: 'Tag' });
  expect(await colour()).toBe('tagged');
});

test('a mode that asks for more verifies the current revision anew', async () => {
  await world.gitRepository({ ...verify('TagAndHEAD'), ref: { semver: '>=1.0.0' } });
  expect(await refused('InvalidCommitSignature')).toContain('signature is empty');
  expect(await colour()).toBe('tagged');
});

test('without spec.verify nothing is said of it', async () => {
  await world.cluster.delete(world.sourceKey());
  await world.until(world.sourceKey(), 'go', (source) => source === null);
  await world.gitRepository(SHOP);
  const source = await world.conditionIs(world.sourceKey(), 'Ready', 'True');
  expect(condition(source, 'SourceVerified')).toBeUndefined();
  expect(source['status']).not.toHaveProperty('sourceVerificationMode');
  expect(await world.problems()).toEqual([]);
});
