import type { Kustomization } from '@plumb/api';
import { prepare } from '../../delivery/prepare.ts';
import { readReferences, referencesOf } from '../../delivery/references.ts';
import type { StoredBundle, UnitMemory } from '../../delivery/unit.ts';
import type { Hands } from './act.ts';
import { openArtifact } from './open-artifact.ts';

/**
 * Builds again what a unit was given last, as its record and its status tell after a restart.
 * @returns null where they do not, or where that revision is not in this agent's storage
 */
export async function lastDelivered(
  object: Kustomization,
  { memory, hands, signal }: { memory: UnitMemory; hands: Hands; signal: AbortSignal },
): Promise<StoredBundle | null> {
  const revision = lastRevision(object, memory.bundle);
  // Another spec would make other objects of that revision.
  if (revision === undefined || object.status?.observedGeneration !== object.metadata.generation) return null;
  const artifact = await openArtifact(object, { revision, digest: null }, hands.artifacts);
  if (artifact === null) return null;
  const { ref, bundle: last } = memory;
  const referenced = await readReferences(referencesOf(object), ref.namespace, { cluster: hands.cluster, signal });
  return prepare(object, ref, artifact, { ...hands, signal, last, referenced });
}

/** Where the record is of the last run that came to an end, that one's: health may have failed. Else that of the last run that ended well. */
function lastRevision({ status }: Kustomization, recorded: StoredBundle | null): string | undefined {
  const last = status?.history?.[0];
  const isOfLast = recorded !== null && last?.digest === `sha256:${recorded.digest}`;
  return (isOfLast ? last.metadata?.['revision'] : undefined) ?? status?.lastAppliedRevision;
}

/** The revisions that a unit may be brought back to: its source keeps them. */
export function standsOn({ status }: Kustomization): string[] {
  const revisions = [status?.lastAppliedRevision, status?.history?.[0]?.metadata?.['revision']];
  return revisions.filter((revision) => revision !== undefined);
}
