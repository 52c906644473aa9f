import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';

describe('parseDuration', () => {
  it.each<[string, number]>([
    ['0', 0],
    ['0s', 0],
    ['1h2m3.5s', 3_723_500],
    ['60s', 60_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['1.s', 1000],
    ['1.1s', 1100],
    ['100ms', 100],
    ['1m1m', 120_000],
    ['250us', 0.25],
    ['250µs', 0.25],
    ['1ns', 0.000001],
    ['2562047h', 9_223_369_200_000],
  ])('reads %s', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each(['', '5', '1d', '-1m', '+1m', '1 m', '1m ', 'm', '.s', '1..5s', '1e3s', '2562048h', '9'.repeat(99) + 's'])(
    'refuses %j and says how to write one',
    (text) => {
      expect(() => parseDuration(text)).toThrow(`invalid duration '${text}': write it as 90s, 1m30s or 1h`);
    },
  );

  it('refuses a very long text without reading it, and shows its beginning only', () => {
    expect(() => parseDuration('1s'.repeat(1_000_000))).toThrow(/^.{0,200}$/);
  });
});

describe('formatDuration', () => {
  it.each<[number, string]>([
    [0, '0s'],
    [750, '750ms'],
    [1500, '1.5s'],
    [60_000, '1m0s'],
    [3_600_000, '1h0m0s'],
    [90_061_001, '25h1m1.001s'],
    [1.5, '1.5ms'],
    [0.25, '250µs'],
    [0.0015, '1.5µs'],
    [0.000001, '1ns'],
    [-1500, '-1.5s'],
    [-0.0000001, '0s'],
    [312.0421, '312.0421ms'],
  ])('writes %d as Go does', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });

  it('is read back as the same duration', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 30 * 24 * 3_600_000 }), (milliseconds) => {
        expect(parseDuration(formatDuration(milliseconds))).toBe(milliseconds);
      }),
    );
  });
});
