import { APPLY_MANAGER, keyId, KUSTOMIZATION, type Kustomization, type KubeObject } from '@plumb/api';
import { ownedHash, ownerLabels } from '@plumb/core';
import { describe, expect, test } from 'vitest';
import { NO_BRINGERS, shapeOf, valueOf, type Ground, type Mark } from '../../delivery/brought.ts';
import type { Destination } from '../../delivery/destination.ts';
import { UnitMemory, type StoredBundle } from '../../delivery/unit.ts';
import { besideOf, besideRemoval, bringersOf, isRemovedBy, tellRemoved, type Bringer } from './beside.ts';

const FLEET = { kind: 'Kustomization', namespace: 'flux-system', name: 'fleet' };
const ID = keyId({ ...KUSTOMIZATION, namespace: 'shop', name: 'apps' });

function unit(name: string, namespace: string, path: string): Kustomization {
  const spec = { path, interval: '1h', prune: true, sourceRef: { kind: 'GitRepository', name: 'repo' } };
  const metadata = { name, namespace, uid: name, generation: 2, labels: ownerLabels(FLEET) };
  return { apiVersion: 'kustomize.toolkit.fluxcd.io/v1', kind: 'Kustomization', metadata, spec } as Kustomization;
}

const fields = { 'f:spec': { 'f:path': {} } };
const OURS = { manager: APPLY_MANAGER, operation: 'Apply', fieldsV1: fields };
const SUSPENDED = { manager: 'flux', operation: 'Update', fieldsV1: { 'f:spec': { 'f:suspend': {} } } };
const VARS_OURS = { manager: APPLY_MANAGER, operation: 'Apply', fieldsV1: { 'f:data': { 'f:a': {} } } };
const LABELLED = {
  manager: 'kubectl-label',
  operation: 'Update',
  fieldsV1: { 'f:metadata': { 'f:labels': { 'f:x': {} } } },
};
const BY_HAND = { manager: 'kubectl-edit', operation: 'Update', fieldsV1: { 'f:data': { 'f:b': {} } } };
const ALICE = { manager: 'kubectl-edit', operation: 'Update', fieldsV1: { 'f:spec': { 'f:patches': {} } } };

const now = (values: Ground['values'] = {}): Ground => {
  const shape = shapeOf(unit('apps', 'shop', 'new'));
  return { uid: 'apps', revision: 'main@sha1:5', digest: 'd', reads: new Map(), shape, values, ...NO_BRINGERS };
};
const PARENT: Mark = {
  uid: 'fleet',
  revision: 'main@sha1:1',
  shape: shapeOf(unit('fleet', 'flux-system', 'fleet')),
  values: {},
  ...NO_BRINGERS,
};
const vars = (data: object, managed: readonly object[] = [VARS_OURS]): KubeObject => {
  const labels = ownerLabels({ ...FLEET, name: 'vars' });
  const metadata = { name: 'vars', namespace: 'shop', labels, managedFields: managed };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data } as unknown as KubeObject;
};
const seal = (text: string): Promise<string> => Promise.resolve(`sealed ${text}`);
const VARS_ID = '/ConfigMap/shop/vars';

interface Case {
  path?: string;
  managed?: readonly object[];
  /** What the parent left, where it is another than what is there. */
  left?: string;
  /** The parent as it is now, and what its own ConfigMaps say. */
  fleet?: Kustomization;
  fleetValues?: Ground['values'];
  /** The path that it was delivered with, where it says another one now. */
  fleetPath?: string;
  /** What it delivered last, and how many remote bases that is made of. */
  delivered?: { revision: string; remotes: number };
  parent?: Mark | null;
  /** It went to another cluster before; by another spec.kubeConfig, or by the same. */
  elsewhere?: 'said' | 'not said';
  neverDelivered?: boolean;
  /** The ConfigMap that variables are taken from, where it is another one than what is in force was made with. */
  config?: KubeObject;
  /** What the unit that brings the ConfigMap left of it. */
  configLeft?: string;
  configMark?: Mark;
  /** No unit that brings anything is worked on here. */
  isAbsent?: boolean;
}

function bringerOf(name: string, object: Kustomization, left: readonly [id: string, hash: string]): Bringer {
  const bringer: Bringer = { object, memory: new UnitMemory({ ...FLEET, name }, name), revision: 'main@sha1:9' };
  bringer.memory.brought = { ...now(), ...PARENT };
  const [id, hash] = left;
  bringer.memory.applied.set(id, { desiredDigest: 'x', ownedHash: hash, uid: 'apps', resourceVersion: '1' });
  return bringer;
}

