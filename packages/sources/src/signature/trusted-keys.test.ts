import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTrustedKeys } from './trusted-keys.ts';
import { wireString } from './wire.ts';

const encoded = (type: string, ...fields: Buffer[]): string =>
  Buffer.concat([wireString(type), ...fields.map(wireString)]).toString('base64');
const KEY = `ssh-ed25519 ${encoded('ssh-ed25519', Buffer.alloc(32, 7))}`;
const DAY = Date.UTC(2026, 0, 31) / 1000;

test.each([
  ['ada@example,ada', ['ada@example', 'ada']],
  ['"ada@example" namespaces="git,!file"', ['ada@example']],
  ['no-touch-required', []],
  ['namespaces="git"', []],
  ['', []],
])('a key behind %j is of %j', (before, names) => {
  expect(parseTrustedKeys(`${before} ${KEY}`).keys).toMatchObject([{ names }]);
});

describe('a line', () => {
  test.each<[what: string, line: string, trust: object]>([
    ['of a public key file', `${KEY} ada@example`, {}],
    ['without a comment', KEY, {}],
    ['of authorized_keys', `from="10.0.0.0/8, 1.2.3.4",no-pty ${KEY}`, {}],
    ['of allowed_signers', `ada@example,*@example ${KEY}`, {}],
    ['with its namespaces', `ada@example namespaces="file,g?t" ${KEY}`, {}],
    ['valid from', `ada valid-after="20260131" ${KEY}`, { validAfter: DAY }],
    ['valid until', `ada valid-before="20260131000000Z" ${KEY}`, { validBefore: DAY }],
    ['valid until a minute', `valid-before=202601310010 ${KEY}`, { validBefore: DAY + 600 }],
    ['of a key that needs no touch', `no-touch-required ${KEY}`, { touchless: true }],
    ['with a carriage return', `${KEY}\r`, {}],
    ['with tabs', KEY.replace(' ', '\t'), {}],
  ])('%s', (_, line, trust) => {
    expect(parseTrustedKeys(`# keys\n\n${line}\n`)).toMatchObject({
      problems: [],
      keys: [{ validAfter: -Infinity, touchless: false, ...trust }],
    });
  });

  test.each<[line: string, problem: string]>([
    ['words', 'no key found'],
    ['ssh-ed25519 AAAA', 'no key found'],
    [`ssh-rsa ${KEY.slice(12)}`, 'no key found'],
    [`a b c ${KEY}`, 'no key found'],
    [`ssh-ed25519 ${encoded('ssh-ed25519', Buffer.alloc(31))}`, 'its point has the wrong length'],
    [`ssh-ed25519 ${encoded('ssh-ed25519', Buffer.alloc(32), Buffer.alloc(1))}`, 'it holds more than it should'],
    [`ssh-dss ${encoded('ssh-dss')}`, "a key of the type 'ssh-dss' is not supported"],
    [`ssh-rsa ${encoded('ssh-rsa', Buffer.of(3), Buffer.alloc(64, 1))}`, 'an RSA key of 512 bits is not supported'],
    [`cert-authority ${KEY}`, 'certificates are not supported'],
    [`ada cert-authority,namespaces="git" ${KEY}`, 'certificates are not supported'],
    [`ada namespaces="*,!git" ${KEY}`, "its namespaces '*,!git' do not include git"],
    [`ada namespaces="git,!g*" ${KEY}`, "its namespaces 'git,!g*' do not include git"],
    [`ada namespaces="file" ${KEY}`, "its namespaces 'file' do not include git"],
    [`ada valid-after="soon" ${KEY}`, "valid-after 'soon' is not a date such as 20260131 or 20260131120000Z"],
    [`ada valid-after="20260231" ${KEY}`, "valid-after '20260231' is not a date such as 20260131 or 20260131120000Z"],
    [
      `ecdsa-sha2-nistp256 ${encoded('ecdsa-sha2-nistp256', Buffer.from('nistp256'), Buffer.from(`04${'11'.repeat(64)}`, 'hex'))}`,
      'its numbers are no key',
    ],
    [
      `ecdsa-sha2-nistp256 ${encoded('ecdsa-sha2-nistp256', Buffer.from('nistp384'), Buffer.alloc(65, 4))}`,
      'its curve is not that of its type',
    ],
  ])('%j is left out, and the next counts', (line, problem) => {
    expect(parseTrustedKeys(`${line}\n${KEY}`)).toMatchObject({ problems: [`line 1: ${problem}`], keys: [{}] });
  });
});

test('too many lines are none', () => {
  expect(parseTrustedKeys('\n'.repeat(20_000))).toEqual({ keys: [], problems: ['it has more than 20000 lines'] });
});

test('any text is read, and no key comes of text without one', () => {
  const words = fc.constantFrom(
    'ssh-ed25519',
    'ssh-rsa',
    'AAAA',
    '"',
    ',',
    ' ',
    '=',
    '\n',
    'valid-after=',
    'namespaces="',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(words, fc.string()), { maxLength: 40 }), (parts) => {
      expect(parseTrustedKeys(parts.join('')).keys).toEqual([]);
    }),
  );
});

test('any key that is not whole is refused in words', () => {
  const types = fc.constantFrom('ssh-ed25519', 'ssh-rsa', 'ecdsa-sha2-nistp521', 'sk-ssh-ed25519@openssh.com');
  fc.assert(
    fc.property(types, fc.array(fc.uint8Array({ maxLength: 140 }), { maxLength: 4 }), (type, fields) => {
      const line = `${type} ${encoded(type, ...fields.map((field) => Buffer.from(field)))}`;
      const { keys, problems } = parseTrustedKeys(line);
      expect(keys.length + problems.length).toBe(1);
    }),
  );
});
