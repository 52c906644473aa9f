import type { ArtifactStatus, GitRepository, KubeObject, PlumbError, Said, UnitRef } from '@plumb/api';
import {
  asPlumbError,
  formatTime,
  gitRepositoryMessages as messages,
  parseDuration,
  say,
  SOURCE_STATUS_MANAGER,
} from '@plumb/api';
import { backoffDelay } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import type { GitAuth, GitSources, Resolved } from '@plumb/sources';
import type { Clock } from '../../runtime/clock.ts';
import { addFinalizer, dropFinalizer } from '../../runtime/finalizer.ts';
import type { Outcome } from '../../runtime/outcome.ts';
import type { SourceMemory } from './decide.ts';

/** What the effects of a GitRepository work with. */
export interface Hands {
  cluster: Cluster;
  sources: GitSources;
  clock: Clock;
  signal: AbortSignal;
  /** Host and port consumers reach the artifact server at. */
  artifactHost: string;
}

/** What a run found. */
export interface Facts {
  /** The artifact on offer now. */
  artifact?: ArtifactStatus;
  /** First line of the commit's message, where the artifact is new. */
  subject?: string;
  ignore?: string | undefined;
}

export async function actFetch(object: GitRepository, memory: SourceMemory, hands: Hands): Promise<Outcome<Facts>> {
  const generation = object.metadata.generation ?? 0;
  try {
    await addFinalizer(object as KubeObject, { ...hands, fieldManager: SOURCE_STATUS_MANAGER });
    const auth = await readAuth(object, hands);
    if ('said' in auth) return fail(auth.said, memory, { generation, hands });
    const facts = await fetch(object, auth.auth, hands);
    memory.succeeded = { generation, at: hands.clock.now() };
    memory.failed = null;
    memory.spread = hands.clock.random();
    return { type: 'done', facts };
  } catch (thrown) {
    const error = asPlumbError(thrown);
    const said = saidOf(error, object);
    if (error.code === 'invalid-url' || error.code === 'not-implemented') return { type: 'terminal', facts: {}, said };
    return fail(said, memory, { generation, hands });
  }
}

async function fetch(object: GitRepository, auth: GitAuth, hands: Hands): Promise<Facts> {
  const { spec, status } = object;
  const ref = sourceRef(object);
  const timeout = parseDuration(spec.timeout ?? '60s');
  const request = { url: spec.url, ref: spec.ref ?? {}, auth, timeout, signal: hands.signal };
  const resolved = await hands.sources.resolve(ref, request);
  const known = status?.artifact;
  if (known !== undefined && (await isCurrent(object, known, resolved, hands)))
    return { artifact: known, ignore: spec.ignore };
  const published = await hands.sources.publish(ref, resolved, { ignore: spec.ignore });
  const { revision, digest, size, path } = published;
  const url = `http://${hands.artifactHost}/${path}`;
  const same = known?.revision === revision && known.digest === digest && known.url === url;
  if (same) return { artifact: known, ignore: spec.ignore };
  const lastUpdateTime = formatTime(new Date(hands.clock.time()));
  return {
    artifact: { revision, digest, size, path, url, lastUpdateTime },
    subject: resolved.subject,
    ignore: spec.ignore,
  };
}

/** Nothing new, nothing lost: same revision, same rules, and the file is still whole and served at this address. */
async function isCurrent(
  object: GitRepository,
  known: ArtifactStatus,
  resolved: Resolved,
  hands: Hands,
): Promise<boolean> {
  if (known.revision !== resolved.revision || object.status?.observedIgnore !== object.spec.ignore) return false;
  if (known.url !== `http://${hands.artifactHost}/${known.path}`) return false;
  return (await hands.sources.open(sourceRef(object), known.revision, known.digest)) !== null;
}

type Auth = { auth: GitAuth } | { said: Said };

async function readAuth(object: GitRepository, hands: Hands): Promise<Auth> {
  const name = object.spec.secretRef?.name;
  if (name === undefined) return { auth: {} };
  const namespace = object.metadata.namespace ?? '';
  const key = { group: '', version: 'v1', kind: 'Secret', namespace, name };
  const secret = await hands.cluster.get(key, { signal: hands.signal });
  if (secret === null)
    return { said: say(messages.secretFailed, { namespace, name, error: `secrets "${name}" not found` }) };
  return authOf(secret);
}

/** Flux's keys: username and password, or bearerToken; ca.crt (caFile of old) beside them. */
export function authOf(secret: KubeObject): Auth {
  const { namespace = '', name } = secret.metadata;
  const data = (secret['data'] ?? {}) as Record<string, string>;
  const text = (field: string): string | undefined => {
    const value = data[field];
    return value === undefined ? undefined : Buffer.from(value, 'base64').toString();
  };
  const [username, password, bearerToken] = [text('username'), text('password'), text('bearerToken')];
  const ca = text('ca.crt') ?? text('caFile');
  const invalid = (error: string): Auth => ({
    said: say(messages.credentialsInvalid, { error: `secret '${namespace}/${name}' ${error}` }),
  });
  if (bearerToken !== undefined && (username !== undefined || password !== undefined)) {
    return invalid("holds both 'bearerToken' and 'username'/'password': give one of them");
  }
  if ((username === undefined) !== (password === undefined)) return invalid("needs both 'username' and 'password'");
  const auth: GitAuth = {};
  if (username !== undefined && password !== undefined) Object.assign(auth, { username, password });
  if (bearerToken !== undefined) auth.bearerToken = bearerToken;
  if (ca !== undefined) auth.ca = ca;
  return { auth };
}

export function sourceRef({ metadata }: GitRepository): UnitRef {
  return { kind: 'GitRepository', namespace: metadata.namespace ?? '', name: metadata.name };
}

function saidOf(error: PlumbError, object: GitRepository): Said {
  if (error.code === 'invalid-url') return say(messages.urlInvalid, { url: object.spec.url, error: error.message });
  if (error.code === 'source-empty') return say(messages.empty, {});
  if (error.code === 'storage-failed') return say(messages.storageFailed, { error: error.message });
  return say(messages.fetchFailed, { error: error.message });
}

function fail(
  said: Said,
  memory: SourceMemory,
  { generation, hands }: { generation: number; hands: Hands },
): Outcome<Facts> {
  const count = memory.failed?.generation === generation ? memory.failed.count + 1 : 1;
  const after = backoffDelay(count, hands.clock.random());
  memory.failed = { generation, retryAt: hands.clock.now() + after, count };
  return { type: 'retry', facts: {}, said, after };
}

/** Removes mirror and tarballs, then lets the object go. */
export async function actFinalize(object: GitRepository, hands: Hands): Promise<void> {
  await hands.sources.remove(sourceRef(object));
  await dropFinalizer(object as KubeObject, { ...hands, fieldManager: SOURCE_STATUS_MANAGER });
}
