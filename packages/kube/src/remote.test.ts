import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PlumbError } from '@plumb/api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CERTIFICATE_PEM, FakeApi, rejection, respond } from './fake-api.ts';
import { connectRemote, remoteByToken, remoteOf, serverIn } from './remote.ts';

const STRICT = { exec: false, insecureTls: false };
const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'cart' };
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const ca = { 'certificate-authority-data': base64(CERTIFICATE_PEM) };

/** Gives a token that names its argument and how often it was run. */
const COUNTING_PLUGIN = `
  const { existsSync, readFileSync, writeFileSync } = require('node:fs');
  const file = process.env.RUNS;
  const count = existsSync(file) ? Number(readFileSync(file, 'utf8')) + 1 : 1;
  writeFileSync(file, String(count));
  const { apiVersion } = JSON.parse(process.env.KUBERNETES_EXEC_INFO);
  const status = { token: process.argv[2] + '-' + count, expirationTimestamp: process.env.EXPIRES };
  console.log(JSON.stringify({ apiVersion, kind: 'ExecCredential', status }));
`;

let fake: FakeApi;
beforeEach(async () => {
  fake = await FakeApi.start();
});
afterEach(() => fake.close());

const config = (user: object, cluster: object = {}): string =>
  JSON.stringify({
    'current-context': 'x',
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: fake.url(), ...ca, ...cluster } }],
    users: [{ name: 'u', user }],
  });

function refusal(given: string, rules = STRICT): PlumbError {
  try {
    remoteOf(given, rules);
  } catch (error) {
    if (error instanceof PlumbError) return error;
  }
  throw new Error('it was not refused');
}

test('a kubeconfig with all it needs inline is connected to', async () => {
  const cluster = connectRemote(remoteOf(config({ token: 'abc' }), STRICT), { userAgent: 'far' });
  expect(await cluster.get(CONFIG_MAP)).toBeNull();
  expect(fake.requests.at(-1)?.headers).toMatchObject({ authorization: 'Bearer abc', 'user-agent': 'far' });
  await cluster.close();
});

test('in YAML as in JSON, and whatever the order of the fields, it is one and the same', () => {
  const yaml = [
    'current-context: x',
    'contexts: [{name: x, context: {cluster: c, user: u}}]',
    'users: [{name: u, user: {token: abc, as: tenant}}]',
    'clusters:',
    '- name: c',
    '  cluster:',
    `    certificate-authority-data: ${ca['certificate-authority-data']}`,
    `    server: ${fake.url()}`,
  ].join('\n');
  const json = remoteOf(config({ as: 'tenant', token: 'abc' }), STRICT);
  expect(remoteOf(yaml, STRICT)).toMatchObject({ id: json.id, place: json.place, host: new URL(fake.url()).host });
});

test('other credentials are another connection to the same place, another server or proxy is another place', () => {
  const [one, two] = ['abc', 'def'].map((token) => remoteOf(config({ token }), STRICT));
  const far = remoteOf(config({ token: 'abc' }, { server: 'https://far.example' }), STRICT);
  expect(one?.id).not.toBe(two?.id);
  expect(one?.place).toBe(two?.place);
  expect(far.place).not.toBe(one?.place);
  expect(far.host).toBe('far.example:443');
  const [near, same, other] = ['http://p', 'http://me:s3cret@p', 'http://q'].map((proxy) =>
    remoteOf(config({ token: 'abc' }, { 'proxy-url': proxy }), STRICT),
  );
  expect(near?.place).not.toBe(one?.place);
  expect([same?.place, same?.id]).toEqual([near?.place, expect.not.stringMatching(near?.id ?? '')]);
  expect(other?.place).not.toBe(near?.place);
});

describe('what would use the files, programs or trust of this machine is refused by its field', () => {
  const exec = { exec: { command: 'get-token', apiVersion: 'client.authentication.k8s.io/v1' } };
  test.each([
    { what: 'a token file', given: () => config({ tokenFile: '/etc/passwd', token: 's3cret' }), says: '(tokenFile)' },
    {
      what: 'a key file',
      given: () => config({ 'client-key': '/root/key' }),
      says: '(client-key): use client-key-data',
    },
    { what: 'a CA file', given: () => config({}, { 'certificate-authority': '/ca' }), says: '(certificate-authority)' },
    { what: 'a program', given: () => config(exec), says: 'allow it with --insecure-kubeconfig-exec' },
    { what: 'an auth provider', given: () => config({ 'auth-provider': { name: 'oidc' } }), says: 'an auth-provider' },
    {
      what: 'an unchecked certificate',
      given: () => config({ token: 's3cret' }, { 'insecure-skip-tls-verify': true }),
      says: 'allow it with --insecure-kubeconfig-tls',
    },
    { what: 'no TLS', given: () => config({ token: 's3cret' }, { server: 'http://x' }), says: 'without TLS' },
  ])('$what', ({ given, says }) => {
    const { code, message, policy } = refusal(given());
    expect({ code, policy }).toEqual({ code: 'access-denied', policy: 'stall' });
    expect(message).toContain(says);
    expect(message).not.toContain('s3cret');
  });

  test('what was allowed is not', () => {
    expect(remoteOf(config(exec), { ...STRICT, exec: true }).host).toBe(new URL(fake.url()).host);
    const insecure = config({}, { server: 'http://far.example', 'insecure-skip-tls-verify': true });
    expect(remoteOf(insecure, { ...STRICT, insecureTls: true }).host).toBe('far.example:80');
  });
});