function noteDelivered(fleet: UnitMemory, { fleetPath = 'fleet', fleetValues = {}, delivered }: Case): void {
  const shape = shapeOf(unit('fleet', 'flux-system', fleetPath));
  fleet.brought = { ...now(), ...PARENT, shape, values: fleetValues };
  if (delivered === undefined) return;
  const remotes = Array.from({ length: delivered.remotes }, () => ({ url: 'https://example.test/base' }));
  const reads = { ids: new Map([['fleet/apps.yaml', 'a']]), remotes };
  fleet.bundle = { revision: delivered.revision, reads } as unknown as StoredBundle;
}

async function asked({ path = 'old', managed = [OURS], config, ...more }: Case): Promise<unknown> {
  const object = unit('apps', 'shop', 'new');
  const live = { ...object, metadata: { ...object.metadata, managedFields: managed } } as unknown as KubeObject;
  const memory = new UnitMemory({ kind: 'Kustomization', namespace: 'shop', name: 'apps' }, 'apps');
  const { parent = PARENT, fleet = unit('fleet', 'flux-system', 'fleet'), elsewhere, configMark } = more;
  const configs = configMark === undefined ? {} : { 'ConfigMap vars': configMark };
  const before = { ...now(), shape: shapeOf(unit('apps', 'shop', path)), parent, configs };
  if (more.neverDelivered !== true) memory.brought = before;
  if (elsewhere !== undefined) {
    memory.brought = null;
    memory.elsewhere = {
      ...before,
      shape: { ...before.shape, ...(elsewhere === 'said' && { 'spec.kubeConfig': 'a' }) },
    };
  }
  // A new unit has none either.
  memory.moved = true;
  const { left = ownedHash(live, APPLY_MANAGER) } = more;
  const bringers: Record<string, Bringer> = {
    fleet: bringerOf('fleet', fleet, [ID, left]),
    vars: bringerOf('vars', unit('vars', 'flux-system', 'fleet'), [
      VARS_ID,
      more.configLeft ?? ownedHash(config ?? vars({}), APPLY_MANAGER),
    ]),
  };
  noteDelivered((bringers['fleet'] as Bringer).memory, more);
  const values = config === undefined ? {} : { 'ConfigMap vars': await valueOf('ConfigMap', config, seal) };
  return besideOf(object, now(values), {
    memory,
    cluster: {
      get: ({ kind }: { kind: string }) => Promise.resolve(kind === 'ConfigMap' ? (config ?? null) : live),
    } as unknown as Parameters<typeof besideOf>[2]['cluster'],
    find: ({ name }) => (more.isAbsent === true ? null : (bringers[name] ?? null)),
    seal,
    signal: new AbortController().signal,
  });
}

const repo = { kind: 'GitRepository', namespace: 'flux-system', name: 'repo' };
const nobody = (what: string): object => ({
  unknown: `${what} changed in the cluster, and nobody tells by whom: bring it by a commit, or break the glass`,
});
const since = (...revisions: (string | null)[]): object => ({
  ranges: revisions.map((one) => ({ source: repo, range: { revision: 'main@sha1:9', since: one } })),
});
const VARS_BEFORE: Mark = { ...PARENT, uid: 'vars', revision: 'main@sha1:0' };

