import type { Kustomization } from '@plumb/api';

/** Whether a dependency allows its dependant to go on; `reason` is worded as Flux words it. */
export type DependencyVerdict = { ready: true } | { ready: false; reason: string };

/** What is read of the source: the revision it offers now. */
export interface SourceState {
  status?: { artifact?: { revision: string } };
}

/**
 * Flux's rule for spec.dependsOn: the dependency has seen its own spec (observedGeneration), is Ready, and, where both use
 * one source, has applied the revision that source offers now.
 * @param id `namespace/name` of the dependency, for the reason
 * @param source the dependant's source
 */
export function dependencyReady(
  dependant: Kustomization,
  id: string,
  dependency: Kustomization | undefined,
  source: SourceState | undefined,
): DependencyVerdict {
  if (dependency === undefined) return { ready: false, reason: `dependency '${id}' not found` };
  const { status } = dependency;
  const seen = status?.observedGeneration !== undefined && status.observedGeneration === dependency.metadata.generation;
  const ready = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
  if (!seen || !ready) return { ready: false, reason: `dependency '${id}' is not ready` };
  const revision = source?.status?.artifact?.revision;
  if (sourceId(dependant) === sourceId(dependency) && status?.lastAppliedRevision !== revision) {
    return { ready: false, reason: `dependency '${id}' revision is not up to date` };
  }
  return { ready: true };
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
