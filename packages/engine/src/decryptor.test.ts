import { SopsBench } from '@plumb/testkit';
import type { SopsFormat } from '@plumb/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDecryptor } from './create-decryptor.ts';
import type { Decryptor, DecryptKeys, DecryptRequest, FileToDecrypt } from './decryptor.ts';
import { decryptPath } from './testing/fake-helper.ts';

const bench = new SopsBench();
let decryptor: Decryptor;

beforeAll(() => {
  decryptor = createDecryptor({ path: decryptPath });
});
afterAll(async () => {
  await decryptor.close();
  bench[Symbol.dispose]();
});

const age = bench.ageKey();
const stranger = bench.ageKey();
const keys: DecryptKeys = { age: [age.file] };
const toAge = ['--age', age.recipient];

const secret = `apiVersion: v1
kind: Secret
metadata:
    name: db
stringData:
    password: correct horse
    port: 5432
`;
const dataOnly = ['--encrypted-regex', '^(data|stringData)$'];

function encrypted(content: string | Uint8Array, format: SopsFormat = 'yaml', flags: readonly string[] = []): Buffer {
  return bench.encrypt(content, { format, flags: [...toAge, ...flags] });
}

interface How {
  keys?: DecryptKeys;
  sources?: DecryptRequest['sources'];
  verifyMac?: boolean;
}

/** The plain text, or the error with 'error: ' before it. */
async function plain(file: FileToDecrypt, how: How = {}): Promise<string> {
  const request = { files: [file], keys, verifyMac: true, deadline: 20_000, ...how };
  const [answer] = await decryptor.decrypt(request as DecryptRequest);
  if (answer === undefined) return 'no answer';
  return 'error' in answer ? `error: ${answer.error}` : Buffer.from(answer.content).toString();
}

function yaml(content: Uint8Array | string): FileToDecrypt {
  return { content: Buffer.from(content), format: 'yaml', outputFormat: 'yaml' };
}

function changed(file: Buffer, from: string | RegExp, to: string): Buffer {
  const text = file.toString();
  const other = typeof from === 'string' ? text.replace(from, () => to) : text.replace(from, to);
  if (other === text) throw new Error(`nothing to change: ${String(from)}`);
  return Buffer.from(other);
}

describe('what sops encrypts comes back as it was', () => {
  test.each<{ format: SopsFormat; content: string | Uint8Array }>([
    { format: 'yaml', content: secret },
    { format: 'yaml', content: 'a: 1\n---\nb: true\n' },
    { format: 'yaml', content: '# a comment\na: [x, 1.5, null]\n' },
    { format: 'json', content: '{\n\t"a": "b",\n\t"n": 1.25,\n\t"deep": {\n\t\t"list": [\n\t\t\t"x"\n\t\t]\n\t}\n}' },
    { format: 'dotenv', content: 'USER=admin\nPASSWORD=a=b c\n' },
    { format: 'ini', content: '[db]\nuser     = admin\npassword = x\n' },
    { format: 'binary', content: Buffer.from([0, 1, 2, 255, 254, 10, 13]) },
    { format: 'binary', content: '' },
  ])('$format: $content', async ({ format, content }) => {
    const file = encrypted(content, format);
    const [answer] = await decryptor.decrypt({
      files: [{ content: file, format, outputFormat: format }],
      keys,
      verifyMac: true,
      deadline: 20_000,
    });
    const expected = bench.decrypt(file, { format, flags: [], env: { SOPS_AGE_KEY: age.file } });
    expect(answer).toEqual({ content: expect.anything() as unknown });
    expect(Buffer.from((answer as { content: Uint8Array }).content)).toEqual(expected);
  });

  test('and in another format where one is asked for', async () => {
    const file = { content: encrypted(secret, 'yaml', dataOnly), format: 'yaml', outputFormat: 'json' } as const;
    expect(JSON.parse(await plain(file))).toMatchObject({ stringData: { password: 'correct horse', port: 5432 } });
  });

  test('many at once, each with its own answer', async () => {
    const files = [yaml(encrypted('a: 1\n')), yaml('b: 2\n'), yaml(encrypted('c: 3\n'))];
    const answers = await decryptor.decrypt({ files, keys, verifyMac: true, deadline: 20_000 });
    expect(answers.map((answer) => ('content' in answer ? Buffer.from(answer.content).toString() : 'error'))).toEqual([
      'a: 1\n',
      'error',
      'c: 3\n',
    ]);
  });
});

