import type { Cluster } from '@plumb/kube';
import { expect, test } from 'vitest';
import { kustomization } from '../testing/builders.ts';
import { actingAs, tenantOf, userOf } from './acting-as.ts';

/** A cluster that only says as whom it is used. */
function clusterAt(host: string): Cluster {
  return { host, as: (user: string) => ({ host, user }) } as unknown as Cluster;
}

const near = clusterAt('near');
const named = kustomization({ spec: { serviceAccountName: 'deployer' } });

test.each([
  ['nobody is named', kustomization(), undefined, ''],
  ['there is a default', kustomization(), 'default', 'system:serviceaccount:shop:default'],
  ['the unit names one', named, undefined, 'system:serviceaccount:shop:deployer'],
  ['the unit names one beside a default', named, 'default', 'system:serviceaccount:shop:deployer'],
])('who applies where %s', (_what, object, defaultServiceAccount, user) => {
  expect(userOf(object, { defaultServiceAccount })).toBe(user);
});

test.each(['near', 'far'])('the default account is used in the cluster a unit delivers to: %s', (host) => {
  const identities = { cluster: clusterAt(host), defaultServiceAccount: 'default' };
  const far = kustomization({ spec: { kubeConfig: { secretRef: { name: 'far' } } } });
  expect(actingAs(far, identities)).toEqual({ host, user: 'system:serviceaccount:shop:default' });
});

test('the agent acts as itself only where nobody is named', () => {
  expect(actingAs(kustomization(), { cluster: near, defaultServiceAccount: undefined })).toBe(near);
  expect(tenantOf(kustomization(), { cluster: near, defaultServiceAccount: undefined })).toBeNull();
});
