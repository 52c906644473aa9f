import type { KubeObject } from '@plumb/api';
import { HELM_APPLY_MANAGER } from '@plumb/api';
import { MemoryCluster } from '@plumb/testkit';
import { describe, expect, test } from 'vitest';
import { storeBundle } from '../delivery/unit.ts';
import type { ReleaseRecord } from './record.ts';
import { contentOf, isInPlace, isVouchedFor, vouchFor } from './vouched.ts';

const record: ReleaseRecord = {
  name: 'cart',
  namespace: 'shop',
  version: 1,
  info: { status: 'deployed' },
  chart: { metadata: { name: 'cart', version: '1.0.0' } },
  config: { colour: 'green' },
  manifest: 'colour: green',
  hooks: [{ path: 'a.yaml', manifest: 'kind: Pod', events: ['test'], last_run: { phase: '' } }],
};
const [hook] = record.hooks ?? [];
const unit = (): { vouched: Map<string, string> } => ({ vouched: new Map() });

describe('what a record says', () => {
  test.each<[string, Partial<ReleaseRecord>]>([
    ['its status', { info: { status: 'superseded', description: 'over' } }],
    ['its labels', { labels: { a: 'b' } }],
    ['the runs of its tests', { hooks: [{ ...hook, last_run: { phase: 'Succeeded' } }] }],
    [
      'what helm notes of a hook once it has run',
      { hooks: [{ ...hook, delete_policies: ['before-hook-creation'], last_run: { phase: 'Succeeded' } }] },
    ],
  ])('is the same whatever becomes of %s', (_what, parts) => {
    expect(contentOf({ ...record, ...parts })).toBe(contentOf(record));
  });

  test.each<[string, Partial<ReleaseRecord>]>([
    ['objects', { manifest: 'colour: pink' }],
    ['values', { config: { colour: 'pink' } }],
    ['chart', { chart: { metadata: { name: 'cart', version: '2.0.0' } } }],
    ['hooks', { hooks: [{ ...hook, manifest: 'kind: Job', last_run: { phase: '' } }] }],
    ['moments of hooks', { hooks: [{ ...hook, events: ['post-rollback'], last_run: { phase: '' } }] }],
  ])('is another with other %s', (_what, parts) => {
    expect(contentOf({ ...record, ...parts })).not.toBe(contentOf(record));
  });
});

test('a record is vouched for by its own name only', () => {
  const ours = unit();
  vouchFor(ours, record);
  expect(isVouchedFor(ours, record, contentOf(record))).toBe(true);
  expect(isVouchedFor(ours, { ...record, version: 2 }, contentOf(record))).toBe(false);
  expect(isVouchedFor(ours, record, contentOf({ ...record, manifest: 'colour: pink' }))).toBe(false);
});

test('of very many the oldest are forgotten', () => {
  const ours = unit();
  for (let version = 1; version <= 40; version += 1) vouchFor(ours, { ...record, version });
  expect(ours.vouched.size).toBe(32);
  expect(isVouchedFor(ours, { ...record, version: 40 }, contentOf(record))).toBe(true);
  expect(isVouchedFor(ours, record, contentOf(record))).toBe(false);
});

describe('what a record holds', () => {
  const map = (colour: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings', namespace: 'shop' },
    data: { colour },
  });
  const bundle = (body: KubeObject) => {
    const key = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'settings' };
    const objects = [{ key, body, digest: 'd', origin: { path: 'a.yaml', document: 0 }, ignored: [] }];
    const reads = { rules: '', ids: new Map(), remotes: [] };
    const stamp = { specDigest: '', configs: '', revision: '', artifactDigest: '' };
    return storeBundle({ digest: 'b', objects, reads, warnings: [], secrets: [] }, stamp, HELM_APPLY_MANAGER);
  };

  test.each<[string, KubeObject | null, boolean]>([
    ['is what runs', map('green'), true],
    ['is not what runs', map('pink'), false],
    ['is not there', null, false],
  ])('%s', async (_what, live, expected) => {
    const cluster = new MemoryCluster();
    await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
    if (live !== null) await cluster.apply(live, { fieldManager: HELM_APPLY_MANAGER });
    const context = { cluster, parallel: 2, signal: new AbortController().signal };
    expect(await isInPlace(bundle(map('green')), context)).toBe(expected);
  });
});
