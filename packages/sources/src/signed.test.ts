import { join } from 'node:path';
import { createEngine, type Engine } from '@plumb/engine';
import { Signing, type Signer } from '@plumb/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { SignedAs, SignedQuestion, SignedWords } from './git-sources.ts';
import { openLab, SHOP, type Lab } from './testing/lab.ts';
import { signHead, signTag } from './testing/signing.ts';

const ENGINE = join(import.meta.dirname, '../../../build/engine');

let signing: Signing;
let engine: Engine;
let bob: Signer;
let carol: Signer;
let dora: Signer;
let stranger: Signer;
let lab: Lab;
let head: string;
/** How often it was asked how to reach the remote. */
let asked: number;

beforeAll(() => {
  engine = createEngine({ path: ENGINE, slots: 1 });
  signing = new Signing();
  [bob, stranger] = [signing.ssh('bob'), signing.ssh('mallory')];
  [carol, dora] = [signing.gpg('carol'), signing.gpg('dora')];
});
afterAll(async () => {
  signing[Symbol.dispose]();
  await engine.close();
});
beforeEach(async () => {
  lab = await openLab({}, [], {}, engine);
  lab.repository.commit({ 'a.yaml': 'a: 1\n' });
  head = lab.repository.commit({ 'a.yaml': 'a: 2\n' });
  asked = 0;
});
afterEach(() => lab[Symbol.asyncDispose]());

const allowed = (line: string) => [{ name: 'allowed_signers', text: `${line}\n` }];

function ask(more: Partial<SignedQuestion> = {}): Promise<SignedWords> {
  const question = {
    revision: `main@sha1:${head}`,
    isWanted: (name: string) => name.startsWith('approved/'),
    isHeadWanted: false,
    ssh: allowed(`bob@example.test,bob ${bob.publicKey}`),
    openpgp: [
      { name: 'carol.asc', text: carol.publicKey },
      { name: 'dora.asc', text: dora.publicKey },
    ],
    ...more,
  };
  return lab.sources.signed(SHOP, question, () => {
    asked += 1;
    return Promise.resolve(lab.request());
  });
}

/** What became of each tag. */
async function tags(more: Partial<SignedQuestion> = {}): Promise<Record<string, SignedAs> | string> {
  const told = await ask(more);
  return 'unknown' in told ? told.unknown : Object.fromEntries(told.tags.map(({ name, signed }) => [name, signed]));
}

