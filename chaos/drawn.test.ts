import { expect, test } from 'vitest';
import { filesOf } from './drawn.ts';

test('each file whose tests draw is of one of the two, and those that need a cluster of none', () => {
  const [differential, properties] = [filesOf('differential'), filesOf('properties')];
  expect(differential).toContain('packages/render/src/same-as-upstream-generated.test.ts');
  expect(properties).toContain('packages/core/src/make-plan.test.ts');
  expect(differential.filter((path) => properties.includes(path))).toEqual([]);
  expect([...differential, ...properties].filter((path) => path.includes('.cluster.'))).toEqual([]);
});
