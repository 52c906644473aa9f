import type { ObjectKey } from '@plumb/api';
import { keyId } from '@plumb/api';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { diffInventory, inventoryId, inventoryOf, parseInventoryEntry, unionOfKeys } from './inventory.ts';

const key = (fields: Partial<ObjectKey>): ObjectKey => ({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  namespace: 'shop',
  name: 'cart',
  ...fields,
});
const rbac = (kind: string, name: string, namespace = ''): ObjectKey =>
  key({ group: 'rbac.authorization.k8s.io', kind, name, namespace });

describe('ids are those of Flux', () => {
  test.each([
    [key({}), 'shop_cart_apps_Deployment'],
    [key({ group: '', kind: 'ConfigMap', name: 'cart.settings' }), 'shop_cart.settings__ConfigMap'],
    [key({ group: '', kind: 'Namespace', namespace: '', name: 'shop' }), '_shop__Namespace'],
    [rbac('ClusterRole', 'system:view'), '_system__view_rbac.authorization.k8s.io_ClusterRole'],
    [rbac('RoleBinding', 'a:b:c', 'shop'), 'shop_a__b__c_rbac.authorization.k8s.io_RoleBinding'],
    [rbac('ClusterRole', 'with_line'), '_with_line_rbac.authorization.k8s.io_ClusterRole'],
    [key({ group: 'b.dev', kind: 'Widget', name: 'a:b' }), 'shop_a:b_b.dev_Widget'],
  ])('%o', (object, id) => {
    expect(inventoryId(object)).toBe(id);
    expect(parseInventoryEntry({ id, v: object.version })).toEqual(object);
  });
});

/** Ids as the Flux controllers and cli-utils write them. */
describe('ids that Flux has written are read and written back as they are', () => {
  test.each([
    ['default_podinfo_apps_Deployment', 'v1', key({ namespace: 'default', name: 'podinfo' })],
    ['default_podinfo__Service', 'v1', key({ group: '', kind: 'Service', namespace: 'default', name: 'podinfo' })],
    ['_flux-system__Namespace', 'v1', key({ group: '', kind: 'Namespace', namespace: '', name: 'flux-system' })],
    [
      'default_podinfo_autoscaling_HorizontalPodAutoscaler',
      'v2',
      key({
        group: 'autoscaling',
        version: 'v2',
        kind: 'HorizontalPodAutoscaler',
        namespace: 'default',
        name: 'podinfo',
      }),
    ],
    [
      '_alerts.notification.toolkit.fluxcd.io_apiextensions.k8s.io_CustomResourceDefinition',
      'v1',
      key({
        group: 'apiextensions.k8s.io',
        kind: 'CustomResourceDefinition',
        namespace: '',
        name: 'alerts.notification.toolkit.fluxcd.io',
      }),
    ],
    [
      '_cluster-reconciler-flux-system_rbac.authorization.k8s.io_ClusterRoleBinding',
      'v1',
      rbac('ClusterRoleBinding', 'cluster-reconciler-flux-system'),
    ],
    [
      'flux-system_flux-system_kustomize.toolkit.fluxcd.io_Kustomization',
      'v1',
      key({
        group: 'kustomize.toolkit.fluxcd.io',
        kind: 'Kustomization',
        namespace: 'flux-system',
        name: 'flux-system',
      }),
    ],
    [
      'shop_kubeadm__nodes-kubeadm-config_rbac.authorization.k8s.io_Role',
      'v1',
      rbac('Role', 'kubeadm:nodes-kubeadm-config', 'shop'),
    ],
    [
      'kube-system_system____leader-locking-kube-scheduler_rbac.authorization.k8s.io_Role',
      'v1',
      rbac('Role', 'system::leader-locking-kube-scheduler', 'kube-system'),
    ],
    ['shop___leader_rbac.authorization.k8s.io_RoleBinding', 'v1', rbac('RoleBinding', ':leader', 'shop')],
    ['shop_leader___rbac.authorization.k8s.io_RoleBinding', 'v1', rbac('RoleBinding', 'leader:', 'shop')],
    [
      '_system__controller__job-controller_rbac.authorization.k8s.io_ClusterRole',
      'v1',
      rbac('ClusterRole', 'system:controller:job-controller'),
    ],
    ['shop_test_name_apps_Deployment', 'v1', key({ name: 'test_name' })],
    ['shop_test_name_with_underscores_apps_Deployment', 'v1', key({ name: 'test_name_with_underscores' })],
    [
      '_v1beta1.metrics.k8s.io_apiregistration.k8s.io_APIService',
      'v1',
      key({ group: 'apiregistration.k8s.io', kind: 'APIService', namespace: '', name: 'v1beta1.metrics.k8s.io' }),
    ],
  ])('%s', (id, v, object) => {
    expect(parseInventoryEntry({ id, v })).toEqual(object);
    expect(inventoryId(object)).toBe(id);
    expect(inventoryOf([object])).toEqual([{ id, v }]);
  });
});

