import type { Selection } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import type { ChangeFacts } from './facts.ts';
import { governs, isCertain, selectionProblem } from './select.ts';
import { change, fate } from './testing/facts.ts';

const unit = (parts: Partial<ChangeFacts['unit']>): Partial<ChangeFacts> => ({ unit: { ...change().unit, ...parts } });

test('what names nothing is of every change', () => {
  expect(governs(undefined, change())).toBe(true);
  expect(governs({}, change())).toBe(true);
});

describe('each field', () => {
  test.each<[string, Selection, boolean]>([
    ['kinds', { kinds: ['Kustomization'] }, true],
    ['kinds', { kinds: ['HelmRelease'] }, false],
    ['kinds', { kinds: ['HelmRelease', 'Kustomization'] }, true],
    ['kinds', { kinds: [] }, false],
    ['names', { names: ['a*'] }, true],
    ['names', { names: ['b*', 'apps'] }, true],
    ['names', { names: ['app'] }, false],
    ['names', { names: [] }, false],
    ['namespaces', { namespaces: ['shop'] }, true],
    ['namespaces', { namespaces: ['sh*p', 'x'] }, true],
    ['namespaces', { namespaces: ['shop2'] }, false],
    ['labelSelector', { labelSelector: 'app=cart' }, true],
    ['labelSelector', { labelSelector: 'app in (web,cart),!old' }, true],
    ['labelSelector', { labelSelector: 'app!=cart' }, false],
    ['labelSelector', { labelSelector: 'other' }, false],
    ['labelSelector', { labelSelector: '' }, true],
    ['namespaceSelector', { namespaceSelector: 'env=prod' }, true],
    ['namespaceSelector', { namespaceSelector: 'env!=prod' }, false],
    ['namespaceSelector', { namespaceSelector: 'app=cart' }, false],
    ['clusters', { clusters: ['own'] }, true],
    ['clusters', { clusters: ['prod-*'] }, false],
    ['sources', { sources: [{ kind: 'GitRepository' }] }, true],
    ['sources', { sources: [{ kind: 'OCIRepository' }] }, false],
    ['sources', { sources: [{ namespace: 'sh*', name: 'repo' }] }, true],
    ['sources', { sources: [{ kind: 'GitRepository', name: 'other' }] }, false],
    ['sources', { sources: [{ namespace: 'other' }] }, false],
    ['sources', { sources: [{ name: 'other' }, { name: 're*' }] }, true],
    ['sources', { sources: [{}] }, true],
    ['sources', { sources: [] }, false],
    ['all of them', { kinds: ['Kustomization'], names: ['apps'], namespaces: ['shop'], labelSelector: 'app' }, true],
    ['all but one', { kinds: ['Kustomization'], names: ['apps'], namespaces: ['shop'], labelSelector: '!app' }, false],
  ])('%s: %j', (_field, selection, is) => {
    expect(governs(selection, change())).toBe(is);
  });

  test.each([
    ['cluster', { cluster: 'prod-eu' }, { clusters: ['prod-*'] }],
    ['kind', unit({ kind: 'HelmRelease' }), { kinds: ['HelmRelease'] }],
  ] as [string, Partial<ChangeFacts>, Selection][])('of another %s', (_what, parts, selection) => {
    expect(governs(selection, change(parts))).toBe(true);
    expect(governs(selection, change())).toBe(false);
  });
});

describe('what is touched', () => {
  const objects = [
    fate('Deployment.apps', 'web'),
    fate('Secret', 'key', 'delete', 'prod'),
    fate('Node', 'n', 'change', ''),
  ];
  test.each<[NonNullable<Selection['touches']>, boolean]>([
    [{}, true],
    [{ kinds: ['Deployment'] }, true],
    [{ kinds: ['Deployment.apps'] }, true],
    [{ kinds: ['Deployment.'] }, false],
    [{ kinds: ['StatefulSet', 'Secret'] }, true],
    [{ namespaces: ['prod'] }, true],
    [{ namespaces: ['test'] }, false],
    [{ namespaces: ['*'] }, true],
    [{ kinds: ['Deployment'], namespaces: ['prod'] }, false],
    [{ kinds: ['Node'], namespaces: ['prod'] }, false],
    [{ deletes: true }, true],
    [{ deletes: false }, false],
    [{ deletes: true, kinds: ['Secret'] }, true],
    [{ deletes: true, kinds: ['Deployment'] }, false],
    [{ deletes: false, kinds: ['Deployment'] }, true],
    [{ deletes: false, kinds: ['Secret'] }, false],
    [{ deletes: false, kinds: ['StatefulSet'] }, false],
  ])('%j: %s', (touches, is) => {
    expect(governs({ touches }, change({ objects }))).toBe(is);
  });

  test.each([
    ['Namespace', 'prod', true],
    ['Namespace', 'test', false],
    ['Namespace.example.com', 'prod', false],
  ])('a change to %s %s touches what is in the namespace prod: %s', (kind, name, is) => {
    const facts = change({ objects: [fate(kind, name, 'delete', '')] });
    expect(governs({ touches: { namespaces: ['prod'] } }, facts)).toBe(is);
  });

  test('nothing is by a change of nothing', () => {
    for (const touches of [{}, { deletes: false }, { deletes: true }, { kinds: ['Secret'] }]) {
      expect(governs({ touches }, change({ objects: [] }))).toBe(false);
    }
  });
});

describe('what cannot be told counts as chosen', () => {
  test.each<[string, Selection, Partial<ChangeFacts>]>([
    ['labels of a namespace that are not known', { namespaceSelector: 'env=prod' }, { namespaceLabels: null }],
    ['labels that must not be there', { namespaceSelector: '!env' }, { namespaceLabels: null }],
    ['a selector of units that cannot be read', { labelSelector: 'a=b=c' }, {}],
    ['a selector of namespaces that cannot be read', { namespaceSelector: 'a in b' }, {}],
  ])('%s', (_what, selection, parts) => {
    expect(governs(selection, change(parts))).toBe(true);
    expect(isCertain(selection, change(parts))).toBe(false);
  });

  test('but the other fields still choose', () => {
    const selection = { namespaceSelector: 'env=prod', names: ['other'] };
    expect(governs(selection, change({ namespaceLabels: null }))).toBe(false);
  });

  test.each<[string, Selection | undefined, Partial<ChangeFacts>]>([
    ['what names nothing', undefined, { namespaceLabels: null }],
    ['what asks for no labels of the namespace', { labelSelector: 'app' }, { namespaceLabels: null }],
    ['what asks for labels that are known', { namespaceSelector: 'env' }, {}],
  ])('%s is certain', (_what, selection, parts) => {
    expect(isCertain(selection, change(parts))).toBe(true);
  });
});

test.each<[Selection, string | null]>([
  [{ labelSelector: 'a' }, null],
  [{ labelSelector: '=', namespaceSelector: '=' }, 'select.labelSelector: "=" is no label key'],
  [{ namespaceSelector: 'a in b' }, 'select.namespaceSelector: expected "(" before "b"'],
  [{ names: ['['] }, null],
])('%j says what is wrong with it: %s', (selection, problem) => {
  expect(selectionProblem(selection)).toBe(problem);
});
