import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson, printJson } from './json.ts';

describe('parseJson', () => {
  it.each<[string, unknown]>([
    ['9007199254740993', 9007199254740993n],
    ['-9007199254740993', -9007199254740993n],
    ['9223372036854775807', 9223372036854775807n],
    ['9007199254740991', 9007199254740991],
    ['{"a":[18446744073709551615]}', { a: [18446744073709551615n] }],
    ['"9007199254740993"', '9007199254740993'],
    ['1e400', Number.POSITIVE_INFINITY],
    ['1234567890123456.5', 1234567890123456.5],
    ['12345678901234567e2', Number('1234567890123456700')],
    ['0.1234567890123456789', 0.12345678901234568],
    ['null', null],
  ])('reads %s', (text, value) => {
    expect(parseJson(text)).toStrictEqual(value);
  });

  it.each(['{"a":12345678901234567,}', '{"a":1,}', ''])('throws SyntaxError for %j', (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError);
  });
});

describe('printJson', () => {
  it.each(['{"a":9007199254740993,"b":[1,"x",null]}', '[-18446744073709551615]', '{"a":{"b":true}}'])(
    'gives back %s digit by digit',
    (text) => {
      expect(printJson(parseJson(text))).toBe(text);
    },
  );

  it('throws for what JSON cannot hold', () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    expect(() => printJson(loop)).toThrow(TypeError);
  });

  it('agrees with JSON for every value without long integers', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(printJson(parseJson(text))).toBe(text);
      }),
    );
  });

  it('keeps every integer', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), (value) => {
        expect(printJson(parseJson(`{"a":${value}}`))).toBe(`{"a":${value}}`);
      }),
    );
  });
});
