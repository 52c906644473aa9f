import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { selfSigned } from '@plumb/testkit';
import type { RemoteBases, RemoteFile, RemoteRequest } from '../remote-bases.ts';
import { startGitServer, type GitServer } from '../testing/git-server.ts';
import { failureOf, text } from '../testing/lab.ts';
import { Repository } from '../testing/repository.ts';
import { createRemoteBases } from './create-remote-bases.ts';

const REQUEST: RemoteRequest = { timeout: 15_000 };

let root: string;
let dir: string;
let bases: RemoteBases;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'plumb-remotes-'));
  bases = createRemoteBases({ dir, keepFor: 0 });
});
afterEach(async () => {
  await bases.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('a repository', () => {
  let server: GitServer;
  let repository: Repository;
  let first: string;
  let url: string;

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'plumb-remote-repositories-'));
    server = await startGitServer({ root });
    url = `${server.url}/base.git`;
  });
  afterAll(async () => {
    await server.close();
    rmSync(root, { recursive: true, force: true });
  });
  beforeEach(() => {
    server.options = { root };
    repository = new Repository(root, 'base.git');
    first = repository.commit({ 'a.yaml': 'one', '.gitignore': 'x', '.github/b.yaml': 'two' });
  });

  const read = async (ref: string, request: Partial<RemoteRequest> = {}, path = 'a.yaml'): Promise<string | null> =>
    text(await (await bases.tree({ url, ref, submodules: true }, { ...REQUEST, ...request })).tree.read(path));

  test('is fetched whole, at its default branch', async () => {
    const { revision, tree } = await bases.tree({ url, ref: '', submodules: true }, REQUEST);
    expect(revision).toBe(first);
    expect((await tree.entries(''))?.map(({ name }) => name)).toEqual(['.github', '.gitignore', 'a.yaml']);
    expect(text(await tree.read('.github/b.yaml'))).toBe('two');
  });

  test('is found by branch, by tag before branch, by full ref and by commit', async () => {
    const second = repository.commit({ 'a.yaml': 'two' });
    const other = repository.commit({ 'a.yaml': 'three' }, { ref: 'refs/pull/1/head' });
    repository.tag('v1', first, true);
    repository.git(['branch', 'v1', second]);
    repository.git(['branch', 'feature/x', second]);
    expect(await read('main')).toBe('two');
    expect(await read('v1')).toBe('one');
    expect(await read('heads/v1')).toBe('two');
    expect(await read('feature/x')).toBe('two');
    expect(await read('refs/pull/1/head')).toBe('three');
    expect(await read(first)).toBe('one');
    expect(await read(other)).toBe('three');
  });

  test('is asked again each time, unless its ref is a commit that is here', async () => {
    expect(await read('main')).toBe('one');
    repository.commit({ 'a.yaml': 'two' });
    expect(await read('main')).toBe('two');
    const asked = server.requests.length;
    expect(await read(first)).toBe('one');
    expect(server.requests.length).toBe(asked);
  });

  test('is asked once for all who began before', async () => {
    const since = performance.now();
    await read('main', { since });
    const asked = server.requests.length;
    expect(await Promise.all([read('main', { since }), read('main', { since })])).toEqual(['one', 'one']);
    expect(server.requests.length).toBe(asked);
    repository.commit({ 'a.yaml': 'two' });
    expect(await read('main', { since: performance.now() })).toBe('two');
  });

  test('is taken as it was where that is asked for, and fetched at that commit where it is lost', async () => {
    await read('main');
    repository.commit({ 'a.yaml': 'two' });
    await read('main');
    const asked = server.requests.length;
    expect(await read('main', { known: first })).toBe('one');
    expect(server.requests.length).toBe(asked);
    await bases.close();
    rmSync(dir, { recursive: true, force: true });
    bases = createRemoteBases({ dir });
    expect(await read('main', { known: first })).toBe('one');
  });

  test('brings its submodules, unless that is not wanted', async () => {
    const part = new Repository(root, 'part.git');
    const pin = part.commit({ 'inner/c.yaml': 'deep' });
    repository.commit({
      '.gitmodules': `[submodule "part"]\n\tpath = sub\n\turl = ../part.git\n`,
      sub: `@${pin}`,
    });
    expect(await read('main', {}, 'sub/inner/c.yaml')).toBe('deep');
    const bare = await bases.tree({ url, ref: 'main', submodules: false }, REQUEST);
    expect(await bare.tree.read('sub/inner/c.yaml')).toBeNull();
  });

  test('may have SHA-256 ids', async () => {
    repository = new Repository(root, 'wide.git', ['--object-format=sha256']);
    const commit = repository.commit({ 'a.yaml': 'wide' });
    const { revision, tree } = await bases.tree(
      { url: `${server.url}/wide.git`, ref: 'main', submodules: true },
      REQUEST,
    );
    expect(revision).toBe(commit);
    expect(text(await tree.read('a.yaml'))).toBe('wide');
  });

  test.each([
    ['a ref that is not there', 'nowhere', /^unable to clone '.*base\.git': couldn't find remote ref "nowhere"$/],
    ['a ref that is none', '-x..y', /^ref '-x\.\.y' is not a valid Git reference$/],
    ['a refspec', 'main:refs/heads/x', /is not a valid Git reference/],
  ])('%s is refused', async (_name, ref, message) => {
    expect((await failureOf(read(ref))).message).toMatch(message);
  });

  test('gets no credentials, and says so when it wants some', async () => {
    server.options = { root, authorization: 'Basic secret' };
    const error = await failureOf(read('main'));
    expect(error).toMatchObject({ code: 'authentication-failed' });
    expect(error.message).toBe(
      `unable to clone '${url}': authentication required: no credentials are sent for a remote base, give it a GitRepository of its own`,
    );
    expect(server.authorizations).toEqual([]);
  });

  test('that does not answer fails in time', async () => {
    server.options = { root, hang: true };
    expect(await failureOf(read('main', { timeout: 300 }))).toMatchObject({ code: 'timeout' });
  });

  test('ends with whoever does not wait for it any more', async () => {
    server.options = { root, hang: true };
    const stop = new AbortController();
    const failing = failureOf(read('main', { signal: stop.signal }));
    stop.abort();
    expect(await failing).toMatchObject({ code: 'cancelled' });
  });

  test('goes from the disk when nobody uses it, and stays while somebody does', async () => {
    await read('main');
    const folders = (): string[] => readdirSync(join(dir, 'remotes', 'git'));
    await bases.keepOnly({ commits: new Map([[url, new Set([first])]]), files: new Set() });
    expect(folders()).toHaveLength(1);
    await bases.keepOnly({ commits: new Map(), files: new Set() });
    expect(folders()).toHaveLength(0);
    expect(await read('main')).toBe('one');
  });

  test('a mirror that is damaged is made anew', async () => {
    await read('main');
    const [folder = ''] = readdirSync(join(dir, 'remotes', 'git'));
    const [mirror = ''] = readdirSync(join(dir, 'remotes', 'git', folder));
    await bases.close();
    const packs = join(dir, 'remotes', 'git', folder, mirror, 'objects', 'pack');
    for (const name of readdirSync(packs)) rmSync(join(packs, name), { force: true });
    bases = createRemoteBases({ dir });
    expect(await read('main')).toBe('one');
  });
});

