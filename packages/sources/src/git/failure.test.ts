import { describe, expect, test } from 'vitest';
import { gitFailure, saysDamaged, type FailureContext } from './failure.ts';

const context: FailureContext = {
  url: 'https://git.test/shop.git',
  secrets: ['hunter2'],
  authenticated: true,
  ref: 'refs/heads/main',
};
const access = (rest: string): string => `fatal: unable to access 'https://git.test/shop.git/': ${rest}\n`;

describe('what git says becomes one line', () => {
  test.each<[stderr: string, code: string, fault: string, words: string]>([
    [
      "fatal: could not read Username for 'https://git.test': terminal prompts disabled",
      'authentication-failed',
      'user',
      'authentication required: the credentials were not accepted',
    ],
    [
      "fatal: Authentication failed for 'https://git.test/shop.git/'",
      'authentication-failed',
      'user',
      'authentication required: the credentials were not accepted',
    ],
    [
      access('The requested URL returned error: 403'),
      'authentication-failed',
      'user',
      'authorization failed: the credentials were not accepted',
    ],
    [
      'fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output',
      'storage-failed',
      'system',
      'write error: No space left on device: free space or inodes on the disk of the data directory',
    ],
    [
      'fatal: fetch-pack: invalid index-pack output',
      'storage-failed',
      'system',
      "git index-pack was killed: the agent's disk or limits are too small",
    ],
    ["fatal: repository 'https://git.test/shop.git/' not found", 'source-failed', 'user', 'repository not found'],
    [access('The requested URL returned error: 404'), 'source-failed', 'user', 'repository not found'],
    [
      "fatal: couldn't find remote ref refs/heads/main",
      'source-failed',
      'user',
      'couldn\'t find remote ref "refs/heads/main"',
    ],
    [
      access('Could not resolve host: git.test'),
      'source-failed',
      'system',
      'host not found: Could not resolve host: git.test',
    ],
    [
      access("Failed to connect to git.test port 443 after 0 ms: Couldn't connect to server"),
      'source-failed',
      'system',
      "host unreachable: Failed to connect to git.test port 443 after 0 ms: Couldn't connect to server",
    ],
    [
      access('server certificate verification failed. CAfile: none CRLfile: none'),
      'source-failed',
      'system',
      'TLS failed: server certificate verification failed. CAfile: none CRLfile: none',
    ],
    [
      access('Operation too slow. Less than 100 bytes/sec transferred the last 30 seconds'),
      'source-failed',
      'system',
      'the server is too slow: Operation too slow. Less than 100 bytes/sec transferred the last 30 seconds',
    ],
    [
      access('The requested URL returned error: 503'),
      'source-failed',
      'system',
      'the server answered with HTTP status 503',
    ],
    [
      "error: object 1234: hasDotdot: contains '..'\nfatal: fsck error in packed object\nfatal: fetch-pack: invalid index-pack output",
      'source-failed',
      'user',
      "the repository holds a malformed object: 1234: hasDotdot: contains '..'",
    ],
    [
      "fatal: detected dubious ownership in repository at '/srv/x'\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.",
      'source-failed',
      'system',
      "detected dubious ownership in repository at '/srv/x'",
    ],
    [
      'plumb-ssh: connect: connect ECONNREFUSED 127.0.0.1:22',
      'source-failed',
      'system',
      'host unreachable: connect ECONNREFUSED 127.0.0.1:22',
    ],
    ['remote: banner\nfatal: something new\n', 'source-failed', 'system', 'something new'],
    ['', 'source-failed', 'system', 'git failed without a message'],
  ])('%s', (stderr, code, fault, words) => {
    const error = gitFailure(stderr, context);
    expect(error.message).toBe(
      `failed to checkout and determine revision: unable to clone 'https://git.test/shop.git': ${words}`,
    );
    expect(error).toMatchObject({ code, fault, policy: 'retry' });
  });

  test('without credentials the message says what to set', () => {
    const error = gitFailure("fatal: could not read Username for 'x'", { ...context, authenticated: false });
    expect(error.message).toMatch(/no credentials were given, set spec.secretRef$/);
  });

  test('secrets and user names in addresses are blotted out', () => {
    const error = gitFailure("fatal: strange hunter2 at 'https://ada:pass@git.test/x'", context);
    expect(error.message).toMatch(/strange \*\*\* at 'https:\/\/\*\*\*@git\.test\/x'$/);
  });
});

test.each<[stderr: string, damaged: boolean]>([
  ['error: object file objects/ab/cd is empty\nfatal: loose object abcd is corrupt', true],
  ['fatal: bad object HEAD', true],
  ['error: packfile ./objects/pack/pack-1.pack does not match index', true],
  ["fatal: not a git repository: '/x'", true],
  ['remote: fatal: bad object HEAD', false],
  ['fatal: early EOF\nfatal: fetch-pack: invalid index-pack output', false],
  ["fatal: unable to access 'x': Could not resolve host", false],
])('%s speaks of a damaged mirror: %s', (stderr, damaged) => {
  expect(saysDamaged(stderr)).toBe(damaged);
});
