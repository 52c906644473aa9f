import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Artifact } from './artifact.ts';
import type { Published } from './git-sources.ts';
import { failureOf, openLab, SHOP, type Lab } from './testing/lab.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await openLab();
});
afterEach(async () => {
  await lab[Symbol.asyncDispose]();
});

async function publish(ignore?: string): Promise<Published> {
  return lab.sources.publish(SHOP, await lab.sources.resolve(SHOP, lab.request()), ignore);
}

async function artifact({ revision, digest }: Published): Promise<Artifact> {
  const opened = await lab.sources.open(SHOP, revision, digest);
  if (opened === null) throw new Error('the artifact is not there');
  return opened;
}

const tarball = ({ path }: Published): string => join(lab.dir, 'artifacts', path);
const text = (bytes: Uint8Array | null | undefined): string | null =>
  bytes ? Buffer.from(bytes).toString('utf8') : null;
const mirrors = (): string[] =>
  readdirSync(join(lab.dir, 'mirrors/gitrepository/flux-system/shop')).filter((name) => name.endsWith('.git'));
const mirror = (): string => join(lab.dir, 'mirrors/gitrepository/flux-system/shop', mirrors().at(-1) ?? '');

describe('the tarball', () => {
  test('is laid out as Flux lays it out', async () => {
    const commit = lab.repository.commit({
      'apps/a.yaml': 'a: 1\n',
      'run.sh': '!#!/bin/sh\n',
      'link.yaml': '->apps/a.yaml',
      'logo.png': 'x',
      '.gitignore': 'x',
    });
    const published = await publish();
    const body = readFileSync(tarball(published));
    expect(published).toEqual({
      revision: `main@sha1:${commit}`,
      digest: `sha256:${createHash('sha256').update(body).digest('hex')}`,
      size: body.length,
      path: `gitrepository/flux-system/shop/${commit}.tar.gz`,
    });
    const listing = execFileSync('tar', ['-tvzf', tarball(published), '--numeric-owner', '--utc'])
      .toString()
      .trim()
      .split('\n');
    expect(listing.map((line) => line.replaceAll(/\s+/g, ' '))).toEqual([
      'drwxr-x--- 0/0 0 1970-01-01 00:00 apps',
      '-rw------- 0/0 5 1970-01-01 00:00 apps/a.yaml',
      '-rwx------ 0/0 10 1970-01-01 00:00 run.sh',
    ]);
    expect(execFileSync('tar', ['-xzOf', tarball(published), 'apps/a.yaml']).toString()).toBe('a: 1\n');
  });

  test('has the same digest when it is made again elsewhere', async () => {
    lab.repository.commit({ 'a.yaml': 'x'.repeat(5000), 'b/c.yaml': 'ü', ['long/'.repeat(40) + 'name.yaml']: '1' });
    const first = await publish();
    await lab.sources.remove(SHOP);
    expect(existsSync(tarball(first))).toBe(false);
    expect(await publish()).toEqual(first);
  });

  test('is written once for a commit and its rules, and again when the rules change', async () => {
    lab.repository.commit({ 'a.yaml': '1', 'b.md': '1' });
    const first = await publish();
    const made = statSync(tarball(first)).ino;
    expect(await publish()).toEqual(first);
    expect(statSync(tarball(first)).ino).toBe(made);
    const other = await publish('*.md');
    expect(other.path).toBe(first.path);
    expect(other.digest).not.toBe(first.digest);
    expect(await lab.sources.open(SHOP, first.revision, first.digest)).toBeNull();
    expect((await artifact(other)).rules).toMatch(/^sha256:/);
  });

  test('is written again when it was damaged', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    const first = await publish();
    chmodSync(tarball(first), 0o600);
    truncateSync(tarball(first), first.size - 1);
    expect(await lab.sources.open(SHOP, first.revision, first.digest)).toBeNull();
    expect(await publish()).toEqual(first);
    const { atime, mtime } = statSync(tarball(first));
    const body = readFileSync(tarball(first));
    body.writeUInt8(body.readUInt8(20) ^ 1, 20);
    writeFileSync(tarball(first), body);
    utimesSync(tarball(first), atime, mtime);
    expect(await lab.sources.open(SHOP, first.revision, first.digest)).toBeNull();
  });

  test('of the commit before stays, older ones go', async () => {
    const published: Published[] = [];
    for (const n of ['1', '2', '3']) {
      lab.repository.commit({ 'a.yaml': n });
      published.push(await publish());
    }
    const [oldest, before, newest] = published.map(tarball);
    expect([oldest, before, newest].map((file) => existsSync(file ?? ''))).toEqual([false, true, true]);
    expect(readdirSync(join(lab.dir, 'artifacts/gitrepository/flux-system/shop'))).toHaveLength(2);
  });
});