test.each<[string, Case, unknown]>([
  ['nobody where nothing changed there', { path: 'new' }, null],
  ['nobody, where it was never delivered', { neverDelivered: true }, null],
  ['whoever made the commits of what brings it', {}, since('main@sha1:1')],
  ['them, where somebody suspended it and let it go on', { managed: [OURS, SUSPENDED] }, since('main@sha1:1')],
  ['all who made any, where nobody knows what it was made from before', { parent: null }, since(null)],
  ['them, where that leads it to another cluster', { elsewhere: 'said' }, since('main@sha1:1')],
  [
    'somebody, where it is led to another cluster and says the same',
    { elsewhere: 'not said' },
    nobody('the cluster that it goes to'),
  ],
  ['somebody, where others have a say in its spec', { managed: [OURS, ALICE] }, nobody('spec.path')],
  [
    'somebody, where what brings it is not at work here',
    { isAbsent: true },
    nobody('spec.path, brought by Kustomization flux-system/fleet that is not at work here,'),
  ],
  ['somebody who calls themselves as we do', { left: 'another' }, nobody('spec.path')],
  [
    'somebody, where what brings it changed',
    { fleet: { ...unit('fleet', 'flux-system', 'x'), metadata: { name: 'fleet', namespace: 'flux-system' } } },
    nobody('spec.path of Kustomization flux-system/fleet'),
  ],
  [
    'somebody, where what brings it was delivered with what it says no more',
    { fleetPath: 'x' },
    nobody('spec.path of Kustomization flux-system/fleet'),
  ],
  [
    'whoever made the commits that it was delivered with, too, where they were taken back',
    { delivered: { revision: 'main@sha1:7', remotes: 0 } },
    {
      ranges: ['main@sha1:9', 'main@sha1:7'].map((revision) => {
        return { source: repo, range: { revision, since: 'main@sha1:1' } };
      }),
    },
  ],
  [
    'them alone, where that is what it was made from',
    { delivered: { revision: 'main@sha1:1', remotes: 0 } },
    since('main@sha1:1'),
  ],
  [
    'somebody, where what brings it is made of remote bases',
    { delivered: { revision: 'main@sha1:9', remotes: 1 } },
    nobody('spec.path'),
  ],
  [
    'somebody, where what that takes values from changed',
    { fleetValues: { 'ConfigMap gone': 'v' } },
    nobody('ConfigMap gone of Kustomization flux-system/fleet'),
  ],
  [
    'whoever made the commits that values came by',
    { path: 'new', config: vars({ a: '2' }), configMark: VARS_BEFORE },
    since('main@sha1:0'),
  ],
  [
    'them, though somebody put a label on it',
    { path: 'new', config: vars({ a: '2' }, [VARS_OURS, LABELLED]), configMark: VARS_BEFORE },
    since('main@sha1:0'),
  ],
  ['all who made any there, where nobody knows since when', { path: 'new', config: vars({ a: '2' }) }, since(null)],
  ['both', { config: vars({ a: '2' }), configMark: VARS_BEFORE }, since('main@sha1:1', 'main@sha1:0')],
  [
    'somebody, of values that others have a say in',
    { path: 'new', config: vars({ a: '2', b: '1' }, [VARS_OURS, BY_HAND]) },
    nobody('ConfigMap vars'),
  ],
  [
    'somebody, of values that are not as we applied them',
    { path: 'new', config: vars({ a: '2' }), configLeft: 'x' },
    nobody('ConfigMap vars'),
  ],
])('a change of a unit in the cluster is of %s', async (_who, one, told) => {
  expect(await asked(one)).toEqual(told);
});

test.each<[string, object, string | undefined]>([
  ['is known where the unit is as that left it', {}, 'main@sha1:1'],
  ['is not where the unit was seen as it was before', { generation: 3 }, undefined],
  ['nor where it is not as that left it', { ownedHash: 'other' }, undefined],
  ['nor of one that was deleted and made anew', { uid: 'other' }, undefined],
])('what brings a unit %s', (_what, seen, revision) => {
  const bringer = bringerOf('fleet', unit('fleet', 'flux-system', 'fleet'), [ID, 'h']);
  const live = { get: () => ({ uid: 'apps', generation: 2, ownedHash: 'h', ...seen }) };
  bringer.memory.destination = { live } as unknown as Destination;
  expect(bringersOf(unit('apps', 'shop', 'new'), {}, () => bringer).parent?.revision).toBe(revision);
});

test('what brings a ConfigMap is known where that is as it was left', () => {
  const bringer = bringerOf('vars', unit('vars', 'flux-system', 'vars'), [VARS_ID, 'h']);
  const read = (version: string): Mark | undefined => {
    const brings = { 'ConfigMap vars': { unit: { ...FLEET, name: 'vars' }, id: VARS_ID, version } };
    const find = ({ name }: { name: string }): Bringer | null => (name === 'vars' ? bringer : null);
    return bringersOf(unit('apps', 'shop', 'new'), { brings }, find).configs['ConfigMap vars'];
  };
  expect(read('apps 1')?.revision).toBe('main@sha1:1');
  expect(read('apps 2')).toBeUndefined();
});

