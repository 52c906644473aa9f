import type { GitRepository, UnitRef } from '@plumb/api';
import { asPlumbError, PlumbError } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import type { Artifact, GitRequest, GitSources, Resolved } from '@plumb/sources';
import type { CloudIdentities } from '../../runtime/cloud-identities.ts';
import { sourceRef } from './act.ts';
import { readCredentials } from './credentials.ts';
import { findIncludes } from './includes.ts';
import { contentOf, requestOf } from './request.ts';
import { readVerification, unverifiedSaid } from './verification.ts';

export interface ReplicateHands {
  cluster: Cluster;
  identities: CloudIdentities;
  defaultServiceAccount: string | undefined;
  sources: GitSources;
  signal: AbortSignal;
  /** Another GitRepository as it is known now. */
  find: (namespace: string, name: string) => GitRepository | undefined;
  /** The revisions of a source that units may be brought back to. */
  standing: (source: UnitRef) => readonly string[];
  /** Makes sure the artifact of another source is on this disk. */
  open: (source: UnitRef, wanted: { revision: string; digest: string }) => Promise<Artifact | null>;
}

/**
 * Gets the artifact another replica published from the remote itself: that very commit, under the digest its status names. A tarball is the same
 * wherever it is made, so one that is not is other content. What spec.verify asks for is asked here too.
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
  // The status says what is offered, not that it may be trusted: what is fetched here is verified here.
  const verification = await readVerification(object, hands);
  if ('said' in verification) throw missing(revision, verification.said.text);
  const found = findIncludes(object, hands.find);
  if ('said' in found) throw missing(revision, found.said.text);
  const include = found.includes.map((one) => one.include);
  await Promise.all(include.map((one) => hands.open(one.source, one)));
  const request = requestOf(object, { ...credentials, ...verification }, hands.signal);
  const resolved = await resolveCommit(source, request, revision, hands.sources);
  const content = contentOf(object, include);
  const published = await hands.sources.publish(source, { ...resolved, revision }, content, hands.standing(source));
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
    const resolved = await resolveNewest(source, request, sources);
    if (resolved?.commit === commit) return resolved;
    if (request.verify !== undefined && request.verify.mode !== 'HEAD')
      throw new Error('its tag leads elsewhere by now');
    return await sources.resolve(source, { ...request, ref: { commit } });
  } catch (error) {
    throw missing(revision, error instanceof Error ? error.message : String(error), error);
  }
}

/** @returns null when what the ref is at now cannot be verified: the commit before it may still be */
async function resolveNewest(source: UnitRef, request: GitRequest, sources: GitSources): Promise<Resolved | null> {
  try {
    return await sources.resolve(source, request);
  } catch (error) {
    if (unverifiedSaid(asPlumbError(error)) === null) throw error;
    return null;
  }
}

function missing(revision: string, why: string, cause?: unknown): PlumbError {
  const text = `artifact ${revision} of another replica could not be fetched: ${why}`;
  return new PlumbError('artifact-missing', text, { fault: 'system', policy: 'retry', cause });
}
