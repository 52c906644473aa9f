import type { KubeObject } from '@plumb/api';
import { parseApiVersion } from '@plumb/api';

/** As kustomize names an object: `Deployment.v1.apps/cart`. */
export function nameOf({ apiVersion, kind, metadata }: KubeObject): string {
  const { group, version } = parseApiVersion(apiVersion);
  return `${kind}.${version}.${group === '' ? '[noGrp]' : group}/${metadata.name}`;
}