describe('keys', () => {
  test('of age: one of several is enough, comments and all', async () => {
    expect(await plain(yaml(encrypted('a: 1\n')), { keys: { age: [stranger.file, age.file] } })).toBe('a: 1\n');
    expect(await plain(yaml(encrypted('a: 1\n')), { keys: { age: [`${stranger.file}\n${age.file}`] } })).toBe('a: 1\n');
  });

  for (const by of bench.hasGpg() ? (['gpg', 'go-crypto'] as const) : (['go-crypto'] as const)) {
    test(`of OpenPGP, made by ${by}`, async () => {
      const pgp = bench.pgpKey(by);
      const file = bench.encrypt('a: 1\n', {
        format: 'yaml',
        flags: ['--pgp', pgp.fingerprint],
        env: { GNUPGHOME: pgp.home },
      });
      const other = bench.pgpKey('go-crypto');
      expect(await plain(yaml(file), { keys: { pgp: [pgp.armored] } })).toBe('a: 1\n');
      expect(await plain(yaml(file), { keys: { pgp: [`${other.armored}\n\n${pgp.armored}`] } })).toBe('a: 1\n');
      expect(await plain(yaml(file), { keys: { pgp: [other.armored] } })).toContain('cannot get sops data key');
    });
  }

  test.each<{ what: string; given: DecryptKeys; says: string }>([
    { what: 'none', given: {}, says: 'no age key is given: the decryption Secret needs one under a name that ends in' },
    { what: 'another', given: { age: [stranger.file] }, says: 'identity did not match any of the recipients' },
    { what: 'an empty one', given: { age: ['# nothing\n'] }, says: 'is empty' },
    { what: 'one that is none', given: { age: ['AGE-SECRET-KEY-1NOTONE'] }, says: 'cannot be read' },
    { what: 'a plugin', given: { age: ['AGE-PLUGIN-YUBIKEY-1Q'] }, says: 'plugins are not supported' },
  ])('with $what it says so, and shows none', async ({ given, says }) => {
    const text = await plain(yaml(encrypted('a: 1\n')), { keys: given });
    expect(text).toContain('error: cannot get sops data key: ');
    expect(text).toContain(says);
    expect(text).not.toContain('\n');
    expect(text).not.toContain('NOTONE');
  });

  test.each([
    { what: 'no key', pgp: 'nonsense', says: 'holds no OpenPGP key' },
    { what: 'a message', pgp: '', says: 'not a key' },
  ])('of OpenPGP, with $what', async ({ pgp, says }) => {
    const key = bench.pgpKey('go-crypto');
    const flags = ['--pgp', key.fingerprint];
    const file = bench.encrypt('{"a": 1}', { format: 'json', flags, env: { GNUPGHOME: key.home } }).toString();
    const message = (JSON.parse(file) as { sops: { pgp: [{ enc: string }] } }).sops.pgp[0].enc;
    const target = { content: Buffer.from(file), format: 'json', outputFormat: 'json' } as const;
    expect(await plain(target, { keys: { pgp: [pgp === '' ? message : pgp] } })).toContain(says);
  });

  test('of which a file needs several groups', async () => {
    const rules = JSON.stringify({
      creation_rules: [{ shamir_threshold: 2, key_groups: [{ age: [age.recipient] }, { age: [stranger.recipient] }] }],
    });
    const file = bench.encrypt('a: 1\n', { format: 'yaml', flags: [], config: rules });
    expect(await plain(yaml(file), { keys: { age: [age.file, stranger.file] } })).toBe('a: 1\n');
    expect(await plain(yaml(file))).toContain('Shamir threshold of 2, but only 1 part(s)');
  });
});

