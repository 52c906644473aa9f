import type { Secrets } from '@plumb/agent';
import type { KubeObject, ObjectKey, UnitRef } from '@plumb/api';
import type { Unit } from '../gates/subject.ts';

/** One object of a unit as it is declared. */
export interface Part {
  key: ObjectKey;
  body: KubeObject;
  /** The file or template it came from; empty where nobody knows. */
  path: string;
  /** Equal digests, equal objects. */
  digest: string;
}

/** A unit as one revision declares it, built. */
export interface DeclaredUnit {
  ref: UnitRef & { kind: 'Kustomization' | 'HelmRelease' };
  unit: Unit;
  /** What it applies. */
  objects: readonly Part[];
  /** Of a release: what its hooks make. */
  hooks: readonly Part[];
  /** Of a release: the definitions of its chart. */
  definitions: readonly Part[];
  /** Names all that it came to. */
  digest: string;
  /** Why nobody can tell whose work it is; null where the repository tells. */
  authorless: string | null;
  /** What must not be shown of it. */
  secrets: Secrets;
  /** What had to be taken for granted, a sentence each. */
  notes: readonly string[];
}

export function unitId({ kind, namespace, name }: UnitRef): string {
  return `${kind}/${namespace}/${name}`;
}
