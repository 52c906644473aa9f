import type { KubeObject } from '@plumb/api';
import { hashOf } from './hash.ts';

/** One hash over what a live object is, apart from its status and from what changes with every write. */
export function contentHash({ metadata, status: _status, ...rest }: KubeObject): string {
  const { managedFields: _fields, resourceVersion: _version, generation: _generation, ...kept } = metadata;
  return hashOf({ ...rest, metadata: kept });
}