describe('the MAC', () => {
  const file = encrypted(secret, 'yaml', dataOnly);
  const longer = secret.replace('stringData:', 'stringData:\n    more: x');
  const otherwise = encrypted(longer, 'yaml', dataOnly).toString();

  test.each<{ what: string; content: Buffer }>([
    { what: 'a plain value was changed', content: changed(file, 'name: db', 'name: other') },
    { what: 'a value was taken out', content: changed(file, /\n +password: ENC.*/, '') },
    { what: 'a plain value was added', content: changed(file, 'name: db', 'name: db\n    labels: {a: b}') },
    { what: 'two values changed places', content: changed(file, /( +name: db\n)(stringData:\n)/, '$2$1') },
    {
      what: 'it is that of another file',
      content: changed(file, /mac: ENC.*/, /mac: ENC.*/.exec(otherwise)?.[0] ?? ''),
    },
    { what: 'it is of another time', content: changed(file, /lastmodified: "20/, 'lastmodified: "19') },
    { what: 'it was taken out', content: changed(file, /mac: ENC.*/, 'mac: ""') },
  ])('does not match when $what', async ({ content }) => {
    const text = await plain(yaml(content));
    expect(text).toMatch(/^error: (failed to verify sops data integrity|error decrypting sops tree)/);
    expect(text).not.toContain('horse');
    expect(text).not.toMatch(/[0-9A-F]{64}/);
  });

  test.each([
    { what: 'a plain value', content: changed(file, 'name: db', 'name: other') },
    { what: 'the MAC', content: changed(file, /mac: ENC.*/, /mac: ENC.*/.exec(otherwise)?.[0] ?? '') },
    { what: 'no MAC', content: changed(file, /mac: ENC.*/, 'mac: ""') },
  ])('is not looked at when that is asked for: $what', async ({ content }) => {
    expect(await plain(yaml(content), { verifyMac: false })).toContain('password: correct horse');
  });

  test('may be over the encrypted values alone', async () => {
    const rule = { age: age.recipient, encrypted_regex: '^(data|stringData)$', mac_only_encrypted: true };
    const only = bench.encrypt(secret, {
      format: 'yaml',
      flags: [],
      config: JSON.stringify({ creation_rules: [rule] }),
    });
    expect(await plain(yaml(changed(only, 'name: db', 'name: other')))).toContain('password: correct horse');
    expect(await plain(yaml(changed(only, /\n +password: ENC.*/, '')))).toContain('failed to verify');
  });

  test('of what a file was made from counts, where that is given', async () => {
    const made = changed(file, 'name: db', 'name: prefix-db');
    expect(await plain(yaml(made))).toContain('failed to verify');
    const from = (content: Buffer): Promise<string> => {
      const sources = [
        { content: Buffer.from('other: 1\n'), format: 'yaml' } as const,
        { content, format: 'yaml' } as const,
      ];
      return plain({ ...yaml(made), source: 1 }, { sources });
    };
    expect(await from(file)).toContain('name: prefix-db');
    expect(await from(changed(file, 'name: db', 'name: other'))).toContain('failed to verify');
    expect(await from(encrypted(secret, 'yaml', dataOnly))).toContain('failed to verify');
  });
});

describe('no error shows a value', () => {
  test.each<{ what: string; content: () => Buffer; format?: SopsFormat; output?: SopsFormat }>([
    {
      what: 'a plain value where an encrypted one belongs',
      content: () => changed(encrypted(secret, 'yaml', dataOnly), /password: ENC.*/, 'password: correct horse'),
    },
    {
      what: 'a text that is called a number',
      content: () => changed(encrypted(secret), /(password: ENC.*)type:str/, '$1type:int'),
    },
    {
      what: 'a text that is called a time',
      content: () => changed(encrypted(secret), /(password: ENC.*)type:str/, '$1type:time'),
    },
    {
      what: 'a text that is called a truth',
      content: () => changed(encrypted(secret), /(password: ENC.*)type:str/, '$1type:bool'),
    },
    { what: 'a map for dotenv', content: () => encrypted(secret), output: 'dotenv' },
    { what: 'a map for ini', content: () => encrypted('a: correct horse\n'), output: 'ini' },
    { what: 'a map for binary', content: () => encrypted(secret), output: 'binary' },
  ])('$what', async ({ content, format = 'yaml', output = 'yaml' }) => {
    const text = await plain({ content: content(), format, outputFormat: output });
    expect(text).toMatch(/^error: /);
    expect(text).not.toContain('horse');
  });
});

describe('bounds', () => {
  test('a file of more than 5 MiB is not read', async () => {
    const content = Buffer.alloc(5 * 1024 * 1024 + 1, 'a');
    expect(await plain(yaml(content))).toBe(
      'error: cannot decrypt file with size (5242881 bytes) exceeding limit (5242880)',
    );
  });

  test('nor one that names more than a hundred keys', async () => {
    const file = encrypted('a: 1\n').toString();
    const one = /\n( +- enc: \|(?:.|\n)*? recipient: .*\n)/.exec(file)?.[1] ?? '';
    const many = changed(Buffer.from(file), one, one.repeat(101));
    expect(await plain(yaml(many))).toContain('names 101 keys, at most 100 are allowed');
  });

  const nested = Array.from({ length: 12 }, (_, level) =>
    level === 0
      ? 'a0: &a0 [x, x]'
      : `a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ')}]`,
  ).join('\n');

  test.each([
    { where: 'the first document', text: nested },
    { where: 'another document', text: `a: 1\n---\n${nested}\n` },
  ])('aliases that would fill the memory are refused in $where', async ({ text }) => {
    expect(await plain(yaml(text))).toContain('more than 1000000 values once its aliases are written out');
  });

  test('an anchor in itself is refused', async () => {
    expect(await plain(yaml('a: 1\n---\nb: &b [*b]\n'))).toContain('an anchor contains itself');
  });

  test('what ends the process all the same fails its call, and the next gets another', async () => {
    const nestedLists = { content: Buffer.from('{"a":'.padEnd(5_000_000, '[')), format: 'json' } as const;
    const call = decryptor.decrypt({
      files: [{ ...nestedLists, outputFormat: 'json' }],
      keys,
      verifyMac: true,
      deadline: 20_000,
    });
    await expect(call).rejects.toMatchObject({ code: 'crashed' });
    expect(await plain(yaml(encrypted('a: 1\n')))).toBe('a: 1\n');
  });
});

describe('the process', () => {
  test('finds no key of its surroundings, and no program', async () => {
    const surroundings = { SOPS_AGE_KEY: age.file, HOME: '/root', GNUPGHOME: '/root/.gnupg' };
    const own = createDecryptor({ path: decryptPath, environment: surroundings });
    const [answer] = await own.decrypt({
      files: [yaml(encrypted('a: 1\n'))],
      keys: {},
      verifyMac: true,
      deadline: 20_000,
    });
    expect(answer).toMatchObject({ error: expect.stringContaining('no age key is given') as string });
    await own.close();
  });

  test('is gone soon after the last call', async () => {
    const own = createDecryptor({ path: decryptPath, idleTimeout: 10 });
    expect((await own.usage()).running).toBe(0);
    await own.decrypt({ files: [yaml(encrypted('a: 1\n'))], keys, verifyMac: true, deadline: 20_000 });
    await expect.poll(async () => (await own.usage()).running, { interval: 5 }).toBe(0);
    await own.close();
  });

  test('keeps no key for the next call', async () => {
    expect(await plain(yaml(encrypted('a: 1\n')))).toBe('a: 1\n');
    expect(await plain(yaml(encrypted('a: 1\n')), { keys: {} })).toContain('no age key is given');
  });
});
