import { join } from 'node:path';
import { createEngine, type Engine } from '@plumb/engine';
import { Signing, type Signer } from '@plumb/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Resolved, Verification } from './git-sources.ts';
import { failureOf, openLab, SHOP, type Lab } from './testing/lab.ts';
import { signHead, signTag } from './testing/signing.ts';

const ENGINE = join(import.meta.dirname, '../../../build/engine');

let signing: Signing;
let engine: Engine;
let ssh: Signer;
let gpg: Signer;
let stranger: Signer;
let lab: Lab;

beforeAll(() => {
  engine = createEngine({ path: ENGINE, slots: 1 });
  signing = new Signing();
  ssh = signing.ssh('ada');
  stranger = signing.ssh('eve');
  gpg = signing.gpg('ada');
});
afterAll(async () => {
  signing[Symbol.dispose]();
  await engine.close();
});
beforeEach(async () => {
  lab = await openLab({}, [], {}, engine);
  lab.repository.commit({ 'a.yaml': 'a: 1\n' });
});
afterEach(() => lab[Symbol.asyncDispose]());

type Mode = Verification['mode'];

function trusting(mode: Mode, keys: { ssh?: string; openpgp?: string }): Verification {
  const files = (text: string | undefined, name: string) => (text === undefined ? [] : [{ name, text }]);
  return { mode, ssh: files(keys.ssh, 'ada.sshpub'), openpgp: files(keys.openpgp, 'ada.asc') };
}

const everyone = (mode: Mode = 'HEAD'): Verification => trusting(mode, { ssh: ssh.publicKey, openpgp: gpg.publicKey });

function resolve(verify: Verification, ref: object = { branch: 'main' }): Promise<Resolved> {
  return lab.sources.resolve(SHOP, lab.request({ verify, ref }));
}

const NO_SSH_KEY = 'unable to verify payload with any of the given authorized keys: no matching key';
const NO_PGP_KEY = 'unable to verify payload with any of the given key rings: no matching key';

describe('HEAD', () => {
  test.each(['ssh', 'gpg'] as const)('signed with %s by a trusted key is offered, and says by whom', async (kind) => {
    const commit = signHead(lab.repository, { ssh, gpg }[kind]);
    const { verified, revision } = await resolve(everyone());
    expect(revision).toBe(`main@sha1:${commit}`);
    const key = kind === 'ssh' ? /^SHA256:[A-Za-z0-9+/]{43}$/ : /^[0-9A-F]{16}$/;
    expect(verified).toEqual({ mode: 'HEAD', commit: { name: commit, key: expect.stringMatching(key) as string } });
  });

  test('by nobody is not', async () => {
    const commit = lab.repository.git(['rev-parse', 'main']);
    expect(await failureOf(resolve(everyone()))).toMatchObject({
      code: 'invalid-commit-signature',
      policy: 'retry',
      message: `signature verification of commit '${commit}' failed: unable to verify Git commit: unable to verify payload: signature is empty`,
    });
  });

  test('by a stranger is not', async () => {
    const commit = signHead(lab.repository, stranger);
    const { message } = await failureOf(resolve(everyone()));
    expect(message).toBe(
      `signature verification of commit '${commit}' failed: unable to verify Git commit SSH signature: ${NO_SSH_KEY}`,
    );
  });

  test('by a key of the other kind only is not', async () => {
    signHead(lab.repository, gpg);
    expect((await failureOf(resolve(trusting('HEAD', { ssh: ssh.publicKey })))).message).toContain(NO_PGP_KEY);
    signHead(lab.repository, ssh);
    expect((await failureOf(resolve(trusting('HEAD', { openpgp: gpg.publicKey })))).message).toContain(NO_SSH_KEY);
  });

  test.each(['ssh', 'gpg'] as const)('with the %s signature of another commit is not', async (kind) => {
    const signed = signHead(lab.repository, { ssh, gpg }[kind]);
    const body = lab.repository.git(['cat-file', 'commit', signed]);
    const forged = lab.repository.git(['hash-object', '-w', '-t', 'commit', '--stdin'], `${body} and more\n`);
    lab.repository.git(['update-ref', 'refs/heads/main', forged]);
    expect(await failureOf(resolve(everyone()))).toMatchObject({ code: 'invalid-commit-signature' });
  });

  test('is verified anew at each run, with the keys of that run', async () => {
    signHead(lab.repository, ssh);
    await resolve(everyone());
    expect(await failureOf(resolve(trusting('HEAD', { ssh: stranger.publicKey })))).toMatchObject({
      code: 'invalid-commit-signature',
    });
    expect(await resolve(everyone())).toMatchObject({ verified: { mode: 'HEAD' } });
  });

  test('that is not verified leaves what was published in force, also after a restart', async () => {
    signHead(lab.repository, ssh);
    const published = await lab.sources.publish(SHOP, await resolve(everyone()));
    lab.repository.commit({ 'a.yaml': 'a: 2\n' });
    await failureOf(resolve(everyone()));
    await lab.restart();
    await failureOf(resolve(everyone()));
    expect(await (await lab.artifact(published)).tree.read('a.yaml')).toEqual(Buffer.from('a: 1\n'));
  });

  test('in a repository of SHA-256 ids is verified too', async () => {
    await using other = await openLab({}, ['--object-format=sha256'], {}, engine);
    other.repository.commit({ 'a.yaml': 'a: 1\n' });
    for (const signer of [ssh, gpg]) {
      const commit = signHead(other.repository, signer);
      const { verified } = await other.sources.resolve(SHOP, other.request({ verify: everyone() }));
      expect(verified?.commit?.name).toBe(commit);
    }
  });

  test('pinned by its id is verified', async () => {
    const commit = signHead(lab.repository, ssh);
    lab.repository.commit({ 'a.yaml': 'a: 2\n' });
    expect(await resolve(everyone(), { commit })).toMatchObject({ verified: { commit: { name: commit } } });
    expect(await failureOf(resolve(everyone(), { commit: lab.repository.git(['rev-parse', 'main']) }))).toMatchObject({
      code: 'invalid-commit-signature',
    });
  });
});

