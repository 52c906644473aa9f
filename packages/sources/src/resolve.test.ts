import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { GitRef } from './git-sources.ts';
import { failureOf, openLab, SHOP, text, type Lab } from './testing/lab.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await openLab();
});
afterEach(async () => {
  await lab[Symbol.asyncDispose]();
});

const resolve = (ref: GitRef): ReturnType<Lab['sources']['resolve']> => lab.sources.resolve(SHOP, lab.request({ ref }));

describe('a ref leads to a revision', () => {
  test('branch, tag, range, name and commit as Flux writes them', async () => {
    const first = lab.repository.commit({ 'a.yaml': '1' }, { message: 'First\n\nwith a body' });
    lab.repository.tag('v1.0.0', first);
    const second = lab.repository.commit({ 'a.yaml': '2' });
    lab.repository.tag('v1.2.0', second, true);
    const pull = lab.repository.commit({ 'a.yaml': '3' }, { ref: 'refs/pull/7/head' });
    lab.repository.commit({ 'a.yaml': 'x' }, { ref: 'refs/heads/deep/refs/heads/main' });

    expect(await resolve({ branch: 'main' })).toEqual({
      revision: `main@sha1:${second}`,
      commit: second,
      subject: 'change',
    });
    expect(await resolve({ tag: 'v1.0.0' })).toEqual({
      revision: `v1.0.0@sha1:${first}`,
      commit: first,
      subject: 'First',
    });
    expect((await resolve({ tag: 'v1.2.0' })).revision).toBe(`v1.2.0@sha1:${second}`);
    expect((await resolve({ semver: '>=1.0.0 <1.2.0' })).revision).toBe(`v1.0.0@sha1:${first}`);
    expect((await resolve({ semver: '^1' })).revision).toBe(`v1.2.0@sha1:${second}`);
    expect((await resolve({ name: 'refs/pull/7/head' })).revision).toBe(`refs/pull/7/head@sha1:${pull}`);
    expect((await resolve({ name: 'refs/heads/main' })).revision).toBe(`refs/heads/main@sha1:${second}`);
    expect((await resolve({ commit: first })).revision).toBe(`sha1:${first}`);
    expect((await resolve({ branch: 'main', commit: first })).revision).toBe(`main@sha1:${first}`);
  });

  test('no ref at all is branch master', async () => {
    const commit = lab.repository.commit({ a: '1' }, { ref: 'refs/heads/master' });
    expect((await resolve({})).revision).toBe(`master@sha1:${commit}`);
  });

  test('of versions that differ only in their build part the youngest commit wins', async () => {
    const older = lab.repository.commit({ a: '1' });
    const younger = lab.repository.commit({ a: '2' });
    lab.repository.tag('1.0.0+z', older);
    lab.repository.tag('1.0.0+a', younger);
    expect((await resolve({ semver: '1.x' })).revision).toBe(`1.0.0+a@sha1:${younger}`);
  });

  test('a forced push is followed', async () => {
    lab.repository.commit({ a: '1' });
    await resolve({ branch: 'main' });
    lab.repository.git(['update-ref', '-d', 'refs/heads/main']);
    const other = lab.repository.commit({ b: '1' });
    expect((await resolve({ branch: 'main' })).commit).toBe(other);
  });

  test('a branch set back to an older commit is followed back, though the mirror has the newer one', async () => {
    const older = lab.repository.commit({ 'a.yaml': '1' });
    const before = await lab.publish();
    lab.repository.commit({ 'a.yaml': '2', 'b.yaml': '2' });
    const newer = await lab.publish();
    expect(newer.digest).not.toBe(before.digest);

    lab.repository.git(['update-ref', 'refs/heads/main', older]);
    const after = await lab.publish();
    expect(after).toMatchObject({ revision: `main@sha1:${older}`, digest: before.digest });
    const { tree } = await lab.artifact(after);
    expect(text(await tree.read('a.yaml'))).toBe('1');
    expect((await tree.entries(''))?.map(({ name }) => name)).toEqual(['a.yaml']);

    await lab.restart();
    expect(await lab.publish()).toMatchObject({ revision: after.revision, digest: before.digest });
  });
});

describe('what is asked of the server', () => {
  const posts = (): number => lab.server.requests.filter((request) => request.startsWith('POST')).length;

  test('an unmoved ref costs one listing and moves no object', async () => {
    lab.repository.commit({ a: '1' });
    await resolve({ branch: 'main' });
    lab.server.requests.length = 0;
    await resolve({ branch: 'main' });
    expect(lab.server.requests).toHaveLength(2);
    expect(posts()).toBe(1);
  });

  test('only the newest commit of a branch is fetched', async () => {
    const old = lab.repository.commit({ a: '1' });
    lab.repository.commit({ a: '2' });
    await resolve({ branch: 'main' });
    lab.server.requests.length = 0;
    await resolve({ commit: old });
    expect(posts()).toBeGreaterThan(1);
  });

  test('a commit that the server gives out only with its branches is found all the same', async () => {
    const old = lab.repository.commit({ a: '1' });
    lab.repository.commit({ a: '2' });
    lab.server.options.old = true;
    await resolve({ branch: 'main' });
    expect((await resolve({ commit: old })).revision).toBe(`sha1:${old}`);
  });
});