test.each(['a__b', 'a_:b', 'a:b__c'])('an RBAC name that would read back as another is refused: %s', (name) => {
  expect(() => inventoryId(rbac('ClusterRole', name))).toThrow(`ClusterRole/${name} cannot be kept in an inventory`);
});

test.each(['', 'shop', 'shop_cart_apps', 'shop__apps_Deployment', 'shop_cart_apps_'])(
  'an id of another form is refused: "%s"',
  (id) => {
    expect(() => parseInventoryEntry({ id, v: 'v1' })).toThrow('is not <namespace>_<name>_<group>_<kind>');
  },
);

const dns = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
const anyKey: fc.Arbitrary<ObjectKey> = fc.oneof(
  fc.record({
    group: fc.constantFrom('', 'apps', 'b.dev'),
    version: fc.constantFrom('v1', 'v1beta1'),
    kind: fc.constantFrom('ConfigMap', 'Widget'),
    namespace: fc.oneof(dns, fc.constant('')),
    name: dns,
  }),
  fc.record({
    group: fc.constant('rbac.authorization.k8s.io'),
    version: fc.constant('v1'),
    kind: fc.constantFrom('Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'),
    namespace: fc.oneof(dns, fc.constant('')),
    name: fc.array(dns, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(':')),
  }),
);

test('every object survives the round trip', () => {
  fc.assert(
    fc.property(anyKey, (object) => {
      expect(parseInventoryEntry({ id: inventoryId(object), v: object.version })).toEqual(object);
    }),
  );
});

test('two objects never share an id', () => {
  fc.assert(
    fc.property(anyKey, anyKey, (a, b) => {
      expect(inventoryId(a) === inventoryId(b)).toBe(keyId(a) === keyId(b));
    }),
  );
});

test('an inventory is in apply order, each identity once, the later version kept', () => {
  const inventory = inventoryOf([
    key({}),
    key({ group: '', kind: 'Namespace', namespace: '', name: 'shop' }),
    key({ version: 'v2' }),
  ]);
  expect(inventory).toEqual([
    { id: '_shop__Namespace', v: 'v1' },
    { id: 'shop_cart_apps_Deployment', v: 'v2' },
  ]);
});

test('what left is what the next inventory does not name, whatever its version', () => {
  const gone = key({ name: 'old' });
  expect(diffInventory([key({}), gone], [key({ version: 'v2' })])).toEqual([gone]);
});

test('old is what stays and what left together', () => {
  fc.assert(
    fc.property(fc.array(anyKey), fc.array(anyKey), (old, next) => {
      const left = diffInventory(unionOfKeys(old), next);
      const ids = (keys: readonly ObjectKey[]): string[] => keys.map(keyId).sort();
      expect(ids(unionOfKeys(left, next))).toEqual(ids(unionOfKeys(old, next)));
      expect(left.some((object) => next.some((other) => keyId(other) === keyId(object)))).toBe(false);
    }),
  );
});
