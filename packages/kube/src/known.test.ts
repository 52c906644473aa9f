import type { KubeObject } from '@plumb/api';
import { expect, test } from 'vitest';
import { Known } from './known.ts';

const object = (metadata: Partial<KubeObject['metadata']>, kind = 'ConfigMap'): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name: 'a', ...metadata },
});

test.each([
  ['in a namespace', object({ namespace: 'shop', uid: 'u', resourceVersion: '1' })],
  ['of the whole cluster', object({ uid: 'u', resourceVersion: '1' }, 'Namespace')],
  ['of which little is said', object({ name: 'system:x:y' }, 'ClusterRole')],
])('an object %s is told as it was, without labels and owners', (_name, bare) => {
  const known = new Known();
  known.put({ ...bare, metadata: { ...bare.metadata, labels: { app: 'x' }, ownerReferences: [] } });
  expect([...known.startOver().missingFrom(known)]).toEqual([bare]);
});

test('objects of several kinds keep theirs', () => {
  const known = new Known();
  const all = [object({ name: 'a' }), object({ name: 'b' }, 'Secret'), object({ name: 'c' })];
  for (const one of all) known.put(one);
  expect([...known.missingFrom(new Known())]).toEqual(all);
});
