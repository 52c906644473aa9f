import type { HelmRelease, Kustomization } from '@plumb/api';

/** What is wrong with a dependency; 'outdated': it has not applied the common source's revision yet. */
export type DependencyFlaw = 'not-found' | 'not-ready' | 'outdated';

/** What is read of the source: the revision it offers now. */
export interface SourceState {
  status?: { artifact?: { revision: string } };
}

/** What may depend on others, and be depended on. */
export type Dependable = Kustomization | HelmRelease;

/** One entry of spec.dependsOn. */
export interface Dependency {
  /** `namespace/name` of a Kustomization, `HelmRelease/namespace/name` of a HelmRelease. */
  id: string;
  kind: Dependable['kind'];
  /** '' where the usual rule decides. */
  readyExpr: string;
}

/**
 * Flux's rule for spec.dependsOn: the dependency has seen its own spec (observedGeneration), is Ready, and, where both use
 * one source, has applied the revision that source offers now. A HelmRelease has no such source.
 * @param source the dependant's source
 * @returns null when the dependant may go on
 */
export function dependencyFlaw(
  dependant: Dependable,
  dependency: Dependable | undefined,
  source: SourceState | undefined,
): DependencyFlaw | null {
  if (dependency === undefined) return 'not-found';
  if (!isReady(dependency)) return 'not-ready';
  if (dependency.kind === 'HelmRelease' || dependant.kind === 'HelmRelease') return null;
  if (sourceId(dependant) !== sourceId(dependency)) return null;
  return dependency.status?.lastAppliedRevision === source?.status?.artifact?.revision ? null : 'outdated';
}

function isReady({ metadata, status }: Dependable): boolean {
  if (status?.observedGeneration === undefined || status.observedGeneration !== metadata.generation) return false;
  return status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
}

function sourceId(unit: Kustomization): string {
  const { kind, name, namespace } = unit.spec.sourceRef;
  return `${kind}/${namespace ?? unit.metadata.namespace ?? ''}/${name}`;
}

/** What names a dependable object: in messages, and where it is looked up. */
export function dependableId({ kind, namespace, name }: { kind: string; namespace: string; name: string }): string {
  return kind === 'Kustomization' ? `${namespace}/${name}` : `${kind}/${namespace}/${name}`;
}

function idOf({ kind, metadata }: Dependable): string {
  return dependableId({ kind, namespace: metadata.namespace ?? '', name: metadata.name });
}

/** What an object depends on, in its order. An entry without a kind names one of the object's own. */
export function dependenciesOf(unit: Dependable): Dependency[] {
  const own = unit.metadata.namespace ?? '';
  // Nothing keeps an object from having no spec at all.
  const spec = unit.spec as Dependable['spec'] | undefined;
  return (spec?.dependsOn ?? []).map(({ kind = unit.kind, name, namespace = own, readyExpr = '' }) => ({
    id: dependableId({ kind, namespace, name }),
    kind,
    readyExpr,
  }));
}

/**
 * The first cycle reachable through spec.dependsOn, as ids from a unit back to itself; null without one. Flux waits in silence for
 * such units; they can never become ready. Where a readyExpr decides alone they may: such a step is no part of a cycle.
 * @param additive whether the usual rule counts beside a readyExpr too
 */
export function dependencyCycle(
  unit: Dependable,
  lookup: (id: string) => Dependable | undefined,
  additive = false,
): string[] | null {
  const start = idOf(unit);
  const find = (id: string): Dependable | undefined => (id === start ? unit : lookup(id));
  const next = (from: Dependable): string[] =>
    dependenciesOf(from).flatMap(({ id, readyExpr }) => (additive || readyExpr === '' ? [id] : []));
  return firstCycle(start, (id) => {
    const found = find(id);
    return found === undefined ? [] : next(found);
  });
}

function firstCycle(start: string, edges: (id: string) => string[]): string[] | null {
  const settled = new Set<string>();
  const trail: string[] = [start];
  const pending: string[][] = [edges(start)];
  while (pending.length > 0) {
    const next = pending.at(-1)?.shift();
    if (next === undefined) {
      pending.pop();
      settled.add(trail.pop() ?? '');
      continue;
    }
    const begun = trail.indexOf(next);
    if (begun >= 0) return [...trail.slice(begun), next];
    if (settled.has(next)) continue;
    trail.push(next);
    pending.push(edges(next));
  }
  return null;
}
