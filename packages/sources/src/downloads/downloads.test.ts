import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack, type Header } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Artifact } from '../artifact.ts';
import type { Downloads, DownloadsOptions } from '../downloads.ts';
import { failureOf, openLab, text } from '../testing/lab.ts';
import { createDownloads } from './create-downloads.ts';

const SOURCE = { kind: 'ExternalArtifact', namespace: 'shop', name: 'fleet' };
const REVISION = 'v1@sha256:1';

let dir: string;
let downloads: Downloads;
let server: Server;
let origin: string;
let requests: IncomingMessage[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

const start = (options: Partial<DownloadsOptions> = {}): void => {
  downloads = createDownloads({ dir, keepFor: 0, ...options });
};

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'plumb-downloads-'));
  start();
  requests = [];
  answer = (_request, response) => response.writeHead(404).end();
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await downloads.close();
  server.closeAllConnections();
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

const digestOf = (content: Uint8Array, algorithm = 'sha256'): string =>
  `${algorithm}:${createHash(algorithm).update(content).digest('hex')}`;

/** Serves a tarball, and fetches it. */
function fetch(tarball: Uint8Array, over: { digest?: string; timeout?: number } = {}): Promise<Artifact> {
  answer = (_request, response) => response.end(tarball);
  return ask(over.digest ?? digestOf(tarball), over.timeout);
}

const ask = (digest: string, timeout = 20_000): Promise<Artifact> =>
  downloads.fetch(SOURCE, { url: `${origin}/fleet.tar.gz`, revision: REVISION, digest }, { timeout });

type Item = Partial<Header> & { name: string; content?: string | Buffer };

/** A gzip tarball of these entries, in their order. */
async function tarballOf(...items: Item[]): Promise<Buffer> {
  const archive = pack();
  for (const { content, ...header } of items) {
    if (content === undefined) archive.entry(header, '');
    else archive.entry(header, content);
  }
  archive.finalize();
  return gzipSync(await buffer(archive));
}

/** The header of a file, as the tar format of 1988 has it. */
function headerOf(name: string, size: number): Buffer {
  const header = Buffer.alloc(512);
  const octal = (value: number, width: number): string => value.toString(8).padStart(width - 1, '0');
  header.write(name, 0);
  header.write(octal(0o600, 8), 100);
  header.write(octal(size, 12), 124);
  header.write('        0', 148);
  header.write('ustar\u000000', 257);
  header.write(
    octal(
      header.reduce((sum, byte) => sum + byte, 0),
      7,
    ),
    148,
  );
  return header;
}

const file = (name: string, content = name): Item => ({ name, content });

async function pathsOf({ tree }: Artifact, path = ''): Promise<string[]> {
  const found: string[] = [];
  for (const { name, type } of (await tree.entries(path)) ?? []) {
    const at = path === '' ? name : `${path}/${name}`;
    found.push(type === 'file' ? at : `${at} (${type})`);
    if (type === 'directory') found.push(...(await pathsOf({ tree } as Artifact, at)));
  }
  return found;
}

