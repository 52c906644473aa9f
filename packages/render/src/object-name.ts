import type { KubeObject } from '@plumb/api';
import { parseApiVersion } from '@plumb/api';
import type { Declared } from './declared.ts';

/** As kustomize names an object: `Deployment.v1.apps/cart`. */
function nameOf({ apiVersion, kind, metadata }: KubeObject): string {
  const { group, version } = parseApiVersion(apiVersion);
  return `${kind}.${version}.${group === '' ? '[noGrp]' : group}/${metadata.name}`;
}

/** What a message calls a declared object. */
export function toldName({ body, told }: Pick<Declared, 'body' | 'told'>): string {
  return told ?? nameOf(body);
}
