import { execFileSync } from 'node:child_process';
import { copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { UnitRef } from '@plumb/api';
import type { GitInclude, Published } from './git-sources.ts';
import { failureOf, openLab, SHOP, text, type Lab } from './testing/lab.ts';
import { Repository } from './testing/repository.ts';

const BASE: UnitRef = { kind: 'GitRepository', namespace: 'flux-system', name: 'base' };

let lab: Lab;
let base: Repository;
beforeEach(async () => {
  lab = await openLab();
  base = new Repository(lab.repositories, 'base.git');
});
afterEach(async () => {
  await lab[Symbol.asyncDispose]();
});

async function publishBase(ignore?: string): Promise<Published> {
  const resolved = await lab.sources.resolve(BASE, lab.request({ url: `${lab.server.url}/base.git` }));
  return lab.sources.publish(BASE, resolved, { ignore });
}

function included({ revision, digest }: Published, fromPath = '', toPath = 'base'): GitInclude {
  return { source: BASE, revision, digest, fromPath, toPath };
}

function tarOf(published: Published): string[] {
  return execFileSync('tar', ['-tzf', lab.tarball(published)])
    .toString()
    .trim()
    .split('\n');
}

describe('sparse folders', () => {
  test('are all there is, with their ids', async () => {
    lab.repository.commit({
      'README.yaml': '1',
      'apps/a.yaml': '1',
      'infra/dns/zone.yaml': '1',
      'infra/other.yaml': '1',
      'x/y': '1',
    });
    const published = await lab.publish(undefined, { sparse: ['./apps/', 'infra/dns', 'infra/dns'] });
    expect(tarOf(published)).toEqual(['apps', 'apps/a.yaml', 'infra', 'infra/dns', 'infra/dns/zone.yaml']);
    const { tree } = await lab.artifact(published);
    expect(await tree.id('apps')).toBe(lab.repository.git(['rev-parse', 'main:apps']));
    expect(await tree.entries('x')).toBeNull();
    const whole = await lab.publish();
    expect(whole.path).toBe(published.path);
    expect(whole.digest).not.toBe(published.digest);
    await lab.restart();
    expect((await lab.artifact(whole)).tree).toBeDefined();
  });

  test.each([['./'], ['.'], ['']])('%j is everything', async (folder) => {
    lab.repository.commit({ a: '1', 'b/c': '1' });
    expect(tarOf(await lab.publish(undefined, { sparse: [folder] }))).toEqual(['a', 'b', 'b/c']);
  });

  test.each([
    [
      'nope',
      'source-failed',
      "failed to sparse checkout directories : sparse checkout dir 'nope' does not exist in repository",
    ],
    [
      'a',
      'source-failed',
      "failed to sparse checkout directories : sparse checkout dir 'a' does not exist in repository",
    ],
    ['../x', 'invalid-spec', "spec.sparseCheckout '../x' must be a folder inside the repository"],
  ])('%s is refused', async (folder, code, message) => {
    lab.repository.commit({ a: '1' });
    expect(await failureOf(lab.publish(undefined, { sparse: [folder] }))).toMatchObject({ code, message });
  });
});

describe('an included artifact', () => {
  test('stands at its path as it was published, under the rules of both', async () => {
    base.commit({ 'lib/a.yaml': 'a', 'lib/notes.md': '1', 'lib/x.png': '1', link: '->lib/a.yaml', 'run.sh': '!x' });
    lab.repository.commit({ 'apps/b.yaml': 'b', '.sourceignore': '*.skip\n' });
    const from = await publishBase('*.md\n');
    const published = await lab.publish(undefined, { include: [included(from)] });
    expect(tarOf(published)).toEqual([
      '.sourceignore',
      'apps',
      'apps/b.yaml',
      'base',
      'base/lib',
      'base/lib/a.yaml',
      'base/lib/x.png',
      'base/run.sh',
    ]);
    const { tree } = await lab.artifact(published);
    expect(text(await tree.read('base/lib/a.yaml'))).toBe('a');
    expect(published.revision).toMatch(/^main@sha1:/);
    const part = await lab.publish(undefined, { include: [included(from, './lib/', 'apps/deep')] });
    expect(tarOf(part)).toEqual([
      '.sourceignore',
      'apps',
      'apps/b.yaml',
      'apps/deep',
      'apps/deep/a.yaml',
      'apps/deep/x.png',
    ]);
    expect(part).toMatchObject({ revision: published.revision, path: published.path });
  });

  test('outlives the source it came from', async () => {
    base.commit({ 'a.yaml': 'a'.repeat(5000) });
    lab.repository.commit({ 'b.yaml': 'b' });
    const include = [included(await publishBase())];
    const published = await lab.publish(undefined, { include });
    await lab.sources.remove(BASE);
    await lab.restart();
    expect(text(await (await lab.artifact(published)).tree.read('base/a.yaml'))).toBe('a'.repeat(5000));
    expect(await failureOf(lab.publish(undefined, { include }))).toMatchObject({
      code: 'include-failed',
      policy: 'retry',
    });
  });

  test('cannot bring commits in, so that spec.ref.commit finds only what is on the remote', async () => {
    const foreign = base.commit({ 'a.yaml': 'a' });
    lab.repository.commit({ 'b.yaml': 'b' });
    await lab.publish(undefined, { include: [included(await publishBase())] });
    const error = await failureOf(lab.sources.resolve(SHOP, lab.request({ ref: { commit: foreign } })));
    expect(error.message).toContain(`unable to resolve commit object for '${foreign}'`);
  });

  test.each<[what: string, fromPath: string, toPath: string, words: RegExp]>([
    ['a folder that is not in it', 'nope', 'base', /from nope to base: there is no folder 'nope' in it$/],
    [
      'a place that is taken',
      '',
      'apps',
      /from \. to apps: 'apps' is in the repository already, choose another toPath$/,
    ],
    ['a place below a file', '', 'apps/b.yaml/x', /'apps\/b.yaml\/x' is in the repository already/],
    ['the root', '', '.', /'\.' is in the repository already/],
    ['a place outside', '', '../x', /spec.include\[\].toPath '..\/x' must be a folder inside the repository/],
    ['a place in .git', '', '.GIT/hooks', /must be a folder inside/],
  ])('%s is refused', async (_, fromPath, toPath, words) => {
    base.commit({ 'a.yaml': 'a' });
    lab.repository.commit({ 'apps/b.yaml': 'b' });
    const include = [included(await publishBase(), fromPath, toPath)];
    expect((await failureOf(lab.publish(undefined, { include }))).message).toMatch(words);
  });

  test('of another object format is refused', async () => {
    base.recreate(['--object-format=sha256']);
    base.commit({ 'a.yaml': 'a' });
    lab.repository.commit({ 'b.yaml': 'b' });
    const error = await failureOf(lab.publish(undefined, { include: [included(await publishBase())] }));
    expect(error.message).toBe('a repository with sha256 object ids cannot become part of one with sha1 ids');
  });

  test('stays when many fetches are packed into one', async () => {
    base.commit({ 'a.yaml': 'a' });
    const include = [included(await publishBase())];
    lab.repository.commit({ 'n.yaml': '0' });
    await lab.sources.resolve(SHOP, lab.request());
    const mirrors = join(lab.dir, 'mirrors/gitrepository/flux-system/shop');
    const packs = join(mirrors, readdirSync(mirrors)[0] ?? '', 'objects/pack');
    const source = readdirSync(packs).find((name) => name.endsWith('.pack')) ?? '';
    for (let n = 0; n < 60; n += 1)
      copyFileSync(join(packs, source), join(packs, `pack-${String(n).padStart(40, '0')}.pack`));
    const published = await lab.publish(undefined, { include });
    await lab.sources.resolve(SHOP, lab.request());
    await lab.restart();
    expect(text(await (await lab.artifact(published)).tree.read('base/a.yaml'))).toBe('a');
  });
});
