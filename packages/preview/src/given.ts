import type { KubeObject, UnitRef } from '@plumb/api';

/** Whether an object of a file is the one that is referred to. One without a namespace is taken to be in the right one, as kubectl takes it. */
export function isMeant({ kind, metadata }: KubeObject, named: UnitRef): boolean {
  const { name, namespace = '' } = metadata;
  return kind === named.kind && name === named.name && (namespace === '' || namespace === named.namespace);
}