describe('a signed tag', () => {
  test.each<[string, () => Signer, object]>([
    ['OpenSSH', () => bob, { fingerprint: expect.stringMatching(/^SHA256:/), holders: [['bob@example.test', 'bob']] }],
    ['OpenPGP', () => dora, { fingerprint: expect.stringMatching(/^[0-9A-F]{40}$/), holders: [['dora']] }],
  ])('of exactly the commit is told with who signed it and when, by %s', async (_what, signer, by) => {
    signTag(lab.repository, signer(), 'approved/1', head);
    expect(await ask()).toEqual({
      commit: head,
      head: null,
      left: 0,
      tags: [{ name: 'approved/1', signed: { ...by, at: expect.any(Number) } }],
    });
    const at = Number(lab.repository.git(['for-each-ref', '--format=%(taggerdate:unix)', 'refs/tags/approved/1']));
    expect(await tags()).toMatchObject({ 'approved/1': { at: at * 1_000 } });
  });

  test('is told with everybody whom its key is given to', async () => {
    signTag(lab.repository, bob, 'approved/1', head);
    signTag(lab.repository, carol, 'approved/2', head);
    const twice = {
      ssh: allowed(`bob ${bob.publicKey}eve ${bob.publicKey}${bob.publicKey}`),
      openpgp: ['a.asc', 'b.asc'].map((name) => ({ name, text: carol.publicKey })),
    };
    expect(await tags(twice)).toMatchObject({
      'approved/1': { holders: [['bob'], ['eve'], []] },
      'approved/2': { holders: [['a'], ['b']] },
    });
  });

  const moved = (id: string, ref: string): string => lab.repository.git(['update-ref', ref, id]);
  test.each<[string, () => unknown, string]>([
    ['by a stranger', () => signTag(lab.repository, stranger, 'approved/1', head), 'no matching key'],
    ['without a signature', () => lab.repository.git(['tag', '-a', '-m', 'x', 'approved/1', head]), 'it is not signed'],
    ['that is a name only', () => lab.repository.git(['tag', 'approved/1', head]), 'no annotated tag'],
    [
      'that was made under another name',
      () => moved(signTag(lab.repository, bob, 'v1', head), 'refs/tags/approved/1'),
      'it was made as v1, and goes by another name',
    ],
    [
      'of a tag of it',
      () => signTag(lab.repository, bob, 'approved/1', signTag(lab.repository, bob, 'inner', head)),
      'it was made of something else than this commit',
    ],
    [
      'with the signature of another',
      () => {
        const body = lab.repository.git(['cat-file', 'tag', signTag(lab.repository, bob, 'approved/1', head)]);
        const forged = body.replace('release', 'Release');
        moved(lab.repository.git(['hash-object', '-w', '-t', 'tag', '--stdin'], forged), 'refs/tags/approved/1');
      },
      'the signature is wrong',
    ],
    [
      'with something that is no signature',
      () => {
        const begun = '-----BEGIN SSH SIGNATURE-----\nno\n-----END SSH SIGNATURE-----';
        const text = `object ${head}\ntype commit\ntag approved/1\ntagger A <a@b> 1 +0000\n\nx\n${begun}\n`;
        moved(lab.repository.git(['hash-object', '-w', '-t', 'tag', '--stdin'], text), 'refs/tags/approved/1');
      },
      'unable to unarmor SSH signature',
    ],
  ])('does not count: %s', async (_what, make, problem) => {
    make();
    expect(await tags()).toEqual({ 'approved/1': { problem: expect.stringContaining(problem) as string } });
  });

  test('does not count once its key is valid no more', async () => {
    signTag(lab.repository, bob, 'approved/1', head);
    const ssh = allowed(`bob valid-before="20010101" ${bob.publicKey}`);
    expect(await tags({ ssh })).toMatchObject({
      'approved/1': { problem: expect.stringContaining('not valid when it was used') as string },
    });
  });

  test('does not count by a date at which its key was still valid', async () => {
    signTag(lab.repository, bob, 'approved/1', head);
    const signed = Number(lab.repository.git(['for-each-ref', '--format=%(taggerdate:unix)', 'refs/tags/approved/1']));
    const ended = new Date((signed + 86_400) * 1_000).toISOString().slice(0, 10).replaceAll('-', '');
    const ssh = allowed(`bob valid-before="${ended}" ${bob.publicKey}`);
    expect(await tags({ ssh })).toMatchObject({
      'approved/1': { problem: expect.stringContaining('not valid when it was used') as string },
    });
  });

  test('is not hidden by tags that nobody signed', async () => {
    for (let at = 0; at < 22; at += 1) lab.repository.git(['tag', `approved/0${at}`, head]);
    signTag(lab.repository, bob, 'approved/1', head);
    expect(await tags()).toMatchObject({ 'approved/1': { holders: [['bob@example.test', 'bob']] } });
  });

  test('of another commit, or with another name, is not looked at', async () => {
    signTag(lab.repository, bob, 'approved/parent', `${head}~1`);
    signTag(lab.repository, bob, 'v1', head);
    const later = lab.repository.commit({ 'a.yaml': 'a: 3\n' });
    signTag(lab.repository, bob, 'approved/later', later);
    expect(await tags()).toEqual({});
  });

  test('is one of twenty, and the others are counted', async () => {
    for (let at = 0; at < 22; at += 1) lab.repository.git(['tag', '-a', '-m', 'x', `approved/${at}`, head]);
    const told = await ask();
    expect(told).toMatchObject({ left: 2 });
    expect('tags' in told ? told.tags.length : 0).toBe(20);
  });

  test('is found at once after it was pushed', async () => {
    await lab.publish();
    expect(await tags()).toEqual({});
    signTag(lab.repository, bob, 'approved/1', head);
    expect(await tags()).toMatchObject({ 'approved/1': { holders: [['bob@example.test', 'bob']] } });
    expect(asked).toBe(2);
  });

  test('is found at a server of old, which gives out no unadvertised commit', async () => {
    lab.server.options.old = true;
    signTag(lab.repository, bob, 'approved/1', head);
    expect(await tags()).toMatchObject({ 'approved/1': { holders: [['bob@example.test', 'bob']] } });
  });

  test('is not known where the remote is away, and is when it is back', async () => {
    signTag(lab.repository, bob, 'approved/1', head);
    lab.server.options.status = 503;
    expect(await tags()).toContain('503');
    delete lab.server.options.status;
    expect(await tags()).toMatchObject({ 'approved/1': { holders: [['bob@example.test', 'bob']] } });
  });

  test('is not known of a revision that names no commit', async () => {
    expect(await tags({ revision: '1.2.3' })).toBe("'1.2.3' names no commit");
  });
});

describe('the commit itself', () => {
  const ofHead = { isWanted: null, isHeadWanted: true };

  test.each(['bob', 'carol'] as const)('is told with the end of its message and who signed it: %s', async (name) => {
    head = signHead(lab.repository, { bob, carol }[name]);
    await lab.publish();
    const holders = name === 'bob' ? [['bob@example.test', 'bob']] : [['carol']];
    const told = await ask(ofHead);
    expect(told).toMatchObject({ commit: head, tags: [], head: { end: 'signed\n', signed: { holders } } });
    expect(asked, 'it is here').toBe(0);
  });

  test('is fetched where it is not here, with its tags', async () => {
    head = signHead(lab.repository, bob);
    signTag(lab.repository, carol, 'approved/1', head);
    expect(await ask({ isHeadWanted: true })).toMatchObject({
      head: { end: 'signed\n', signed: { holders: [['bob@example.test', 'bob']] } },
      tags: [{ signed: { holders: [['carol']] } }],
    });
    expect(await ask(ofHead)).toMatchObject({ head: { end: 'signed\n' } });
  });

  test('is told where it is not signed', async () => {
    await lab.publish();
    expect(await ask(ofHead)).toMatchObject({ head: { signed: { problem: 'it is not signed' } } });
  });

  test('is not known where the remote does not give it out', async () => {
    head = '1'.repeat(40);
    expect(await ask(ofHead)).toEqual({ unknown: expect.stringContaining('1111111') as string });
  });
});
