import { SopsBench, VaultDouble } from '@plumb/testkit';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDecryptor } from './create-decryptor.ts';
import type { DecryptKeys } from './decryptor.ts';
import { decryptPath } from './testing/fake-helper.ts';

const bench = new SopsBench();
const decryptor = createDecryptor({ path: decryptPath });
const ACCOUNT = 'system:serviceaccount:shop:kms';
let vault: VaultDouble;
let file: Buffer;

beforeAll(async () => {
  vault = await VaultDouble.start((jwt) => (jwt === 'a.good.jwt' ? { sub: ACCOUNT, aud: [vault.url] } : null));
  vault.tokens.set('good-token', ['sops/one']);
  vault.tokens.set('other-token', ['sops/two']);
  vault.roles.set('shop_kms', { subject: ACCOUNT, keys: ['sops/one'] });
  file = await encrypted(`${vault.url}/v1/sops/keys/one`);
});
afterAll(async () => {
  await decryptor.close();
  await vault.close();
  bench[Symbol.dispose]();
});
beforeEach(() => {
  vault.asked.length = 0;
  vault.trouble = null;
});

/** The real sops asks the double for the key. */
function encrypted(uri: string, more: readonly string[] = []): Promise<Buffer> {
  const flags = ['--hc-vault-transit', uri, ...more];
  return bench.encryptAsync('a: 1\n', { format: 'yaml', flags, env: { VAULT_TOKEN: 'good-token' } });
}

async function plain(keys: DecryptKeys, content = file): Promise<string> {
  const files = [{ content, format: 'yaml', outputFormat: 'yaml' } as const];
  const [answer] = await decryptor.decrypt({ files, keys, verifyMac: true, deadline: 20_000 });
  if (answer === undefined) return 'no answer';
  return 'error' in answer ? `error: ${answer.error}` : Buffer.from(answer.content).toString();
}

const login = { loginPath: 'auth/kubernetes/login', role: 'shop_kms', jwt: 'a.good.jwt' };

test('a token for any server opens it', async () => {
  expect(await plain({ vault: { '': { token: 'good-token' } } })).toBe('a: 1\n');
});

test('a login by a Kubernetes token opens it, once for all files of a request', async () => {
  const files = [file, await encrypted(`${vault.url}/v1/sops/keys/one`)].map(
    (content) => ({ content, format: 'yaml', outputFormat: 'yaml' }) as const,
  );
  vault.asked.length = 0;
  const answers = await decryptor.decrypt({
    files,
    keys: { vault: { [vault.url]: login } },
    verifyMac: true,
    deadline: 20_000,
  });
  expect(answers.map((answer) => 'content' in answer)).toEqual([true, true]);
  expect(vault.asked).toEqual([
    'PUT /v1/auth/kubernetes/login',
    'PUT /v1/sops/decrypt/one',
    'PUT /v1/sops/decrypt/one',
  ]);
});

test('the key for a server goes before the one for all others', async () => {
  expect(await plain({ vault: { '': { token: 'wrong' }, [vault.url]: { token: 'good-token' } } })).toBe('a: 1\n');
});

test.each<{ what: string; keys: () => DecryptKeys; says: RegExp }>([
  {
    what: 'no token',
    keys: () => ({}),
    says: /no token is given for Vault at http.*: the decryption Secret needs sops/,
  },
  { what: 'a refusal', keys: () => ({ vault: { [vault.url]: { refusal: 'not here' } } }), says: /FAILED not here/ },
  { what: 'a wrong token', keys: () => ({ vault: { '': { token: 'wr0ng' } } }), says: /permission denied/ },
  {
    what: 'a token for other keys',
    keys: () => ({ vault: { '': { token: 'other-token' } } }),
    says: /permission denied/,
  },
  {
    what: 'a wrong role',
    keys: () => ({ vault: { [vault.url]: { ...login, role: 'other' } } }),
    says: /failed to authenticate with Vault 'http.*' at login path 'auth\/kubernetes\/login' as role 'other'/,
  },
  {
    what: 'a token that is not trusted',
    keys: () => ({ vault: { [vault.url]: { ...login, jwt: 'b4d' } } }),
    says: /failed to authenticate with Vault/,
  },
])('with $what it says so, and shows none', async ({ keys, says }) => {
  const text = await plain(keys());
  expect(text).toMatch(says);
  expect(text).not.toMatch(/wr0ng|other-token|b4d/);
});

test.each([
  { status: 403, says: "the server's answer (status 403) is none of Vault's" },
  { status: 404, says: 'failed to decrypt sops data key from Vault transit backend' },
])('what a server answers that is no Vault is not told: $status', async ({ status, says }) => {
  vault.trouble = () => ({ status, body: 'internal page of somebody else' });
  const text = await plain({ vault: { '': { token: 'good-token' } } });
  expect(text).toContain(says);
  expect(text).not.toContain('somebody else');
});

test.each(['unix:///var/run/docker.sock', 'file:///etc', 'not an address'])('%s is no server', async (address) => {
  const other = Buffer.from(file.toString().replace(/vault_address: .*/, `vault_address: "${address}"`));
  expect(await plain({ vault: { '': { token: 'good-token' } } }, other)).toMatch(/the Vault address ".*" is none/);
});

test('a server that does not answer is waited for once, and keeps no other key from opening its file', async () => {
  const uri = `${vault.url}/v1/sops/keys/one`;
  const age = bench.ageKey();
  const contents = [file, await encrypted(uri), await encrypted(uri, ['--age', age.recipient])];
  const impatient = createDecryptor({ path: decryptPath, serviceTimeout: 2_000 });
  vault.asked.length = 0;
  vault.trouble = () => new Promise(() => {});
  const answers = await impatient.decrypt({
    files: contents.map((content) => ({ content, format: 'yaml', outputFormat: 'yaml' })),
    keys: { vault: { '': { token: 'good-token' } }, age: [age.file] },
    verifyMac: true,
    deadline: 20_000,
  });
  await impatient.close();
  expect(answers).toEqual([
    { error: expect.stringContaining(`Vault at ${vault.url} did not answer within 2s`) as string },
    { error: expect.stringContaining(`Vault at ${vault.url} was not asked again`) as string },
    { content: Buffer.from('a: 1\n') },
  ]);
  expect(vault.asked).toEqual(['PUT /v1/sops/decrypt/one']);
});

test('what files need is read without a key', async () => {
  const age = bench.ageKey();
  const other = bench.encrypt('A=b\n', { format: 'dotenv', flags: ['--age', age.recipient] });
  const needs = await decryptor.needs({
    files: [
      { content: file, format: 'yaml' },
      { content: other, format: 'dotenv' },
      { content: Buffer.from('nothing'), format: 'json' },
    ],
    deadline: 20_000,
  });
  expect(needs).toEqual({ aws: [], azure: [], gcp: false, vault: [vault.url] });
});
