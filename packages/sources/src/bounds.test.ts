import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { GitRequest } from './git-sources.ts';
import { failureOf, openLab, SHOP, text, type Lab } from './testing/lab.ts';
import { sshKeyPair } from './testing/ssh-keys.ts';
import { startSshServer } from './testing/ssh-server.ts';

const bytesOf = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);

/** A server that takes connections, sends what is given and then nothing, for as long as `work` lasts. */
async function withSilent(sends: string, work: (port: number) => Promise<void>): Promise<void> {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined));
    if (sends !== '') socket.once('data', () => socket.write(sends));
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  try {
    await work((silent.address() as AddressInfo).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    silent.close();
  }
}

const GIVEN_UP = /context deadline exceeded after 0.5s$/;
const identity = sshKeyPair('ed25519');

describe('a host that hangs is given up in time', () => {
  test.each<[when: string, sends: string, over: (port: number) => Partial<GitRequest>]>([
    ['before TLS is agreed', '', (port) => ({ url: `https://127.0.0.1:${port}/shop.git` })],
    [
      'in the middle of the list of refs',
      `HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nContent-Length: 900\r\n\r\n001e# service=git-upload-pack\n0000`,
      (port) => ({ url: `http://127.0.0.1:${port}/shop.git` }),
    ],
    [
      'as a proxy for https',
      '',
      (port) => ({ url: 'https://git.test/x', proxy: { address: `http://127.0.0.1:${port}` } }),
    ],
    [
      'as a proxy that speaks SOCKS',
      '',
      (port) => ({ url: 'https://git.test/x', proxy: { address: `socks5://127.0.0.1:${port}` } }),
    ],
    [
      'as a proxy for ssh',
      '',
      (port) => ({
        url: 'ssh://git@git.test/x',
        proxy: { address: `http://127.0.0.1:${port}` },
        auth: { ssh: { identity: identity.private, knownHosts: `git.test ${identity.public}` } },
      }),
    ],
  ])('%s', async (_, sends, over) => {
    await using lab = await openLab();
    await withSilent(sends, async (port) => {
      const error = await failureOf(lab.sources.resolve(SHOP, lab.request({ timeout: 500, ...over(port) })));
      expect(error).toMatchObject({ code: 'timeout', message: expect.stringMatching(GIVEN_UP) as string });
    });
  });

  test('after the login over ssh', async () => {
    await using lab = await openLab();
    const hostKeys = [identity.private];
    await using server = await startSshServer({
      root: lab.repositories,
      hostKeys,
      authorized: [identity.public],
      hang: true,
    });
    const knownHosts = `[127.0.0.1]:${server.port} ${identity.public}\n`;
    const request = lab.request({
      url: `${server.url}/shop.git`,
      auth: { ssh: { identity: identity.private, knownHosts } },
      timeout: 3_000,
    });
    const error = await failureOf(lab.sources.resolve(SHOP, request));
    expect(error).toMatchObject({
      code: 'timeout',
      message: expect.stringMatching(/deadline exceeded after 3s$/) as string,
    });
  });

  test('in the middle of a pack, and nothing of it stays on the disk', async () => {
    await using lab = await openLab();
    lab.repository.commit({ 'a.yaml': '1' });
    const good = await lab.publish();
    const before = bytesOf(join(lab.dir, 'mirrors'));
    lab.repository.commit({ 'big.bin': randomBytes(2_000_000).toString('hex') });
    lab.server.options.stallAfter = 500_000;
    const error = await failureOf(lab.sources.resolve(SHOP, lab.request({ timeout: 1000 })));
    expect(error.message).toMatch(/context deadline exceeded after 1s$/);
    expect(bytesOf(join(lab.dir, 'mirrors')) - before).toBeLessThan(1000);
    expect(text(await (await lab.artifact(good)).tree.read('a.yaml'))).toBe('1');
  });
});

