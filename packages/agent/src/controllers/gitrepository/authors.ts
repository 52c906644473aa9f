import { userError, type GitRepository, type UnitRef } from '@plumb/api';
import type { Authorship } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import type { GitRequest, GitSources, RevisionRange, SignedQuestion, SignedWords } from '@plumb/sources';
import type { SourceCommits } from '../../gates/reviews.ts';
import type { CloudIdentities } from '../../runtime/cloud-identities.ts';
import { sourceRef } from './act.ts';
import { readCredentials } from './credentials.ts';
import { requestOf } from './request.ts';

export interface AuthorsHands {
  cluster: Cluster;
  identities: CloudIdentities;
  defaultServiceAccount: string | undefined;
  sources: Pick<GitSources, 'authors' | 'commits' | 'signed'>;
  signal: AbortSignal;
  find: (namespace: string, name: string) => GitRepository | undefined;
}

/** Whose work a revision of a source is. Of what is not in the repository itself nobody can tell which of it is new. */
export async function authorsOf(source: UnitRef, range: RevisionRange, hands: AuthorsHands): Promise<Authorship> {
  const object = readable(source, hands);
  if ('unknown' in object) return object;
  const found = await hands.sources.authors(sourceRef(object), range, () => requestFor(object, hands));
  return 'unknown' in found ? found : { ...found, ...signatureOf(object, range.revision) };
}

/** The commits that a revision of a source is made of, and the address that they come from. */
export async function commitsOf(source: UnitRef, range: RevisionRange, hands: AuthorsHands): Promise<SourceCommits> {
  const object = readable(source, hands);
  if ('unknown' in object) return object;
  const found = await hands.sources.commits(sourceRef(object), range, () => requestFor(object, hands));
  return 'unknown' in found ? found : { ...found, url: object.spec.url };
}

/** What is signed of a revision of a source. */
export async function signedIn(source: UnitRef, question: SignedQuestion, hands: AuthorsHands): Promise<SignedWords> {
  const object = readable(source, hands);
  if ('unknown' in object) return object;
  return hands.sources.signed(sourceRef(object), question, () => requestFor(object, hands));
}

function readable(source: UnitRef, { find }: AuthorsHands): GitRepository | { unknown: string } {
  if (source.kind !== 'GitRepository') return { unknown: `an artifact of the kind ${source.kind} does not tell` };
  const object = find(source.namespace, source.name);
  if (object === undefined) return { unknown: 'its GitRepository is not there' };
  const { spec, status } = object;
  if ([spec.include, status?.observedInclude].some((include) => (include ?? []).length > 0))
    return { unknown: 'its GitRepository includes others, of which they are not looked up' };
  if (spec.recurseSubmodules === true || status?.observedRecurseSubmodules === true)
    return { unknown: 'its GitRepository has submodules, of which they are not looked up' };
  return object;
}

async function requestFor(object: GitRepository, hands: AuthorsHands): Promise<GitRequest> {
  const credentials = await readCredentials(object, hands);
  if ('stalled' in credentials) throw userError('source-failed', credentials.stalled.text);
  if ('said' in credentials) throw userError('source-failed', credentials.said.text);
  return requestOf(object, { ...credentials, verify: null }, hands.signal);
}

/** What the condition says is of the artifact on offer, and of keys and mode as they were asked for then. */
function signatureOf(
  { metadata, spec, status }: GitRepository,
  revision: string,
): { verified: boolean; signer?: string } {
  const condition = status?.conditions?.find(({ type }) => type === 'SourceVerified');
  const isVerified =
    spec.verify !== undefined &&
    status?.artifact?.revision === revision &&
    condition?.status === 'True' &&
    condition.observedGeneration === metadata.generation;
  if (!isVerified) return { verified: false };
  // That of the commit stands last, after that of a tag.
  const [signer] = [...condition.message.matchAll(/ with key '([^']+)'/g)].map(([, key = '']) => key).slice(-1);
  return { verified: true, ...(signer !== undefined && { signer }) };
}
