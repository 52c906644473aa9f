import type { KubeObject, Selector } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { compileSelector } from './object-selector.ts';

const CART: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'cart', namespace: 'shop', labels: { app: 'cart' }, annotations: { note: 'x' } },
};

describe('a selector', () => {
  test.each<[selector: Selector, fits: boolean]>([
    [{}, true],
    [{ kind: '' }, true],
    [{ kind: 'Deployment' }, true],
    [{ kind: 'Deploy' }, false],
    [{ kind: 'Deploy.*' }, true],
    [{ kind: 'StatefulSet|Deployment' }, true],
    [{ kind: '(?i)deployment' }, true],
    [{ group: 'apps', version: 'v1' }, true],
    [{ group: 'batch' }, false],
    [{ namespace: 'shop', name: 'c.rt' }, true],
    [{ namespace: 'shop', name: 'art' }, false],
    [{ labelSelector: 'app in (cart, web)' }, true],
    [{ labelSelector: 'app=web' }, false],
    [{ annotationSelector: 'note' }, true],
    [{ annotationSelector: '!note', kind: 'Deployment' }, false],
  ])('%j', (selector, fits) => {
    const selects = compileSelector(selector);
    expect(typeof selects === 'function' && selects(CART)).toBe(fits);
    expect(typeof selects === 'function' && selects(CART)).toBe(fits);
  });

  test('without a namespace fits what has none', () => {
    const selects = compileSelector({ namespace: 'shop' });
    const { namespace: _none, ...metadata } = CART.metadata;
    expect(typeof selects === 'function' && selects({ ...CART, metadata })).toBe(false);
  });
});

describe('what is no selector', () => {
  test.each<[selector: Selector, field: keyof Selector]>([
    [{ kind: '[' }, 'kind'],
    [{ name: '(?<=a)b' }, 'name'],
    [{ name: 'a{1001}' }, 'name'],
    [{ name: '((a{100}){100}){100}' }, 'name'],
    [{ name: 'a'.repeat(1_025) }, 'name'],
    [{ labelSelector: 'app is cart' }, 'labelSelector'],
    [{ annotationSelector: '=' }, 'annotationSelector'],
    [{ labelSelector: `app in (${'a,'.repeat(1_000)})` }, 'labelSelector'],
  ])('%j', (selector, field) => {
    expect(compileSelector(selector)).toEqual({ field, message: expect.any(String) as string });
  });
});

test('a pattern that costs a backtracking matcher years is matched as quickly as any', () => {
  const selects = compileSelector({ name: '(a+)+b' });
  const object = { ...CART, metadata: { name: 'a'.repeat(253) } };
  expect(typeof selects === 'function' && selects(object)).toBe(false);
});
