import type { KubeObject } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { compileIgnoreRules } from './ignore-rules.ts';

const object = (kind: string, name: string): KubeObject => ({ apiVersion: 'v1', kind, metadata: { name } });

function fieldsOf(rules: Parameters<typeof compileIgnoreRules>[0]) {
  const compiled = compileIgnoreRules(rules);
  if (typeof compiled !== 'function') throw new Error(compiled.map(({ message }) => message).join());
  return compiled;
}

describe('the pointers that hold for an object', () => {
  const fields = fieldsOf([
    { paths: ['/spec/b', '/spec/a'], target: { kind: 'A' } },
    { paths: ['/spec/a', '/data'], target: { name: 'x' } },
    { paths: ['/metadata/annotations'] },
  ]);

  test.each([
    ['A', 'x', ['/data', '/metadata/annotations', '/spec/a', '/spec/b']],
    ['A', 'y', ['/metadata/annotations', '/spec/a', '/spec/b']],
    ['B', 'x', ['/data', '/metadata/annotations', '/spec/a']],
    ['B', 'y', ['/metadata/annotations']],
  ])('%s %s', (kind, name, pointers) => {
    expect(fields(object(kind, name))).toEqual(pointers);
  });

  test('are one list for all objects the same rules hold for', () => {
    expect(fields(object('A', 'x'))).toBe(fields(object('A', 'x')));
    const none = fieldsOf([{ paths: ['/a'], target: { kind: 'A' } }]);
    expect(none(object('B', 'x'))).toBe(none(object('B', 'y')));
  });
});

test.each<[why: string, rules: Parameters<typeof compileIgnoreRules>[0], path: string]>([
  ['a bad pattern', [{ paths: ['/a'] }, { paths: ['/a'], target: { kind: '*' } }], 'spec.ignore[1].target.kind'],
  ['too many rules', Array.from({ length: 101 }, () => ({ paths: [] })), 'spec.ignore'],
  ['too many paths', [{ paths: Array.from({ length: 1_001 }, (_, index) => `/${index}`) }], 'spec.ignore'],
  ['one path that is too long', [{ paths: ['/'.repeat(100_001)] }], 'spec.ignore'],
  [
    'paths that are too long in all',
    [{ paths: ['/'.repeat(50_001)] }, { paths: [`/${'a'.repeat(49_999)}`] }],
    'spec.ignore',
  ],
])('%s is named', (_why, rules, path) => {
  expect(compileIgnoreRules(rules)).toEqual([{ path, message: expect.any(String) as string }]);
});
