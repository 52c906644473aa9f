import type { ArtifactStatus, GitRepository, KubeObject, PlumbError, Said, UnitRef } from '@plumb/api';
import { asPlumbError, formatTime, gitRepositoryMessages as messages, say, SOURCE_STATUS_MANAGER } from '@plumb/api';
import { backoffDelay } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import type { GitRequest, GitSources, Resolved, Verified } from '@plumb/sources';
import type { Clock } from '../../runtime/clock.ts';
import type { CloudIdentities } from '../../runtime/cloud-identities.ts';
import { addFinalizer, dropFinalizer } from '../../runtime/finalizer.ts';
import type { Outcome } from '../../runtime/outcome.ts';
import type { WatchedConfigs } from '../../runtime/watched-configs.ts';
import { readCredentials } from './credentials.ts';
import type { SourceMemory } from './decide.ts';
import { findIncludes } from './includes.ts';
import { observedOf, sameObserved, type Observed } from './observed.ts';
import { contentOf, requestOf } from './request.ts';
import { readVerification, unverifiedSaid } from './verification.ts';

/** What the effects of a GitRepository work with. */
export interface Hands {
  cluster: Cluster;
  /** Takes in what the server answers to a write to one of the controller's own objects. */
  note: (object: KubeObject) => void;
  sources: GitSources;
  clock: Clock;
  signal: AbortSignal;
  /** Host and port consumers reach the artifact server at. */
  artifactHost: string;
  /** Labelled Secrets, a change of which wakes whoever trusts their keys. */
  configs: Pick<WatchedConfigs, 'ready'>;
  /** Who the agent is at the clouds. */
  identities: CloudIdentities;
  /** Who logs in at a cloud for objects that name no account; undefined: the agent's own identity. */
  defaultServiceAccount: string | undefined;
  /** Another GitRepository as it is known now. */
  find: (namespace: string, name: string) => GitRepository | undefined;
  /** The revisions of a source that units may be brought back to. */
  standing: (source: UnitRef) => readonly string[];
}

/** What a run found. */
export interface Facts {
  /** The artifact on offer now. */
  artifact?: ArtifactStatus;
  /** First line of the commit's message, where the artifact is new. */
  subject?: string;
  /** What the artifact was made with. */
  observed?: Observed;
  /** The condition that says what failed; by default FetchFailed. */
  failing?: 'FetchFailed' | 'IncludeUnavailable' | 'SourceVerified';
  /** What was verified, where spec.verify asks for it. */
  verified?: Verified;
}

export async function actFetch(object: GitRepository, memory: SourceMemory, hands: Hands): Promise<Outcome<Facts>> {
  const generation = object.metadata.generation ?? 0;
  try {
    await addFinalizer(object as KubeObject, { ...hands, fieldManager: SOURCE_STATUS_MANAGER });
    const credentials = await readCredentials(object, hands);
    if ('stalled' in credentials) return { type: 'terminal', facts: {}, said: credentials.stalled };
    if ('said' in credentials) return fail(credentials.said, memory, { generation, hands });
    if (object.spec.verify !== undefined) await hands.configs.ready();
    const verification = await readVerification(object, hands);
    if ('said' in verification) return fail(verification.said, memory, { generation, hands }, UNVERIFIED);
    const request = requestOf(object, { ...credentials, ...verification }, hands.signal);
    const fetched = await fetch(object, request, hands).catch((error: unknown) => {
      if (asPlumbError(error).code === 'authentication-failed') credentials.refused?.();
      throw error;
    });
    if ('said' in fetched) return fail(fetched.said, memory, { generation, hands }, fetched.failing);
    const { facts } = fetched;
    memory.succeeded = { generation, at: hands.clock.now() };
    memory.failed = null;
    memory.spread = hands.clock.random();
    return { type: 'done', facts };
  } catch (thrown) {
    const error = asPlumbError(thrown);
    const unverified = unverifiedSaid(error);
    if (unverified !== null) {
      if (error.policy === 'stall') return { type: 'terminal', facts: UNVERIFIED, said: unverified };
      return fail(unverified, memory, { generation, hands }, UNVERIFIED);
    }
    const said = saidOf(error);
    if (error.code === 'invalid-url' || error.code === 'invalid-spec') return { type: 'terminal', facts: {}, said };
    return fail(said, memory, { generation, hands }, error.code === 'include-failed' ? UNAVAILABLE : {});
  }
}