describe('a tarball', () => {
  test('becomes a tree', async () => {
    const artifact = await fetch(
      await tarballOf(
        { name: 'apps', type: 'directory' },
        file('apps/web.yaml', 'kind: A\n'),
        { ...file('run.sh', '#!/bin/sh\n'), mode: 0o755 },
        { name: 'empty', type: 'directory' },
        file('not/listed/above.yaml', ''),
      ),
    );
    expect(artifact).toMatchObject({ source: SOURCE, revision: REVISION });
    expect(await pathsOf(artifact)).toEqual([
      'apps (directory)',
      'apps/web.yaml',
      'empty (directory)',
      'not (directory)',
      'not/listed (directory)',
      'not/listed/above.yaml',
      'run.sh (executable)',
    ]);
    expect(text(await artifact.tree.read('apps/web.yaml'))).toBe('kind: A\n');
    expect((await artifact.tree.readAll(['not/listed/above.yaml', 'run.sh', 'none', 'apps'])).map(text)).toEqual([
      '',
      '#!/bin/sh\n',
      null,
      null,
    ]);
    expect(await artifact.tree.entries('none')).toBeNull();
    await expect(artifact.tree.read('apps/web.yaml', 3)).rejects.toThrow('more than the limit of 3');
  });

  test('of a GitRepository is the tree that Git has', async () => {
    await using lab = await openLab();
    lab.repository.commit({ 'a.yaml': 'a', 'deep/b.yaml': 'b', 'deep/c.sh': '!c', link: '->a.yaml' });
    const published = await lab.publish();
    const artifact = await fetch(readFileSync(lab.tarball(published)), { digest: published.digest });
    expect(await pathsOf(artifact)).toEqual(['a.yaml', 'deep (directory)', 'deep/b.yaml', 'deep/c.sh (executable)']);
    const git = await lab.artifact(published);
    for (const path of ['a.yaml', 'deep/b.yaml', 'deep/c.sh'])
      expect(text(await artifact.tree.read(path))).toBe(text(await git.tree.read(path)));
  });

  test.each([['--format=gnu'], ['--format=ustar'], ['--format=pax'], ['--format=v7']])(
    'of tar %s is read',
    async (format) => {
      const folder = join(dir, 'made');
      const long = `${'long/'.repeat(format === '--format=gnu' || format === '--format=pax' ? 60 : 10)}f.yaml`;
      for (const [path, content] of Object.entries({ 'a.yaml': 'a', [long]: 'long', 'x y/\u00fc.yaml': 'odd' })) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), content);
      }
      const tarball = execFileSync('tar', ['-cz', format, '-C', folder, '.'], { maxBuffer: 1e8 });
      const artifact = await fetch(tarball);
      expect(text(await artifact.tree.read('a.yaml'))).toBe('a');
      expect(text(await artifact.tree.read(long))).toBe('long');
      expect(text(await artifact.tree.read('x y/\u00fc.yaml'))).toBe('odd');
    },
  );

  test('has ids that say what is in it: only what changed has others', async () => {
    const one = await fetch(await tarballOf(file('a/x.yaml', '1'), file('b/y.yaml', '1')));
    const two = await fetch(await tarballOf(file('b/y.yaml', '2'), { ...file('./a/x.yaml', '1'), mtime: new Date(5) }));
    expect(await two.tree.id('a')).toBe(await one.tree.id('a'));
    expect(await two.tree.id('b')).not.toBe(await one.tree.id('b'));
    expect(await two.tree.id('')).not.toBe(await one.tree.id(''));
    expect(two.rules).toBe(one.rules);
    const three = await fetch(await tarballOf({ ...file('a/x.yaml', '1'), mode: 0o755 }));
    expect(await three.tree.id('a')).not.toBe(await one.tree.id('a'));
  });

  test('may have a hundred thousand files', async () => {
    const blocks = Array.from({ length: 100_000 }, (_, index) => {
      const content = `${index}`;
      const name = `f${index % 100}/${index}.yaml`;
      return [headerOf(name, content.length), Buffer.from(content.padEnd(512, '\0'))];
    });
    const artifact = await fetch(gzipSync(Buffer.concat(blocks.flat()), { level: 1 }), { timeout: 60_000 });
    expect(text(await artifact.tree.read('f99/99999.yaml'))).toBe('99999');
    expect(await artifact.tree.entries('f99')).toHaveLength(1_000);
  });

  test('names a file twice: the later one counts', async () => {
    const artifact = await fetch(await tarballOf(file('a', '1'), file('./a', '2')));
    expect(text(await artifact.tree.read('a'))).toBe('2');
  });

  test.each(['sha384', 'sha512'])('may have a digest of %s', async (algorithm) => {
    const tarball = await tarballOf(file('a'));
    expect(await pathsOf(await fetch(tarball, { digest: digestOf(tarball, algorithm) }))).toEqual(['a']);
  });
});