describe('the program that a kubeconfig names', () => {
  let folder: string;
  let env: { name: string; value: string }[];
  let user: object;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plumb-remote-'));
    const command = join(folder, 'get-token.cjs');
    await writeFile(command, `#!${process.execPath}\n${COUNTING_PLUGIN}`);
    await chmod(command, 0o755);
    env = [{ name: 'RUNS', value: join(folder, 'runs') }];
    user = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command, args: ['shop'], env } };
  });
  afterEach(() => rm(folder, { recursive: true }));

  const runs = (): Promise<string> => readFile(join(folder, 'runs'), 'utf8').catch(() => 'none');

  test('is run where it is allowed, once, and its token is used for every request', async () => {
    const cluster = connectRemote(remoteOf(config(user), { ...STRICT, exec: true }));
    const asked = [cluster.get(CONFIG_MAP), cluster.get({ ...CONFIG_MAP, name: 'till' })];
    expect(await Promise.all(asked)).toEqual([null, null]);
    expect(new Set(fake.requests.map(({ headers }) => headers.authorization))).toEqual(new Set(['Bearer shop-1']));
    expect(await runs()).toBe('1');
    await cluster.close();
  });

  test('is run again when its token is refused', async () => {
    fake.handler = ({ headers }, response) => {
      const status = headers.authorization === 'Bearer shop-2' ? 404 : 401;
      respond(response, status, { kind: 'Status', message: 'no' });
    };
    const cluster = connectRemote(remoteOf(config(user), { ...STRICT, exec: true }));
    expect(await cluster.get(CONFIG_MAP)).toBeNull();
    expect(await runs()).toBe('2');
    await cluster.close();
  });

  test('is run again after a refusal, whoever else is being given the old token', async () => {
    const { access } = remoteOf(config(user), { ...STRICT, exec: true });
    await access.headers();
    const others = access.headers();
    access.renew();
    expect(await access.headers()).toEqual({ authorization: 'Bearer shop-2' });
    expect(await others).toEqual({ authorization: 'Bearer shop-1' });
  });

  test('is run again when its token has expired', async () => {
    env.push({ name: 'EXPIRES', value: '2020-01-01T00:00:00Z' });
    const cluster = connectRemote(remoteOf(config(user), { ...STRICT, exec: true }));
    expect(await cluster.get(CONFIG_MAP)).toBeNull();
    const before = Number(await runs());
    expect(await cluster.get(CONFIG_MAP)).toBeNull();
    expect(fake.requests.at(-1)?.headers.authorization).toBe(`Bearer shop-${before + 1}`);
    await cluster.close();
  });

  test('is not run where it is not, and the refusal says which flag would', async () => {
    expect(refusal(config(user))).toMatchObject({
      code: 'access-denied',
      message:
        "the kubeconfig's user runs a program (exec): use a token or a certificate, or allow it with --insecure-kubeconfig-exec",
    });
    expect(refusal(config(user), { exec: false, insecureTls: true }).code).toBe('access-denied');
    expect(await runs()).toBe('none');
    expect(fake.requests).toEqual([]);
  });
});

describe('a text that is no kubeconfig is refused without a word of it', () => {
  test.each([
    { what: 'no YAML', given: 'token: s3cret\n  : :', says: 'neither YAML nor JSON' },
    { what: 'nothing', given: ' \n', says: 'is empty' },
    { what: 'a list', given: '[s3cret]', says: 'no current-context' },
    { what: 'aliases', given: 'a: &s3cret x\nb: *s3cret', says: 'neither YAML nor JSON' },
    { what: 'more than the API server stores', given: 's3cret'.repeat(200_000), says: 'larger than 1 MiB' },
    { what: 'far too deep', given: '[s3cret, '.repeat(5_000), says: 'neither YAML nor JSON' },
  ])('$what', ({ given, says }) => {
    const { code, message } = refusal(given);
    expect(code).toBe('invalid-spec');
    expect(message).toContain(says);
    expect(message).not.toContain('s3cret');
  });
});

test('refused credentials are told, each time', async () => {
  let refused = 0;
  fake.handler = (_request, response) => respond(response, 401, { kind: 'Status', message: 'Unauthorized' });
  const cluster = connectRemote(remoteOf(config({ token: 'old' }), STRICT), { onRefused: () => (refused += 1) });
  expect(await rejection(cluster.get(CONFIG_MAP))).toMatchObject({ status: 401 });
  expect(await rejection(cluster.get(CONFIG_MAP))).toMatchObject({ status: 401 });
  expect(refused).toBe(2);
  await cluster.close();
});

describe('a server with a token that something else keeps fresh', () => {
  const at = (): { address: string; ca: string } => ({ address: fake.url(), ca: CERTIFICATE_PEM });

  test('is asked with the token of the moment, and with another one once it was refused', async () => {
    const tokens = ['first', 'second'];
    let current = 0;
    const source = { id: 'me', token: () => tokens[current] ?? '', forget: () => void (current += 1) };
    fake.handler = (request, response) => {
      const good = request.headers.authorization === 'Bearer second';
      respond(response, good ? 404 : 401, { kind: 'Status', message: 'no' });
    };
    const cluster = connectRemote(remoteByToken(at(), source));
    expect(await cluster.get(CONFIG_MAP)).toBeNull();
    expect(current).toBe(1);
    await cluster.close();
  });

  test('needs no scheme, and nothing but https', () => {
    const source = { id: 'me', token: () => '', forget: () => undefined };
    expect(remoteByToken({ address: 'far.example:6443', ca: undefined }, source).host).toBe('far.example:6443');
    expect(() => remoteByToken({ address: 'http://far.example', ca: undefined }, source)).toThrow('over https');
    expect(() => remoteByToken({ address: 'far example', ca: undefined }, source)).toThrow('over https');
  });

  test('is found in a kubeconfig too, whoever its user is', () => {
    expect(serverIn(config({ exec: { command: 'login' } }))).toEqual({
      address: `${fake.url()}/`,
      ca: CERTIFICATE_PEM,
    });
  });
});
