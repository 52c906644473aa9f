import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { Signing } from '@plumb/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkSshSignature, parseSshSignature } from './sshsig.ts';
import { wireString } from './wire.ts';

const PAYLOAD = Buffer.from('tree 1\n\nwords\n');
const PREFIX = 'unable to verify payload with any of the given authorized keys: ';

let signing: Signing;
let publicKey: string;
let signature: string;
beforeAll(() => {
  signing = new Signing();
  ({ publicKey } = signing.ssh('ada'));
  signature = signing.sshSign('ada', PAYLOAD);
});
afterAll(() => signing[Symbol.dispose]());

const check = (keys: string, armour = signature, payload = PAYLOAD, ...times: number[]) =>
  checkSshSignature({ payload, signature: armour, times: times.length === 0 ? [0] : times }, [
    { name: 'ada.sshpub', text: keys },
  ]);
const armoured = (blob: Buffer): string =>
  `-----BEGIN SSH SIGNATURE-----\n${blob.toString('base64')}\n-----END SSH SIGNATURE-----\n`;
const blobOf = (armour: string): Buffer => Buffer.from(armour.replaceAll(/-----.*-----|\n/g, ''), 'base64');

test.each([
  ['ed25519', ['ed25519']],
  ['rsa', ['rsa', '-b', '2048']],
  ['ecdsa 256', ['ecdsa', '-b', '256']],
  ['ecdsa 384', ['ecdsa', '-b', '384']],
  ['ecdsa 521', ['ecdsa', '-b', '521']],
])('what ssh-keygen signed with %s counts, by the fingerprint it shows', (name, type) => {
  const key = signing.ssh(`k ${name}`, type);
  const fingerprint = signing.sshFingerprint(`k ${name}`);
  // Numbers with leading zeros come by chance.
  for (let n = 0; n < 8; n += 1) {
    const payload = Buffer.from(`payload ${n}`);
    const armour = signing.sshSign(`k ${name}`, payload);
    expect(check(key.publicKey, armour, payload)).toMatchObject({ key: fingerprint });
    expect(check(key.publicKey, armour, PAYLOAD)).toEqual({ problem: `${PREFIX}the signature is wrong` });
  }
});

describe('does not count', () => {
  test.each<[what: string, problem: string, run: () => object]>([
    ['a stranger', 'no matching key', () => check(signing.ssh('eve').publicKey)],
    ['nobody that is trusted', 'no matching key', () => check('')],
    ['keys that cannot be read', "no matching key; 'ada.sshpub' line 1: no key found", () => check('words')],
    [
      'another purpose',
      "the signature is for 'file', not for 'git'",
      () => check(publicKey, signing.sshSign('ada', PAYLOAD, 'file')),
    ],
    [
      'a key that was not valid yet',
      'the key was not valid when it was used',
      () => check(`ada valid-after=20260101 ${publicKey}`, signature, PAYLOAD, Date.UTC(2025, 11, 31) / 1000),
    ],
    [
      'a key that is no longer valid, whatever its owner says of when that was',
      'the key was not valid when it was used',
      () => {
        const times = [Date.UTC(2025, 0, 1) / 1000, Date.UTC(2026, 0, 2) / 1000];
        return check(`ada valid-before=20260101 ${publicKey}`, signature, PAYLOAD, ...times);
      },
    ],
    [
      'a key that was no longer valid',
      'the key was not valid when it was used',
      () => check(`ada valid-before=20260101 ${publicKey}`, signature, PAYLOAD, Date.UTC(2026, 0, 2) / 1000),
    ],
  ])('%s', (_, problem, run) => {
    expect(run()).toEqual({ problem: PREFIX + problem });
  });

  test.each<[what: string, armour: () => string, problem: string]>([
    ['half a signature', () => signature.slice(0, 100), 'its first or last line is missing'],
    ['one with words after it', () => `${signature}more`, 'its first or last line is missing'],
    ['one that is not base64', () => signature.replace('U1NI', 'U1N!'), 'it is not base64'],
    ['one of another kind', () => armoured(Buffer.from('SSHSAG')), 'it does not begin with SSHSIG'],
    ['one of a later version', () => armoured(Buffer.from('SSHSIG\0\0\0\u0002')), 'its version is 2, not 1'],
    ['one that ends too soon', () => armoured(blobOf(signature).subarray(0, -1)), 'it ends too soon'],
    [
      'one with more after it',
      () => armoured(Buffer.concat([blobOf(signature), Buffer.of(0)])),
      'it holds more than it should',
    ],
    ['one that is too large', () => armoured(Buffer.alloc(65_536)), 'it has more than 65536 characters'],
  ])('%s', (_, armour, problem) => {
    expect(check(publicKey, armour())).toEqual({ problem: `unable to unarmor SSH signature: ${problem}` });
  });
});

