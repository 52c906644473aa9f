import { createHash, createHmac, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { fingerprint, knownKeys } from './known-hosts.ts';

const KEY = Buffer.from('AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS', 'base64');
const OTHER = Buffer.from('another key');
const line = (hosts: string, key = KEY): string => `${hosts} ssh-ed25519 ${key.toString('base64')} a comment`;
const hashed = (name: string): string => {
  const salt = randomBytes(20);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
};

test.each<[text: string, host: string, port: number, known: boolean]>([
  [line('git.test'), 'git.test', 22, true],
  [line('git.test'), 'GIT.TEST', 22, true],
  [line('a.test,git.test,10.0.0.1'), 'git.test', 22, true],
  [line('git.test'), 'git.test', 2222, false],
  [line('[git.test]:2222'), 'git.test', 2222, true],
  [line('[git.test]:2222'), 'git.test', 22, false],
  [line('*.test'), 'git.test', 22, true],
  [line('g?t.test'), 'git.test', 22, true],
  [line('*.test,!git.test'), 'git.test', 22, false],
  [line('git.test'), 'gitXtest', 22, false],
  [line(hashed('git.test')), 'git.test', 22, true],
  [line(hashed('git.test')), 'other.test', 22, false],
  [line(hashed('[git.test]:2222')), 'git.test', 2222, true],
  [`# ${line('git.test')}`, 'git.test', 22, false],
  [`@cert-authority ${line('git.test')}`, 'git.test', 22, false],
  [`${line('git.test')}\n@revoked ${line('*')}`, 'git.test', 22, false],
  [`\r\n  ${line('git.test')}\r\n`, 'git.test', 22, true],
  [line('git.test', OTHER), 'git.test', 22, false],
  ['git.test ssh-ed25519', 'git.test', 22, false],
  ['', 'git.test', 22, false],
])('%j knows the key of %s:%i: %s', (text, host, port, known) => {
  expect(knownKeys(text, host, port).accepts(KEY)).toBe(known);
});

test('the kinds of the keys are named, so that only those are asked for', () => {
  const text = [line('git.test'), `git.test ssh-rsa ${OTHER.toString('base64')}`, line('git.test', OTHER)].join('\n');
  expect(knownKeys(text, 'git.test', 22).types).toEqual(['ssh-ed25519', 'ssh-rsa']);
});

test('a pattern of many stars is judged at once', () => {
  // One that tries every way would not end in this test's time.
  expect(knownKeys(line(`${'*a'.repeat(40)}!`), 'a'.repeat(250), 22).accepts(KEY)).toBe(false);
});

test('a fingerprint is that of ssh-keygen', () => {
  expect(fingerprint(KEY)).toBe(`SHA256:${createHash('sha256').update(KEY).digest('base64').slice(0, 43)}`);
});