describe('the tree', () => {
  test('shows what Git holds', async () => {
    lab.repository.commit({
      'apps/a.yaml': 'a',
      'apps/deep/b.yaml': 'b',
      'run.sh': '!x',
      link: '->apps/a.yaml',
      'empty.yaml': '',
      'ü.yaml': 'u',
    });
    const { tree } = await artifact(await publish());
    expect((await tree.entries(''))?.map(({ name, type }) => `${name}:${type}`)).toEqual([
      'apps:directory',
      'empty.yaml:file',
      'link:link',
      'run.sh:executable',
      'ü.yaml:file',
    ]);
    expect((await tree.entries('apps/deep'))?.map(({ name }) => name)).toEqual(['b.yaml']);
    expect(await tree.entries('apps/a.yaml')).toBeNull();
    expect(await tree.entries('nope')).toBeNull();
    expect(text(await tree.read('link'))).toBe('apps/a.yaml');
    expect((await tree.readAll(['apps/a.yaml', 'nope', 'apps', 'empty.yaml', 'apps/deep/b.yaml'])).map(text)).toEqual([
      'a',
      null,
      null,
      '',
      'b',
    ]);
    expect(await tree.id('apps')).toBe(lab.repository.git(['rev-parse', 'main:apps']));
    expect(await tree.id('')).toBe(lab.repository.git(['rev-parse', 'main^{tree}']));
  });

  test('has nothing at a path that is not plain', async () => {
    lab.repository.commit({ 'apps/deep/b.yaml': 'b' });
    const { tree } = await artifact(await publish());
    for (const path of ['..', '../x', 'apps/..', '/apps', 'apps/', './apps', 'apps//deep', '.git', 'apps/\0']) {
      expect({ path, seen: [await tree.id(path), await tree.entries(path), await tree.read(path)] }).toEqual({
        path,
        seen: [null, null, null],
      });
    }
  });

  test('ids change only where something changed', async () => {
    lab.repository.commit({ 'a/x.yaml': '1', 'b/x.yaml': '1' });
    const before = (await artifact(await publish())).tree;
    lab.repository.commit({ 'b/x.yaml': '2' });
    const after = (await artifact(await publish())).tree;
    expect(await after.id('a')).toBe(await before.id('a'));
    expect(await after.id('b')).not.toBe(await before.id('b'));
  });

  test('leaves out what spec.ignore and the .sourceignore files exclude', async () => {
    lab.repository.commit({
      '.sourceignore': '*.md\n',
      'apps/.sourceignore': '/local/\n!README.md\n',
      'apps/local/x.yaml': '1',
      'apps/README.md': '1',
      'README.md': '1',
      'docs/x.yaml': '1',
      'apps/a.yaml': '1',
    });
    const published = await publish('/docs\n');
    const { tree } = await artifact(published);
    expect((await tree.entries(''))?.map(({ name }) => name)).toEqual(['.sourceignore', 'apps']);
    expect((await tree.entries('apps'))?.map(({ name }) => name)).toEqual(['.sourceignore', 'README.md', 'a.yaml']);
    expect([
      await tree.id('docs'),
      await tree.read('docs/x.yaml'),
      await tree.read('README.md'),
      await tree.id('apps/local'),
    ]).toEqual([null, null, null, null]);
    const names = execFileSync('tar', ['-tzf', tarball(published)])
      .toString()
      .trim()
      .split('\n');
    expect(names).toEqual(['.sourceignore', 'apps', 'apps/.sourceignore', 'apps/README.md', 'apps/a.yaml']);
  });

  test('shows an excluded folder where a later pattern takes something back', async () => {
    lab.repository.commit({ 'clusters/prod/a.yaml': '1', 'clusters/dev/a.yaml': '1', 'apps/a.yaml': '1' });
    const { tree } = await artifact(await publish('/*\n!/clusters/prod\n'));
    expect((await tree.entries(''))?.map(({ name }) => name)).toEqual(['clusters']);
    expect((await tree.entries('clusters'))?.map(({ name }) => name)).toEqual(['prod']);
    expect(text(await tree.read('clusters/prod/a.yaml'))).toBe('1');
  });

  test('refuses a file beyond the limit by name and size', async () => {
    lab.repository.commit({ 'big.yaml': 'x'.repeat(2000) });
    const { tree } = await artifact(await publish());
    const error = await failureOf(tree.read('big.yaml', 1000));
    expect(error).toMatchObject({
      code: 'storage-failed',
      message: "file 'big.yaml' has 2000 bytes, more than the limit of 1000",
    });
    expect((await tree.read('big.yaml', 2000))?.length).toBe(2000);
  });

  test('refuses to list a folder with a name that is not UTF-8, and only that one', async () => {
    lab.repository.commit({ 'apps/a.yaml': '1' });
    const blob = lab.repository.git(['hash-object', '-w', '--stdin'], 'x');
    const odd = lab.repository.git(
      ['mktree', '-z'],
      Buffer.concat([Buffer.from(`100644 blob ${blob}\t`), Buffer.from([0xff, 0x2e, 0x79, 0])]),
    );
    const apps = lab.repository.git(['rev-parse', 'main:apps']);
    const root = lab.repository.git(['mktree'], `040000 tree ${odd}\todd\n040000 tree ${apps}\tapps\n`);
    const commit = lab.repository.git(['commit-tree', '-m', 'odd', root]);
    lab.repository.git(['update-ref', 'refs/heads/main', commit]);
    const { tree } = await artifact(await publish());
    expect((await tree.entries('apps'))?.length).toBe(1);
    expect(await failureOf(tree.entries('odd'))).toMatchObject({
      code: 'invalid-path',
      message: "1 name(s) in folder 'odd' are not UTF-8: rename them",
    });
  });
});

