import type { Kustomization } from '@plumb/api';
import { GIT_REPOSITORY } from '@plumb/api';
import { prepare } from '../../delivery/prepare.ts';
import { readReferences, referencesOf } from '../../delivery/references.ts';
import type { StoredBundle, UnitMemory } from '../../delivery/unit.ts';
import type { Hands } from './act.ts';
import { openArtifact } from './open-artifact.ts';

interface Revisions {
  revision: string;
  originRevision: string;
}

interface LastDelivered extends Revisions {
  bundle: StoredBundle;
}

/**
 * Builds again what a unit was given last, as its record and its status tell after a restart.
 * @returns null where they do not, or where that revision is not in this agent's storage
 */
export async function lastDelivered(
  object: Kustomization,
  { memory, hands, signal }: { memory: UnitMemory; hands: Hands; signal: AbortSignal },
): Promise<LastDelivered | null> {
  const revisions = lastRevisions(object, memory.bundle);
  // Another spec would make other objects of that revision.
  if (revisions === null || object.status?.observedGeneration !== object.metadata.generation) return null;
  const { revision } = revisions;
  const { ref, bundle: last } = memory;
  // The mirror of a repository has its revisions whatever was published of them. What others made is known by its digest.
  const isOthers = object.spec.sourceRef.kind !== GIT_REPOSITORY.kind;
  const digest = isOthers && last?.revision === revision ? last.artifactDigest : null;
  const artifact = await openArtifact(object, { revision, digest, signal }, hands.artifacts);
  if (artifact === null) return null;
  const referenced = await readReferences(referencesOf(object), ref.namespace, { cluster: hands.cluster, signal });
  const bundle = await prepare(object, ref, artifact, { ...hands, signal, last, referenced });
  return { ...revisions, bundle };
}

/** Where the record is of the last run that came to an end, that one's: health may have failed. Else that of the last run that ended well. */
function lastRevisions({ status }: Kustomization, recorded: StoredBundle | null): Revisions | null {
  const last = status?.history?.[0];
  const isOfLast = recorded !== null && last?.digest === `sha256:${recorded.digest}`;
  const { revision, originRevision = '' } = (isOfLast ? last.metadata : undefined) ?? {};
  if (revision !== undefined) return { revision, originRevision };
  const { lastAppliedRevision, lastAppliedOriginRevision = '' } = status ?? {};
  if (lastAppliedRevision === undefined) return null;
  return { revision: lastAppliedRevision, originRevision: lastAppliedOriginRevision };
}

/** The revisions that a unit may be brought back to: its source keeps them. */
export function standsOn({ status }: Kustomization): string[] {
  const revisions = [status?.lastAppliedRevision, status?.history?.[0]?.metadata?.['revision']];
  return revisions.filter((revision) => revision !== undefined);
}
