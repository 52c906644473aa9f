import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Published } from './git-sources.ts';
import { failureOf, openLab, SHOP, text, type Lab } from './testing/lab.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await openLab();
});
afterEach(async () => {
  await lab[Symbol.asyncDispose]();
});

describe('the tarball', () => {
  test('is laid out as Flux lays it out', async () => {
    const commit = lab.repository.commit({
      'apps/a.yaml': 'a: 1\n',
      'run.sh': '!#!/bin/sh\n',
      'link.yaml': '->apps/a.yaml',
      'logo.png': 'x',
      '.gitignore': 'x',
    });
    const published = await lab.publish();
    const body = readFileSync(lab.tarball(published));
    expect(published).toEqual({
      revision: `main@sha1:${commit}`,
      digest: `sha256:${createHash('sha256').update(body).digest('hex')}`,
      size: body.length,
      path: `gitrepository/flux-system/shop/${commit}.tar.gz`,
    });
    const listing = execFileSync('tar', ['-tvzf', lab.tarball(published), '--numeric-owner', '--utc'])
      .toString()
      .trim()
      .split('\n');
    expect(listing.map((line) => line.replaceAll(/\s+/g, ' '))).toEqual([
      'drwxr-x--- 0/0 0 1970-01-01 00:00 apps',
      '-rw------- 0/0 5 1970-01-01 00:00 apps/a.yaml',
      '-rwx------ 0/0 10 1970-01-01 00:00 run.sh',
    ]);
    expect(execFileSync('tar', ['-xzOf', lab.tarball(published), 'apps/a.yaml']).toString()).toBe('a: 1\n');
  });

  test('has the same digest when it is made again elsewhere', async () => {
    lab.repository.commit({ 'a.yaml': 'x'.repeat(5000), 'b/c.yaml': 'ü', ['long/'.repeat(40) + 'name.yaml']: '1' });
    const first = await lab.publish();
    await lab.sources.remove(SHOP);
    expect(existsSync(lab.tarball(first))).toBe(false);
    expect(await lab.publish()).toEqual(first);
  });

  test('is written once for a commit and its rules, and again when the rules change', async () => {
    lab.repository.commit({ 'a.yaml': '1', 'b.md': '1' });
    const first = await lab.publish();
    const made = statSync(lab.tarball(first)).ino;
    expect(await lab.publish()).toEqual(first);
    expect(statSync(lab.tarball(first)).ino).toBe(made);
    const other = await lab.publish('*.md');
    expect(other.path).toBe(first.path);
    expect(other.digest).not.toBe(first.digest);
    expect(await lab.sources.open(SHOP, first.revision, first.digest)).toBeNull();
    expect((await lab.artifact(other)).rules).toMatch(/^sha256:/);
  });

  test('is written again when it was damaged', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    const first = await lab.publish();
    chmodSync(lab.tarball(first), 0o600);
    truncateSync(lab.tarball(first), first.size - 1);
    expect(await lab.sources.open(SHOP, first.revision, first.digest)).toBeNull();
    expect(await lab.publish()).toEqual(first);
    const { atime, mtime } = statSync(lab.tarball(first));
    const body = readFileSync(lab.tarball(first));
    body.writeUInt8(body.readUInt8(20) ^ 1, 20);
    writeFileSync(lab.tarball(first), body);
    utimesSync(lab.tarball(first), atime, mtime);
    expect(await lab.sources.open(SHOP, first.revision, first.digest)).toBeNull();
  });

  test('of the commit before stays, older ones go', async () => {
    const published: Published[] = [];
    for (const n of ['1', '2', '3']) {
      lab.repository.commit({ 'a.yaml': n });
      published.push(await lab.publish());
    }
    const [oldest, before, newest] = published.map(lab.tarball);
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
    const { tree } = await lab.artifact(await lab.publish());
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
    const { tree } = await lab.artifact(await lab.publish());
    for (const path of ['..', '../x', 'apps/..', '/apps', 'apps/', './apps', 'apps//deep', '.git', 'apps/\0']) {
      expect({ path, seen: [await tree.id(path), await tree.entries(path), await tree.read(path)] }).toEqual({
        path,
        seen: [null, null, null],
      });
    }
  });

  test('ids change only where something changed', async () => {
    lab.repository.commit({ 'a/x.yaml': '1', 'b/x.yaml': '1' });
    const before = (await lab.artifact(await lab.publish())).tree;
    lab.repository.commit({ 'b/x.yaml': '2' });
    const after = (await lab.artifact(await lab.publish())).tree;
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
    const published = await lab.publish('/docs\n');
    const { tree } = await lab.artifact(published);
    expect((await tree.entries(''))?.map(({ name }) => name)).toEqual(['.sourceignore', 'apps']);
    expect((await tree.entries('apps'))?.map(({ name }) => name)).toEqual(['.sourceignore', 'README.md', 'a.yaml']);
    expect([
      await tree.id('docs'),
      await tree.read('docs/x.yaml'),
      await tree.read('README.md'),
      await tree.id('apps/local'),
    ]).toEqual([null, null, null, null]);
    const names = execFileSync('tar', ['-tzf', lab.tarball(published)])
      .toString()
      .trim()
      .split('\n');
    expect(names).toEqual(['.sourceignore', 'apps', 'apps/.sourceignore', 'apps/README.md', 'apps/a.yaml']);
  });

  test('shows an excluded folder where a later pattern takes something back', async () => {
    lab.repository.commit({ 'clusters/prod/a.yaml': '1', 'clusters/dev/a.yaml': '1', 'apps/a.yaml': '1' });
    const { tree } = await lab.artifact(await lab.publish('/*\n!/clusters/prod\n'));
    expect((await tree.entries(''))?.map(({ name }) => name)).toEqual(['clusters']);
    expect((await tree.entries('clusters'))?.map(({ name }) => name)).toEqual(['prod']);
    expect(text(await tree.read('clusters/prod/a.yaml'))).toBe('1');
  });

  test('refuses a file beyond the limit by name and size', async () => {
    lab.repository.commit({ 'big.yaml': 'x'.repeat(2000) });
    const { tree } = await lab.artifact(await lab.publish());
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
    const root = lab.repository.git(
      ['mktree'],
      `040000 tree ${odd}\todd\n040000 tree ${odd}\t"o\\nd"\n040000 tree ${apps}\tapps\n`,
    );
    const commit = lab.repository.git(['commit-tree', '-m', 'odd', root]);
    lab.repository.git(['update-ref', 'refs/heads/main', commit]);
    const { tree } = await lab.artifact(await lab.publish());
    expect((await tree.entries('apps'))?.length).toBe(1);
    for (const [name, shown] of [
      ['odd', 'odd'],
      ['o\nd', 'o d'],
    ] as const)
      expect(await failureOf(tree.entries(name))).toMatchObject({
        code: 'invalid-path',
        message: `1 name(s) in folder '${shown}' are not UTF-8: rename them`,
      });
  });
});