describe('a removal', () => {
  const key = { ...KUSTOMIZATION, namespace: 'shop', name: 'apps' };
  const DELETED = { deletionTimestamp: '2026-01-01T00:00:00Z' };
  const deleted = (object: Kustomization): Kustomization => {
    return { ...object, metadata: { ...object.metadata, ...DELETED } };
  };
  let noted: string[] = [];
  const ROOT: Mark = { ...PARENT, uid: 'root', revision: 'main@sha1:2' };
  const eyes = (...bringers: Bringer[]): Parameters<typeof tellRemoved>[2] => ({
    memory: new UnitMemory(FLEET, 'none'),
    cluster: { get: () => Promise.resolve(null) } as unknown as Parameters<typeof besideOf>[2]['cluster'],
    find: ({ name }) => bringers.find(({ memory }) => memory.ref.name === name) ?? null,
    records: { note: ({ ref }) => noted.push(ref.name) },
    seal,
    signal: new AbortController().signal,
  });

  const bundleOf = (keys: readonly (typeof key)[]): StoredBundle => {
    return { objects: keys.map((one) => ({ key: one })), reads: { remotes: [] } } as unknown as StoredBundle;
  };

  interface Removal {
    /** What the parent declares now. */
    declares?: readonly (typeof key)[];
    parent?: Mark | null;
    fleet?: Kustomization;
    isGone?: boolean;
    /** What brings the parent declares it no more. */
    isParentRemoved?: boolean;
    /** The parent told it before it went. */
    isTold?: boolean;
  }

  async function removed({ declares = [], parent = PARENT, isGone = false, ...more }: Removal): Promise<unknown> {
    const { isParentRemoved = false, isTold = false } = more;
    const { fleet = unit('fleet', 'flux-system', 'fleet') } = more;
    const labels = isParentRemoved ? ownerLabels({ ...FLEET, name: 'root' }) : {};
    const object = { ...fleet, metadata: { ...fleet.metadata, labels } };
    const bringer = bringerOf('fleet', isParentRemoved ? deleted(object) : object, ['', '']);
    bringer.memory.bundle = bundleOf(declares);
    bringer.memory.brought = { ...now(), ...PARENT, ...(isParentRemoved && { parent: ROOT }) };
    const root = bringerOf('root', { ...fleet, metadata: { name: 'root', namespace: 'flux-system', uid: 'root' } }, [
      '',
      '',
    ]);
    root.memory.bundle = bundleOf([]);
    const memory = new UnitMemory({ kind: 'Kustomization', namespace: 'shop', name: 'apps' }, 'apps');
    memory.brought = { ...now(), parent };
    const child: Bringer = { object: unit('apps', 'shop', 'new'), memory, revision: '' };
    const all = [...(isGone ? [] : [bringer]), root];
    noted = [];
    if (isTold) await tellRemoved(bringer.object, [key], { ...eyes(root, child), memory: bringer.memory });
    return besideRemoval(deleted(child.object), { ...eyes(...all), memory });
  }

  const unknown = { unknown: 'it is deleted in the cluster, and nobody tells by whom: break the glass' };
  const by = (revision: string): object => ({ ...since(revision), isAll: true });

  test.each<[string, Removal, unknown]>([
    ['whoever made the commits by which what brought it declares it no more', {}, by('main@sha1:1')],
    ['somebody, where it is declared yet', { declares: [key] }, unknown],
    ['somebody, where what brought it is not here', { isGone: true }, unknown],
    ['somebody, where its labels name one that did not bring it', { parent: { ...PARENT, uid: 'x' } }, unknown],
    ['somebody, where nobody knows what brought it', { parent: null }, unknown],
    ['somebody, where what brought it was edited', { fleet: unit('fleet', 'flux-system', 'x') }, unknown],
    [
      'whoever made the commits by which what brought it is removed itself',
      { declares: [key], isParentRemoved: true },
      by('main@sha1:2'),
    ],
    ['them, where that is gone already', { isParentRemoved: true, isTold: true, isGone: true }, by('main@sha1:2')],
    [
      'somebody, where that was deleted in the cluster',
      { fleet: deleted(unit('fleet', 'flux-system', 'fleet')), isTold: true },
      unknown,
    ],
  ])('is of %s', async (_who, one, told) => {
    expect(await removed(one)).toEqual(told);
    expect(noted).toEqual(one.isTold === true ? ['apps'] : []);
  });

  test('is judged anew when what brought the unit has been delivered', () => {
    const object = unit('apps', 'shop', 'new');
    expect(isRemovedBy(deleted(object), 'flux-system/fleet')).toBe(true);
    expect(isRemovedBy(object, 'flux-system/fleet')).toBe(false);
    expect(isRemovedBy(deleted(object), 'flux-system/other')).toBe(false);
  });
});
