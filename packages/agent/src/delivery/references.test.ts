import type { KubeObject } from '@plumb/api';
import { MemoryCluster } from '@plumb/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { kustomization } from '../testing/builders.ts';
import { knownVersions, readReferences, referencesOf, watchedVersions } from './references.ts';

const signal = new AbortController().signal;
const SUBSTITUTE_FROM = [
  { kind: 'ConfigMap' as const, name: 'vars' },
  { kind: 'Secret' as const, name: 'tokens', optional: true },
  { kind: 'ConfigMap' as const, name: 'vars' },
];
const references = referencesOf(kustomization({ spec: { postBuild: { substituteFrom: SUBSTITUTE_FROM } } }));

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = new MemoryCluster();
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
});

const create = (kind: string, name: string, fields: object): Promise<KubeObject> =>
  cluster.create({ apiVersion: 'v1', kind, metadata: { name, namespace: 'shop' }, ...fields });

test('each object is referred to once', () => {
  expect(references).toEqual([
    { kind: 'ConfigMap', name: 'vars' },
    { kind: 'Secret', name: 'tokens' },
  ]);
});

test('an object that is not there is read as such, and shows when it comes', async () => {
  const before = await readReferences(references, 'shop', { cluster, signal });
  expect(before.get('ConfigMap', 'vars')).toBeNull();
  await create('ConfigMap', 'vars', { data: { region: 'eu' } });
  const after = await readReferences(references, 'shop', { cluster, signal });
  expect(after.get('ConfigMap', 'vars')).toMatchObject({ data: { region: 'eu' } });
  expect(after.versions).not.toBe(before.versions);
});

test('versions change with the content, and hold none of it', async () => {
  await create('Secret', 'tokens', { data: { token: btoa('s3cr3t') } });
  const before = await readReferences(references, 'shop', { cluster, signal });
  const again = await readReferences(references, 'shop', { cluster, signal });
  expect(again.versions).toBe(before.versions);
  const key = { group: '', version: 'v1', kind: 'Secret', namespace: 'shop', name: 'tokens' };
  await cluster.patch(key, { data: { token: btoa('other') } }, { type: 'merge' });
  const after = await readReferences(references, 'shop', { cluster, signal });
  expect(after.versions).not.toBe(before.versions);
  for (const text of ['s3cr3t', btoa('s3cr3t'), 'token"']) expect(before.versions).not.toContain(text);
});

describe('what the watch knows', () => {
  const configs = (known: Record<string, string>) => ({
    versionOf: ({ kind, namespace, name }: { kind: string; namespace: string; name: string }) =>
      known[`${kind}/${namespace}/${name}`],
  });

  test('spares the read only where it knows every reference', async () => {
    const vars = await create('ConfigMap', 'vars', { data: {} });
    const tokens = await create('Secret', 'tokens', { data: {} });
    const version = ({ metadata }: KubeObject): string => `${metadata.uid} ${metadata.resourceVersion}`;
    const all = { 'ConfigMap/shop/vars': version(vars), 'Secret/shop/tokens': version(tokens) };
    const read = await readReferences(references, 'shop', { cluster, signal });
    expect(knownVersions(references, 'shop', configs(all))).toBe(read.versions);
    expect(knownVersions(references, 'shop', configs({ 'ConfigMap/shop/vars': version(vars) }))).toBeNull();
    expect(knownVersions([], 'shop', configs({}))).toBe('');
  });

  test('names one line for each that is labelled', () => {
    const known = { 'Secret/shop/tokens': 'uid 7', 'ConfigMap/other/vars': 'uid 9' };
    expect(watchedVersions(references, 'shop', configs(known))).toEqual(['Secret/shop/tokens uid 7']);
  });
});
