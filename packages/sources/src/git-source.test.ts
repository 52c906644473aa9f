import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
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

const mirrors = (): string[] =>
  readdirSync(join(lab.dir, 'mirrors/gitrepository/flux-system/shop')).filter((name) => name.endsWith('.git'));
const mirror = (): string => join(lab.dir, 'mirrors/gitrepository/flux-system/shop', mirrors().at(-1) ?? '');
/** Objects of the mirror that are files of their own. */
function looseObjects(): number {
  const folders = readdirSync(join(mirror(), 'objects')).filter((name) => name.length === 2);
  return folders.reduce((sum, name) => sum + readdirSync(join(mirror(), 'objects', name)).length, 0);
}

describe('a revision that somebody stands on', () => {
  const publish = async (value: string, standing: readonly string[]): Promise<Published> => {
    lab.repository.commit({ 'a.yaml': value });
    return lab.sources.publish(SHOP, await lab.sources.resolve(SHOP, lab.request()), {}, standing);
  };
  const isThere = async ({ revision }: Published): Promise<boolean> =>
    (await lab.sources.open(SHOP, revision, null)) !== null;

  test('can be opened however many came after it, without its tarball, and after a restart', async () => {
    const first = await publish('first', []);
    for (let turn = 0; turn < 4; turn += 1) await publish(`${turn}`, [first.revision]);
    const last = await publish('last', [first.revision]);
    await lab.restart();
    const opened = await lab.sources.open(SHOP, first.revision, null);
    expect(opened?.digest).toBe(first.digest);
    expect(text(await opened?.tree.read('a.yaml'))).toBe('first');
    expect([existsSync(lab.tarball(first)), existsSync(lab.tarball(last))]).toEqual([false, true]);
  });

  test('stays when the mirror is packed anew, and goes when nobody stands on it', async () => {
    const first = await publish('first', []);
    const second = await publish('second', [first.revision]);
    for (let turn = 0; turn < 55; turn += 1) await publish(`${turn}`, [first.revision]);
    expect([await isThere(first), await isThere(second)]).toEqual([true, false]);
    expect(readFileSync(join(mirror(), 'shallow'), 'utf8').trim().split('\n').length).toBeLessThan(40);
    expect(looseObjects()).toBe(0);
    await publish('last', []);
    expect(await isThere(first)).toBe(false);
    // More than fifty fetches, each a process or two.
  }, 120_000);

  test('is one of a few: the youngest of them are kept', async () => {
    const all: Published[] = [];
    for (let turn = 0; turn < 15; turn += 1)
      all.push(
        await publish(
          `${turn}`,
          all.map(({ revision }) => revision),
        ),
      );
    const there = await Promise.all(all.map(isThere));
    expect(there).toEqual(all.map((_, index) => index >= 5));
  });
});

describe('the last good artifact', () => {
  test('stays when the fetch of the next one fails', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    const good = await lab.publish();
    lab.repository.commit({ 'a.yaml': '2' });
    lab.server.options.status = 500;
    await failureOf(lab.publish());
    lab.server.options = { ...lab.server.options, status: 0, hang: true };
    await failureOf(lab.sources.resolve(SHOP, lab.request({ timeout: 200 })));
    expect(text(await (await lab.artifact(good)).tree.read('a.yaml'))).toBe('1');
  });

  test('stays readable while the next one is resolved but not published', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    const good = await lab.publish();
    lab.repository.commit({ 'a.yaml': '2' });
    await lab.sources.resolve(SHOP, lab.request());
    expect(text(await (await lab.artifact(good)).tree.read('a.yaml'))).toBe('1');
  });

  test('stays when the url changes to one that does not work, and goes with its mirror when another works', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    const good = await lab.publish();
    await failureOf(lab.sources.resolve(SHOP, lab.request({ url: `${lab.server.url}/other.git` })));
    expect(text(await (await lab.artifact(good)).tree.read('a.yaml'))).toBe('1');
    const resolved = await lab.sources.resolve(SHOP, lab.request({ url: `${lab.server.url}/../shop.git/` }));
    expect(await lab.sources.publish(SHOP, resolved)).toEqual(good);
    expect(mirrors()).toHaveLength(1);
  });

  test('is found again after a restart without asking the server', async () => {
    lab.repository.commit({ 'a.yaml': '1', 'b.md': '1' });
    const good = await lab.publish('*.md');
    const { rules } = await lab.artifact(good);
    await lab.restart();
    lab.server.requests.length = 0;
    const again = await lab.artifact(good);
    expect(again.rules).toBe(rules);
    expect((await again.tree.entries(''))?.map(({ name }) => name)).toEqual(['a.yaml']);
    expect(lab.server.requests).toEqual([]);
  });

  test('is gone with a lost disk, and made again to the same digest', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    const good = await lab.publish();
    await lab.sources.close();
    rmSync(lab.dir, { recursive: true });
    await lab.restart();
    expect(await lab.sources.open(SHOP, good.revision, good.digest)).toBeNull();
    expect(await lab.publish()).toEqual(good);
  });

  test('is not given out under another revision or digest', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    const good = await lab.publish();
    expect(await lab.sources.open(SHOP, good.revision.replace('main', 'other'), good.digest)).toBeNull();
    expect(await lab.sources.open(SHOP, good.revision, `sha256:${'0'.repeat(64)}`)).toBeNull();
  });
});

describe('a mirror', () => {
  test('is freed from what a killed git left behind', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    await lab.publish();
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
    expect((await lab.publish()).revision).toBe(`main@sha1:${commit}`);
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
    const good = await lab.publish();
    await lab.sources.close();
    damage(mirror());
    rmSync(join(lab.dir, 'artifacts'), { recursive: true });
    await lab.restart();
    // A damaged blob is met only while it is read; the run after that has it mended.
    const healed = await lab.publish().catch(() => lab.publish());
    expect(healed).toEqual(good);
    expect((await lab.artifact(healed)).rules).toBe('default');
    expect(mirrors()).toHaveLength(1);
  });

  test('packs its many fetches into one', async () => {
    lab.repository.commit({ 'a.yaml': '0' });
    const first = await lab.publish();
    const source = pack(mirror(), '.pack');
    for (let n = 0; n < 60; n += 1)
      writeFileSync(join(mirror(), 'objects/pack', `pack-${String(n).padStart(40, '0')}.pack`), readFileSync(source));
    lab.repository.commit({ 'a.yaml': '1' });
    const second = await lab.publish();
    // Packing goes on after the answer; what is asked next comes after it.
    await lab.sources.resolve(SHOP, lab.request());
    await lab.sources.close();
    expect(
      lab.repository
        .git(['--git-dir', mirror(), 'for-each-ref', '--format=%(objectname)', 'refs/plumb/keep'])
        .split('\n')
        .filter((id) => lab.repository.git(['--git-dir', mirror(), 'cat-file', '-t', id]) === 'commit')
        .sort(),
    ).toEqual([first, second].map(({ path }) => basename(path, '.tar.gz')).sort());
    await lab.restart();
    for (const published of [first, second]) expect((await lab.artifact(published)).tree).toBeDefined();
  });
});

describe('remove', () => {
  test('forgets mirror and tarballs', async () => {
    lab.repository.commit({ 'a.yaml': '1' });
    const published = await lab.publish();
    await lab.sources.remove(SHOP);
    expect(await lab.sources.open(SHOP, published.revision, published.digest)).toBeNull();
    expect(existsSync(join(lab.dir, 'mirrors/gitrepository/flux-system/shop'))).toBe(false);
    expect(existsSync(lab.tarball(published))).toBe(false);
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