describe('what is not there', () => {
  test.each<[ref: GitRef, words: string]>([
    [{ branch: 'nope' }, `couldn't find remote ref "refs/heads/nope"`],
    [{ tag: 'v9' }, `couldn't find remote ref "refs/tags/v9"`],
    [{ name: 'refs/pull/9/head' }, `couldn't find remote ref "refs/pull/9/head"`],
    [{ semver: '>=9' }, 'no match found for semver: >=9'],
    [{ commit: '1'.repeat(40) }, `unable to resolve commit object for '${'1'.repeat(40)}': object not found`],
    [{ branch: 'nope', commit: '1'.repeat(40) }, `couldn't find remote ref "refs/heads/nope"`],
  ])('%j', async (ref, words) => {
    lab.repository.commit({ a: '1' });
    const error = await failureOf(resolve(ref));
    expect(error.message).toBe(
      `failed to checkout and determine revision: unable to clone '${lab.server.url}/shop.git': ${words}`,
    );
    expect(error).toMatchObject({ code: 'source-failed', fault: 'user', policy: 'retry' });
  });

  test('a commit that is not on the branch', async () => {
    lab.repository.commit({ a: '1' });
    const other = lab.repository.commit({ a: '2' }, { ref: 'refs/heads/other' });
    await resolve({ branch: 'other' });
    expect((await failureOf(resolve({ branch: 'main', commit: other }))).message).toMatch(
      /object not found on branch 'main'$/,
    );
  });

  test('an empty repository', async () => {
    expect(await failureOf(resolve({ branch: 'main' }))).toMatchObject({
      code: 'source-empty',
      message: 'git repository is empty',
      policy: 'retry',
    });
  });

  test('a repository that was emptied keeps its last artifact, and is followed again once it is filled', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    const good = await lab.publish();
    lab.repository.git(['update-ref', '-d', 'refs/heads/main']);
    expect(await failureOf(lab.publish())).toMatchObject({ code: 'source-empty' });
    expect(text(await (await lab.artifact(good)).tree.read('a.yaml'))).toBe('1');
    const again = lab.repository.commit({ 'b.yaml': '1' });
    expect((await lab.publish()).revision).toBe(`main@sha1:${again}`);
  });

  test('a commit without files is an artifact without files', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    lab.repository.commit({ 'a.yaml': null });
    expect(await (await lab.artifact(await lab.publish())).tree.entries('')).toEqual([]);
  });

  test('a tag that leads to a file', async () => {
    lab.repository.commit({ a: '1' });
    lab.repository.git(['tag', 'blob', 'main:a']);
    expect((await failureOf(resolve({ tag: 'blob' }))).message).toMatch(
      /'refs\/tags\/blob' does not lead to a commit$/,
    );
  });
});

describe('a repository with SHA-256 ids', () => {
  test('is followed, published and read like any other', async () => {
    await using other = await openLab({}, ['--object-format=sha256']);
    const first = other.repository.commit({ 'a.yaml': '1', 'b/c.yaml': '2' });
    other.repository.tag('v1.0.0', first, true);
    const published = await other.publish();
    expect(published).toMatchObject({ revision: `main@sha256:${first}` });
    expect(published.path).toMatch(/\/[0-9a-f]{64}\.tar\.gz$/);
    expect(text(await (await other.artifact(published)).tree.read('b/c.yaml'))).toBe('2');
    const second = other.repository.commit({ 'a.yaml': '2' });
    expect((await other.publish()).revision).toBe(`main@sha256:${second}`);
    const of = async (ref: GitRef): Promise<string> =>
      (await other.sources.resolve(SHOP, other.request({ ref }))).revision;
    expect(await of({ commit: first })).toBe(`sha256:${first}`);
    expect(await of({ semver: '1.x' })).toBe(`v1.0.0@sha256:${first}`);
    await other.restart();
    other.server.requests.length = 0;
    expect((await other.publish()).revision).toBe(`main@sha256:${second}`);
    expect(other.server.requests).toHaveLength(2);
  });

  test('takes the place of one with SHA-1 ids at the same address, and gives it back', async () => {
    await using other = await openLab();
    const before = other.repository.commit({ a: '1' });
    await other.publish();
    other.repository.recreate(['--object-format=sha256']);
    const sha256 = other.repository.commit({ a: '2' });
    expect((await other.publish()).revision).toBe(`main@sha256:${sha256}`);
    other.repository.recreate([]);
    other.repository.commit({ a: '1' });
    expect(await failureOf(other.sources.resolve(SHOP, other.request({ ref: { commit: sha256 } })))).toMatchObject({
      message: expect.stringMatching(/its commits have sha1 ids, not the kind asked for$/),
      policy: 'retry',
    });
    expect((await other.publish()).revision).toMatch(/^main@sha1:/);
    expect(before).toHaveLength(40);
  });
});
