import { describe, expect, it } from 'vitest';
import { asPlumbError, oneLine, PlumbError, systemError, userError } from './error.ts';

describe('errors', () => {
  it('stall on what the user declared, retry what the systems did', () => {
    expect(userError('invalid-spec', 'x')).toMatchObject({ code: 'invalid-spec', fault: 'user', policy: 'stall' });
    expect(systemError('timeout', 'x')).toMatchObject({ code: 'timeout', fault: 'system', policy: 'retry' });
  });

  it('keep what caused them and what the server asked', () => {
    const cause = new Error('socket closed');
    const error = new PlumbError('api-unavailable', 'no answer', {
      fault: 'system',
      policy: 'retry',
      cause,
      retryAfter: 1000,
      status: 429,
    });
    expect(error).toMatchObject({ cause, retryAfter: 1000, status: 429, name: 'PlumbError' });
  });

  it('wrap whatever was thrown, once', () => {
    const known = userError('invalid-path', 'x');
    expect(asPlumbError(known)).toBe(known);
    expect(asPlumbError(new TypeError('boom'))).toMatchObject({ code: 'internal', message: 'boom', policy: 'retry' });
    expect(asPlumbError('text')).toMatchObject({ code: 'internal', message: 'text' });
  });
});

it.each([
  ['line ends and blanks', 'a\n \tb\u2028c', 'a b c'],
  ['what a terminal acts on', '\u001b[2J\u0000', '\\u{1b}[2J\\u{0}'],
  ['what turns text around', 'a\u202eb', 'a\\u{202e}b'],
  ['half a character', '\ud800', '\ufffd'],
])('%s of a text do not reach its one line', (_, text, line) => {
  expect(oneLine(text)).toBe(line);
});
