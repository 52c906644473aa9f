import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { GitAuth } from './git-sources.ts';
import { selfSigned } from '@plumb/testkit';
import { startGitServer } from './testing/git-server.ts';
import { failureOf, openLab, SHOP } from './testing/lab.ts';

const PASSWORD = 'correct-horse-battery';
const BASIC = `Basic ${Buffer.from(`ada:${PASSWORD}`).toString('base64')}`;

describe('credentials', () => {
  test.each<[name: string, authorization: string, auth: GitAuth]>([
    ['basic', BASIC, { username: 'ada', password: PASSWORD }],
    ['bearer', 'Bearer t0ken', { bearerToken: 't0ken' }],
    ['bearer before basic', 'Bearer t0ken', { username: 'ada', password: PASSWORD, bearerToken: 't0ken' }],
  ])('%s', async (_, authorization, auth) => {
    await using lab = await openLab({ authorization });
    const commit = lab.repository.commit({ a: '1' });
    expect((await lab.sources.resolve(SHOP, lab.request({ auth }))).commit).toBe(commit);
  });

  test.each<[name: string, status: number | undefined, auth: GitAuth, words: RegExp]>([
    [
      'wrong',
      undefined,
      { username: 'ada', password: PASSWORD },
      /authentication required: the credentials were not accepted$/,
    ],
    ['missing', undefined, {}, /authentication required: no credentials were given, set spec.secretRef$/],
    [
      'not enough',
      403,
      { username: 'ada', password: PASSWORD },
      /authorization failed: the credentials were not accepted$/,
    ],
  ])('%s ones are told without their value', async (_, status, auth, words) => {
    await using lab = await openLab({ authorization: 'Bearer other', ...(status ? { status } : {}) });
    const error = await failureOf(lab.sources.resolve(SHOP, lab.request({ auth })));
    expect(error.message).toMatch(words);
    expect(error).toMatchObject({ code: 'authentication-failed', fault: 'user', policy: 'retry' });
    expect(JSON.stringify([error.message, error.stack])).not.toContain(PASSWORD);
  });

  test('a token with a line break is refused before anything is sent', async () => {
    await using lab = await openLab();
    const error = await failureOf(lab.sources.resolve(SHOP, lab.request({ auth: { bearerToken: 'abc\nX-Evil: 1' } })));
    expect(error).toMatchObject({ code: 'authentication-failed' });
    expect(error.message).not.toContain('abc');
    expect(lab.server.requests).toEqual([]);
  });

  test('they stand in no argument and no file', async () => {
    await using lab = await openLab({ hang: true });
    const abort = new AbortController();
    const auth = { username: 'ada', password: PASSWORD };
    const failed = failureOf(lab.sources.resolve(SHOP, lab.request({ auth, signal: abort.signal })));
    while (lab.server.requests.length === 0) await delay(5);
    const commands = commandLines();
    expect(commands).toContain(`${lab.server.url}/shop.git`);
    for (const secret of [PASSWORD, BASIC.slice(6)]) {
      expect(commands).not.toContain(secret);
      expect(filesHolding(lab.dir, secret)).toEqual([]);
    }
    abort.abort();
    expect(await failed).toMatchObject({ code: 'cancelled' });
  });
});

describe('redirects', () => {
  test('within the host are followed with the credentials', async () => {
    await using lab = await openLab({ authorization: BASIC });
    const commit = lab.repository.commit({ a: '1' });
    lab.server.options.redirectFrom = '/old.git';
    lab.server.options.redirectPath = '/shop.git';
    const auth = { username: 'ada', password: PASSWORD };
    const resolved = await lab.sources.resolve(SHOP, lab.request({ url: `${lab.server.url}/old.git`, auth }));
    expect(resolved.commit).toBe(commit);
  });

  test('to another host get no credentials', async () => {
    await using lab = await openLab();
    lab.repository.commit({ a: '1' });
    await using thief = await startGitServer({ root: lab.root });
    lab.server.options.redirectTo = thief.url;
    const auth = { username: 'ada', password: PASSWORD };
    const error = await failureOf(lab.sources.resolve(SHOP, lab.request({ auth })));
    expect(error.message).toMatch(
      /the server redirects, and credentials are not sent to another host \('127.0.0.1:\d+'\)/,
    );
    expect(thief.requests).toEqual([]);
  });

  test('to another host are followed when there are none', async () => {
    await using lab = await openLab();
    const commit = lab.repository.commit({ a: '1' });
    await using mirror = await startGitServer(lab.server.options);
    lab.server.options = { ...lab.server.options, redirectTo: mirror.url };
    expect((await lab.sources.resolve(SHOP, lab.request())).commit).toBe(commit);
  });

  test('in a circle come to an end', async () => {
    await using lab = await openLab();
    lab.server.options.redirectTo = lab.server.url;
    expect((await failureOf(lab.sources.resolve(SHOP, lab.request()))).message).toMatch(/more than 5 redirects$/);
  });
});

