import type { GitRepository, UnitRef } from '@plumb/api';
import { PlumbError } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import type { Artifact, GitRequest, GitSources, Resolved } from '@plumb/sources';
import { contentOf, requestOf, sourceRef } from './act.ts';

export interface ReplicateHands {
  cluster: Cluster;
  sources: GitSources;
  signal: AbortSignal;
}

/**
 * Gets the artifact another replica published from the remote itself: that very commit, under the digest its status names. A tarball is the same
 * wherever it is made, so one that is not would be another content.
 * @returns null when the status names another artifact by now
 * @throws PlumbError `artifact-missing` when the remote has it no more, or what it has is something else
 */
export async function replicate(
  object: GitRepository,
  wanted: { revision: string; digest: string },
  hands: ReplicateHands,
): Promise<Artifact | null> {
  const { revision, digest } = wanted;
  const offered = object.status?.artifact;
  if (offered?.revision !== revision || offered.digest !== digest) return null;
  const source = sourceRef(object);
  const asked = await requestOf(object, hands);
  if ('said' in asked) throw missing(revision, asked.said.text);
  const resolved = await resolveCommit(source, { ...asked.request, signal: hands.signal }, revision, hands.sources);
  const published = await hands.sources.publish(source, { ...resolved, revision }, contentOf(object));
  if (published.digest !== digest) {
    throw missing(revision, `what the remote gives has digest ${published.digest}, not ${digest}`);
  }
  return hands.sources.open(source, revision, digest);
}

/** The ref is at that commit more often than not, and one commit costs less than a history to search. */
async function resolveCommit(
  source: UnitRef,
  request: GitRequest,
  revision: string,
  sources: GitSources,
): Promise<Resolved> {
  const commit = revision.slice(revision.lastIndexOf(':') + 1);
  try {
    const resolved = await sources.resolve(source, request);
    if (resolved.commit === commit) return resolved;
    return await sources.resolve(source, { ...request, ref: { commit } });
  } catch (error) {
    throw missing(revision, error instanceof Error ? error.message : String(error), error);
  }
}

function missing(revision: string, why: string, cause?: unknown): PlumbError {
  const text = `artifact ${revision} of another replica could not be fetched: ${why}`;
  return new PlumbError('artifact-missing', text, { fault: 'system', policy: 'retry', cause });
}
