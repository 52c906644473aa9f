import type { KubeObject } from '@plumb/api';

import { equal, isMap } from './values.ts';

/** Fields of built-in kinds that cannot change, by `group/kind`. */
const IMMUTABLE: Readonly<Record<string, readonly string[]>> = {
  'apps/Deployment': ['spec.selector'],
  'apps/ReplicaSet': ['spec.selector'],
  'apps/DaemonSet': ['spec.selector'],
  'apps/StatefulSet': ['spec.selector', 'spec.serviceName'],
  'batch/Job': ['spec.selector', 'spec.template', 'spec.completionMode'],
  'rbac.authorization.k8s.io/RoleBinding': ['roleRef'],
  'rbac.authorization.k8s.io/ClusterRoleBinding': ['roleRef'],
  'storage.k8s.io/StorageClass': ['provisioner', 'parameters', 'reclaimPolicy'],
  '/Secret': ['type'],
};

/** What a write changes though it must not, in the API server's words. */
export function immutableViolations(group: string, before: KubeObject, after: KubeObject): string[] {
  const frozen = [...(IMMUTABLE[`${group}/${after.kind}`] ?? [])];
  if (before['immutable'] === true) frozen.push('data', 'stringData', 'binaryData', 'immutable');
  return frozen
    .filter((path) => !equal(at(before, path), at(after, path)))
    .map((path) => `${path}: Invalid value: field is immutable`);
}

function at(object: KubeObject, path: string): unknown {
  let value: unknown = object;
  for (const name of path.split('.')) value = isMap(value) ? value[name] : undefined;
  return value;
}
