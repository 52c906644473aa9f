import type { KubeObject } from '@plumb/api';

/** The kinds that CustomResourceDefinitions among these objects bring, as `group/version/kind`; what is none of them brings none. */
export function definedKinds(objects: Iterable<KubeObject>): Set<string> {
  const found = new Set<string>();
  for (const object of objects) {
    if (object.kind !== 'CustomResourceDefinition') continue;
    const { group, names, versions } = (object['spec'] ?? {}) as Partial<Definition>;
    for (const { name, served } of versions ?? []) {
      if (served !== false) found.add(`${group ?? ''}/${name}/${names?.kind ?? ''}`);
    }
  }
  return found;
}

interface Definition {
  group: string;
  names: { kind: string };
  versions: readonly { name: string; served?: boolean }[];
}
