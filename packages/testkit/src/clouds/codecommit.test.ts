import { expect, test } from 'vitest';
import { codeCommitSigner } from './codecommit.ts';

/** From the tests of aws/git-remote-codecommit. */
const PASSWORD = '20171224T115320Zb6df2d758a8023b2f000a546417007b65494f3ce8ad0300fd45fcfa173f1959a';
const URL_OF_AWS = 'https://git-codecommit.us-west-2.amazonaws.com/v1/repos/test_repo';
const AT = Date.UTC(2017, 11, 24, 11, 53, 20);

const good = { username: 'access', password: PASSWORD, url: URL_OF_AWS, now: AT };

test.each<[what: string, login: Partial<typeof good>, signer: string | null]>([
  ["AWS's own login", {}, 'access'],
  ['one with a session', { username: 'access%token' }, 'access'],
  ['one of another repository', { url: `${URL_OF_AWS}2` }, null],
  ['one of another region', { url: URL_OF_AWS.replace('west', 'east') }, null],
  ['one that is too old', { now: AT + 15 * 60_000 }, null],
  ['one of an unknown key', { username: 'other' }, null],
  ['one that is none', { password: 'secret' }, null],
])('%s', (_, changed, signer) => {
  const { url, now, ...login } = { ...good, ...changed };
  const secretOf = (id: string): string | undefined => (id === 'access' ? 'secret' : undefined);
  expect(codeCommitSigner(login, { url: new URL(url), now }, secretOf)).toBe(signer);
});