describe('a key on hardware', () => {
  const APPLICATION = 'ssh:';
  const TYPES = { ed25519: 'sk-ssh-ed25519@openssh.com', ecdsa: 'sk-ecdsa-sha2-nistp256@openssh.com' } as const;

  /** What such a key does (OpenSSH, PROTOCOL.u2f), in software. */
  function hardware(kind: keyof typeof TYPES, flags: number): { publicKey: string; armour: string } {
    const pair =
      kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const blob = Buffer.concat([wireString(TYPES[kind]), ...points(pair.publicKey), wireString(APPLICATION)]);
    const digest = createHash('sha512').update(PAYLOAD).digest();
    const fields = [wireString('git'), wireString(''), wireString('sha512')];
    const data = Buffer.concat([Buffer.from('SSHSIG'), ...fields, wireString(digest)]);
    const said = Buffer.of(flags, 0, 0, 0, 9);
    const signed = Buffer.concat([sha256(Buffer.from(APPLICATION)), said, sha256(data)]);
    const raw = sign(kind === 'ed25519' ? null : 'sha256', signed, { key: pair.privateKey, dsaEncoding: 'ieee-p1363' });
    const numbers = kind === 'ed25519' ? raw : Buffer.concat([mpint(raw.subarray(0, 32)), mpint(raw.subarray(32))]);
    const inner = Buffer.concat([wireString(TYPES[kind]), wireString(numbers), said]);
    const head = Buffer.concat([Buffer.from('SSHSIG'), Buffer.of(0, 0, 0, 1), wireString(blob)]);
    const armour = armoured(Buffer.concat([head, ...fields, wireString(inner)]));
    return { publicKey: `${TYPES[kind]} ${blob.toString('base64')}`, armour };
  }

  function points(key: KeyObject): Buffer[] {
    const { x = '', y } = key.export({ format: 'jwk' });
    if (y === undefined) return [wireString(Buffer.from(x, 'base64url'))];
    const point = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
    return [wireString('nistp256'), wireString(point)];
  }

  const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
  const mpint = (bytes: Buffer): Buffer => {
    const first = bytes.findIndex((byte) => byte !== 0);
    const digits = bytes.subarray(first);
    return wireString((digits[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.of(0), digits]) : digits);
  };

  test.each(['ed25519', 'ecdsa'] as const)('of %s counts when it was touched, as ssh-keygen says too', (kind) => {
    const { publicKey: key, armour } = hardware(kind, 1);
    expect(check(key, armour)).toMatchObject({ key: expect.stringMatching(/^SHA256:/) as string });
    expect(signing.sshVerify(key, armour, PAYLOAD)).toMatch(/^Good "git" signature for ada/);
  });

  test('counts without a touch only where the list says so', () => {
    const { publicKey: key, armour } = hardware('ed25519', 0);
    expect(check(key, armour)).toEqual({ problem: `${PREFIX}the signature is wrong` });
    expect(check(`no-touch-required ${key}`, armour)).toHaveProperty('key');
  });
});

test('whatever byte of a signature is changed, it counts no more and nothing fails', () => {
  const blob = blobOf(signature);
  const { reserved } = parseSshSignature(signature);
  expect(reserved.length).toBe(0);
  fc.assert(
    fc.property(fc.nat(blob.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(blob);
      changed[at] = (changed[at] ?? 0) ^ change;
      expect(check(publicKey, armoured(changed))).toHaveProperty('problem');
    }),
    { numRuns: 400 },
  );
});

test('any bytes in armour are refused in words', () => {
  const start = Buffer.from('SSHSIG\0\0\0\u0001');
  const parts = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 });
  fc.assert(
    fc.property(parts, fc.boolean(), (fields, framed) => {
      const bytes = fields.map((field) => (framed ? wireString(Buffer.from(field)) : Buffer.from(field)));
      expect(check(publicKey, armoured(Buffer.concat([start, ...bytes])))).toHaveProperty('problem');
    }),
  );
});
