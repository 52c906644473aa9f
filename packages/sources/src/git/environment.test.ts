import { expect, test } from 'vitest';
import { authorization, secretsOf } from './environment.ts';

test('what is secret of a login is known in every form, the longest first', () => {
  const auth = { username: 'ASIA1%session-token', password: '20260101T000000Zsignature' };
  const header = authorization(auth) ?? '';
  const secrets = secretsOf(auth, undefined);
  expect(secrets).toEqual(expect.arrayContaining([header, header.slice(6), auth.password, 'session-token']));
  expect(secrets.map(({ length }) => length)).toEqual(secrets.map(({ length }) => length).sort((a, b) => b - a));
  expect(secretsOf({ username: 'git', password: 'p' }, undefined)).not.toContain('git');
});
