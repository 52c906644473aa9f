import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CERTIFICATE_PEM, KEY_PEM, rejection } from '../fake-api.ts';
import type { Access } from './access.ts';
import { kubeconfigAccess } from './kubeconfig.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plumb-kubeconfig-'));
  await writeFile(join(folder, 'ca.pem'), CERTIFICATE_PEM);
  await writeFile(join(folder, 'client.pem'), `${CERTIFICATE_PEM}\n`);
  await writeFile(join(folder, 'client.key'), KEY_PEM);
  await writeFile(join(folder, 'token'), 'from-file\n');
});
afterAll(() => rm(folder, { recursive: true }));

function config(cluster: object, user: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'c', cluster: { server: 'https://127.0.0.1:6443', ...cluster } },
      { name: 'other', cluster: { server: 'https://other:1' } },
    ],
    users: [{ name: 'u', user }],
    contexts: [
      { name: 'x', context: { cluster: 'c', user: 'u' } },
      { name: 'y', context: { cluster: 'other', user: '' } },
    ],
    'current-context': 'x',
  };
}

async function written(content: unknown): Promise<string> {
  const path = join(folder, 'config');
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

async function facts(access: Access): Promise<object> {
  const { ca, cert, key, servername, rejectUnauthorized } = await access.tls();
  return {
    server: access.server.href,
    tls: { ca, cert, key, servername, rejectUnauthorized },
    authorization: (await access.headers())['authorization'],
    user: access.impersonation['impersonate-user'],
  };
}

/** The same facts as @kubernetes/client-node reads them. */
async function theirs(path: string): Promise<object> {
  const kubeconfig = new KubeConfig();
  kubeconfig.loadFromFile(path);
  const options: Record<string, unknown> & { headers?: Record<string, string>; auth?: string } = {};
  await kubeconfig.applyToHTTPSOptions(options as Parameters<typeof kubeconfig.applyToHTTPSOptions>[0]);
  const { ca, cert, key, servername, rejectUnauthorized, headers, auth } = options;
  const pem = (value: unknown): string | undefined => (Buffer.isBuffer(value) ? value.toString() : undefined);
  return {
    server: new URL(kubeconfig.getCurrentCluster()!.server).href,
    tls: { ca: pem(ca), cert: pem(cert), key: pem(key), servername, rejectUnauthorized },
    authorization: auth === undefined ? headers?.['Authorization'] : `Basic ${btoa(auth)}`,
    user: headers?.['Impersonate-User'],
  };
}

const ca = { 'certificate-authority-data': btoa(CERTIFICATE_PEM) };
const cert = { 'client-certificate-data': btoa(CERTIFICATE_PEM), 'client-key-data': btoa(KEY_PEM) };
const CASES: { what: string; cluster: object; user: object }[] = [
  { what: 'certificates as data', cluster: ca, user: cert },
  {
    what: 'certificates as files beside it',
    cluster: { 'certificate-authority': 'ca.pem' },
    user: { 'client-certificate': 'client.pem', 'client-key': 'client.key' },
  },
  { what: 'a token', cluster: ca, user: { token: 'abc' } },
  { what: 'a name and a password', cluster: ca, user: { username: 'me', password: 'p:w' } },
  {
    what: 'another name in the certificate',
    cluster: { ...ca, 'tls-server-name': 'kubernetes' },
    user: { token: 'abc' },
  },
  { what: 'no check of the certificate', cluster: { 'insecure-skip-tls-verify': true }, user: { token: 'abc' } },
  { what: 'impersonation', cluster: ca, user: { ...cert, as: 'tenant' } },
  { what: 'nobody', cluster: ca, user: {} },
  { what: 'a server with a path and a slash', cluster: { server: 'https://host/k8s/' }, user: {} },
];

describe('reads what @kubernetes/client-node reads', () => {
  test.each(CASES)('$what', async ({ cluster, user }) => {
    const path = await written(config(cluster, user));
    const expected = await theirs(path);
    const access = await kubeconfigAccess(path, undefined);
    expect({ ...(await facts(access)), server: access.server.href.replace(/\/$/, '') }).toEqual({
      ...expected,
      server: (expected as { server: string }).server.replace(/\/$/, ''),
    });
  });

  test('in YAML as in JSON', async () => {
    const path = await written(
      [
        'apiVersion: v1',
        'kind: Config',
        'clusters: [{name: c, cluster: {server: "https://127.0.0.1:6443", certificate-authority: ca.pem}}]',
        'users:',
        '- name: u',
        '  user: {token: abc, as: root, as-groups: [a, b], as-uid: "7", as-user-extra: {"example.com/x": [y]}}',
        'contexts: [{name: x, context: {cluster: c, user: u}}]',
        'current-context: x',
      ].join('\n'),
    );
    const access = await kubeconfigAccess(path, undefined);
    expect(await facts(access)).toEqual(await theirs(path));
    expect(access.impersonation).toEqual({
      'impersonate-user': 'root',
      'impersonate-group': ['a', 'b'],
      'impersonate-uid': '7',
      'impersonate-extra-example.com%2fx': ['y'],
    });
  });
});

test('several files are one, as in kubectl: the first entry of a name counts, and paths start from their own file', async () => {
  const other = await mkdtemp(join(folder, 'other-'));
  await writeFile(join(other, 'root.pem'), CERTIFICATE_PEM);
  await writeFile(join(other, 'token'), 'from-the-other');
  const [first, second] = [join(folder, 'first'), join(other, 'second')];
  const contexts = [{ name: 'x', context: { cluster: 'c', user: 'u' } }];
  await writeFile(first, JSON.stringify({ contexts, users: [{ name: 'u', user: { tokenFile: 'token' } }] }));
  const later = config({ 'certificate-authority': 'root.pem' }, { tokenFile: 'token' });
  await writeFile(second, JSON.stringify({ ...later, 'current-context': 'x' }));
  await writeFile(join(folder, 'empty'), '\n');
  const paths = [first, join(folder, 'nobody-wrote-this'), join(folder, 'empty'), second].join(delimiter);
  const access = await kubeconfigAccess(paths, undefined);
  expect(await facts(access)).toMatchObject({
    server: 'https://127.0.0.1:6443/',
    tls: { ca: CERTIFICATE_PEM },
    authorization: 'Bearer from-file',
  });
  expect((await facts(await kubeconfigAccess(paths, 'y'))) as object).toMatchObject({ server: 'https://other:1/' });
  const users = [{ name: 'u', user: { exec: { command: './plugin', apiVersion: 'client.authentication.k8s.io/v1' } } }];
  await writeFile(first, JSON.stringify({ contexts, users }));
  const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential' };
  const answer = JSON.stringify({ ...credential, status: { token: 'from-a-plugin' } });
  await writeFile(join(folder, 'plugin'), `#!/bin/sh\necho '${answer}'\n`);
  await chmod(join(folder, 'plugin'), 0o755);
  expect(await facts(await kubeconfigAccess(paths, undefined))).toMatchObject({
    authorization: 'Bearer from-a-plugin',
  });
});

test('data goes before files, as in kubectl', async () => {
  const files = { 'client-certificate': 'none', 'client-key': 'none' };
  const content = config({ ...ca, 'certificate-authority': 'none' }, { ...cert, ...files });
  const access = await kubeconfigAccess(await written(content), undefined);
  expect(await access.tls()).toEqual({ ca: CERTIFICATE_PEM, cert: CERTIFICATE_PEM, key: KEY_PEM });
});

test('a token file is read again after a 401', async () => {
  const access = await kubeconfigAccess(await written(config(ca, { tokenFile: 'token', token: 'older' })), undefined);
  expect(await access.headers()).toEqual({ authorization: 'Bearer from-file' });
  await writeFile(join(folder, 'token'), 'rotated');
  expect(await access.headers()).toEqual({ authorization: 'Bearer from-file' });
  expect(access.renew()).toBe(true);
  expect(await access.headers()).toEqual({ authorization: 'Bearer rotated' });
});

test('another context may be chosen', async () => {
  const access = await kubeconfigAccess(await written(config(ca, cert)), 'y');
  expect(access.server.href).toBe('https://other:1/');
});

describe('a credential plugin', () => {
  async function plugin(script: string): Promise<string> {
    const path = join(folder, 'plugin.cjs');
    await writeFile(path, `#!${process.execPath}\n${script}`);
    await chmod(path, 0o755);
    return './plugin.cjs';
  }
  const user = (command: string): object => ({
    exec: { apiVersion: 'client.authentication.k8s.io/v1', command, args: ['a'], provideClusterInfo: true },
  });

  test('gives a token, told which cluster it is for', async () => {
    const command = await plugin(`
      const info = JSON.parse(process.env.KUBERNETES_EXEC_INFO);
      console.log(JSON.stringify({ status: { token: info.spec.cluster.server + ' ' + process.argv[2] } }));`);
    const access = await kubeconfigAccess(await written(config(ca, user(command))), undefined);
    expect(await access.headers()).toEqual({ authorization: 'Bearer https://127.0.0.1:6443 a' });
  });

  test('gives a certificate', async () => {
    const status = JSON.stringify({ status: { clientCertificateData: 'CERT', clientKeyData: 'KEY' } });
    const command = await plugin(`console.log(${JSON.stringify(status)});`);
    const access = await kubeconfigAccess(await written(config(ca, user(command))), undefined);
    expect(await access.tls()).toMatchObject({ ca: CERTIFICATE_PEM, cert: 'CERT', key: 'KEY' });
  });

  test('that prints half an answer does not have it repeated', async () => {
    const command = await plugin(`console.log('{"status":{"token":"s3cret');`);
    const access = await kubeconfigAccess(await written(config(ca, user(command))), undefined);
    const error = await rejection(Promise.resolve(access.headers()));
    expect(error).toMatchObject({ message: expect.stringContaining('its answer is not valid JSON') });
    expect(error).not.toMatchObject({ message: expect.stringContaining('s3cret') });
  });

  test('that fails is named with what it said', async () => {
    const command = await plugin(`console.error('log in first'); process.exit(1);`);
    const access = await kubeconfigAccess(await written(config(ca, user(command))), undefined);
    await expect(access.headers()).rejects.toMatchObject({
      code: 'authentication-failed',
      message: expect.stringContaining('log in first'),
    });
  });
});

describe('a kubeconfig that cannot be used is refused by name, without its values', () => {
  test.each([
    {
      what: 'no context',
      content: { ...config(ca, cert), 'current-context': '' },
      code: 'invalid-spec',
      says: 'current-context',
    },
    {
      what: 'an unknown context',
      content: { ...config(ca, cert), 'current-context': 'z' },
      code: 'invalid-spec',
      says: 'no context named "z"',
    },
    {
      what: 'an unknown user',
      content: { ...config(ca, cert), users: [] },
      code: 'invalid-spec',
      says: 'no user named "u"',
    },
    {
      what: 'a server that is no URL',
      content: config({ server: 'ftp://x' }, cert),
      code: 'invalid-url',
      says: 'ftp://x',
    },
    {
      what: 'a proxy of another kind',
      content: config({ 'proxy-url': 'socks5://me:s3cret@p:1080' }, cert),
      code: 'invalid-spec',
      says: 'proxy-url has the scheme "socks5": use an http or https proxy',
    },
    {
      what: 'a proxy that is no URL',
      content: config({ 'proxy-url': 'http://me:s3cret@' }, cert),
      code: 'invalid-spec',
      says: 'proxy-url is not a URL',
    },
    {
      what: 'a proxy whose password is not escaped',
      content: config({ 'proxy-url': 'http://me:s3cret%@p' }, cert),
      code: 'invalid-spec',
      says: 'proxy-url is not a URL',
    },
    {
      what: 'a proxy in front of a server without TLS',
      content: config({ server: 'http://x', 'proxy-url': 'http://me:s3cret@p' }, cert),
      code: 'invalid-spec',
      says: 'a server without TLS',
    },
    {
      what: 'broken YAML',
      content: 'users: [{token: s3cret}\n: :',
      code: 'invalid-spec',
      says: 'neither YAML nor JSON',
    },
  ])('$what', async ({ content, code, says }) => {
    const path = await written(content);
    const refused = kubeconfigAccess(path, undefined);
    await expect(refused).rejects.toMatchObject({ code, message: expect.stringContaining(says) });
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining('s3cret') });
  });

  test('a file that is not there', async () => {
    await expect(kubeconfigAccess(join(folder, 'none'), undefined)).rejects.toMatchObject({ code: 'invalid-path' });
  });

  test('a certificate file that is not there', async () => {
    const access = await kubeconfigAccess(
      await written(config({ 'certificate-authority': 'none.pem' }, {})),
      undefined,
    );
    await expect(access.tls()).rejects.toMatchObject({
      code: 'authentication-failed',
      message: expect.stringContaining('none.pem'),
    });
  });
});
