import type { Kustomization } from '@plumb/api';

/** What is wrong with a dependency; 'outdated': it has not applied the common source's revision yet. */
export type DependencyFlaw = 'not-found' | 'not-ready' | 'outdated';

/** What is read of the source: the revision it offers now. */
export interface SourceState {
  status?: { artifact?: { revision: string } };
}

/**
 * Flux's rule for spec.dependsOn: the dependency has seen its own spec (observedGeneration), is Ready, and, where both use
 * one source, has applied the revision that source offers now.
 * @param source the dependant's source
 * @returns null when the dependant may go on
 */
export function dependencyFlaw(
  dependant: Kustomization,
  dependency: Kustomization | undefined,
  source: SourceState | undefined,
): DependencyFlaw | null {
  if (dependency === undefined) return 'not-found';
  const { status } = dependency;
  const seen = status?.observedGeneration !== undefined && status.observedGeneration === dependency.metadata.generation;
  const ready = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
  if (!seen || !ready) return 'not-ready';
  const revision = source?.status?.artifact?.revision;
  if (sourceId(dependant) === sourceId(dependency) && status?.lastAppliedRevision !== revision) {
    return 'outdated';
  }
  return null;
}

function sourceId(unit: Kustomization): string {
  const { kind, name, namespace } = unit.spec.sourceRef;
  return `${kind}/${namespace ?? unit.metadata.namespace ?? ''}/${name}`;
}

/** `namespace/name` of every Kustomization one depends on, in its order. */
export function dependencyIds(unit: Kustomization): string[] {
  const own = unit.metadata.namespace ?? '';
  return (unit.spec.dependsOn ?? []).map(({ name, namespace }) => `${namespace ?? own}/${name}`);
}

/**
 * The first cycle reachable through spec.dependsOn, as `namespace/name` from a unit back to itself; null without one. Flux
 * waits in silence for such units; they can never become ready.
 */
export function dependencyCycle(
  unit: Kustomization,
  lookup: (id: string) => Kustomization | undefined,
): string[] | null {
  const start = `${unit.metadata.namespace ?? ''}/${unit.metadata.name}`;
  const find = (id: string): Kustomization | undefined => (id === start ? unit : lookup(id));
  const settled = new Set<string>();
  const trail: string[] = [start];
  const pending: string[][] = [dependencyIds(unit)];
  while (pending.length > 0) {
    const next = pending.at(-1)?.shift();
    if (next === undefined) {
      pending.pop();
      settled.add(trail.pop() ?? '');
      continue;
    }
    const begun = trail.indexOf(next);
    if (begun >= 0) return [...trail.slice(begun), next];
    const found = settled.has(next) ? undefined : find(next);
    if (found === undefined) continue;
    trail.push(next);
    pending.push(dependencyIds(found));
  }
  return null;
}
