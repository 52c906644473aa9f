import { expect, test } from 'vitest';
import { Secrets } from './secrets.ts';

test.each([
  ['as it is', 'a "hunter2" & more'],
  ['in JSON of Go', String.raw`a \"hunter2\" \u0026 more`],
  ['in YAML', `a "hunter2" & more`],
  ['in base64', Buffer.from('a "hunter2" & more').toString('base64')],
  ['in a URL', 'a%20%22hunter2%22%20%26%20more'],
  ['cut off', 'a "hunter2...'],
])('a message shows no value of a Secret: %s', (_form, shown) => {
  const secrets = new Secrets();
  const data = { password: Buffer.from('a "hunter2" & more').toString('base64') };
  secrets.add({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, data });
  expect(secrets.message(`the value (${shown}) is wrong`)).toMatch(/^the value \(\*\*\*(?:\.\.\.)?\) is wrong$/);
});

test('what is learnt later is hidden as well', () => {
  const secrets = new Secrets();
  secrets.addTexts(['hunter2&first']);
  expect(secrets.message('hunter2%26first')).toBe('***');
  secrets.addTexts(['hunter2&second']);
  expect(secrets.message('hunter2%26second')).toBe('***');
});
