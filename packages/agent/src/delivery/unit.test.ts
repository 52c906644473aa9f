import { keyOf } from '@plumb/api';
import { expect, test } from 'vitest';
import { storeBundle } from './unit.ts';

test.each([
  { secrets: [], value: 's3cr3t' },
  { secrets: ['s3cr3t'], value: '***' },
])('a drift mode nobody knows is kept to be told, but where it may be a secret: $value', ({ secrets, value }) => {
  const metadata = { name: 'a', namespace: 'shop', annotations: { 'plumb.dev/drift': 's3cr3t' } };
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata };
  const desired = { key: keyOf(body), body, digest: 'd', origin: { path: 'a.yaml', document: 0 }, ignored: [] };
  const reads = { rules: '', ids: new Map(), remotes: [] };
  const bundle = { digest: 'b', objects: [desired], reads, warnings: [], secrets };
  const stored = storeBundle(bundle, { specDigest: '', configs: '', revision: '', artifactDigest: '' });
  expect(stored.unknownModes).toEqual([{ object: desired.key, value }]);
});
