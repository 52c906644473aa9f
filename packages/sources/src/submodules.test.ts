import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startGitServer } from './testing/git-server.ts';
import { failureOf, openLab, SHOP, text, type Lab } from './testing/lab.ts';
import { Repository } from './testing/repository.ts';

let lab: Lab;
let library: Repository;
beforeEach(async () => {
  lab = await openLab();
  library = new Repository(lab.repositories, 'library.git');
});
afterEach(async () => {
  await lab[Symbol.asyncDispose]();
});

const module = (path: string, url: string): string => `[submodule "${path}"]\n\tpath = ${path}\n\turl = ${url}\n`;
const resolve = (over: Parameters<Lab['request']>[0] = {}): ReturnType<Lab['sources']['resolve']> =>
  lab.sources.resolve(SHOP, lab.request({ submodules: true, ...over }));
const read = async (path: string): Promise<string | null> => {
  const published = await lab.sources.publish(SHOP, await resolve());
  return text(await (await lab.artifact(published)).tree.read(path));
};

describe('submodules', () => {
  test('are there at the commit that is pinned, and stay out where nobody asks for them', async () => {
    const pinned = library.commit({ 'lib.yaml': 'pinned' });
    library.commit({ 'lib.yaml': 'newer' });
    const commit = lab.repository.commit({
      '.gitmodules': module('vendor/library', '../library.git'),
      'vendor/library': `@${pinned}`,
      'a.yaml': '1',
    });
    expect((await (await lab.artifact(await lab.publish())).tree.entries('vendor'))?.map(({ type }) => type)).toEqual([
      'commit',
    ]);
    const resolved = await resolve();
    expect(resolved.revision).toBe(`main@sha1:${commit}`);
    const published = await lab.sources.publish(SHOP, resolved);
    const { tree } = await lab.artifact(published);
    expect(text(await tree.read('vendor/library/lib.yaml'))).toBe('pinned');
    expect(await tree.id('vendor/library')).toBe(library.git(['rev-parse', `${pinned}:`]));
    await lab.restart();
    expect(text(await (await lab.artifact(published)).tree.read('vendor/library/lib.yaml'))).toBe('pinned');
  });

  test('get a login of their own where logins are for one repository', async () => {
    const pinned = library.commit({ 'lib.yaml': '1' });
    lab.repository.commit({ '.gitmodules': module('lib', '../library.git'), lib: `@${pinned}` });
    const asked: string[] = [];
    const login = async (url: string): Promise<{ bearerToken: string }> => {
      asked.push(url);
      return { bearerToken: 'for-the-library' };
    };
    await resolve({ auth: { bearerToken: 'for-the-shop', login } });
    expect(asked).toEqual([`${lab.server.url}/library.git`]);
    const sent = lab.server.requests.map((request, index) => [request, lab.server.authorizations[index]]);
    for (const [request = '', authorization] of sent)
      expect(authorization).toBe(`Bearer for-the-${request.includes('library') ? 'library' : 'shop'}`);
  });

  test('are asked for only when a pin moves', async () => {
    const pinned = library.commit({ 'lib.yaml': '1' });
    lab.repository.commit({ '.gitmodules': module('lib', '../library.git'), lib: `@${pinned}` });
    await lab.sources.publish(SHOP, await resolve());
    lab.repository.commit({ 'a.yaml': '1' });
    lab.server.requests.length = 0;
    expect(await read('lib/lib.yaml')).toBe('1');
    await lab.restart();
    expect(await read('lib/lib.yaml')).toBe('1');
    expect(lab.server.requests.filter((request) => request.includes('library'))).toEqual([]);
    const moved = library.commit({ 'lib.yaml': '2' });
    lab.repository.commit({ lib: `@${moved}` });
    expect(await read('lib/lib.yaml')).toBe('2');
  });

  test('nest, each relative to the one it is in', async () => {
    const deep = new Repository(lab.repositories, 'group/deep.git');
    const middle = new Repository(lab.repositories, 'group/middle.git');
    const bottom = deep.commit({ 'x.yaml': 'deep' });
    const pinned = middle.commit({ '.gitmodules': module('deep', '../deep.git'), deep: `@${bottom}`, 'm.yaml': '1' });
    lab.repository.commit({ '.gitmodules': module('m', `${lab.server.url}/group/middle.git`), m: `@${pinned}` });
    expect(await read('m/deep/x.yaml')).toBe('deep');
    const folder = join(lab.dir, 'mirrors/gitrepository/flux-system/shop');
    expect(readdirSync(folder)).toHaveLength(3);
  });

  test('a moved history that lost the pin is told with its address', async () => {
    lab.repository.commit({ '.gitmodules': module('lib', '../library.git'), lib: `@${'1'.repeat(40)}` });
    library.commit({ a: '1' });
    expect((await failureOf(resolve())).message).toBe(
      `failed to checkout and determine revision: unable to clone '${lab.server.url}/library.git': ` +
        `unable to resolve commit object for '${'1'.repeat(40)}': object not found`,
    );
  });

  test('credentials go to their own host and to no other', async () => {
    const authorization = `Basic ${Buffer.from('ada:secret').toString('base64')}`;
    lab.server.options.authorization = authorization;
    const auth = { username: 'ada', password: 'secret' };
    await using other = await startGitServer({ root: lab.repositories });
    const pinned = library.commit({ 'lib.yaml': '1' });
    const urls = module('near', '../library.git') + module('far', `${other.url}/library.git`);
    lab.repository.commit({ '.gitmodules': urls, near: `@${pinned}`, far: `@${pinned}` });
    const { tree } = await lab.artifact(await lab.sources.publish(SHOP, await resolve({ auth })));
    expect([text(await tree.read('near/lib.yaml')), text(await tree.read('far/lib.yaml'))]).toEqual(['1', '1']);
    expect(new Set(lab.server.authorizations)).toEqual(new Set([authorization]));
    expect(other.requests.length).toBeGreaterThan(0);
  });
});