describe('the last good artifact', () => {
  test('stays when the fetch of the next one fails', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    const good = await publish();
    lab.repository.commit({ 'a.yaml': '2' });
    lab.server.options.status = 500;
    await failureOf(publish());
    lab.server.options = { ...lab.server.options, status: 0, hang: true };
    await failureOf(lab.sources.resolve(SHOP, lab.request({ timeout: 200 })));
    expect(text(await (await artifact(good)).tree.read('a.yaml'))).toBe('1');
  });

  test('stays readable while the next one is resolved but not published', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    const good = await publish();
    lab.repository.commit({ 'a.yaml': '2' });
    await lab.sources.resolve(SHOP, lab.request());
    expect(text(await (await artifact(good)).tree.read('a.yaml'))).toBe('1');
  });

  test('stays when the url changes to one that does not work, and goes with its mirror when another works', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    const good = await publish();
    await failureOf(lab.sources.resolve(SHOP, lab.request({ url: `${lab.server.url}/other.git` })));
    expect(text(await (await artifact(good)).tree.read('a.yaml'))).toBe('1');
    const resolved = await lab.sources.resolve(SHOP, lab.request({ url: `${lab.server.url}/../shop.git/` }));
    expect(await lab.sources.publish(SHOP, resolved, undefined)).toEqual(good);
    expect(mirrors()).toHaveLength(1);
  });

  test('is found again after a restart without asking the server', async () => {
    lab.repository.commit({ 'a.yaml': '1', 'b.md': '1' });
    const good = await publish('*.md');
    const { rules } = await artifact(good);
    await lab.restart();
    lab.server.requests.length = 0;
    const again = await artifact(good);
    expect(again.rules).toBe(rules);
    expect((await again.tree.entries(''))?.map(({ name }) => name)).toEqual(['a.yaml']);
    expect(lab.server.requests).toEqual([]);
  });

  test('is gone with a lost disk, and made again to the same digest', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    const good = await publish();
    await lab.sources.close();
    rmSync(lab.dir, { recursive: true });
    await lab.restart();
    expect(await lab.sources.open(SHOP, good.revision, good.digest)).toBeNull();
    expect(await publish()).toEqual(good);
  });

  test('is not given out under another revision or digest', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    const good = await publish();
    expect(await lab.sources.open(SHOP, good.revision.replace('main', 'other'), good.digest)).toBeNull();
    expect(await lab.sources.open(SHOP, good.revision, `sha256:${'0'.repeat(64)}`)).toBeNull();
  });
});

