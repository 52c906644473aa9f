import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Content, GitRequest, Published } from './git-sources.ts';
import { failureOf, openLab, SHOP, text, type Lab } from './testing/lab.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await openLab();
  lab.repository.git(['config', 'uploadpack.allowFilter', 'true']);
});
afterEach(() => lab[Symbol.asyncDispose]());

/** Does not compress. */
const noise = (bytes: number): string => randomBytes(bytes).toString('hex').slice(0, bytes);
const LARGE = 400_000;
const files = (): Record<string, string> => ({
  'README.md': 'read me\n',
  'apps/a.yaml': 'a: 1\n',
  'apps/deep/b.yaml': 'b: 1\n',
  'infra/c.yaml': 'c: 1\n',
  'media/film.bin': noise(LARGE),
});

async function publish(content: Content, over: Partial<GitRequest> = {}): Promise<Published> {
  const { sparse = [], ignore } = content;
  const resolved = await lab.sources.resolve(SHOP, lab.request({ only: { sparse, ignore }, ...over }));
  return lab.sources.publish(SHOP, resolved, content);
}

/** Bytes of packs in all mirrors of the source. */
function transferred(): number {
  return packs().reduce((sum, file) => sum + statSync(file).size, 0);
}

function packs(): string[] {
  const mirrors = join(lab.dir, 'mirrors');
  return readdirSync(mirrors, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.pack'))
    .map((name) => join(mirrors, name));
}

/** Requests that a task makes which may bring objects. */
async function exchanges(task: () => Promise<unknown>): Promise<number> {
  lab.server.requests.length = 0;
  await task();
  return lab.server.requests.filter((request) => request.startsWith('POST')).length;
}

const read = async (published: Published, path: string): Promise<string | null> =>
  text(await (await lab.artifact(published)).tree.read(path));

/** What it is with everything transferred. */
async function whole(content: Content, over: Partial<GitRequest> = {}): Promise<string> {
  const ref = { kind: 'GitRepository', namespace: 'flux-system', name: 'whole' } as const;
  const { sources } = lab;
  return (await sources.publish(ref, await sources.resolve(ref, lab.request(over)), content)).digest;
}

const ONLY_APPS = '/*\n!/apps\n';

describe.each<[what: string, content: Content]>([
  ['sparse folders', { sparse: ['apps'] }],
  ['rules that leave out all but one folder', { ignore: ONLY_APPS }],
])('with %s', (_, content) => {
  test('only what is published is transferred, all files in one exchange, and the artifact is the same', async () => {
    lab.repository.commit(files());
    const made = await exchanges(() => publish(content));
    expect(transferred()).toBeLessThan(LARGE / 10);
    expect(made).toBe((await exchanges(() => whole(content))) + 1);
    const published = await publish(content);
    expect(await read(published, 'apps/deep/b.yaml')).toBe('b: 1\n');
    expect(published.digest).toBe(await whole(content));
  });

  test('a new commit brings what changed, and one elsewhere no file', async () => {
    lab.repository.commit(files());
    await publish(content);
    lab.repository.commit({ 'apps/a.yaml': 'a: 2\n', 'media/film.bin': noise(LARGE) });
    const made = await exchanges(() => publish(content));
    expect(await read(await publish(content), 'apps/a.yaml')).toBe('a: 2\n');
    lab.repository.commit({ 'media/film.bin': noise(LARGE) });
    expect(await exchanges(() => publish(content))).toBe(made - 1);
    expect(transferred()).toBeLessThan(LARGE / 10);
  });

  test('nothing new costs one question, also after a restart', async () => {
    lab.repository.commit(files());
    const published = await publish(content);
    expect(await exchanges(() => publish(content))).toBe(1);
    await lab.restart();
    expect(await exchanges(() => publish(content))).toBe(1);
    expect(await read(published, 'apps/a.yaml')).toBe('a: 1\n');
  });

  test('a server that leaves nothing out sends all', async () => {
    lab.repository.git(['config', 'uploadpack.allowFilter', 'false']);
    lab.repository.commit(files());
    const made = await exchanges(() => publish(content));
    expect(transferred()).toBeGreaterThan(LARGE / 2);
    expect(made).toBe(await exchanges(() => whole(content)));
    expect((await publish(content)).digest).toBe(await whole(content));
  });

  test('a server of old that gives out no file by itself is mirrored whole, from then on', async () => {
    lab.server.options.old = true;
    lab.repository.commit(files());
    const published = await publish(content);
    expect(published.digest).toBe(await whole(content));
    const before = packs();
    lab.repository.commit({ 'apps/a.yaml': 'a: 2\n' });
    expect(await read(await publish(content), 'apps/a.yaml')).toBe('a: 2\n');
    expect(packs()).toEqual(expect.arrayContaining(before));
  });
});

test('what is asked for later is brought then, and all of it when nothing is left out any more', async () => {
  lab.repository.commit(files());
  await publish({ sparse: ['apps'] });
  const more = await publish({ sparse: ['apps', 'infra'] });
  expect(await read(more, 'infra/c.yaml')).toBe('c: 1\n');
  expect(transferred()).toBeLessThan(LARGE / 10);
  const all = await publish({});
  expect(all.digest).toBe(await whole({}));
  expect(await read(all, 'README.md')).toBe('read me\n');
});

test('files with rules are brought before those that they let through', async () => {
  lab.repository.commit({ ...files(), 'apps/.sourceignore': 'deep/\n', '.sourceignore': '*.md\n' });
  const made = await exchanges(() => publish({ sparse: ['apps'] }));
  expect(made).toBe((await exchanges(() => whole({ sparse: ['apps'] }))) + 2);
  const published = await publish({ sparse: ['apps'] });
  expect(await read(published, 'apps/deep/b.yaml')).toBeNull();
  expect(published.digest).toBe(await whole({ sparse: ['apps'] }));
});

test('a symlink is there for a build to follow', async () => {
  lab.repository.commit({ ...files(), 'apps/link': '->a.yaml' });
  expect(await read(await publish({ sparse: ['apps'] }), 'apps/link')).toBe('a.yaml');
});

test.each<[what: string, content: Content]>([
  ['one that is whole', {}],
  ['one that is partial too, and has the folder without its files', { sparse: ['infra'] }],
])('what %s includes of it is taken over with its files', async (_, content) => {
  lab.repository.commit(files());
  const { revision, digest } = await publish({ ignore: ONLY_APPS });
  const other = { kind: 'GitRepository', namespace: 'flux-system', name: 'other' } as const;
  const include = [{ source: SHOP, revision, digest, fromPath: 'apps', toPath: 'lib' }];
  const resolved = await lab.sources.resolve(other, lab.request({ only: content }));
  const published = await lab.sources.publish(other, resolved, { ...content, include });
  await lab.restart();
  const opened = await lab.sources.open(other, published.revision, published.digest);
  expect(text(await opened?.tree.read('lib/deep/b.yaml'))).toBe('b: 1\n');
  expect(text(await opened?.tree.read('infra/c.yaml'))).toBe('c: 1\n');
});

test('a commit that is pinned on a branch brings the history, without the files of other commits', async () => {
  const pinned = lab.repository.commit({ 'a.yaml': 'a: 1\n' });
  for (let n = 0; n < 5; n += 1) lab.repository.commit({ 'media/film.bin': noise(LARGE), 'a.yaml': `a: ${n + 2}\n` });
  const over = { ref: { branch: 'main', commit: pinned } };
  const published = await publish({}, over);
  expect(transferred()).toBeLessThan(LARGE / 10);
  expect(await read(published, 'a.yaml')).toBe('a: 1\n');
  expect(published.digest).toBe(await whole({}, over));
  const stranger = lab.repository.commit({ 'a.yaml': 'no\n' }, { ref: 'refs/heads/other' });
  expect(await failureOf(publish({}, { ref: { branch: 'main', commit: stranger } }))).toMatchObject({
    message: expect.stringContaining('object not found on branch') as string,
  });
});

test('the files come with the credentials of the repository, and count for its limits', async () => {
  lab.server.options.authorization = 'Bearer good';
  lab.repository.commit(files());
  await publish({ sparse: ['apps'] }, { auth: { bearerToken: 'good' } });
  expect(new Set(lab.server.authorizations)).toEqual(new Set(['Bearer good']));
  expect(lab.server.requests).toHaveLength(lab.server.authorizations.length);
  await using small = await openLab({}, [], { entries: 2 });
  small.repository.git(['config', 'uploadpack.allowFilter', 'true']);
  small.repository.commit({ 'apps/1': '1', 'apps/2': '2', 'apps/3': '3' });
  const over = { only: { sparse: ['apps'] } };
  expect(await failureOf(small.sources.resolve(SHOP, small.request(over)))).toMatchObject({ code: 'source-failed' });
});

test('no git asks for a missing file by itself', async () => {
  lab.repository.commit(files());
  const published = await publish({ sparse: ['apps'] });
  const resolved = await lab.sources.resolve(SHOP, lab.request({ only: { sparse: ['apps'] } }));
  lab.server.requests.length = 0;
  expect(await failureOf(lab.sources.publish(SHOP, resolved, {}))).toMatchObject({
    code: 'storage-failed',
    message: expect.stringMatching(/is missing from the mirror/) as string,
  });
  expect(lab.server.requests).toEqual([]);
  // What was read is taken for damage: the next run mends it.
  expect((await publish({ sparse: ['apps'] })).digest).toBe(published.digest);
});

test('a mirror that has lost a file gets it again', async () => {
  lab.repository.commit(files());
  const published = await publish({ sparse: ['apps'] });
  await lab.sources.close();
  const newest = packs().toSorted((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0] ?? '';
  for (const end of ['.pack', '.idx', '.promisor']) rmSync(newest.replace(/\.pack$/, end));
  rmSync(lab.tarball(published));
  await lab.restart();
  expect((await publish({ sparse: ['apps'] })).digest).toBe(published.digest);
});

test('many packs become one, and what nobody needs any more goes', { timeout: 120_000 }, async () => {
  const content = { sparse: ['apps'] };
  for (let n = 0; n < 26; n += 1) {
    lab.repository.commit({ 'apps/a.yaml': noise(20_000), 'media/film.bin': noise(100) });
    await publish(content);
  }
  const before = packs();
  expect(before.length).toBeGreaterThan(50);
  for (const file of before) utimesSync(file, 1, 1);
  const commit = lab.repository.commit({ 'apps/a.yaml': 'last\n' });
  const published = await publish(content);
  await lab.restart();
  expect(packs().length).toBeLessThan(5);
  expect(transferred()).toBeLessThan(100_000);
  expect(await read(published, 'apps/a.yaml')).toBe('last\n');
  expect(published.revision).toBe(`main@sha1:${commit}`);
  lab.repository.commit({ 'apps/a.yaml': 'later\n' });
  expect(await read(await publish(content), 'apps/a.yaml')).toBe('later\n');
});