describe('a hostile tarball is refused', () => {
  const refused = async (tarball: Uint8Array): Promise<string> => {
    const error = await failureOf(fetch(tarball));
    expect(error).toMatchObject({ code: 'source-failed', fault: 'user', policy: 'retry' });
    expect(readdirSync(join(dir, 'downloads', 'scratch'))).toEqual([]);
    return error.message.replace('failed to extract archive: ', '');
  };

  test.each<[string, Item, string]>([
    ['a name above its root', file('../evil'), 'tar contained invalid name error "../evil"'],
    ['one on the way', file('a/../../evil'), 'tar contained invalid name error "a/../../evil"'],
    ['an absolute name', file('/etc/passwd'), 'tar contained invalid name error "/etc/passwd"'],
    ['a backslash', file('a\\b'), 'tar contained invalid name error "a\\\\b"'],
    ['a folder above its root', { name: '..', type: 'directory' }, 'tar contained invalid name error ".."'],
    ['no name', file('./'), 'tar contained invalid name error "./"'],
    ['a very long name', file('x'.repeat(5_000)), `tar contained invalid name error "${'x'.repeat(100)}..."`],
    [
      'a symlink',
      { name: 'link', type: 'symlink', linkname: '/etc/passwd' },
      'tar file entry "link" is a symlink, which is not allowed in this context',
    ],
    [
      'a hard link',
      { name: 'link', type: 'link', linkname: 'a' },
      'tar file entry "link" contained unsupported file type link',
    ],
    [
      'a device',
      { name: 'dev', type: 'block-device' },
      'tar file entry "dev" contained unsupported file type block-device',
    ],
    ['a pipe', { name: 'pipe', type: 'fifo' }, 'tar file entry "pipe" contained unsupported file type fifo'],
  ])('with %s', async (_name, item, message) => {
    expect(await refused(await tarballOf(file('first'), item))).toBe(message);
  });

  test('with a file in the place of a folder, either way round', async () => {
    expect(await refused(await tarballOf(file('a/b'), file('a')))).toBe('"a" is both a file and a folder');
    expect(await refused(await tarballOf(file('a'), file('a/b')))).toBe('"a" is both a file and a folder');
  });

  test('that is none', async () => {
    expect(await refused(Buffer.from('hello'))).toBe('requires gzip-compressed body: incorrect header check');
    expect(await refused(gzipSync(Buffer.alloc(2_000, 'x')))).toMatch(/^tar error: Invalid tar header/);
  });

  test('that was cut off, though its digest is right', async () => {
    const whole = await tarballOf(file('a', 'x'.repeat(10_000)));
    expect(await refused(whole.subarray(0, whole.length - 20))).toMatch(
      /^requires gzip-compressed body: unexpected end of file/,
    );
    const archive = pack();
    archive.entry({ name: 'a' }, 'x'.repeat(10_000));
    archive.finalize();
    expect(await refused(gzipSync((await buffer(archive)).subarray(0, 5_000)))).toMatch(
      /^tar error: Unexpected end of data/,
    );
  });

  test('that is a bomb', async () => {
    const zeros = gzipSync(Buffer.alloc(16 * 1024 * 1024));
    const members = ['z0', 'z1', 'z2'].flatMap((name) => [
      gzipSync(headerOf(name, 6 * 16 * 1024 * 1024)),
      ...Array.from({ length: 6 }, () => zeros),
    ]);
    const bomb = Buffer.concat(members);
    expect(bomb.length).toBeLessThan(512 * 1024);
    expect(await refused(bomb)).toBe('it expands to more than 268435456 bytes');
  });

  test.each<[string, NonNullable<DownloadsOptions['limits']>, Item[], RegExp]>([
    ['files and folders', { entries: 3 }, [file('a/b'), file('a/c'), file('d')], /more than 3 files and folders/],
    ['levels', { depth: 2 }, [file('a/b/c/d')], /folder "a\/b\/c" is nested deeper than 2 levels/],
    ['bytes of a file', { fileBytes: 10 }, [file('a', 'x'.repeat(11))], /file "a" has 11 bytes, more than 10/],
    [
      'bytes of all files',
      { totalBytes: 600 },
      [file('a', 'x'.repeat(400)), file('b', 'x'.repeat(400))],
      /the files have more than 600 bytes/,
    ],
  ])('beyond the limit of %s', async (_name, limits, items, message) => {
    start({ limits });
    expect(await refused(await tarballOf(...items))).toMatch(message);
  });

  test('larger than a tarball may be', async () => {
    start({ limits: { totalBytes: 100 } });
    expect((await failureOf(fetch(Buffer.alloc(1_000)))).message).toBe('the artifact has more than 100 bytes');
  });
});

