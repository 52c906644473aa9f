import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { takeCommitApart, takeTagApart } from './signed-object.ts';

const ID = 'ab'.repeat(20);
const HEAD = `tree ${ID}\nparent ${ID}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1700000000 +0100\n`;
const ARMOUR = ['-----BEGIN SSH SIGNATURE-----', 'AAAA', 'BBBB', '-----END SSH SIGNATURE-----'];
const header = (name: string): string => `${name} ${ARMOUR.join('\n ')}\n`;
const apart = (body: string, format: 'sha1' | 'sha256' = 'sha1') => {
  const { payload, signature, signedAt } = takeCommitApart(Buffer.from(body), format);
  return { payload: payload.toString(), signature, signedAt };
};

describe('a commit', () => {
  test.each([
    ['at the end of its headers', `${HEAD}${header('gpgsig')}\nwords\n`, `${HEAD}\nwords\n`],
    ['before others', `${HEAD}${header('gpgsig')}encoding latin1\n\nwords`, `${HEAD}encoding latin1\n\nwords`],
    [
      'after a merged tag, whose own signature stays',
      `${HEAD}mergetag object ${ID}\n tag v1\n -----BEGIN PGP SIGNATURE-----\n -----END PGP SIGNATURE-----\n${header('gpgsig')}\nm`,
      `${HEAD}mergetag object ${ID}\n tag v1\n -----BEGIN PGP SIGNATURE-----\n -----END PGP SIGNATURE-----\n\nm`,
    ],
    ['beside one for the other ids', `${HEAD}${header('gpgsig-sha256')}${header('gpgsig')}\nm`, `${HEAD}\nm`],
    ['without a message', `${HEAD}${header('gpgsig')}`, HEAD],
  ])('with its signature %s', (_, body, payload) => {
    expect(apart(body)).toEqual({ payload, signature: `${ARMOUR.join('\n')}\n`, signedAt: 1_700_000_000 });
  });

  test('has the signature of its own format of ids', () => {
    const body = `${HEAD}gpgsig one\ngpgsig-sha256 two\n\nm`;
    expect(apart(body).signature).toBe('one\n');
    expect(apart(body, 'sha256').signature).toBe('two\n');
    expect(apart(`${HEAD}${header('gpgsig')}\nm`, 'sha256').signature).toBe('');
  });

  test('without one keeps every byte, whatever its message says', () => {
    const body = Buffer.from(`${HEAD}\ngpgsig x\n ${ARMOUR.join('\n')}\n\u00ff`, 'latin1');
    expect(takeCommitApart(body, 'sha1')).toMatchObject({ payload: body, signature: '' });
  });

  test('signed twice shows both, so that neither counts', () => {
    expect(apart(`${HEAD}${header('gpgsig')}${header('gpgsig')}\nm`).signature).toBe(
      `${ARMOUR.join('\n')}\n`.repeat(2),
    );
  });
});

describe('a tag', () => {
  const head = `object ${ID}\ntype commit\ntag v1\ntagger A <a@b> 1700000000 +0100\n\n`;

  test('has its signature at the end', () => {
    const tag = takeTagApart(Buffer.from(`${head}words\n${ARMOUR.join('\n')}\n`));
    expect(tag).toEqual({
      payload: Buffer.from(`${head}words\n`),
      signature: `${ARMOUR.join('\n')}\n`,
      signedAt: 1_700_000_000,
      name: 'v1',
      target: { id: ID, type: 'commit' },
    });
  });

  test('has the last of several, as git does, and no header of another', () => {
    const armour = `${ARMOUR.join('\n')}\n`;
    const quoted = head.replace('\n\n', `\n${header('gpgsig-sha256')}\n`);
    expect(takeTagApart(Buffer.from(`${quoted}${armour}words\n${armour}`))).toMatchObject({
      payload: Buffer.from(`${head}${armour}words\n`),
      signature: armour,
    });
  });

  test('without one is its own payload', () => {
    expect(takeTagApart(Buffer.from(`${head}words`))).toMatchObject({
      payload: Buffer.from(`${head}words`),
      signature: '',
    });
  });

  test.each(['', 'tree', `object ${ID}\ntype commit\n`, `type commit\nobject ${ID}\ntag a\n`])('is not %j', (body) => {
    expect(takeTagApart(Buffer.from(body))).toBeNull();
  });
});

test('any bytes are taken apart, and what is not signed is never more than was there', () => {
  const pieces = fc.constantFrom('gpgsig ', 'gpgsig-sha256 ', ' ', '\n', 'tree ', 'tag v\n', ...ARMOUR);
  const bytes = fc.array(fc.oneof(pieces, fc.string()), { maxLength: 30 }).map((parts) => Buffer.from(parts.join('')));
  fc.assert(
    fc.property(bytes, (body) => {
      const { payload, signature } = takeCommitApart(body, 'sha1');
      expect(payload.length).toBeLessThanOrEqual(body.length);
      expect(signature !== '' || body.includes('gpgsig') || payload.equals(body)).toBe(true);
      takeTagApart(body);
    }),
  );
});