describe('TLS', () => {
  test('trusts the given authority, and only that', async () => {
    await using lab = await openLab();
    const commit = lab.repository.commit({ a: '1' });
    const own = selfSigned('own');
    const other = selfSigned('other');
    await using secure = await startGitServer({ ...lab.server.options, tls: own });
    const url = `${secure.url}/shop.git`;

    expect((await lab.sources.resolve(SHOP, lab.request({ url, auth: { ca: own.cert } }))).commit).toBe(commit);
    for (const auth of [{}, { ca: other.cert }]) {
      const error = await failureOf(lab.sources.resolve(SHOP, lab.request({ url, auth })));
      expect(error.message).toMatch(/TLS failed: /);
      expect(error).toMatchObject({ code: 'source-failed', fault: 'system' });
    }
    expect(readdirSync(join(lab.dir, 'scratch'))).toEqual([]);
  });
});

describe('a server that is not well', () => {
  test('nobody listens', async () => {
    await using lab = await openLab();
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    const error = await failureOf(lab.sources.resolve(SHOP, lab.request({ url: `http://127.0.0.1:${port}/shop.git` })));
    expect(error.message).toMatch(/host unreachable: .*127.0.0.1 port \d+/);
    expect(error).toMatchObject({ code: 'source-failed', fault: 'system', policy: 'retry' });
  });

  test('its name does not exist', async () => {
    await using lab = await openLab();
    const error = await failureOf(lab.sources.resolve(SHOP, lab.request({ url: 'http://nowhere.invalid/shop.git' })));
    expect(error.message).toMatch(/host not found: Could not resolve host: nowhere.invalid/);
  });

  test.each([
    [404, /repository not found$/],
    [500, /the server answered with HTTP status 500$/],
  ])('status %i', async (status, words) => {
    await using lab = await openLab({ status });
    expect((await failureOf(lab.sources.resolve(SHOP, lab.request()))).message).toMatch(words);
  });

  test('one that never answers is given up with all its processes', async () => {
    await using lab = await openLab({ hang: true });
    const error = await failureOf(lab.sources.resolve(SHOP, lab.request({ timeout: 300 })));
    expect(error).toMatchObject({ code: 'timeout', policy: 'retry' });
    expect(error.message).toMatch(/context deadline exceeded after 0.3s$/);
    expect(commandLines()).not.toContain(lab.server.url);
  });

  test.each(['close', 'remove'] as const)('%s does not wait for it', async (end) => {
    await using lab = await openLab({ hang: true });
    const failed = failureOf(lab.sources.resolve(SHOP, lab.request()));
    const queued = failureOf(lab.sources.resolve(SHOP, lab.request()));
    while (lab.server.requests.length === 0) await delay(5);
    const started = performance.now();
    await (end === 'close' ? lab.sources.close() : lab.sources.remove(SHOP));
    expect(performance.now() - started).toBeLessThan(5000);
    expect(await failed).toMatchObject({ code: 'cancelled' });
    expect(await queued).toMatchObject({ code: 'cancelled' });
  });

  test('a cancelled request ends before anything starts', async () => {
    await using lab = await openLab();
    const error = await failureOf(lab.sources.resolve(SHOP, lab.request({ signal: AbortSignal.abort() })));
    expect(error).toMatchObject({ code: 'cancelled' });
    expect(lab.server.requests).toEqual([]);
  });
});

/** The arguments of every process, as any user of the machine can read them. */
function commandLines(): string {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return processes.map((id) => readArguments(id)).join('\n');
}

function readArguments(id: string): string {
  try {
    return readFileSync(join('/proc', id, 'cmdline'), 'utf8').replaceAll('\0', ' ');
  } catch {
    // It ended meanwhile.
    return '';
  }
}

function filesHolding(dir: string, text: string): string[] {
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((name) => join(dir, name));
  return files.filter((file) => statSync(file).isFile() && readFileSync(file).includes(text));
}
