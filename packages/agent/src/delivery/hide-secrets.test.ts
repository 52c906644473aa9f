import { systemError } from '@plumb/api';
import { expect, test } from 'vitest';
import { kustomization } from '../testing/builders.ts';
import { hideSecrets, toldOf, usesSecrets } from './hide-secrets.ts';

const substitutesFrom = (kind: 'ConfigMap' | 'Secret') => ({ postBuild: { substituteFrom: [{ kind, name: 'a' }] } });

test.each<[string, Parameters<typeof kustomization>[0], string, boolean]>([
  ['nothing', {}, '', false],
  ['variables of a ConfigMap', { spec: substitutesFrom('ConfigMap') }, 'ConfigMap/a u1 5', false],
  ['variables of a Secret', { spec: substitutesFrom('Secret') }, '', true],
  ['decryption', { spec: { decryption: { provider: 'sops' } } }, '', true],
  ['a Secret that the spec no longer names', {}, 'ConfigMap/a u1 5\nSecret/a u2 6', true],
])('a unit with %s', (_name, parts, configs, uses) => {
  expect(usesSecrets(kustomization(parts), { configs })).toBe(uses);
});

test.each([
  ['a quote', 'a"b\\c-d', String.raw`Invalid value: "a\"b\\c-d": no`],
  ['lines', 'one\ntwo\tthree', String.raw`Invalid value: "one\ntwo\tthree": no`],
  ['what Go escapes in JSON', 'a<b>&c', String.raw`Invalid value: "a\u003cb\u003e\u0026c": no`],
  ['characters that do not print', 'a\u0001b\u0007\u007f\u000b', String.raw`Invalid value: "a\x01b\a\x7f\v": no`],
  ['those in JSON of Go', 'a\u0001\bb\f', String.raw`Invalid value: "a\u0001\u0008b\u000c": no`],
])('a secret with %s is found as it is printed', (_name, secret, message) => {
  expect(hideSecrets(systemError('api-invalid', message), [secret]).message).toBe('Invalid value: "***": no');
});

test.each([
  ['api-invalid', true, 'ConfigMap "a" is invalid: data: Invalid value: "***"'],
  ['api-invalid', false, 'ConfigMap "a" is invalid: data: Invalid value: "b"'],
  ['timeout', true, 'ConfigMap "a" is invalid: data: Invalid value: "b"'],
] as const)('of %s, with values to hide: %s, is told: %s', (code, hides, message) => {
  const error = systemError(code, 'ConfigMap "a" is invalid: data: Invalid value: "b"');
  expect(toldOf(error, { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'a' }, hides)).toBe(
    message,
  );
});

test.each([
  { secrets: [], message: 'spec.key: Invalid value: "s3cr3t-long"' },
  { secrets: ['other'], message: 'spec.key: Invalid value: "s3cr3t-long"' },
  { secrets: ['key'], message: 'spec.key: Invalid value: "s3cr3t-long"' },
  { secrets: ['s3cr3t', 's3cr3t-long'], message: 'spec.key: Invalid value: "***"' },
])('without $secrets a failure says $message', ({ secrets, message }) => {
  const error = systemError('api-invalid', 'spec.key: Invalid value: "s3cr3t-long"', new Error('s3cr3t'));
  const hidden = hideSecrets(error, secrets);
  expect(hidden).toMatchObject({ code: 'api-invalid', fault: 'system', policy: 'retry', message });
});
