import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deletesHook, hooksFor, isMadeAsHook, testsFor } from './hooks.ts';
import type { HookLike } from './hooks.ts';

const hook = (name: string, kind = 'Job', weight = 0, events = ['pre-install']): HookLike => ({
  name,
  kind,
  weight,
  events,
});
const names = (hooks: readonly HookLike[]): string[] => hooks.map(({ kind, name }) => `${kind}/${name}`);

describe('hooks run', () => {
  test('only for their events', () => {
    const hooks = [hook('a', 'Job', 0, ['pre-install', 'pre-upgrade']), hook('b', 'Job', 0, ['test']), { name: 'c' }];
    expect(names(hooksFor(hooks, 'pre-upgrade'))).toEqual(['Job/a']);
    expect(hooksFor(hooks, 'post-delete')).toEqual([]);
  });

  test('by weight, then by name, then by kind', () => {
    const hooks = [
      hook('cart', 'Job'),
      hook('cart', 'RoleBinding'),
      hook('cart', 'ServiceAccount'),
      hook('cart', 'Widget'),
      hook('cart', 'Gadget'),
      hook('cart', 'Role'),
      hook('a', 'Job', 5),
      hook('z', 'Job', -5),
      hook('b', 'Pod'),
    ];
    expect(names(hooksFor(hooks, 'pre-install'))).toEqual([
      'Job/z',
      'Pod/b',
      'ServiceAccount/cart',
      'Role/cart',
      'RoleBinding/cart',
      'Job/cart',
      'Gadget/cart',
      'Widget/cart',
      'Job/a',
    ]);
  });

  test('in one order, whatever order they are recorded in', () => {
    const drawn = fc.uniqueArray(
      fc.tuple(
        fc.constantFrom('a', 'b', 'B'),
        fc.constantFrom('Job', 'Pod', 'Widget'),
        fc.integer({ min: -1, max: 1 }),
      ),
      { selector: String },
    );
    fc.assert(
      fc.property(drawn, fc.infiniteStream(fc.nat()), (parts, chance) => {
        const hooks = parts.map(([name, kind, weight]) => hook(name, kind, weight));
        const keys = new Map(hooks.map((one) => [one, chance.next().value]));
        const shuffled = hooks.toSorted((a, b) => (keys.get(a) ?? 0) - (keys.get(b) ?? 0));
        expect(hooksFor(shuffled, 'pre-install')).toEqual(hooksFor(hooks, 'pre-install'));
      }),
    );
  });

  test('the recorded list stays as it is', () => {
    const hooks = [hook('b'), hook('a')];
    hooksFor(hooks, 'pre-install');
    expect(names(hooks)).toEqual(['Job/b', 'Job/a']);
  });
});

describe('tests are run', () => {
  const hooks = ['a', 'b', 'c'].map((name) => hook(name, 'Pod', 0, ['test']));

  test.each<[what: string, filters: { name: string; exclude?: boolean }[], run: string[]]>([
    ['all without filters', [], ['Pod/a', 'Pod/b', 'Pod/c']],
    ['but those left out', [{ name: 'b', exclude: true }], ['Pod/a', 'Pod/c']],
    ['those named', [{ name: 'b' }, { name: 'c', exclude: false }], ['Pod/b', 'Pod/c']],
    ['those named and not left out', [{ name: 'b' }, { name: 'a' }, { name: 'a', exclude: true }], ['Pod/b']],
  ])('%s', (_what, filters, run) => {
    expect(names(testsFor(hooks, filters))).toEqual(run);
  });
});

describe('a hook is deleted', () => {
  test.each<[what: string, policies: string[] | undefined, when: string[]]>([
    ['that says nothing, before it is created anew', undefined, ['before-hook-creation']],
    ['that says nothing in a list, too', [], ['before-hook-creation']],
    ['that says so, after it succeeded', ['hook-succeeded'], ['hook-succeeded']],
    ['that says both, either way', ['hook-failed', 'hook-succeeded'], ['hook-succeeded', 'hook-failed']],
  ])('%s', (_what, policies, when) => {
    const one = { kind: 'Job', ...(policies === undefined ? {} : { delete_policies: policies }) };
    const all = ['before-hook-creation', 'hook-succeeded', 'hook-failed'] as const;
    expect(all.filter((policy) => deletesHook(one, policy))).toEqual(when);
  });

  test('but never one that is a definition', () => {
    const definition = { kind: 'CustomResourceDefinition', delete_policies: ['hook-succeeded'] };
    expect(deletesHook(definition, 'hook-succeeded')).toBe(false);
  });
});

describe('an object was made by a hook of the release', () => {
  const unit = { kind: 'HelmRelease', namespace: 'shop', name: 'cart' };
  const labelled = (name: string): object => ({
    'helm.toolkit.fluxcd.io/name': name,
    'helm.toolkit.fluxcd.io/namespace': 'shop',
  });
  const annotations = { 'helm.sh/hook': 'pre-upgrade' };
  const by = (manager: string): object => ({ managedFields: [{ manager, operation: 'Update' }] });

  test.each<[what: string, metadata: object, isRecorded: boolean, expected: boolean]>([
    ['by its labels', { annotations, labels: labelled('cart') }, false, true],
    ['not of another release', { annotations, labels: labelled('other') }, true, false],
    ['not where it is no hook', { labels: labelled('cart') }, true, false],
    ['without labels, by its record', { annotations, ...by('helm-controller') }, true, true],
    ['by helm', { annotations, ...by('helm') }, true, true],
    ['not without a record', { annotations, ...by('helm-controller') }, false, false],
    ['not by somebody', { annotations, ...by('kubectl-create') }, true, false],
  ])('%s', (_what, metadata, isRecorded, expected) => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', ...metadata } };
    expect(isMadeAsHook(object as never, unit, isRecorded)).toBe(expected);
  });
});
