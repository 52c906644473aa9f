import { expect, test } from 'vitest';
import type { GitRef } from '../git-sources.ts';
import { parseAddress } from './address.ts';
import { revisionOf, wantedOf } from './reference.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';

test.each<[ref: GitRef, wanted: object]>([
  [{}, { kind: 'branch', ref: 'refs/heads/master' }],
  [{ branch: '' }, { kind: 'branch', ref: 'refs/heads/master' }],
  [{ branch: 'feature/x' }, { kind: 'branch', ref: 'refs/heads/feature/x' }],
  [
    { branch: 'main', tag: 'v1' },
    { kind: 'tag', ref: 'refs/tags/v1' },
  ],
  [
    { branch: 'main', tag: 'v1', semver: '1.x' },
    { kind: 'semver', range: '1.x' },
  ],
  [
    { semver: '1.x', name: 'refs/pull/1/head' },
    { kind: 'name', ref: 'refs/pull/1/head' },
  ],
  [{ name: 'HEAD' }, { kind: 'name', ref: 'HEAD' }],
  [
    { name: 'refs/pull/1/head', commit: COMMIT },
    { kind: 'commit', commit: COMMIT, ref: '' },
  ],
  [
    { branch: 'main', commit: COMMIT },
    { kind: 'commit', commit: COMMIT, ref: 'refs/heads/main' },
  ],
])('%j', (ref, wanted) => {
  expect(wantedOf(ref)).toEqual(wanted);
});

test.each<GitRef>([
  { name: '--upload-pack=x' },
  { name: 'main' },
  { branch: 'a..b' },
  { branch: 'a b' },
  { branch: 'x:refs/heads/y' },
  { branch: '*' },
  { branch: 'a\nb' },
  { tag: 'x.lock' },
  { tag: '' + 'a'.repeat(2000) },
  { branch: '/x' },
  { commit: 'HEAD' },
  { commit: COMMIT.slice(1) },
  { commit: COMMIT.toUpperCase() },
])('refuses %j', (ref) => {
  expect(() => wantedOf(ref)).toThrow(expect.objectContaining({ code: 'invalid-spec', policy: 'stall' }));
});

test('revisions are written as Flux writes them', () => {
  expect(revisionOf('branch', 'refs/heads/feature/x', COMMIT)).toBe(`feature/x@sha1:${COMMIT}`);
  expect(revisionOf('tag', 'refs/tags/v1.2.3', COMMIT)).toBe(`v1.2.3@sha1:${COMMIT}`);
  expect(revisionOf('name', 'refs/heads/main', COMMIT)).toBe(`refs/heads/main@sha1:${COMMIT}`);
  expect(revisionOf('commit', '', COMMIT)).toBe(`sha1:${COMMIT}`);
  expect(revisionOf('branch', 'refs/heads/main', 'ab'.repeat(32))).toBe(`main@sha256:${'ab'.repeat(32)}`);
});

test('of ssh the user is git where none is named', () => {
  expect(parseAddress('ssh://git.test:2222/~ada/x.git')).toBe('ssh://git@git.test:2222/~ada/x.git');
  expect(parseAddress('ssh://ada@[::1]/x')).toBe('ssh://ada@[::1]/x');
});

test.each<[url: string, code: string, words: RegExp]>([
  ['', 'invalid-url', /^failed to parse url '': use http:/],
  ['git.test/x', 'invalid-url', /^failed to parse url 'git.test\/x': use/],
  ['--upload-pack=touch', 'invalid-url', /^failed to parse url/],
  ['file:///etc', 'invalid-url', /^failed to parse url 'file:\/\/\/etc': its scheme is not supported/],
  ['ext::sh -c x', 'invalid-url', /spaces/],
  ['ssh://git:secret@git.test/x', 'invalid-url', /'ssh:\/\/\*\*\*@git.test\/x': it holds credentials/],
  ['ssh://-oProxyCommand=x/x', 'invalid-url', /needs a plain host name/],
  ['ssh://-l@git.test/x', 'invalid-url', /needs a plain host name/],
  ['ssh://git.test', 'invalid-url', /names no repository/],
  ['https://ada:secret@git.test/x', 'invalid-url', /'https:\/\/\*\*\*@git.test\/x': it holds credentials/],
  ['https://secret@git.test/x', 'invalid-url', /holds credentials/],
  ['https://git.test/x?token=secret', 'invalid-url', /'https:\/\/git.test\/x': it must not have a query/],
  ['git.test/x?token=secret', 'invalid-url', /'git.test\/x': use/],
  ['ftp://git.test/x#secret', 'invalid-url', /'ftp:\/\/git.test\/x': its scheme/],
  ['https://ada:se/secret@git.test/x', 'invalid-url', /'https:\/\/\*\*\*@git.test\/x': use/],
  ['https://ada:secret?secret@git.test/x', 'invalid-url', /'https:\/\/\*\*\*': /],
  ['https://git.test/x?token=a@secret', 'invalid-url', /'https:\/\/\*\*\*': it must not/],
  ['ada:secret@git.test/x', 'invalid-url', /'\*\*\*@git.test\/x': its scheme/],
  ['https://git.test/x\n', 'invalid-url', /control characters/],
])('refuses the url %j', (url, code, words) => {
  expect(() => parseAddress(url)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(words) }));
  expect(() => parseAddress(url)).not.toThrow(/secret@|token=secret/);
});