describe('a repository beyond a limit is refused in one message', () => {
  const refusal = async (lab: Lab): Promise<string> => {
    const error = await failureOf(lab.publish());
    const { code, fault, policy } = error;
    return `${code}, ${fault}, ${policy}: ${error.message}`;
  };

  test('in files', async () => {
    await using lab = await openLab({}, [], { entries: 3, setBy: { entries: '--git-max-entries' } });
    lab.repository.commit({ 'a/b/c': '1', 'a/d': '1' });
    expect(await refusal(lab)).toMatch(
      /^source-failed, user, retry: the repository is beyond a limit: more than 3 files and folders; exclude some in .sourceignore or raise --git-max-entries$/,
    );
    expect((await lab.publish('/a/b')).size).toBeGreaterThan(0);
  });

  test('in levels', async () => {
    await using lab = await openLab({}, [], { depth: 2 });
    lab.repository.commit({ 'a/b/c/d': '1' });
    expect(await refusal(lab)).toMatch(/folder 'a\/b\/c' is nested deeper than 2 levels; nest it less$/);
  });

  test('in bytes of a file, and of all files', async () => {
    await using lab = await openLab({}, [], {
      fileBytes: 100,
      totalBytes: 150,
      setBy: { fileBytes: '--git-max-file-size', totalBytes: '--git-max-size' },
    });
    lab.repository.commit({ 'a.yaml': 'x'.repeat(101) });
    expect(await refusal(lab)).toMatch(
      /file 'a.yaml' has 101 bytes, more than 100; exclude it in .sourceignore or raise --git-max-file-size$/,
    );
    lab.repository.commit({ 'a.yaml': 'x'.repeat(100), 'b.yaml': 'x'.repeat(51) });
    expect(await refusal(lab)).toMatch(
      /the files have 151 bytes, more than 150; exclude some in .sourceignore or raise --git-max-size$/,
    );
  });

  test('in bytes on the way, of which nothing stays', async () => {
    await using lab = await openLab({}, [], { fetchBytes: 500_000, setBy: { fetchBytes: '--git-max-fetch' } });
    lab.repository.commit({ 'big.bin': randomBytes(2_000_000).toString('hex') });
    lab.server.options.stallAfter = 1_500_000;
    expect(await refusal(lab)).toMatch(
      /it sends more than 500000 bytes; leave out what is not needed \(spec.sparseCheckout, spec.ignore\) or raise --git-max-fetch$/,
    );
    expect(bytesOf(join(lab.dir, 'mirrors'))).toBeLessThan(10_000);
  });

  test('in bytes of one object that must be held in memory', async () => {
    await using lab = await openLab({}, [], { objectBytes: 4_000_000 });
    lab.repository.commit({ a: '1' }, { message: 'x'.repeat(6_000_000) });
    expect(await refusal(lab)).toMatch(
      /the repository is beyond a limit: it holds an object of 6\d{6} bytes, more than 4000000; split the folder, the commit message or the file that is as large$/,
    );
  });
});

test('a tree that holds itself ten times over on ten levels is refused at once', async () => {
  await using lab = await openLab({}, [], { entries: 20_000 });
  const { repository } = lab;
  let id = repository.git(
    ['mktree'],
    `100644 blob ${repository.git(['hash-object', '-w', '--stdin'], '*.md')}\t.sourceignore\n`,
  );
  for (let level = 0; level < 10; level += 1) {
    const lines = Array.from({ length: 10 }, (_, n) => `040000 tree ${id}\td${n}\n`);
    id = repository.git(['mktree'], lines.join(''));
  }
  repository.git(['update-ref', 'refs/heads/main', repository.git(['commit-tree', '-m', 'bomb', id])]);
  const started = performance.now();
  for (const ignore of [undefined, '/*\n!/none/x\n'])
    expect((await failureOf(lab.publish(ignore))).message).toMatch(/^the repository is beyond a limit: /);
  const submodules = lab.sources.resolve(SHOP, lab.request({ submodules: true }));
  expect((await failureOf(submodules)).message).toMatch(/more than 20000 files and folders/);
  expect(performance.now() - started).toBeLessThan(30_000);
});

test('ten thousand refs are listed in bounded time', async () => {
  await using lab = await openLab();
  const commit = lab.repository.commit({ a: '1' });
  const packed = Array.from({ length: 10_000 }, (_, n) => `${commit} refs/heads/feature/${n}\n`).sort();
  writeFileSync(join(lab.repository.path, 'packed-refs'), packed.join(''));
  await lab.publish();
  const started = performance.now();
  expect((await lab.sources.resolve(SHOP, lab.request())).commit).toBe(commit);
  expect(performance.now() - started).toBeLessThan(15_000);
});

test('symlinks in a circle, and odd names, harm nobody', async () => {
  await using lab = await openLab();
  lab.repository.commit({
    a: '->b',
    b: '->a',
    self: '->self',
    up: '->../../../etc',
    '"line\\nbreak.yaml"': '1',
    'ok.yaml': '1',
  });
  const published = await lab.publish();
  const { tree } = await lab.artifact(published);
  expect((await tree.entries(''))?.map(({ name, type }) => `${name}:${type}`)).toEqual([
    'a:link',
    'b:link',
    'line\nbreak.yaml:file',
    'ok.yaml:file',
    'self:link',
    'up:link',
  ]);
  expect(text(await tree.read('line\nbreak.yaml'))).toBe('1');
  expect(readFileSync(lab.tarball(published)).length).toBe(published.size);
});

test('a folder that no git would write is the fault of the repository, and no reason to fetch all of it anew', async () => {
  await using lab = await openLab();
  const { repository } = lab;
  const blob = repository.git(['hash-object', '-w', '--stdin'], '1');
  const raw = Buffer.concat([Buffer.from('777777 a.yaml\0'), Buffer.from(blob, 'hex')]);
  const tree = repository.git(['hash-object', '-t', 'tree', '-w', '--literally', '--stdin'], raw);
  const commit = repository.git(['commit-tree', '-m', 'x', tree]);
  repository.git(['update-ref', 'refs/heads/main', commit]);
  const message = `the repository holds a malformed object: tree ${tree}: the mode of an entry is unknown`;
  for (let attempt = 0; attempt < 2; attempt += 1)
    expect(await failureOf(lab.publish())).toMatchObject({ code: 'source-failed', fault: 'user', message });
  expect(readdirSync(join(lab.dir, 'mirrors/gitrepository/flux-system/shop'))).toHaveLength(1);
});
