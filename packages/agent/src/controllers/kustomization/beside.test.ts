import { APPLY_MANAGER, keyId, KUSTOMIZATION, type Kustomization, type KubeObject } from '@plumb/api';
import { ownedHash, ownerLabels } from '@plumb/core';
import { expect, test } from 'vitest';
import { shapeOf, type Ground } from '../../delivery/brought.ts';
import { UnitMemory } from '../../delivery/unit.ts';
import { besideOf, groundOfParent, type Bringer } from './beside.ts';

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
const ALICE = { manager: 'kubectl-edit', operation: 'Update', fieldsV1: { 'f:spec': { 'f:patches': {} } } };

const now = (values: Ground['values'] = {}): Ground => {
  const shape = shapeOf(unit('apps', 'shop', 'new'));
  return { revision: 'main@sha1:5', digest: 'd', reads: new Map(), shape, values, parent: null };
};
const PARENT = { revision: 'main@sha1:1', shape: shapeOf(unit('fleet', 'flux-system', 'fleet')), values: {} };

interface Case {
  path?: string;
  values?: Ground['values'];
  managed?: readonly object[];
  /** What the parent left, where it is another than what is there. */
  left?: string;
  /** The parent as it is now. */
  fleet?: Kustomization;
  parent?: Ground['parent'];
  moved?: boolean;
}

async function asked({ path = 'old', values = {}, managed = [OURS], moved = false, ...more }: Case): Promise<unknown> {
  const object = unit('apps', 'shop', 'new');
  const live = { ...object, metadata: { ...object.metadata, managedFields: managed } } as unknown as KubeObject;
  const memory = new UnitMemory({ kind: 'Kustomization', namespace: 'shop', name: 'apps' }, 'apps');
  const { parent = PARENT, fleet = unit('fleet', 'flux-system', 'fleet') } = more;
  memory.brought = { ...now(), shape: shapeOf(unit('apps', 'shop', path)), parent };
  memory.moved = moved;
  const bringer: Bringer = { object: fleet, memory: new UnitMemory(FLEET, 'fleet'), revision: 'main@sha1:9' };
  bringer.memory.brought = { ...now(), ...PARENT };
  const { left = ownedHash(live, APPLY_MANAGER) } = more;
  bringer.memory.applied.set(ID, { desiredDigest: 'x', ownedHash: left, uid: 'apps', resourceVersion: '1' });
  return besideOf(object, now(values), {
    memory,
    cluster: { get: () => Promise.resolve(live) } as unknown as Parameters<typeof besideOf>[2]['cluster'],
    find: ({ name }) => (name === 'fleet' ? bringer : null),
    signal: new AbortController().signal,
  });
}

const repo = { kind: 'GitRepository', namespace: 'flux-system', name: 'repo' };
const nobody = (what: string): object => ({
  unknown: `${what} changed in the cluster, and nobody tells by whom: bring it by a commit, or break the glass`,
});

test.each<[string, Case, unknown]>([
  ['nobody where nothing changed there', { path: 'new' }, null],
  [
    'whoever made the commits of what brings it',
    {},
    { source: repo, range: { revision: 'main@sha1:9', since: 'main@sha1:1' } },
  ],
  [
    'them, where somebody suspended it and let it go on',
    { managed: [OURS, SUSPENDED] },
    { source: repo, range: { revision: 'main@sha1:9', since: 'main@sha1:1' } },
  ],
  [
    'all who made any, where nobody knows what it was made from before',
    { parent: null },
    { source: repo, range: { revision: 'main@sha1:9', since: null } },
  ],
  ['somebody, of values that are put in', { path: 'new', values: { 'ConfigMap vars': 'v' } }, nobody('ConfigMap vars')],
  ['somebody, where others have a say in its spec', { managed: [OURS, ALICE] }, nobody('spec.path')],
  ['somebody who calls themselves as we do', { left: 'another' }, nobody('spec.path')],
  ['somebody, where what brings it changed', { fleet: unit('fleet', 'flux-system', 'x') }, nobody('spec.path')],
  ['somebody, where it goes elsewhere', { moved: true }, nobody('the cluster that it goes to')],
])('a change of a unit in the cluster is of %s', async (_who, one, told) => {
  expect(await asked(one)).toEqual(told);
});

test.each<[string, number, string | undefined]>([
  ['is known where the unit is as that left it', 2, 'main@sha1:1'],
  ['is not where the unit was seen as it was before', 3, undefined],
])('what brings a unit %s', (_what, generation, revision) => {
  const memory = new UnitMemory(FLEET, 'fleet');
  memory.brought = { ...now(), ...PARENT };
  memory.applied.set(ID, { desiredDigest: 'x', ownedHash: 'h', uid: 'apps', resourceVersion: '1', generation });
  const bringer: Bringer = { object: unit('fleet', 'flux-system', 'fleet'), memory, revision: '' };
  expect(groundOfParent(unit('apps', 'shop', 'new'), () => bringer)?.revision).toBe(revision);
});