describe('a mirror', () => {
  test('is freed from what a killed git left behind', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    await publish();
    await lab.sources.close();
    const leftovers = [
      'shallow.lock',
      'config.lock',
      'refs/plumb/incoming.lock',
      'objects/pack/tmp_pack_x',
      'objects/pack/pack-1.keep',
      'objects/pack/.tmp-1-pack',
    ].map((name) => join(mirror(), name));
    for (const file of leftovers) writeFileSync(file, 'x');
    writeFileSync(join(lab.dir, 'scratch', 'ca.crt'), 'x');
    await lab.restart();
    const commit = lab.repository.commit({ 'a.yaml': '2' });
    expect((await publish()).revision).toBe(`main@sha1:${commit}`);
    expect(leftovers.filter((file) => existsSync(file))).toEqual([]);
    expect(readdirSync(join(lab.dir, 'scratch'))).toEqual([]);
  });

  test.each<[name: string, damage: (path: string) => void]>([
    ['a flipped bit in a pack', (path) => flip(pack(path, '.pack'))],
    ['an empty pack', (path) => truncate(pack(path, '.pack'), 0)],
    ['a cut index', (path) => truncate(pack(path, '.idx'), 40)],
    ['lost objects', (path) => rmSync(join(path, 'objects/pack'), { recursive: true })],
    ['a lost HEAD', (path) => rmSync(join(path, 'HEAD'))],
    ['a broken config', (path) => writeFileSync(join(path, 'config'), '[core')],
  ])('with %s is built anew, to the same digest', async (_, damage) => {
    lab.repository.commit({ 'a.yaml': 'x'.repeat(300), 'b/c.yaml': 'y'.repeat(300) });
    const good = await publish();
    await lab.sources.close();
    damage(mirror());
    rmSync(join(lab.dir, 'artifacts'), { recursive: true });
    await lab.restart();
    // A damaged blob is met only while it is read; the run after that has it mended.
    const healed = await publish().catch(() => publish());
    expect(healed).toEqual(good);
    expect((await artifact(healed)).rules).toBe('default');
    expect(mirrors()).toHaveLength(1);
  });

  test('packs its many fetches into one', async () => {
    lab.repository.commit({ 'a.yaml': '0' });
    const first = await publish();
    const source = pack(mirror(), '.pack');
    for (let n = 0; n < 60; n += 1)
      writeFileSync(join(mirror(), 'objects/pack', `pack-${String(n).padStart(40, '0')}.pack`), readFileSync(source));
    lab.repository.commit({ 'a.yaml': '1' });
    const second = await publish();
    // Packing goes on after the answer; what is asked next comes after it.
    await lab.sources.resolve(SHOP, lab.request());
    await lab.sources.close();
    expect(
      lab.repository
        .git(['--git-dir', mirror(), 'for-each-ref', '--format=%(objectname)', 'refs/plumb/keep'])
        .split('\n')
        .sort(),
    ).toEqual([first, second].map(({ path }) => basename(path, '.tar.gz')).sort());
    await lab.restart();
    for (const published of [first, second]) expect((await artifact(published)).tree).toBeDefined();
  });
});

describe('remove', () => {
  test('forgets mirror and tarballs', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    const published = await publish();
    await lab.sources.remove(SHOP);
    expect(await lab.sources.open(SHOP, published.revision, published.digest)).toBeNull();
    expect(existsSync(join(lab.dir, 'mirrors/gitrepository/flux-system/shop'))).toBe(false);
    expect(existsSync(tarball(published))).toBe(false);
  });

  test('refuses a name that is none of Kubernetes', async () => {
    for (const name of ['../x', 'a/b', '', '.', 'A', 'a..b']) {
      expect(await failureOf(lab.sources.remove({ ...SHOP, name }))).toMatchObject({ code: 'invalid-path' });
    }
  });
});

function pack(path: string, end: string): string {
  const folder = join(path, 'objects/pack');
  return join(folder, readdirSync(folder).find((name) => name.endsWith(end)) ?? '');
}

function truncate(file: string, size: number): void {
  chmodSync(file, 0o600);
  truncateSync(file, size);
}

function flip(file: string): void {
  chmodSync(file, 0o600);
  const body = readFileSync(file);
  // Past the header, within the first objects.
  for (let at = 20; at < 60; at += 1) body.writeUInt8(body.readUInt8(at) ^ 0x55, at);
  writeFileSync(file, body);
}
