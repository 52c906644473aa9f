import { createPublicKey, createVerify, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { GitAuth } from '../git-sources.ts';
import { failureOf, openLab, SHOP, type Lab } from '../testing/lab.ts';

const TOKEN = 'ghs_sixteenCharacters0';
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();

interface Answer {
  status: number;
  body: string;
  date?: string;
}

let lab: Lab;
let api: Server;
let asked: { path: string; claims: Record<string, unknown>; valid: boolean }[];
let answer: (path: string) => Answer;
beforeEach(async () => {
  const authorization = `Basic ${Buffer.from(`x-access-token:${TOKEN}`).toString('base64')}`;
  lab = await openLab({ authorization });
  asked = [];
  answer = () => granted(3_600_000);
  api = createServer((request, response) => {
    const [head = '', claims = '', signature = ''] = (request.headers.authorization ?? '')
      .replace('Bearer ', '')
      .split('.');
    const key = createPublicKey(publicKey.export({ type: 'spki', format: 'pem' }));
    const valid = createVerify('sha256').update(`${head}.${claims}`).verify(key, signature, 'base64url');
    const parsed = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
    asked.push({ path: `${request.method} ${request.url}`, claims: parsed, valid });
    const { status, body, date } = answer(request.url ?? '');
    response.writeHead(status, { 'content-type': 'application/json', ...(date !== undefined && { date }) }).end(body);
  });
  api.listen(0, '127.0.0.1');
  await once(api, 'listening');
});
afterEach(async () => {
  api.closeAllConnections();
  api.close();
  await lab[Symbol.asyncDispose]();
});

const granted = (lifetime: number): Answer => ({
  status: 201,
  body: JSON.stringify({ token: TOKEN, expires_at: new Date(Date.now() + lifetime).toISOString() }),
});
const app = (over: Partial<NonNullable<GitAuth['githubApp']>> = {}): GitAuth => {
  const baseUrl = `http://127.0.0.1:${(api.address() as AddressInfo).port}/api/v3/`;
  return { githubApp: { appId: '42', installation: { id: '7' }, privateKey: PEM, baseUrl, ...over } };
};
const resolve = (auth = app()): ReturnType<Lab['sources']['resolve']> =>
  lab.sources.resolve(SHOP, lab.request({ auth }));

describe('a GitHub App', () => {
  test('is let in by a token of its installation', async () => {
    const commit = lab.repository.commit({ 'a.yaml': '1' });
    expect((await resolve()).commit).toBe(commit);
    expect(asked).toHaveLength(1);
    const [request] = asked;
    expect(request).toMatchObject({ path: 'POST /api/v3/app/installations/7/access_tokens', valid: true });
    const { iss, iat, exp } = (request?.claims ?? {}) as { iss: string; iat: number; exp: number };
    expect(iss).toBe('42');
    expect(exp - iat).toBeLessThanOrEqual(600);
    expect(iat).toBeLessThan(Date.now() / 1000);
  });

  test('asks once as long as the token lives, and again before it ends', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    await resolve();
    await resolve();
    expect(asked).toHaveLength(1);
    answer = () => granted(60_000);
    await resolve(app({ installation: { id: '8' } }));
    await resolve(app({ installation: { id: '8' } }));
    expect(asked).toHaveLength(3);
  });

  test.each([
    ['is a day ahead of ours', 86_400_000],
    ['is a day behind ours', -86_400_000],
  ])('counts how long a token lives by the clock of the server where it %s', async (_, ahead) => {
    lab.repository.commit({ 'a.yaml': '1' });
    const date = new Date(Date.now() + ahead).toUTCString();
    for (const [id, lifetime, times] of [
      ['1', 3_600_000, 1],
      ['2', 60_000, 2],
    ] as const) {
      asked = [];
      answer = () => ({ ...granted(ahead + lifetime), date });
      await resolve(app({ installation: { id } }));
      await resolve(app({ installation: { id } }));
      expect(asked).toHaveLength(times);
    }
  });

  test('asks for another token once a host has refused one', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    const { authorization = '' } = lab.server.options;
    await resolve();
    lab.server.options.authorization = 'Bearer other';
    await failureOf(resolve());
    lab.server.options.authorization = authorization;
    await resolve();
    expect(asked).toHaveLength(2);
  });

  test.each([
    ['organization', ['/api/v3/orgs/acme/installation']],
    ['user', ['/api/v3/orgs/acme/installation', '/api/v3/users/acme/installation']],
  ])('is found by the %s it is installed for, once as long as the token lives', async (_, known) => {
    lab.repository.commit({ 'a.yaml': '1' });
    answer = (path) => {
      if (path === known.at(-1)) return { status: 200, body: '{"id":7}' };
      return path.endsWith('/installation') ? { status: 404, body: '{}' } : granted(3_600_000);
    };
    await resolve(app({ installation: { owner: 'acme' } }));
    await resolve(app({ installation: { owner: 'acme' } }));
    expect(asked.map(({ path }) => path)).toEqual([
      ...known.map((path) => `GET ${path}`),
      'POST /api/v3/app/installations/7/access_tokens',
    ]);
    expect(asked.every(({ valid }) => valid)).toBe(true);
  });

  test.each<[what: string, answer: Answer, over: Parameters<typeof app>[0], words: RegExp]>([
    [
      'refused',
      { status: 404, body: '{}' },
      {},
      /answered with HTTP status 404: check githubAppID, githubAppInstallationID and the key$/,
    ],
    [
      'installed for nobody of that name',
      { status: 404, body: '{}' },
      { installation: { owner: 'acme' } },
      /knows no installation for 'acme': check githubAppInstallationOwner$/,
    ],
    [
      'refused when it asks where it is installed',
      { status: 401, body: '{}' },
      { installation: { owner: 'acme' } },
      /answered with HTTP status 401: check githubAppID, githubAppInstallationOwner and the key$/,
    ],
    [
      'told nonsense of where it is installed',
      { status: 200, body: '{"id":"7/../8"}' },
      { installation: { owner: 'acme' } },
      /holds no installation$/,
    ],
    [
      'given an owner that is a path',
      { status: 200, body: '{"id":7}' },
      { installation: { owner: '../app' } },
      /githubAppInstallationOwner is not the name of an organization or user$/,
    ],
    ['sent elsewhere', { status: 302, body: '' }, {}, /answered with HTTP status 302/],
    [
      'answered with nonsense',
      { status: 201, body: `{"token":"${TOKEN}"` },
      {},
      /the answer of 127.0.0.1:\d+ holds no token$/,
    ],
    [
      'answered with a token that breaks lines',
      { status: 201, body: '{"token":"a\\nb","expires_at":"2100-01-01T00:00:00Z"}' },
      {},
      /holds no token$/,
    ],
    [
      'given no key',
      { status: 201, body: '' },
      { privateKey: 'hello' },
      /githubAppPrivateKey is not an RSA private key in PEM$/,
    ],
    [
      'given an odd address',
      { status: 201, body: '' },
      { baseUrl: 'ftp://x' },
      /githubAppBaseURL is not an http or https address$/,
    ],
    [
      'not answered',
      { status: 201, body: '' },
      { baseUrl: 'http://127.0.0.1:9' },
      /127.0.0.1:9 cannot be asked for a token: .*ECONNREFUSED/,
    ],
  ])('%s', async (_, given, over, words) => {
    answer = () => given;
    const error = await failureOf(resolve(app(over)));
    expect(error.message).toMatch(/^failed to get a token for the GitHub App: /);
    expect(error.message).toMatch(words);
    expect(error).toMatchObject({ code: 'authentication-failed', policy: 'retry' });
    expect(error.message).not.toContain(TOKEN);
    expect(lab.server.requests).toEqual([]);
  });

  test('that hangs is given up in time', async () => {
    api.removeAllListeners('request');
    api.on('request', () => undefined);
    const error = await failureOf(lab.sources.resolve(SHOP, lab.request({ auth: app(), timeout: 300 })));
    expect(error.message).toMatch(/cannot be asked for a token: /);
  });

  test('a token is in no message of a host that refuses it', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    lab.server.options.authorization = 'Bearer other';
    const error = await failureOf(resolve());
    expect(error.message).toMatch(/the credentials were not accepted$/);
    expect(error.message).not.toContain(TOKEN);
  });
});
