import type { KubeObject } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { foreignMarks, ownedBy } from './marks.ts';

const RELEASE = { name: 'cart', namespace: 'shop' };
const MANAGED = 'app.kubernetes.io/managed-by';
const NAME = 'meta.helm.sh/release-name';
const NAMESPACE = 'meta.helm.sh/release-namespace';

const object = (labels?: Record<string, string>, annotations?: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: 'data', ...(labels && { labels }), ...(annotations && { annotations }) },
});
const own = object({ [MANAGED]: 'Helm' }, { [NAME]: 'cart', [NAMESPACE]: 'shop' });

test('an object with all marks of a release is of that release, and no reason to stop', () => {
  expect(ownedBy(RELEASE)(own)).toBe(true);
  expect(foreignMarks(own, RELEASE)).toBeNull();
});

describe('an object', () => {
  test.each<[string, KubeObject, string]>([
    [
      'without marks',
      object(),
      `label validation error: missing key "${MANAGED}": must be set to "Helm"; ` +
        `annotation validation error: missing key "${NAME}": must be set to "cart"; ` +
        `annotation validation error: missing key "${NAMESPACE}": must be set to "shop"`,
    ],
    [
      'of somebody else',
      object({ [MANAGED]: 'kustomize' }, { [NAME]: 'cart', [NAMESPACE]: 'shop' }),
      `label validation error: key "${MANAGED}" must equal "Helm": current value is "kustomize"`,
    ],
    [
      'of another release',
      object({ [MANAGED]: 'Helm' }, { [NAME]: 'till', [NAMESPACE]: 'shop' }),
      `annotation validation error: key "${NAME}" must equal "cart": current value is "till"`,
    ],
    [
      'of a release of that name elsewhere',
      object({ [MANAGED]: 'Helm' }, { [NAME]: 'cart', [NAMESPACE]: 'data' }),
      `annotation validation error: key "${NAMESPACE}" must equal "shop": current value is "data"`,
    ],
    [
      'with its marks in the wrong place',
      object({ [MANAGED]: 'Helm', [NAME]: 'cart', [NAMESPACE]: 'shop' }),
      `annotation validation error: missing key "${NAME}": must be set to "cart"; ` +
        `annotation validation error: missing key "${NAMESPACE}": must be set to "shop"`,
    ],
  ])('%s is not of the release, and why is told in words of Helm', (_name, given, flaws) => {
    expect(ownedBy(RELEASE)(given)).toBe(false);
    expect(foreignMarks(given, RELEASE)).toBe(flaws);
  });
});
