import { describe, expect, test } from 'vitest';
import { codeCommitLogin, codeCommitRegion } from './codecommit.ts';

const HOST = 'git-codecommit.us-west-2.amazonaws.com';
/** From the tests of aws/git-remote-codecommit. */
const AWS = {
  url: `https://${HOST}/v1/repos/test_repo`,
  keys: { accessKeyId: 'access', secretAccessKey: 'secret', expiresAt: Infinity },
  now: Date.UTC(2017, 11, 24, 11, 53, 20),
  password: '20171224T115320Zb6df2d758a8023b2f000a546417007b65494f3ce8ad0300fd45fcfa173f1959a',
};

describe('a login of CodeCommit', () => {
  test.each([
    [undefined, 'access'],
    ['token', 'access%token'],
  ])('is as AWS makes it (session token %s)', (sessionToken, username) => {
    const keys = { ...AWS.keys, ...(sessionToken && { sessionToken }) };
    expect(codeCommitLogin(AWS.url, keys, AWS.now)).toEqual({ username, password: AWS.password });
  });

  test('is for one repository, at one moment', () => {
    const passwords = [
      codeCommitLogin(AWS.url, AWS.keys, AWS.now),
      codeCommitLogin(`${AWS.url}2`, AWS.keys, AWS.now),
      codeCommitLogin(AWS.url, AWS.keys, AWS.now + 1_000),
      codeCommitLogin(AWS.url.replace('us-west', 'us-east'), AWS.keys, AWS.now),
    ].map(({ password }) => password);
    expect(new Set(passwords).size).toBe(4);
  });
});

test.each([
  [AWS.url, 'us-west-2'],
  ['https://git-codecommit-fips.us-gov-west-1.amazonaws.com/v1/repos/a.b-c', 'us-gov-west-1'],
  ['https://git-codecommit.cn-north-1.amazonaws.com.cn/v1/repos/a', 'cn-north-1'],
])('%s lies in %s', (url, region) => {
  expect(codeCommitRegion(url)).toBe(region);
});

test.each([
  [AWS.url.replace('https:', 'http:'), 'AWS CodeCommit authentication requires an HTTPS Git URL'],
  [AWS.url.replace('https:', 'ssh:'), 'AWS CodeCommit authentication requires an HTTPS Git URL'],
  ['https://git.example/v1/repos/a', 'invalid AWS CodeCommit Git URL: git.example'],
  [`https://${HOST}.evil.example/v1/repos/a`, `invalid AWS CodeCommit Git URL: ${HOST}.evil.example`],
  [`https://${HOST}:8443/v1/repos/a`, `invalid AWS CodeCommit Git URL: ${HOST}:8443`],
  [
    `https://ada:hunter2@${HOST}/v1/repos/a/b?token=hunter2`,
    `invalid CodeCommit URL "https://${HOST}/v1/repos/a/b": path must be /v1/repos/{repository}`,
  ],
  [
    `https://${HOST}/v1/repos/a/b`,
    `invalid CodeCommit URL "https://${HOST}/v1/repos/a/b": path must be /v1/repos/{repository}`,
  ],
])('%s is refused', (url, message) => {
  expect(() => codeCommitRegion(url)).toThrow(message);
});
