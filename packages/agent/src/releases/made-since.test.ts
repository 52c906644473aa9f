import { systemError, type KubeObject, type ObjectKey } from '@plumb/api';
import { expect, test } from 'vitest';
import { takesOnlyMadeSince } from './made-since.ts';

const KEY: ObjectKey = { group: '', version: 'v1', kind: 'PersistentVolumeClaim', namespace: 'shop', name: 'data' };
const made = (creationTimestamp: string, annotations: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: KEY.kind,
  metadata: { name: 'data', namespace: 'shop', creationTimestamp, annotations },
});
const KEEP = { 'helm.sh/resource-policy': 'keep' };

test.each<[string, () => Promise<KubeObject | null>, boolean]>([
  ['is made later', () => Promise.resolve(made('2026-01-01T00:00:05Z')), true],
  ['is made in the same second', () => Promise.resolve(made('2026-01-01T00:00:00Z')), true],
  ['was there before', () => Promise.resolve(made('2025-12-31T23:59:59Z')), false],
  ['does not say when it was made', () => Promise.resolve(made('')), false],
  ['is gone', () => Promise.resolve(null), true],
  ['was there before and asks to stay', () => Promise.resolve(made('2025-12-31T23:59:59Z', KEEP)), true],
  ['may not be read', () => Promise.reject(systemError('api-forbidden', 'no')), true],
  ['cannot be read now', () => Promise.reject(new Error('no')), false],
])('an object that %s', async (_what, get, expected) => {
  const cluster = { resource: () => Promise.resolve({}), get };
  const context = { cluster, parallel: 2, signal: new AbortController().signal };
  const record = { metadata: { name: 'x', creationTimestamp: '2026-01-01T00:00:00Z' } };
  expect(await takesOnlyMadeSince(record, [KEY], context as never)).toBe(expected);
});
