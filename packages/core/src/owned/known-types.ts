import { parseApiVersion } from '@plumb/api';
import type { KubeObject } from '@plumb/api';

/** Groups served by Kubernetes itself: their objects pass through Go types, which drop zero values and respell quantities. */
const BUILT_IN: ReadonlySet<string> = new Set([
  '',
  'admissionregistration.k8s.io',
  'apps',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
  'flowcontrol.apiserver.k8s.io',
  'networking.k8s.io',
  'node.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'resource.k8s.io',
  'scheduling.k8s.io',
  'storage.k8s.io',
]);

export function isBuiltIn(object: Pick<KubeObject, 'apiVersion'>): boolean {
  return BUILT_IN.has(parseApiVersion(object.apiVersion).group);
}

/** Maps of built-in types that server-side apply owns whole (`x-kubernetes-map-type: atomic`), by field name. */
const ATOMIC_MAPS: ReadonlySet<string> = new Set([
  'claimRef',
  'configMapKeyRef',
  'fieldRef',
  'labelSelector',
  'namespaceSelector',
  'nodeSelector',
  'objectSelector',
  'podSelector',
  'requiredDuringSchedulingIgnoredDuringExecution',
  'resourceFieldRef',
  'roleRef',
  'scaleTargetRef',
  'scopeSelector',
  'secretKeyRef',
  'selector',
]);

export function isAtomicMap(field: string): boolean {
  return ATOMIC_MAPS.has(field);
}

/** Structs of built-in types that are often declared empty and then filled with defaults nobody owns. */
const GRANULAR_STRUCTS: ReadonlySet<string> = new Set([
  'annotations',
  'emptyDir',
  'labels',
  'limits',
  'metadata',
  'requests',
  'resources',
  'rollingUpdate',
  'securityContext',
  'strategy',
  'updateStrategy',
]);

export function isGranularStruct(field: string): boolean {
  return GRANULAR_STRUCTS.has(field);
}

/** Lists of built-in specs and metadata that are owned item by item: declared empty they own nothing at all. */
const GRANULAR_LISTS: ReadonlySet<string> = new Set([
  'containers',
  'env',
  'finalizers',
  'hostAliases',
  'imagePullSecrets',
  'initContainers',
  'ownerReferences',
  'ports',
  'topologySpreadConstraints',
  'volumeDevices',
  'volumeMounts',
  'volumes',
]);

export function isGranularList(path: readonly string[]): boolean {
  return (path[0] === 'spec' || path[0] === 'metadata') && GRANULAR_LISTS.has(path.at(-1) ?? '');
}

/** Fields of built-in types that hold a quantity, and maps whose every value is one. */
const QUANTITY_FIELDS: ReadonlySet<string> = new Set(['averageValue', 'divisor', 'sizeLimit']);
const QUANTITY_MAPS: ReadonlySet<string> = new Set([
  'allocatable',
  'capacity',
  'hard',
  'limits',
  'podFixed',
  'requests',
]);
const LIMIT_RANGE_MAPS: ReadonlySet<string> = new Set([
  'default',
  'defaultRequest',
  'max',
  'maxLimitRequestRatio',
  'min',
]);

/**
 * Whether the value at a path is a resource.Quantity, which the API server stores in one spelling.
 * @param path field names from the root of an object of a built-in kind; list items add no step
 */
export function isQuantity(kind: string, path: readonly string[]): boolean {
  const field = path.at(-1) ?? '';
  const parent = path.at(-2) ?? '';
  if (path[0] !== 'spec') return false;
  if (kind === 'LimitRange') return LIMIT_RANGE_MAPS.has(parent);
  return QUANTITY_FIELDS.has(field) || QUANTITY_MAPS.has(parent);
}

/** Defaults inside values that are owned whole: the live value has them though nobody declared them. */
const NESTED_DEFAULTS: Readonly<Record<string, readonly unknown[]>> = {
  'fieldRef.apiVersion': ['v1'],
  'ports.protocol': ['TCP'],
  'roleRef.apiGroup': ['rbac.authorization.k8s.io'],
  'subjects.apiGroup': ['rbac.authorization.k8s.io'],
  'volumeClaimTemplates.apiVersion': ['v1'],
  'volumeClaimTemplates.kind': ['PersistentVolumeClaim'],
  'spec.volumeMode': ['Filesystem'],
  'status.phase': ['Pending'],
  'rules.scope': ['*'],
};

/** Whether a live value nobody declared is the default of its field. */
export function isDefault(path: readonly string[], value: unknown): boolean {
  const place = `${path.at(-2) ?? ''}.${path.at(-1) ?? ''}`;
  return NESTED_DEFAULTS[place]?.includes(value) ?? false;
}

/** A default an associative list's key may take when an item leaves it out (structured-merge-diff `default` of a key). */
export function keyDefault(field: string): unknown {
  return field === 'protocol' ? 'TCP' : undefined;
}
