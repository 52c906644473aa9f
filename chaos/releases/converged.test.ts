import type { JsonObject, KubeObject } from '@plumb/api';
import { HELM_RELEASE } from '@plumb/api';
import { inventoryId } from '@plumb/core';
import { expect, test } from 'vitest';
import type { Sight } from './converged.ts';
import { differences } from './converged.ts';
import type { DeclaredObject } from './model.ts';
import { Model } from './model.ts';
import type { HelmRecord } from './record.ts';
import { readRecord } from './record.ts';
import { manifestOf, secretOf } from './testing.ts';

const MARKS = {
  'app.kubernetes.io/managed-by': 'Helm',
  'helm.toolkit.fluxcd.io/name': 'alder',
  'helm.toolkit.fluxcd.io/namespace': 'flux',
};
const NOTES = { 'meta.helm.sh/release-name': 'alder', 'meta.helm.sh/release-namespace': 'shop' };
const MANNER = {
  ownChart: false,
  remedy: 'none',
  tests: false,
  corrects: true,
  keepsHistory: false,
  history: 2,
  fromConfig: false,
  patches: false,
  bareHooks: false,
  cleansUp: false,
} as const;

function declaredModel(): Model {
  const model = new Model('flux', ['shop', 'market']);
  model.add('alder', MANNER, { chart: 'stall', target: 'shop' });
  return model;
}

const body = ({ key: { group, version, kind, name }, fields }: DeclaredObject): JsonObject => ({
  apiVersion: group === '' ? version : `${group}/${version}`,
  kind,
  metadata: { name },
  ...fields,
});

const live = (declared: DeclaredObject): KubeObject => ({
  ...(body(declared) as unknown as KubeObject),
  metadata: {
    name: declared.key.name,
    namespace: 'shop',
    labels: { ...MARKS, ...declared.labels },
    annotations: NOTES,
  },
});

