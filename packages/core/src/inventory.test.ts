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