const UNAVAILABLE: Facts = { failing: 'IncludeUnavailable' };
const UNVERIFIED: Facts = { failing: 'SourceVerified' };

async function fetch(
  object: GitRepository,
  request: GitRequest,
  hands: Hands,
): Promise<{ facts: Facts } | { said: Said; failing: Facts }> {
  const { status } = object;
  const ref = sourceRef(object);
  const resolved = await hands.sources.resolve(ref, request);
  const found = findIncludes(object, hands.find);
  if ('said' in found) return { ...found, failing: UNAVAILABLE };
  const observed = observedOf(object, found.includes);
  const made: Facts = { observed, ...(resolved.verified && { verified: resolved.verified }) };
  const known = status?.artifact;
  if (known !== undefined && (await isCurrent(object, { known, resolved, observed }, hands)))
    return { facts: { ...made, artifact: known } };
  const include = found.includes.map(({ include: one }) => one);
  const content = contentOf(object, include);
  const published = await hands.sources.publish(ref, resolved, content, hands.standing(ref)).catch(notStored);
  if ('said' in published) return { ...published, failing: {} };
  const { revision, digest, size, path } = published;
  const url = `http://${hands.artifactHost}/${path}`;
  const same = known?.revision === revision && known.digest === digest && known.url === url;
  if (same) return { facts: { ...made, artifact: known } };
  const lastUpdateTime = formatTime(new Date(hands.clock.time()));
  const artifact = { revision, digest, size, path, url, lastUpdateTime };
  return { facts: { ...made, artifact, subject: resolved.subject } };
}

interface Current {
  known: ArtifactStatus;
  resolved: Resolved;
  observed: Observed;
}

/** Nothing new, nothing lost: same revision, same content asked for, and the file is still whole and served at this address. */
async function isCurrent(
  object: GitRepository,
  { known, resolved, observed }: Current,
  hands: Hands,
): Promise<boolean> {
  if (known.revision !== resolved.revision || !sameObserved(object.status, observed)) return false;
  if (known.url !== `http://${hands.artifactHost}/${known.path}`) return false;
  return (await hands.sources.open(sourceRef(object), known.revision, known.digest)) !== null;
}

export function sourceRef({ metadata }: GitRepository): UnitRef {
  return { kind: 'GitRepository', namespace: metadata.namespace ?? '', name: metadata.name };
}

/** The disk of the agent failed, not the remote. */
function notStored(thrown: unknown): { said: Said } {
  const { code, message } = asPlumbError(thrown);
  if (code !== 'storage-failed') throw thrown;
  return { said: say(messages.storageFailed, { error: message }) };
}

function saidOf(error: PlumbError): Said {
  if (error.code === 'invalid-url') return say(messages.urlInvalid, { error: error.message });
  if (error.code === 'source-empty') return say(messages.empty, {});
  if (error.code === 'include-failed') return say(messages.includeFailed, { error: error.message });
  return say(messages.fetchFailed, { error: error.message });
}

function fail(
  said: Said,
  memory: SourceMemory,
  { generation, hands }: { generation: number; hands: Hands },
  facts: Facts = {},
): Outcome<Facts> {
  const count = memory.failed?.generation === generation ? memory.failed.count + 1 : 1;
  const after = backoffDelay(count, hands.clock.random());
  memory.failed = { generation, retryAt: hands.clock.now() + after, count };
  return { type: 'retry', facts, said, after };
}

/** Removes mirror and tarballs, then lets the object go. */
export async function actFinalize(object: GitRepository, hands: Hands): Promise<void> {
  await hands.sources.remove(sourceRef(object));
  await dropFinalizer(object as KubeObject, { ...hands, fieldManager: SOURCE_STATUS_MANAGER });
}
