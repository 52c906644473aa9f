/** A JSON value as the wire carries it. Integers beyond 2^53 are bigint, so that no digit is lost (see json.ts). */
export type Json = null | boolean | number | bigint | string | Json[] | { [key: string]: Json };

/** A JSON object. */
export type JsonObject = { [key: string]: Json };

/** What the agent reads of metadata; everything else passes through untouched. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  finalizers?: string[];
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  managedFields?: ManagedFieldsEntry[];
  ownerReferences?: OwnerReference[];
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
}

/** One entry of metadata.managedFields (KEP-555). `fieldsV1` is the set of owned paths in its own notation. */
export interface ManagedFieldsEntry {
  manager?: string;
  operation?: 'Apply' | 'Update';
  apiVersion?: string;
  time?: string;
  fieldsType?: string;
  fieldsV1?: JsonObject;
  subresource?: string;
}

/** Any Kubernetes object. Fields beyond these four are reached through `Json`. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** A kind of one API group at one version; the core group is the empty string. */
export interface KindRef {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** Names one object. `namespace` is empty for cluster-scoped objects. */
export interface ObjectKey extends KindRef {
  readonly namespace: string;
  readonly name: string;
}

/** Namespace and name of an object whose kind is known from where it stands. */
export interface NamespacedName {
  readonly namespace: string;
  readonly name: string;
}

/** Names a Flux object that owns or feeds others (a unit or a source). */
export interface UnitRef extends NamespacedName {
  readonly kind: string;
}

/** Splits `apps/v1` into group and version; `v1` is the core group. */
export function parseApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf('/');
  if (slash < 0) return { group: '', version: apiVersion };
  return { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

export function apiVersionOf(ref: { group: string; version: string }): string {
  return ref.group === '' ? ref.version : `${ref.group}/${ref.version}`;
}

export function keyOf(object: KubeObject): ObjectKey {
  const { group, version } = parseApiVersion(object.apiVersion);
  return { group, version, kind: object.kind, namespace: object.metadata.namespace ?? '', name: object.metadata.name };
}

/** One string per object, independent of the version it is read at: what maps of objects are keyed by. */
export function keyId(key: ObjectKey): string {
  return `${key.group}/${key.kind}/${key.namespace}/${key.name}`;
}

/** How people read an object's name: `Deployment/shop/cart`, `Namespace/shop`. */
export function displayKey(key: Pick<ObjectKey, 'kind' | 'namespace' | 'name'>): string {
  return key.namespace === '' ? `${key.kind}/${key.name}` : `${key.kind}/${key.namespace}/${key.name}`;
}