const condition = (type: string, status = 'True'): JsonObject => ({
  type,
  status,
  reason: 'UpgradeSucceeded',
  message: 'all is well',
  observedGeneration: 2,
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

/** All as it is to be, but for what is said. */
function sight(
  model: Model,
  parts: {
    status?: JsonObject;
    records?: HelmRecord[];
    objects?: (objects: KubeObject[]) => KubeObject[];
    charts?: KubeObject[];
  } = {},
): Sight {
  const [release] = model.releases.values();
  const declared = release === undefined ? [] : model.objectsOf(release);
  const status = {
    observedGeneration: 2,
    conditions: [condition('Ready'), condition('Released')],
    history: [{ version: 2, status: 'deployed' }],
    inventory: { entries: declared.map(({ key }) => ({ id: inventoryId(key), v: key.version })) },
    ...parts.status,
  };
  const { records = [newest(declared), older] } = parts;
  const { objects = (all: KubeObject[]) => all } = parts;
  return {
    releases: [
      {
        apiVersion: 'helm.toolkit.fluxcd.io/v2',
        kind: HELM_RELEASE.kind,
        metadata: { name: 'alder', namespace: 'flux', generation: 2 },
        status,
      },
    ],
    charts: parts.charts ?? [],
    objects: objects(declared.map(live)),
    records: new Map([['flux/alder', records]]),
  };
}

const newest = (declared: readonly DeclaredObject[], parts: Partial<HelmRecord> = {}): HelmRecord => {
  const config = { value: 0, trouble: 'none' };
  return readRecord(secretOf({ version: 2, config, manifest: manifestOf(declared.map(body)), ...parts }));
};
const older = readRecord(secretOf({ status: 'superseded' }));
const declaredIn = (model: Model): DeclaredObject[] =>
  [...model.releases.values()].flatMap((one) => model.objectsOf(one));
const named = (name: string, more: Partial<KubeObject['metadata']> = {}, kind = 'ConfigMap'): KubeObject => ({
  apiVersion: kind === 'Job' ? 'batch/v1' : 'v1',
  kind,
  metadata: { name, namespace: 'shop', ...more },
});

test('nothing differs where all is as declared', () => {
  const model = declaredModel();
  expect(differences(sight(model), model)).toEqual([]);
});

test('the object of a hook that stays until it runs again is no orphan, nor is what nobody marked', () => {
  const model = declaredModel();
  const more = [named('alder-pre', { labels: MARKS }, 'Job'), named('kube-root-ca.crt')];
  expect(differences(sight(model, { objects: (all) => [...all, ...more] }), model)).toEqual([]);
});

test.each<[what: string, make: (model: Model) => Sight, problem: string]>([
  [
    'a release that is not ready',
    (model) => sight(model, { status: { conditions: [condition('Ready', 'False'), condition('Released', 'False')] } }),
    'is not ready',
  ],
  [
    'one that is Stalled',
    (model) => sight(model, { status: { conditions: [condition('Stalled'), condition('Ready', 'False')] } }),
    'is not ready',
  ],
  ['an old generation', (model) => sight(model, { status: { observedGeneration: 1 } }), 'has observed 1 of 2'],
  ['no record', (model) => sight(model, { records: [] }), 'has no record'],
  [
    'a failed record',
    (model) => sight(model, { records: [newest(declaredIn(model), { status: 'failed' }), older] }),
    'newest record alder.v2 failed',
  ],
  [
    'a locked record',
    (model) => sight(model, { records: [newest(declaredIn(model)), { ...older, status: 'pending-upgrade' }] }),
    'has the record alder.v1 pending-upgrade',
  ],
  [
    'two deployed records',
    (model) => sight(model, { records: [newest(declaredIn(model)), { ...older, status: 'deployed' }] }),
    'has 2 deployed records',
  ],
  [
    'too many records',
    (model) => sight(model, { records: [newest(declaredIn(model)), older, older] }),
    'has 3 records',
  ],
  [
    'another chart',
    (model) => sight(model, { records: [newest(declaredIn(model), { chart: 'shop@1.1.0' })] }),
    'has the chart shop@1.1.0, not stall@1.1.0',
  ],
  [
    'other values',
    (model) => sight(model, { records: [newest(declaredIn(model), { config: { value: 9, trouble: 'none' } })] }),
    'has the values',
  ],
  [
    'another namespace',
    (model) => sight(model, { records: [newest(declaredIn(model), { namespace: 'market' })] }),
    'is in market, not shop',
  ],
  [
    'a record that lists less',
    (model) => sight(model, { records: [newest(declaredIn(model).slice(1))] }),
    'has a record without ConfigMap/shop/alder-settings',
  ],
  [
    'a record that lists other content',
    (model) => sight(model, { records: [newest(declaredIn(model).map((one) => ({ ...one, fields: {} })))] }),
    'has a record with another',
  ],
  [
    'a history that says less',
    (model) => sight(model, { status: { history: [{ version: 1, status: 'deployed' }] } }),
    'says in its history 1 deployed',
  ],
  [
    'an object that is not there',
    (model) => sight(model, { objects: (all) => all.slice(1) }),
    'has no ConfigMap/shop/alder-settings',
  ],
  [
    'other content',
    (model) =>
      sight(model, {
        objects: ([first, ...all]) => [{ ...(first as KubeObject), data: { value: 'by-hand' } }, ...all],
      }),
    'has another ConfigMap/shop/alder-settings',
  ],
  [
    'an object without marks',
    (model) =>
      sight(model, {
        objects: ([first, ...all]) => [
          { ...(first as KubeObject), metadata: named('alder-settings').metadata },
          ...all,
        ],
      }),
    'with the labels {}',
  ],
  [
    'an inventory that lists less',
    (model) => sight(model, { status: { inventory: { entries: [] } } }),
    'has the inventory , and declares',
  ],
  [
    'an orphan of its own',
    (model) => sight(model, { objects: (all) => [...all, named('alder-extra-9', { labels: MARKS })] }),
    'ConfigMap/shop/alder-extra-9 was left behind',
  ],
  [
    'an orphan by its notes',
    (model) => sight(model, { objects: (all) => [...all, named('rowan-settings', { annotations: NOTES })] }),
    'ConfigMap/shop/rowan-settings was left behind',
  ],
  [
    'a hook that should be gone',
    (model) => sight(model, { objects: (all) => [...all, named('alder-post', {}, 'Job')] }),
    'Job/shop/alder-post was left behind',
  ],
  [
    'a HelmChart of nobody',
    (model) => sight(model, { charts: [{ ...named('flux-alder', { labels: MARKS }), kind: 'HelmChart' }] }),
    'HelmChart/shop/flux-alder was left behind',
  ],
])('%s is told', (_what, make, problem) => {
  const model = declaredModel();
  expect(differences(make(model), model).join('\n')).toContain(problem);
});

test('of what is deleted nothing may be left, but records of what keeps its history', () => {
  const model = declaredModel();
  const before = sight(model, { records: [readRecord(secretOf({ status: 'uninstalled' }))] });
  const [release] = model.releases.values();
  if (release !== undefined) model.remove(release);
  const found = differences(before, model);
  expect(found).toContain('HelmRelease alder was deleted and is still there');
  expect(found).toContain('ConfigMap/shop/alder-settings was left behind');
  expect(found).toContain('records were left behind: alder.v1 uninstalled');
  model.kept.add('flux/alder');
  expect(differences(before, model).filter((text) => text.includes('records'))).toEqual([]);
});

test('a HelmRelease that is declared has to be there', () => {
  const model = declaredModel();
  expect(differences({ ...sight(model), releases: [] }, model)).toContain('HelmRelease alder is not there');
});
