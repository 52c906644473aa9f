import { expect, test } from 'vitest';
import { endOf, visibleText } from './visible.ts';

test('a terminal acts on nothing that Git or a cluster brings, and lines stay lines', () => {
  expect(visibleText('a\u001b[2Jb\r\nc\u202ed')).toBe('a\\u{1b}[2Jb\\u{d}\nc\\u{202e}d');
  expect(visibleText('größer 👍')).toBe('größer 👍');
});

test('the error that ends a command is said without them too', () => {
  expect(endOf(new Error('no\u0007\nmore'))).toBe('plumb: no\\u{7}\nmore\n');
  expect(endOf('thrown')).toBe('plumb: thrown\n');
});
