import { expect, test } from 'vitest';
import { challengeOf } from './challenge.ts';
import { loginFor, parseLogins } from './logins.ts';

const auth = Buffer.from('ada:p:w').toString('base64');

test('logins of a Docker configuration are read in each of its forms', () => {
  const auths = {
    'https://index.docker.io/v1/': { auth },
    'ghcr.io': { username: 'bob', password: 'x' },
    'registry.example/shop/': { auth },
    'token.example': { identitytoken: 't' },
  };
  expect(parseLogins(JSON.stringify({ auths }))).toEqual([
    { place: 'index.docker.io', username: 'ada', password: 'p:w' },
    { place: 'ghcr.io', username: 'bob', password: 'x' },
    { place: 'registry.example/shop', username: 'ada', password: 'p:w' },
  ]);
  expect(parseLogins('{}')).toEqual([]);
  expect(() => parseLogins('nonsense')).toThrow('JSON');
});

test('the login that names most of a repository counts, and none of another host', () => {
  const login = { username: 'a', password: 'b' };
  const logins = ['index.docker.io', 'r.example', 'r.example/shop'].map((place) => ({ place, ...login }));
  const of = (repository: string): string | undefined => loginFor(logins, repository)?.place;
  expect(of('docker.io/library/nginx')).toBe('index.docker.io');
  expect(of('r.example/shop/web')).toBe('r.example/shop');
  expect(of('r.example/shopping')).toBe('r.example');
  expect(of('r.example.evil.example/shop')).toBeUndefined();
});

test.each([
  ['Basic realm="r"', { scheme: 'basic' }],
  ['bearer realm="https://a.example/t",service="s"', { scheme: 'bearer', realm: 'https://a.example/t', service: 's' }],
  ['Bearer realm=https://a.example/t', { scheme: 'bearer', realm: 'https://a.example/t', service: null }],
  ['Bearer service="s"', null],
  ['Negotiate', null],
  [undefined, null],
])('the challenge %s', (header, expected) => {
  expect(challengeOf(header)).toEqual(expected);
});
