import { describe, expect, test } from 'vitest';
import { parseLabelSelector, plainLabelSelector } from './label-selector.ts';

const LABELS = { app: 'cart', 'example.com/tier': 'web', size: '7', empty: '' };

function selects(text: string): boolean {
  const selector = parseLabelSelector(text);
  if (typeof selector === 'string') throw new Error(selector);
  return selector(LABELS);
}

// As apimachinery's labels.Parse and Matches have it.
describe('a selector', () => {
  test.each<[text: string, fits: boolean]>([
    ['', true],
    ['   ', true],
    ['app', true],
    ['other', false],
    ['!app', false],
    ['! other', true],
    ['app=cart', true],
    ['app == cart', true],
    ['app=', false],
    ['empty=', true],
    ['other=', false],
    ['app!=cart', false],
    ['app != web', true],
    ['other!=web', true],
    ['app in (web, cart)', true],
    ['app in (web)', false],
    ['app in(cart)', true],
    ['empty in (,a)', true],
    ['app notin (web,cart)', false],
    ['other notin (web)', true],
    ['size>6', true],
    ['size > 7', false],
    ['size<8', true],
    ['app>1', false],
    ['other<1', false],
    ['example.com/tier=web,app in (cart),!other', true],
    ['example.com/tier=web,app in (cart),!size', false],
    ['constructor', false],
    ['in', false],
  ])('%j', (text, fits) => {
    expect(selects(text)).toBe(fits);
  });
});

describe('what is no selector', () => {
  test.each([
    ',',
    'app,',
    'app=cart,',
    '=cart',
    '!=cart',
    '!',
    'app is cart',
    'app in cart',
    'app in (cart',
    'app in (cart))',
    'app=a/b',
    'app=cart web',
    'size>many',
    'size>',
    '-app',
    'a/b/c',
    `${'a'.repeat(64)}`,
    `app=${'a'.repeat(64)}`,
  ])('%j', (text) => {
    expect(parseLabelSelector(text)).toEqual(expect.any(String));
    expect(plainLabelSelector(text)).toBeNull();
  });
});

describe('the plain text of a selector', () => {
  test.each([
    ['app=cart', ' app == cart '],
    ['app=cart', 'app in (cart)'],
    ['app=cart', 'app in (cart, cart)'],
    ['app in (cart,web)', 'app in( web , cart )'],
    ['app!=cart', 'app notin (cart)'],
    ['app,!old', '! old, app'],
    ['', '   '],
  ])('is the same for %j and %j', (one, other) => {
    expect(plainLabelSelector(one)).toBe(plainLabelSelector(other));
  });

  test.each([
    ['app=cart', 'app=web'],
    ['app=cart', 'app!=cart'],
    ['app', '!app'],
    ['app=', 'app'],
    ['size>1', 'size<1'],
    ['app in (cart,web)', 'app=cart'],
  ])('is not the same for %j and %j', (one, other) => {
    expect(plainLabelSelector(one)).not.toBe(plainLabelSelector(other));
  });

  test('is empty for one that asks nothing', () => {
    expect(plainLabelSelector(' ')).toBe('');
  });
});