describe('a download', () => {
  test('that is not what the status says is no artifact', async () => {
    const tarball = await tarballOf(file('a'));
    const wrong = digestOf(Buffer.from('other'));
    const error = await failureOf(fetch(tarball, { digest: wrong }));
    expect(error).toMatchObject({ code: 'artifact-missing', fault: 'system' });
    expect(error.message).toBe(`failed to verify archive: computed digest doesn't match provided '${wrong}'`);
    expect(requests).toHaveLength(3);
    expect(await downloads.open(SOURCE, REVISION, wrong)).toBeNull();
  });

  test.each([
    ['blake3:00', "artifact digest 'blake3:00' must be one of sha256, sha384, sha512"],
    ['sha256:xyz', "failed to parse digest 'sha256:xyz'"],
    ['sha256:../../x', "failed to parse digest 'sha256:../../x'"],
    ['', "artifact digest '' must be one of sha256, sha384, sha512"],
  ])('of digest %j is refused', async (digest, message) => {
    expect((await failureOf(ask(digest))).message).toBe(message);
    expect(requests).toHaveLength(0);
  });

  test('is tried again while the server fails', async () => {
    const tarball = await tarballOf(file('a'));
    answer = (_request, response) => {
      if (requests.length < 3) response.writeHead(503).end();
      else response.end(tarball);
    };
    expect(await pathsOf(await ask(digestOf(tarball)))).toEqual(['a']);
    expect(requests).toHaveLength(3);
  });

  test('is given up after three tries, and tells what the server said', async () => {
    answer = (_request, response) => response.writeHead(503).end();
    const error = await failureOf(ask(digestOf(Buffer.from('x'))));
    expect(error).toMatchObject({ code: 'artifact-missing', status: 503 });
    expect(error.message).toBe(
      `failed to download archive from ${origin}/fleet.tar.gz, status: 503 Service Unavailable`,
    );
    expect(requests).toHaveLength(3);
  });

  test.each([404, 403])('that is answered with %i is not tried again', async (status) => {
    answer = (_request, response) => response.writeHead(status).end();
    expect(await failureOf(ask(digestOf(Buffer.from('x'))))).toMatchObject({ code: 'artifact-missing', status });
    expect(requests).toHaveLength(1);
  });

  test.each<[string, (response: ServerResponse, tarball: Buffer) => void, RegExp]>([
    [
      'is cut in the middle',
      (response, tarball) =>
        response
          .writeHead(200, { 'content-length': tarball.length })
          .write(tarball.subarray(0, 50), () => response.destroy()),
      /^failed to download archive, error: /,
    ],
    [
      'stops in the middle',
      (response, tarball) => void response.writeHead(200).write(tarball.subarray(0, 50)),
      /^failed to download archive, error: .*/,
    ],
    ['never begins', () => undefined, /nothing came for 0.2s/],
  ])('that %s is tried again', async (_name, act, message) => {
    start({ stall: 200 });
    const tarball = await tarballOf(file('a', 'x'.repeat(1_000)));
    answer = (_request, response) => act(response, tarball);
    const error = await failureOf(ask(digestOf(tarball)));
    expect(error).toMatchObject({ code: 'artifact-missing', fault: 'system' });
    expect(error.message).toMatch(message);
    expect(requests).toHaveLength(3);
    answer = (_request, response) => response.end(tarball);
    expect(await pathsOf(await ask(digestOf(tarball)))).toEqual(['a']);
  });

  test('ends in time', async () => {
    answer = () => undefined;
    expect(await failureOf(ask(digestOf(Buffer.from('x')), 200))).toMatchObject({ code: 'timeout' });
  });

  test('is done once for all who ask meanwhile', async () => {
    const tarball = await tarballOf(file('a'));
    const all = await Promise.all([fetch(tarball), fetch(tarball), fetch(tarball)]);
    expect(all.map(({ revision }) => revision)).toEqual([REVISION, REVISION, REVISION]);
    expect(requests).toHaveLength(1);
  });

  test('asks another host where one is given, and never with credentials', async () => {
    start({ hostOverride: new URL(origin).host });
    const tarball = await tarballOf(file('a'));
    answer = (_request, response) => response.end(tarball);
    const offer = {
      url: 'http://source-controller.flux-system.svc.cluster.local./externalartifact/shop/fleet/1.tar.gz',
      revision: REVISION,
      digest: digestOf(tarball),
    };
    await downloads.fetch(SOURCE, offer, { timeout: 5_000 });
    expect(requests[0]?.url).toBe('/externalartifact/shop/fleet/1.tar.gz');
    expect(requests[0]?.headers).toEqual({ host: new URL(origin).host, connection: 'close' });
  });

  test.each(['file:///etc/passwd', 'ftp://127.0.0.1/x', 'nothing', 'http://me:secret@127.0.0.1/x'])(
    'from %s is refused',
    async (url) => {
      const offer = { url, revision: REVISION, digest: digestOf(Buffer.from('x')) };
      const error = await failureOf(downloads.fetch(SOURCE, offer, { timeout: 5_000 }));
      expect(error.message).toMatch(/is not an address of http or https|holds credentials, and none are sent/);
      expect(error.message).not.toContain('secret');
    },
  );

  test.each(['../../x', 'A b', ''])('of a source named %j is refused', async (name) => {
    const tarball = await tarballOf(file('a'));
    const offer = { url: origin, revision: REVISION, digest: digestOf(tarball) };
    expect(await failureOf(downloads.fetch({ ...SOURCE, name }, offer, { timeout: 5_000 }))).toMatchObject({
      code: 'invalid-path',
    });
  });
});

