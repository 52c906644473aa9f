import { createHash } from 'node:crypto';
import type { HelmReleaseSpec } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { releaseWith, snapshotWith, WANTED } from '../testing/release-facts.ts';
import { releaseNameOf, releaseNamespaceOf, storageNamespaceOf, targetChanged } from './names.ts';
import type { TargetChange } from './names.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('the name of a release', () => {
  test.each<[spec: Partial<HelmReleaseSpec>, name: string]>([
    [{}, 'cart'],
    [{ targetNamespace: 'apps' }, 'apps-cart'],
    [{ targetNamespace: 'apps', releaseName: 'basket' }, 'basket'],
    [{ releaseName: 'a'.repeat(53) }, 'a'.repeat(53)],
    // The example of helm-controller's own tests.
    [{ releaseName: 'a'.repeat(54) }, `${'a'.repeat(40)}-${sha256('a'.repeat(54)).slice(0, 12)}`],
  ])('of %j is %s', (spec, name) => {
    expect(releaseNameOf(releaseWith(spec), sha256)).toBe(name);
  });

  test('that had to be cut is as long as Helm allows', () => {
    const spec = { targetNamespace: 'some-front-appended-namespace-release-with-a-name' };
    const name = releaseNameOf(releaseWith(spec), sha256);
    expect(name).toMatch(/^some-front-appended-namespace-release-wi-[0-9a-f]{12}$/);
    expect(name).toHaveLength(53);
  });
});

test('namespaces are that of the HelmRelease, unless it says otherwise', () => {
  expect(releaseNamespaceOf(releaseWith())).toBe('shop');
  expect(releaseNamespaceOf(releaseWith({ targetNamespace: 'apps' }))).toBe('apps');
  expect(storageNamespaceOf(releaseWith({ targetNamespace: 'apps' }))).toBe('shop');
  expect(storageNamespaceOf(releaseWith({ storageNamespace: 'store' }))).toBe('store');
});

describe('a release is another one', () => {
  const history = [snapshotWith(2), snapshotWith(1, { name: 'old' })];
  const inPlace = { upgrade: { chartNameChangeStrategy: 'InPlaceUpdate' as const } };

  test.each<
    [what: string, spec: Partial<HelmReleaseSpec>, wanted: Partial<typeof WANTED>, change: TargetChange | null]
  >([
    ['unless anything changed', {}, {}, null],
    ['with another storage namespace', { storageNamespace: 'store' }, {}, 'storage namespace'],
    ['with another target namespace', { targetNamespace: 'apps' }, {}, 'release namespace'],
    ['with another name', {}, { releaseName: 'basket' }, 'release name'],
    ['with a chart of another name', {}, { chartName: 'basket' }, 'chart name'],
    ['not with a chart that is to be updated in place', inPlace, { chartName: 'basket' }, null],
    ['not with another version of its chart', {}, { chartVersion: '9' }, null],
  ])('%s', (_what, spec, wanted, change) => {
    expect(targetChanged(releaseWith(spec, { history }), { ...WANTED, ...wanted })).toBe(change);
  });

  test('never before one was made', () => {
    const wanted = { ...WANTED, releaseName: 'basket' };
    expect(targetChanged(releaseWith({}, { history: [] }), wanted)).toBeNull();
    expect(targetChanged(releaseWith({}, { history, storageNamespace: '' }), wanted)).toBeNull();
  });
});
