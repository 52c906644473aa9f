import type { KubeObject } from '@plumb/api';
import type { ReleaseRecord } from './record.ts';

/** What Helm puts on each object of a release (helm pkg/action/validate.go). */
const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
const RELEASE_NAME_ANNOTATION = 'meta.helm.sh/release-name';
const RELEASE_NAMESPACE_ANNOTATION = 'meta.helm.sh/release-namespace';

type Named = Pick<ReleaseRecord, 'name' | 'namespace'>;

/** Whether an object carries Helm's marks of a release: what Helm itself installed has no others. */
export function ownedBy({ name, namespace }: Named): (object: KubeObject) => boolean {
  return ({ metadata }) =>
    metadata.labels?.[MANAGED_BY_LABEL] === 'Helm' &&
    metadata.annotations?.[RELEASE_NAME_ANNOTATION] === name &&
    metadata.annotations?.[RELEASE_NAMESPACE_ANNOTATION] === namespace;
}

/** What keeps an object that is there from being taken over, in Helm's words; null where nothing does. */
export function foreignMarks({ metadata }: KubeObject, { name, namespace }: Named): string | null {
  const wanted: [string, string | undefined, string, string][] = [
    ['label', metadata.labels?.[MANAGED_BY_LABEL], MANAGED_BY_LABEL, 'Helm'],
    ['annotation', metadata.annotations?.[RELEASE_NAME_ANNOTATION], RELEASE_NAME_ANNOTATION, name],
    ['annotation', metadata.annotations?.[RELEASE_NAMESPACE_ANNOTATION], RELEASE_NAMESPACE_ANNOTATION, namespace],
  ];
  const flaws = wanted.flatMap(([sort, given, key, value]) => {
    if (given === value) return [];
    const why =
      given === undefined
        ? `missing key "${key}": must be set to "${value}"`
        : `key "${key}" must equal "${value}": current value is "${given}"`;
    return [`${sort} validation error: ${why}`];
  });
  return flaws.length === 0 ? null : flaws.join('; ');
}
