import type { ObjectKey } from '@plumb/api';
import { expect, test } from 'vitest';
import type { HealthStatus } from '../health.ts';
import { aggregate } from './aggregate.ts';
import type { ObjectHealth } from './aggregate.ts';

const key = (name: string): ObjectKey => ({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  namespace: 'shop',
  name,
});
const seen = (name: string, status: HealthStatus, message = ''): ObjectHealth => ({
  key: key(name),
  health: { status, message },
});

test('all Current is current, and so is nothing at all', () => {
  expect(aggregate([])).toEqual({ status: 'current', unready: [], message: '' });
  expect(aggregate([seen('a', 'Current'), seen('b', 'Current')]).status).toBe('current');
});

test('a failure among verdicts ends the wait and names only what failed', () => {
  const result = aggregate([seen('a', 'Current'), seen('b', 'Failed', 'Progress deadline exceeded')]);
  expect(result.status).toBe('failed');
  expect(result.message).toBe(
    "failed early due to stalled resources: [Deployment/shop/b status: 'Failed': Progress deadline exceeded]",
  );
});

test.each(['InProgress', 'Terminating', 'NotFound', 'Unknown'] as const)(
  'a failure does not end the wait while another is %s',
  (status) => {
    const result = aggregate([seen('a', 'Failed'), seen('b', status, 'Ready: 0/1')]);
    expect(result.status).toBe('in-progress');
    expect(result.unready).toHaveLength(2);
    expect(result.message).toBe(
      `timeout waiting for: [Deployment/shop/a status: 'Failed', Deployment/shop/b status: '${status}': Ready: 0/1]`,
    );
  },
);

test('a long list is cut and says how many are left out', () => {
  const many = Array.from({ length: 500 }, (_, index) => seen(`object-${index}`, 'InProgress', 'Ready: 0/1'));
  const { message } = aggregate(many);
  expect(message.length).toBeLessThan(2_100);
  expect(message).toMatch(/, and \d+ more\]$/);
});

test('one endless message is cut too', () => {
  expect(aggregate([seen('a', 'InProgress', 'x'.repeat(50_000))]).message.length).toBeLessThan(2_100);
});
