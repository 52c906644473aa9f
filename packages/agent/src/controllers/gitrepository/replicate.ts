import type { GitRepository, UnitRef } from '@plumb/api';
import { PlumbError } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import type { Artifact, GitRequest, GitSources, Resolved } from '@plumb/sources';
import { sourceRef } from './act.ts';
import { readCredentials } from './credentials.ts';
import { findIncludes } from './includes.ts';
import { contentOf, requestOf } from './request.ts';

export interface ReplicateHands {
  cluster: Cluster;
  sources: GitSources;
  signal: AbortSignal;
  /** Another GitRepository as it is known now. */
  find: (namespace: string, name: string) => GitRepository | undefined;
  /** Makes sure the artifact of another source is on this disk. */
  open: (source: UnitRef, revision: string, digest: string) => Promise<Artifact | null>;
}

/**
 * Gets the artifact another replica published from the remote itself: that very commit, under the digest its status names. A tarball is the same
 * wherever it is made, so one that is not is other content.
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
  const credentials = await readCredentials(object, hands);
  if ('stalled' in credentials) throw missing(revision, credentials.stalled.text);
  if ('said' in credentials) throw missing(revision, credentials.said.text);
  const found = findIncludes(object, hands.find);
  if ('said' in found) throw missing(revision, found.said.text);
  const include = found.includes.map((one) => one.include);
  await Promise.all(include.map((one) => hands.open(one.source, one.revision, one.digest)));
  const resolved = await resolveCommit(source, requestOf(object, credentials, hands.signal), revision, hands.sources);
  const published = await hands.sources.publish(source, { ...resolved, revision }, contentOf(object, include));
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