describe('on the disk', () => {
  const files = (): string[] =>
    readdirSync(join(dir, 'downloads'), { recursive: true })
      .map(String)
      .filter((path) => path.endsWith('.data') || path.endsWith('.json'));

  test('it is there after a restart, without another download', async () => {
    const tarball = await tarballOf(file('a', 'hello'));
    const { digest } = await fetch(tarball);
    await downloads.close();
    start();
    const again = await downloads.open(SOURCE, REVISION, digest);
    expect(text(await again?.tree.read('a'))).toBe('hello');
    expect(requests).toHaveLength(1);
    expect(await downloads.open({ ...SOURCE, name: 'other' }, REVISION, digest)).toBeNull();
  });

  test.each<[string, (path: string) => void]>([
    ['is cut short', (path) => truncateSync(path, 2)],
    ['is gone', (path) => rmSync(path)],
  ])('what %s counts as not there', async (_name, damage) => {
    const { digest } = await fetch(await tarballOf(file('a', 'hello')));
    for (const path of files()) if (path.endsWith('.data')) damage(join(dir, 'downloads', path));
    expect(await downloads.open(SOURCE, REVISION, digest)).toBeNull();
  });

  test('what rots there is not read, and not taken again', async () => {
    const tarball = await tarballOf(file('a', 'hello'));
    const { digest } = await fetch(tarball);
    for (const path of files()) if (path.endsWith('.data')) writeFileSync(join(dir, 'downloads', path), 'jello');
    const artifact = await downloads.open(SOURCE, REVISION, digest);
    await expect(artifact?.tree.read('a')).rejects.toMatchObject({ code: 'storage-failed' });
    await expect.poll(() => downloads.open(SOURCE, REVISION, digest)).toBeNull();
    expect(text(await (await fetch(tarball)).tree.read('a'))).toBe('hello');
  });

  test('goes what is not in use, and nothing else', async () => {
    const [one, two] = [await fetch(await tarballOf(file('a'))), await fetch(await tarballOf(file('b')))];
    await downloads.keepOnly(new Map([['x', { source: SOURCE, digests: new Set([two.digest]) }]]));
    expect(files()).toHaveLength(2);
    expect(await downloads.open(SOURCE, REVISION, one.digest)).toBeNull();
    expect(await downloads.open(SOURCE, REVISION, two.digest)).not.toBeNull();
    await downloads.close();
    start({ keepFor: 60_000 });
    await downloads.open(SOURCE, REVISION, two.digest);
    await downloads.keepOnly(new Map());
    expect(files()).toHaveLength(2);
  });
});