describe('a file', () => {
  let server: Server;
  let origin: string;
  let requests: IncomingMessage[];
  let answer: (request: IncomingMessage, response: ServerResponse) => void;

  beforeEach(async () => {
    requests = [];
    server = createServer((request, response) => {
      requests.push(request);
      answer(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const got = async (path = '/a.yaml', request: Partial<RemoteRequest> = {}): Promise<RemoteFile> => {
    const found = await bases.file(`${origin}${path}`, { ...REQUEST, ...request });
    if ('status' in found) throw new Error(`HTTP status ${found.status}`);
    return found;
  };
  const file = async (path = '/a.yaml', request: Partial<RemoteRequest> = {}): Promise<string | null> =>
    text((await got(path, request)).content);

  test('is read, without credentials', async () => {
    answer = (_request, response) => response.end('kind: A\n');
    expect(await file('/a.yaml?token=x')).toBe('kind: A\n');
    expect(requests[0]?.url).toBe('/a.yaml?token=x');
    expect(Object.keys(requests[0]?.headers ?? {})).toEqual(['host', 'connection']);
  });

  test.each([403, 404, 500])('is none where the server answers %i', async (status) => {
    answer = (_request, response) => response.writeHead(status).end('kind: A\n');
    expect(await bases.file(`${origin}/a`, REQUEST)).toEqual({ status });
  });

  test('is not sent again where the server knows that it is the same', async () => {
    answer = (request, response) => {
      const etag = '"1"';
      if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
      else response.writeHead(200, { etag }).end('kind: A\n');
    };
    expect(await file()).toBe('kind: A\n');
    expect(await file()).toBe('kind: A\n');
    expect(requests.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"1"']);
  });

  test('is taken as it was where that is asked for', async () => {
    let content = 'one';
    answer = (_request, response) => response.end(content);
    const found = await got('/a');
    content = 'two';
    expect(await file('/a', { known: found.digest })).toBe('one');
    expect(await file('/a')).toBe('two');
    expect(await file('/a', { known: '../../../etc/passwd' })).toBe('two');
  });

  test('is fetched again where what is on the disk is not what it was', async () => {
    answer = (_request, response) => response.end('one');
    const found = await got('/a');
    const [name = ''] = readdirSync(join(dir, 'remotes', 'files'));
    writeFileSync(join(dir, 'remotes', 'files', name), 'other');
    expect(await file('/a', { known: found.digest })).toBe('one');
    expect(requests).toHaveLength(2);
  });

  test('goes from the disk when nobody uses it', async () => {
    answer = (request, response) => response.end(request.url);
    const kept = await got('/kept');
    await bases.file(`${origin}/other`, REQUEST);
    await bases.keepOnly({ commits: new Map(), files: new Set([kept.digest]) });
    expect(readdirSync(join(dir, 'remotes', 'files'))).toEqual([kept.digest.slice('sha256:'.length)]);
  });

  test('a redirect is followed, and not for ever', async () => {
    answer = (request, response) => {
      const hop = Number(request.url?.slice(1));
      if (hop === 0) response.end('there');
      else response.writeHead(302, { location: `/${hop - 1}` }).end();
    };
    expect(await file('/5')).toBe('there');
    expect((await failureOf(file('/6'))).message).toMatch(/redirects more than 5 times$/);
  });

  test.each([
    ['file:///etc/passwd', 'it leads to something other than http or https'],
    ['ftp://127.0.0.1/a', 'it leads to something other than http or https'],
    ['http://me:secret@127.0.0.1/a', 'its target holds credentials'],
    ['http://169.254.169.254/latest', "'169.254.169.254' is of this machine or its own network alone"],
    ['https://[fd00:ec2::254]/latest', "'[fd00:ec2::254]' is of this machine or its own network alone"],
  ])('a redirect to %s is refused', async (location, why) => {
    answer = (_request, response) => response.writeHead(302, { location }).end();
    const { message } = await failureOf(file());
    expect(message).toContain(`redirects, and ${why}`);
    expect(message).not.toContain('secret');
  });

  test('is fetched from nowhere that hands out the identity of machines', async () => {
    const error = await failureOf(bases.file('http://169.254.169.254/latest', REQUEST));
    expect(error.message).toBe(
      "'http://169.254.169.254/latest' is not fetched: '169.254.169.254' is of this machine or its own network alone",
    );
    const cloned = await failureOf(
      bases.tree({ url: 'https://[fe80::1]/base', ref: 'main', submodules: false }, REQUEST),
    );
    expect(cloned.message).toBe(
      "unable to clone 'https://[fe80::1]/base': '[fe80::1]' is of this machine or its own network alone",
    );
  });

  test('one that is too large is refused, whatever its headers say', async () => {
    answer = (_request, response) => {
      for (let sent = 0; sent < 5; sent += 1) response.write(Buffer.alloc(1024 * 1024));
      response.end();
    };
    expect((await failureOf(file())).message).toMatch(/has more than 4194304 bytes$/);
  });

  test.each<[string, (response: ServerResponse) => void, RegExp]>([
    [
      'is cut off',
      (response) => response.writeHead(200, { 'content-length': 10 }).write('kind', () => response.destroy()),
      /could not be fetched: aborted/,
    ],
    ['never comes', () => undefined, /could not be fetched: it took too long/],
    ['stops half way', (response) => response.writeHead(200).write('kind'), /could not be fetched: it took too long/],
  ])('one that %s is an error that may pass', async (_name, act, message) => {
    answer = (_request, response) => act(response);
    const error = await failureOf(file('/a', { timeout: 400 }));
    expect(error).toMatchObject({ code: 'source-failed', fault: 'system', policy: 'retry' });
    expect(error.message).toMatch(message);
  });

  test('nobody there is an error that may pass', async () => {
    server.close();
    expect((await failureOf(file())).message).toMatch(/could not be fetched: connect ECONNREFUSED/);
  });

  test('over https is taken only from whom is to be trusted', async () => {
    const secure = createSecureServer(selfSigned('localhost'), (_request, response) => response.end('x'));
    secure.listen(0, '127.0.0.1');
    await once(secure, 'listening');
    const { port } = secure.address() as AddressInfo;
    const error = await failureOf(bases.file(`https://localhost:${port}/a`, REQUEST));
    expect(error.message).toMatch(/could not be fetched: .*self-signed certificate/);
    secure.close();
  });
});