describe('an OpenPGP key', () => {
  test.each(['rsa2048', 'nistp256', 'brainpoolP256r1', 'dsa2048'])('of %s is good', async (algorithm) => {
    const signer = signing.gpg(`user-${algorithm}`, { algorithm });
    signHead(lab.repository, signer);
    await expect(resolve(trusting('HEAD', { openpgp: signer.publicKey }))).resolves.toMatchObject({
      verified: { mode: 'HEAD' },
    });
  });

  test('may stand in any block of a file', async () => {
    signHead(lab.repository, gpg);
    const other = signing.gpg('other');
    const openpgp = `${other.publicKey}\nsome words\n${gpg.publicKey}`;
    await expect(resolve(trusting('HEAD', { openpgp }))).resolves.toMatchObject({ verified: { mode: 'HEAD' } });
  });

  test('that has expired counts no more', async () => {
    const signer = signing.gpg('late', { expire: '2021-01-01', at: '20200601T000000' });
    signHead(lab.repository, signer);
    const { message } = await failureOf(resolve(trusting('HEAD', { openpgp: signer.publicKey })));
    expect(message).toMatch(/key expired$/);
  });

  test('that was revoked counts no more', async () => {
    const signer = signing.gpg('gone');
    signHead(lab.repository, signer);
    await resolve(trusting('HEAD', { openpgp: signer.publicKey }));
    const openpgp = signing.gpgRevoke('gone');
    const { message } = await failureOf(resolve(trusting('HEAD', { openpgp })));
    expect(message).toMatch(/signature made by revoked key$/);
  });

  test('that cannot be read is named, and takes nothing from the others', async () => {
    signHead(lab.repository, gpg);
    const { message } = await failureOf(resolve(trusting('HEAD', { openpgp: 'not a key' })));
    expect(message).toMatch(/unable to read armored key ring: no armored data found$/);
    const verify: Verification = {
      ...everyone(),
      openpgp: [
        { name: 'a.asc', text: 'not a key' },
        { name: 'b.asc', text: gpg.publicKey },
      ],
    };
    await expect(resolve(verify)).resolves.toMatchObject({ verified: { mode: 'HEAD' } });
  });

  test('is of no use without a helper that checks', async () => {
    await using alone = await openLab();
    alone.repository.commit({ 'a.yaml': 'a: 1\n' });
    signHead(alone.repository, gpg);
    expect(await failureOf(alone.sources.resolve(SHOP, alone.request({ verify: everyone() })))).toMatchObject({
      code: 'invalid-commit-signature',
    });
  });
});

