import { Coming, type ObjectDiff, tryDeletions, tryObjects } from '@plumb/agent';
import type { ObjectKey, Kustomization } from '@plumb/api';
import { userError } from '@plumb/api';
import { diffInventory, parseInventoryEntry } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import type { Built } from './build.ts';

export interface DiffRequest {
  /** Acts as the unit would. */
  cluster: Cluster;
  built: Built;
  signal: AbortSignal;
}

/**
 * Tries every object by a server-side dry run and compares what would be with what is. Writes nothing. What stays as it is is left out.
 * @throws PlumbError `cancelled`, `api-unavailable`, `invalid-spec` for a unit of another cluster; what is wrong with a single object is told with it
 */
export async function diffUnit({ cluster, built, signal }: DiffRequest): Promise<ObjectDiff[]> {
  const { unit, ref, bundle, secrets } = built;
  refuseElsewhere(unit);
  const coming = new Coming(bundle.objects);
  const trial = { cluster, ref, secrets, coming, force: unit.spec.force === true, signal };
  const applied = await tryObjects(bundle.objects, trial);
  return [...applied, ...(await tryDeletions(goneOf(built), trial))];
}

/** The cluster the unit is in says nothing of one that it delivers to. */
export function refuseElsewhere(unit: {
  kind: string;
  metadata: { name: string; namespace?: string };
  spec: { kubeConfig?: object };
}): void {
  const { kind, metadata, spec } = unit;
  if (spec.kubeConfig === undefined) return;
  const text = `${kind} ${metadata.namespace ?? ''}/${metadata.name} delivers to another cluster (spec.kubeConfig), and diff compares with the one it is given: put the ${kind} without spec.kubeConfig into a file (--${kind.toLowerCase()}-file), and give that cluster (--kubeconfig)`;
  throw userError('invalid-spec', text);
}

/** What the inventory lists and the build no longer has. */
function goneOf({ unit, bundle }: Built): ObjectKey[] {
  if (!unit.spec.prune) return [];
  const declared = bundle.objects.map(({ key }) => key);
  return diffInventory(inventoryOf(unit), declared);
}

/** What a unit owns, by its status. */
export function inventoryOf({ status }: Pick<Kustomization, 'status'>): ObjectKey[] {
  return (status?.inventory?.entries ?? []).map(parseInventoryEntry);
}
