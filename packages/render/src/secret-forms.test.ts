import { describe, expect, test } from 'vitest';
import { withoutTexts } from './secret-forms.ts';

const SECRET = `it's "so" <secret> & \\ 100%/é\n\tin 2 lines, and more`;

describe('a text is found', () => {
  test.each<[string, string, string]>([
    ['as it is', SECRET, SECRET],
    ['on one line', SECRET, `it's "so" <secret> & \\ 100%/é in 2 lines, and more`],
    ['a line of it', SECRET, '\tin 2 lines, and more'],
    ['in JSON', SECRET, String.raw`it's \"so\" <secret> & \\ 100%/é\n\tin 2 lines, and more`],
    [
      'in JSON as Go writes it',
      SECRET,
      String.raw`it's \"so\" \u003csecret\u003e \u0026 \\ 100%/é\n\tin 2 lines, and more`,
    ],
    ['in JSON within JSON', 'a"b\nc', String.raw`a\\\"b\\nc`],
    ['in quotes of Go', 'a\u0001b\u0007\u007f\u000b', String.raw`a\x01b\a\x7f\v`],
    ['in single quotes of YAML', "it's so", "it''s so"],
    ['in double quotes of YAML', 'a\u0001\u0007\u001b\u00a0"b', String.raw`a\x01\a\e\_\"b`],
    ['with what YAML escapes of it', 'key-\u{1f511}', String.raw`key-\U0001F511`],
    ['in base64', 'hunter2??>~', Buffer.from('hunter2??>~').toString('base64')],
    ['in base64 without its end', 'hunter2-12', Buffer.from('hunter2-12').toString('base64').replace(/=+$/, '')],
    ['in base64 of URLs', 'hunter2??>~', Buffer.from('hunter2??>~').toString('base64url')],
    ['in a URL', 'p@ss w/o=1', 'p%40ss%20w%2Fo%3D1'],
    ['in a query', "p@ss (w)/'o'", 'p%40ss+%28w%29%2F%27o%27'],
    ['in a path', 'p@ss w/o=1', 'p@ss%20w%2Fo=1'],
    ['as the number that it is', '0123456789', '1.23456789e+08'],
  ])('%s', (_form, secret, shown) => {
    expect(withoutTexts(`the value (${shown}) is wrong`, [secret], '***')).toBe('the value (***) is wrong');
  });
});

describe('what was left out of a message leaves nothing of a text', () => {
  test.each([
    ['its beginning', "the value 'hunter2-and-mo...' is wrong", "the value '***...' is wrong"],
    ['its end', 'the value hunter2-a … nd-more is wrong', 'the value *** … *** is wrong'],
    ['what is too short to tell', 'the value hunt... is wrong', 'the value hunt... is wrong'],
    ['what only begins alike', 'the value hunter3-and... is wrong', 'the value hunter3-and... is wrong'],
  ])('%s', (_what, message, expected) => {
    expect(withoutTexts(message, ['hunter2-and-more'], '***')).toBe(expected);
  });
});

test('the longest goes first, and a number of few digits is no other', () => {
  expect(withoutTexts('hunter2-more 0', ['hunter2', 'hunter2-more', '0000'], '***')).toBe('*** 0');
});
