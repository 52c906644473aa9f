import { displayKey, userError, type ObjectKey } from '@plumb/api';
import type { ResourceInfo } from '../cluster.ts';

export type Query = Record<string, string | number | boolean | undefined>;

/** The URL path of a kind, in one namespace where one is given. */
export function collectionPath(info: ResourceInfo, namespace: string | undefined): string {
  const root = info.group === '' ? `/api/${info.version}` : `/apis/${info.group}/${info.version}`;
  const scope =
    info.namespaced && namespace !== undefined && namespace !== '' ? `/namespaces/${segment(namespace)}` : '';
  return `${root}${scope}/${info.resource}`;
}

/** @throws api-invalid for an object that lacks its name, or its namespace where its kind has one. */
export function objectPath(info: ResourceInfo, key: ObjectKey, subresource?: string): string {
  requireNamespace(info, key);
  if (key.name === '' || key.name === undefined)
    throw userError('api-invalid', `${key.kind} without a name: set metadata.name`);
  const path = `${collectionPath(info, key.namespace)}/${segment(key.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

export function requireNamespace(info: ResourceInfo, key: ObjectKey): void {
  if (!info.namespaced || key.namespace !== '') return;
  throw userError(
    'api-invalid',
    `${displayKey(key)} has no namespace, and its kind is namespaced: set metadata.namespace`,
  );
}

export function withQuery(path: string, query: Query): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parts.push(`${name}=${encodeURIComponent(value)}`);
  }
  return parts.length === 0 ? path : `${path}?${parts.join('&')}`;
}

/** One segment of a path: `.` and `..` are no names (Kubernetes refuses them too) but would change which resource is meant. */
function segment(name: string): string {
  if (name === '.' || name === '..') throw userError('api-invalid', `"${name}" is not a name`);
  return encodeURIComponent(name);
}