describe('a submodule is refused', () => {
  const refused = /^submodule 'lib' is refused: /;

  test.each<[what: string, url: string, words: RegExp]>([
    ['that is a folder of this machine', '/etc', /must be relative, or http, https or ssh/],
    ['that is a file address', 'file:///etc/passwd', /must be relative, or http, https or ssh/],
    ['that is a helper program', 'ext::touch /tmp/x', /must be relative, or http, https or ssh/],
    ['that brings credentials', 'https://ada:secret@git.test/x', /without credentials$/],
    ['that climbs above its host', '../../../../etc', /must be relative, or http, https or ssh/],
    ['that is the repository itself', '../shop.git', /it leads back to a repository that it is part of$/],
    ['that leads to where a cloud keeps its keys', 'http://169.254.169.254/latest', /'169.254.169.254'/],
    [
      'that leads to this machine by another name',
      'http://localhost:1/x',
      /this machine or its own network \('localhost'\)$/,
    ],
    ['that leads to it in IPv6', 'http://[::ffff:127.0.0.1]:1/x', /this machine or its own network/],
    ['that leads to it over ssh, by a number', 'ssh://git@2130706433/x', /this machine or its own network/],
  ])('%s', async (_, url, words) => {
    lab.repository.commit({ '.gitmodules': module('lib', url), lib: `@${'1'.repeat(40)}` });
    const error = await failureOf(resolve());
    expect(error.message).toMatch(refused);
    expect(error.message).toMatch(words);
    expect(error).toMatchObject({ code: 'source-failed', fault: 'user', policy: 'retry' });
    expect(error.message).not.toContain('secret');
  });

  test('that .gitmodules does not know', async () => {
    lab.repository.commit({ lib: `@${'1'.repeat(40)}` });
    expect((await failureOf(resolve())).message).toBe("submodule 'lib' is refused: .gitmodules has no url for it");
  });

  test('that could be taken for an option by git, before it is let in at all', async () => {
    lab.repository.commit({ '.gitmodules': module('lib', '-u./payload'), lib: `@${'1'.repeat(40)}` });
    expect((await failureOf(resolve())).message).toMatch(/the repository holds a malformed object: .*gitmodulesUrl/);
  });

  test('that is one of two which hold each other', async () => {
    const inner = library.commit({ '.gitmodules': module('shop', '../shop.git'), shop: `@${'2'.repeat(40)}` });
    lab.repository.commit({ '.gitmodules': module('lib', '../library.git'), lib: `@${inner}` });
    expect((await failureOf(resolve())).message).toBe(
      "submodule 'shop' is refused: it leads back to a repository that it is part of",
    );
  });

  test('beyond the limit of them', async () => {
    await using small = await openLab({}, [], { submodules: 2 });
    const pins = Object.fromEntries(['a', 'b', 'c'].map((name) => [name, `@${'1'.repeat(40)}`]));
    small.repository.commit(pins);
    const error = await failureOf(small.sources.resolve(SHOP, small.request({ submodules: true })));
    expect(error.message).toBe(
      'the repository is beyond a limit: more than 2 submodules (3 so far); use fewer, or set spec.recurseSubmodules to false',
    );
  });
});
