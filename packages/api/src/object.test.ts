import { describe, expect, it } from 'vitest';
import { apiVersionOf, displayKey, keyId, keyOf, parseApiVersion } from './object.ts';

describe('object names', () => {
  it.each([
    ['v1', { group: '', version: 'v1' }],
    ['apps/v1', { group: 'apps', version: 'v1' }],
    ['rbac.authorization.k8s.io/v1', { group: 'rbac.authorization.k8s.io', version: 'v1' }],
  ])('splits and joins %s', (apiVersion, parts) => {
    expect(parseApiVersion(apiVersion)).toEqual(parts);
    expect(apiVersionOf(parts)).toBe(apiVersion);
  });

  it('identifies an object whatever version it is read at', () => {
    const old = keyOf({ apiVersion: 'apps/v1beta1', kind: 'Deployment', metadata: { name: 'a', namespace: 'b' } });
    const now = keyOf({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a', namespace: 'b' } });
    expect(keyId(old)).toBe(keyId(now));
    expect(displayKey(now)).toBe('Deployment/b/a');
  });

  it('shows no namespace where there is none', () => {
    expect(displayKey(keyOf({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' } }))).toBe('Namespace/a');
  });
});
