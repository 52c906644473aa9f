import { Secrets } from '@plumb/agent';
import { keyOf, type Kustomization, type KubeObject } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { compareUnits } from './compare-units.ts';
import type { DeclaredUnit, Part } from './parts.ts';
import { configMap, kustomization } from './testing/bench.ts';

const part = (body: KubeObject): Part => ({ key: keyOf(body), body, path: 'a.yaml', digest: JSON.stringify(body) });
const named = (name: string, value = '1', annotations: Record<string, string> = {}): KubeObject => {
  const object = configMap(name, { value });
  return { ...object, metadata: { ...object.metadata, annotations } };
};

function unit(objects: KubeObject[], spec: object = {}, more: Partial<DeclaredUnit> = {}): DeclaredUnit {
  const parts = objects.map(part);
  return {
    ref: { kind: 'Kustomization', namespace: 'flux-system', name: 'apps' },
    unit: kustomization('apps', spec) as unknown as Kustomization,
    objects: parts,
    hooks: [],
    definitions: [],
    digest: JSON.stringify([parts, more.hooks ?? []]),
    authorless: null,
    secrets: new Secrets(),
    notes: [],
    ...more,
  };
}

const release = (objects: KubeObject[], hooks: KubeObject[] = []): DeclaredUnit =>
  unit(objects, {}, { ref: { kind: 'HelmRelease', namespace: 'shop', name: 'cart' }, hooks: hooks.map(part) });

const told = (before: DeclaredUnit | null, after: DeclaredUnit | null): string | null => {
  const change = compareUnits(before, after);
  if (change === null) return null;
  return `${change.cause}: ${change.objects.map(({ key, action }) => `${action} ${key.name}`).join(', ')}`;
};

const KEPT = { 'kustomize.toolkit.fluxcd.io/prune': 'disabled' };

describe('what becomes of a unit', () => {
  test.each<[string, DeclaredUnit | null, DeclaredUnit | null, string | null]>([
    ['one that is new', null, unit([named('a')]), 'routine: create a'],
    ['one that stays', unit([named('a')]), unit([named('a')]), null],
    [
      'one that has more, other and less',
      unit([named('a'), named('b')]),
      unit([named('b', '2'), named('c')]),
      'routine: change b, create c, delete a',
    ],
    ['one that has less', unit([named('a'), named('b')]), unit([named('a')]), 'prune: delete b'],
    ['one that does not prune', unit([named('a')]), unit([], { prune: false }), null],
    ['one whose object is to be kept', unit([named('a', '1', KEPT)]), unit([]), null],
    ['one that goes', unit([named('a')]), null, 'prune: delete a'],
    ['one that goes without pruning', unit([named('a')], { prune: false }), null, null],
    [
      'one that goes and deletes all the same',
      unit([named('a')], { prune: false, deletionPolicy: 'Delete' }),
      null,
      'prune: delete a',
    ],
    ['one that goes and leaves all', unit([named('a')], { deletionPolicy: 'Orphan' }), null, null],
    ['one that goes while it is suspended', unit([named('a')], { suspend: true }), null, null],
    ['a release that goes', release([named('a', '1', KEPT)]), null, 'prune: delete a'],
    [
      'a release with another hook',
      release([named('a')], [named('h')]),
      release([named('a')], [named('h', '2')]),
      'routine: create h',
    ],
    ['a release with the same hook', release([named('a')], [named('h')]), release([named('a')], [named('h')]), null],
  ])('%s', (_what, before, after, expected) => {
    expect(told(before, after)).toBe(expected);
  });
});
