import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRepository } from './repository.ts';

describe('an entry is taken apart as kustomize does', () => {
  test.each<[string, string, string, string]>([
    // entry, url, folder, ref
    ['https://github.com/shop/fleet', 'https://github.com/shop/fleet', '', ''],
    ['https://github.com/shop/fleet/apps/cart', 'https://github.com/shop/fleet', 'apps/cart', ''],
    ['https://github.com/shop/fleet//apps/cart/?ref=v1', 'https://github.com/shop/fleet', 'apps/cart/', 'v1'],
    ['http://GitHub.com/shop/fleet', 'https://github.com/shop/fleet', '', ''],
    ['github.com/shop/fleet?ref=a/b', 'https://github.com/shop/fleet', '', 'a/b'],
    ['GitHub.com:shop/fleet/x', 'https://github.com/shop/fleet', 'x', ''],
    ['git@github.com:shop/fleet.git', 'git@github.com:shop/fleet.git', '', ''],
    ['git@github.com/shop/fleet/x', 'git@github.com:shop/fleet', 'x', ''],
    ['ssh://git@github.com/shop/fleet//x', 'git@github.com:shop/fleet', 'x', ''],
    ['git::git@github.com:shop/fleet', 'git@github.com:shop/fleet', '', ''],
    ['git::https://git.shop.test/a/b', 'https://git.shop.test/a/b', '', ''],
    ['GIT::HTTPS://git.shop.test/a/b', 'https://git.shop.test/a/b', '', ''],
    ['https://git.shop.test/a/b/c/d', 'https://git.shop.test/a/b', 'c/d', ''],
    ['https://git.shop.test/deep/down/fleet//c/d', 'https://git.shop.test/deep/down/fleet', 'c/d', ''],
    ['https://git.shop.test/deep/down/fleet.git/c/d', 'https://git.shop.test/deep/down/fleet.git', 'c/d', ''],
    ['https://git.shop.test/deep/fleet.git//c', 'https://git.shop.test/deep/fleet.git', 'c', ''],
    ['https://git.shop.test/fleet.git', 'https://git.shop.test/fleet.git', '', ''],
    ['https://dev.azure.test/org/p/_git/fleet/c', 'https://dev.azure.test/org/p/_git/fleet', 'c', ''],
    ['https://me@dev.azure.test/org/p/_git/fleet//c', 'https://me@dev.azure.test/org/p/_git/fleet', 'c', ''],
    ['ssh://git.shop.test:7999/a/b', 'ssh://git.shop.test:7999/a/b', '', ''],
    ['me@git.shop.test:a/b.git//c', 'me@git.shop.test:a/b.git', 'c', ''],
    ['me@git.shop.test/user:x/b.git/c', 'me@git.shop.test/user:x/b.git', 'c', ''],
    ['file:///srv/fleet.git/c', 'file:///srv/fleet.git', 'c', ''],
    ['file:///srv/fleet', 'file:///srv/fleet', '', ''],
    ['https://git.shop.test/a/b/?ref=x_git/y.git//z', 'https://git.shop.test/a/b', '', 'x_git/y.git//z'],
    ['https://git.shop.test/a/b/%-odd', 'https://git.shop.test/a/b', '%-odd', ''],
    ['https://user:secret@git.shop.test/a/b', 'https://user:secret@git.shop.test/a/b', '', ''],
  ])('%s', (entry, url, path, ref) => {
    expect(parseRepository(entry)).toMatchObject({ url, path, ref });
  });

  test.each([
    '/srv/fleet',
    '../base',
    'base',
    'web.yaml',
    'src/github.com/shop/fleet',
    'gh:shop/fleet',
    'github.com',
    'github.com!shop/fleet',
    'oci://git.shop.test/a/b',
    'https://git.shop.test',
    'https://git.shop.test/web.yaml',
    'https://git.shop.test?ref=a/b',
    'git::x',
    '',
  ])('%s is none', (entry) => {
    expect(parseRepository(entry)).toBeNull();
  });

  test.each<[string, 'https' | 'http' | 'ssh' | 'file']>([
    ['https://git.shop.test/a/b', 'https'],
    ['http://git.shop.test/a/b', 'http'],
    ['ssh://git.shop.test/a/b', 'ssh'],
    ['me@git.shop.test:a/b', 'ssh'],
    ['git@github.com:a/b', 'ssh'],
    ['file:///a', 'file'],
  ])('%s is fetched over %s', (entry, scheme) => {
    expect(parseRepository(entry)?.scheme).toBe(scheme);
  });

  test.each<[string, object]>([
    ['', { ref: '', submodules: true, timeout: null }],
    ['ref=v1', { ref: 'v1' }],
    ['version=v1', { ref: 'v1' }],
    ['version=v1&ref=v2', { ref: 'v2' }],
    ['version=v1&ref=', { ref: 'v1' }],
    ['ref=a%2Fb', { ref: 'a/b' }],
    ['ref=v1&ref=v2', { ref: 'v1' }],
    ['ref=v1;x=1', { ref: '' }],
    ['ref=%zz', { ref: '' }],
    ['submodules=false', { submodules: false }],
    ['submodules=0', { submodules: false }],
    ['submodules=no', { submodules: true }],
    ['submodules=', { submodules: true }],
    ['timeout=61', { timeout: 61_000 }],
    ['timeout=1m1s', { timeout: 61_000 }],
    ['timeout=0', { timeout: null }],
    ['timeout=-3', { timeout: null }],
    ['timeout=soon', { timeout: null }],
  ])('?%s', (query, said) => {
    expect(parseRepository(`https://git.shop.test/a/b?${query}`)).toMatchObject(said);
  });

  test('whatever stands there, it does not throw, and the folder holds no mark of the query', () => {
    const pieces = [
      'https://',
      'ssh://',
      'git@',
      'git::',
      'github.com',
      'a',
      '/',
      '//',
      ':',
      '.git',
      '_git/',
      '?',
      'ref=',
      '%',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), (parts) => {
        expect(parseRepository(parts.join(''))?.path ?? '').not.toContain('?');
      }),
    );
  });
});