describe('Tag', () => {
  test.each([
    ['tag', { tag: 'v1.0.0' }],
    ['semver', { semver: '>=1.0.0' }],
    ['name', { name: 'refs/tags/v1.0.0' }],
  ])('asked for by %s: a signed tag of an unsigned commit is offered', async (_, ref) => {
    const tag = signTag(lab.repository, ssh, 'v1.0.0', 'main');
    const { verified, commit } = await resolve(everyone('Tag'), ref);
    expect(commit).toBe(lab.repository.git(['rev-parse', 'main']));
    expect(verified).toMatchObject({ mode: 'Tag', tag: { name: `v1.0.0@${tag}` } });
    expect(verified).not.toHaveProperty('commit');
  });

  test('its object is fetched where only the commit is here', async () => {
    await resolve({ ...everyone(), mode: 'HEAD' }, { branch: 'main' }).catch(() => undefined);
    signTag(lab.repository, gpg, 'v1.0.0', 'main');
    await expect(resolve(everyone('Tag'), { tag: 'v1.0.0' })).resolves.toMatchObject({ verified: { mode: 'Tag' } });
  });

  test('by a stranger is not', async () => {
    const tag = signTag(lab.repository, stranger, 'v1.0.0', 'main');
    expect(await failureOf(resolve(everyone('Tag'), { tag: 'v1.0.0' }))).toMatchObject({
      code: 'invalid-tag-signature',
      message: `signature verification of tag 'v1.0.0@${tag}' failed: unable to verify Git tag SSH signature: ${NO_SSH_KEY}`,
    });
  });

  test.each([false, true])('without a signature (annotated: %s) says so', async (annotated) => {
    lab.repository.tag('v1.0.0', 'main', annotated);
    const shown = annotated ? `v1.0.0@${lab.repository.git(['rev-parse', 'refs/tags/v1.0.0'])}` : 'v1.0.0';
    expect(await failureOf(resolve(everyone('Tag'), { tag: 'v1.0.0' }))).toMatchObject({
      code: 'unsigned-tag',
      policy: 'retry',
      message: `cannot verify signature of tag '${shown}' since it is not signed`,
    });
  });

  test.each([{ branch: 'main' }, { commit: 'ab'.repeat(20) }, { name: 'refs/heads/main' }, { name: 'HEAD' }, {}])(
    'cannot be verified for %j, and nothing is asked of the remote',
    async (ref) => {
      expect(await failureOf(resolve(everyone('Tag'), ref))).toMatchObject({
        code: 'no-tag',
        policy: 'stall',
        message: "cannot verify tag object's signature if a tag reference is not specified",
      });
      expect(lab.server.requests).toEqual([]);
    },
  );

  test('a signed tag that names a signed tag leads to its commit', async () => {
    signTag(lab.repository, ssh, 'inner', 'main');
    signTag(lab.repository, ssh, 'v1.0.0', 'refs/tags/inner');
    const { commit } = await resolve(everyone('Tag'), { tag: 'v1.0.0' });
    expect(commit).toBe(lab.repository.git(['rev-parse', 'main']));
  });

  test('a remote that lies about where a signed tag leads is not believed', async () => {
    const good = lab.repository.git(['rev-parse', 'main']);
    const tag = signTag(lab.repository, ssh, 'v1.0.0', good);
    await resolve(everyone('Tag'), { tag: 'v1.0.0' });
    const evil = lab.repository.commit({ 'a.yaml': 'a: evil\n' });
    await lab.sources.resolve(SHOP, lab.request());
    lab.server.options.rewrite = (text) => text.replace(`peeled:${good}`, `peeled:${evil}`);
    const { message } = await failureOf(resolve(everyone('Tag'), { tag: 'v1.0.0' }));
    expect(message).toBe(
      `signature verification of tag 'v1.0.0@${tag}' failed: it leads to ${good}, not to commit ${evil}`,
    );
  });
});

describe('TagAndHEAD', () => {
  test('needs both signatures', async () => {
    signTag(lab.repository, ssh, 'v1.0.0', 'main');
    expect(await failureOf(resolve(everyone('TagAndHEAD'), { tag: 'v1.0.0' }))).toMatchObject({
      code: 'invalid-commit-signature',
    });
    const commit = signHead(lab.repository, gpg);
    lab.repository.tag('v1.1.0', commit, true);
    expect(await failureOf(resolve(everyone('TagAndHEAD'), { tag: 'v1.1.0' }))).toMatchObject({ code: 'unsigned-tag' });
    const tag = signTag(lab.repository, ssh, 'v1.2.0', commit);
    expect((await resolve(everyone('TagAndHEAD'), { tag: 'v1.2.0' })).verified).toMatchObject({
      mode: 'TagAndHEAD',
      tag: { name: `v1.2.0@${tag}` },
      commit: { name: commit },
    });
  });
});
