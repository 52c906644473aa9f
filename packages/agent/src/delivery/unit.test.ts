import { keyOf } from '@plumb/api';
import { expect, test } from 'vitest';
import { NO_BRINGERS, type Ground } from './brought.ts';
import type { Destination } from './destination.ts';
import { storeBundle, UnitMemory } from './unit.ts';

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

test('what was in force elsewhere is remembered of a unit that goes to another cluster, and of none that was delivered nowhere', () => {
  const ground: Ground = {
    uid: 'apps',
    revision: '1',
    digest: 'd',
    reads: new Map(),
    shape: {},
    values: {},
    ...NO_BRINGERS,
  };
  const to = (place: string): Destination => ({ place }) as Destination;
  const unit = new UnitMemory({ kind: 'Kustomization', namespace: 'shop', name: 'apps' }, 'apps');
  unit.goTo(to('a'));
  expect(unit.elsewhere).toBeNull();
  unit.brought = ground;
  unit.goTo(to('a'));
  expect(unit.elsewhere).toBeNull();
  unit.goTo(to('b'));
  unit.goTo(to('c'));
  expect([unit.brought, unit.elsewhere]).toEqual([null, ground]);
});
