import { posix } from 'node:path';
import { HELM_RELEASE, KUSTOMIZATION, keyOf, userError, type KubeObject, type UnitRef } from '@plumb/api';
import type { DeclaredObject } from './declared.ts';
import { unitId } from './parts.ts';

/** A unit that a file or a build declares, not checked yet. */
export interface Candidate {
  ref: UnitRef & { kind: 'Kustomization' | 'HelmRelease' };
  object: KubeObject;
  /** The file that declares it; null for one that another unit brings. */
  path: string | null;
}

/** The unit that an object is; null for anything else. @param namespace of one that names none */
export function candidateOf(object: KubeObject, path: string | null, namespace: string): Candidate | null {
  const { group, kind, name, namespace: own } = keyOf(object);
  const isUnit = [KUSTOMIZATION, HELM_RELEASE].some((one) => one.group === group && one.kind === kind);
  if (!isUnit || (kind !== 'Kustomization' && kind !== 'HelmRelease')) return null;
  const place = own === '' ? namespace : own;
  const placed = { ...object, metadata: { ...object.metadata, namespace: place } };
  return { ref: { kind, namespace: place, name }, object: placed, path };
}

/**
 * The units that nothing here but a file brings: what stands in the folder of another one comes, or does not come, from its build.
 * @throws PlumbError `invalid-spec` where two files declare one
 */
export function rootsOf(declared: readonly DeclaredObject[], namespace: string): Candidate[] {
  const all = declared
    .map(({ object, path }) => candidateOf(object, path, namespace))
    .filter((candidate) => candidate !== null);
  const folders = all.flatMap(({ ref, object }) =>
    ref.kind === 'Kustomization' ? [{ id: unitId(ref), folder: folderOf(object) }] : [],
  );
  const isCovered = ({ ref, path }: Candidate): boolean =>
    folders.some(({ id, folder }) => id !== unitId(ref) && isWithin(path ?? '', folder));
  const free = all.filter((candidate) => !isCovered(candidate));
  // Where each stands in the folder of another, nobody knows which comes first.
  const roots = free.length === 0 ? all : free;
  refuseTwice(roots);
  return roots;
}

function refuseTwice(roots: readonly Candidate[]): void {
  const seen = new Map<string, Candidate>();
  for (const candidate of roots) {
    const id = unitId(candidate.ref);
    const other = seen.get(id);
    if (other !== undefined) {
      const text = `${id} is declared by ${other.path ?? ''} and by ${candidate.path ?? ''}: name the folder of one cluster`;
      throw userError('invalid-spec', text);
    }
    seen.set(id, candidate);
  }
}

function folderOf(object: KubeObject): string {
  const { path = '' } = (object['spec'] ?? {}) as { path?: unknown };
  return plainPath(typeof path === 'string' ? path : '');
}

/** As trees name it: no dot, no slash at its ends. */
export function plainPath(path: string): string {
  const plain = posix.normalize(path).replace(/^(?:\.?\/)+|\/+$/g, '');
  return plain === '.' ? '' : plain;
}

function isWithin(path: string, folder: string): boolean {
  return folder === '' || path === folder || path.startsWith(`${folder}/`);
}
