import { expect, test } from 'vitest';
import { kustomization } from '../testing/builders.ts';
import type { StoredBundle } from './unit.ts';
import { noteUse, type UnitUses } from './unit-uses.ts';

const bundle = (artifactDigest: string): StoredBundle => ({ artifactDigest }) as StoredBundle;

test('units need the kinds of their sources, and the artifacts that their bundles were made from', () => {
  const uses: UnitUses = { bundles: [], kinds: new Set(), artifacts: new Map() };
  const oci = kustomization({ spec: { sourceRef: { kind: 'OCIRepository', name: 'fleet', namespace: 'apps' } } });
  noteUse(uses, kustomization(), { bundle: bundle('sha256:1') });
  noteUse(uses, oci, { bundle: bundle('sha256:2') });
  noteUse(uses, oci, { bundle: bundle('sha256:3') });
  noteUse(uses, kustomization({ spec: { sourceRef: { kind: 'Bucket', name: 'b' } } }), { bundle: null });
  expect([...uses.kinds].sort()).toEqual(['Bucket', 'GitRepository', 'OCIRepository']);
  expect(uses.bundles).toHaveLength(3);
  expect([...uses.artifacts.values()]).toEqual([
    { source: { kind: 'GitRepository', namespace: 'shop', name: 'shop' }, digests: new Set(['sha256:1']) },
    { source: { kind: 'OCIRepository', namespace: 'apps', name: 'fleet' }, digests: new Set(['sha256:2', 'sha256:3']) },
  ]);
});
