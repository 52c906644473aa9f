import { parseJson, PlumbError, type JsonObject } from '@plumb/api';
import type { ResourceInfo, WatchEvent, WatchOptions } from '../cluster.ts';
import { TooLargeError } from '../transport/body.ts';
import { LineSplitter } from '../transport/lines.ts';
import type { Stream } from '../transport/transport.ts';
import { isGone, isKubeObject, type Caller } from './caller.ts';
import { failureOf, malformed, type Subject } from './failure.ts';
import { collectionPath, withQuery } from './paths.ts';

const LINE_LIMIT = 16 * 1024 * 1024;
const SHORTEST_S = 300;
const LONGEST_S = 600;
/** How long past its own end a watch may stay open before it counts as dead. */
const GRACE_MS = 30_000;
/** Asks for `PartialObjectMetadata` in place of the kind's own objects: metadata and nothing else. */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

/**
 * One watch, until the server ends it. The server is asked to end it after 5 to 10 minutes, so that load spreads and a watch
 * that has silently died is noticed.
 */
export async function* watchOnce(
  caller: Caller,
  info: ResourceInfo,
  options: WatchOptions,
): AsyncGenerator<WatchEvent> {
  const subject = { what: `watch ${info.resource}`, secret: info.group === '' && info.kind === 'Secret', names: [] };
  const seconds = Math.round(SHORTEST_S + Math.random() * (LONGEST_S - SHORTEST_S));
  const stream = await open(caller, info, options, { subject, seconds });
  if (stream === null) {
    yield { type: 'expired' };
    return;
  }
  const overdue = new PlumbError('timeout', `${subject.what}: the stream outlived its end`, {
    fault: 'system',
    policy: 'retry',
  });
  const timer = setTimeout(() => stream.cancel(overdue), seconds * 1_000 + GRACE_MS);
  const abort = (): void => stream.cancel(stopped(subject));
  options.signal.addEventListener('abort', abort, { once: true });
  try {
    if (options.signal.aborted) throw stopped(subject);
    options.onOpen?.();
    yield* events(stream, subject);
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener('abort', abort);
    stream.cancel(stopped(subject));
  }
}

/** @returns null when the server no longer has the version asked for: HTTP 410, or a version from its future. */
async function open(
  caller: Caller,
  info: ResourceInfo,
  options: WatchOptions,
  { subject, seconds }: { subject: Subject; seconds: number },
): Promise<Stream | null> {
  const { namespace, labelSelector, fieldSelector, resourceVersion, metadataOnly, signal } = options;
  const path = withQuery(collectionPath(info, namespace), {
    watch: true,
    allowWatchBookmarks: true,
    resourceVersion,
    timeoutSeconds: seconds,
    labelSelector,
    fieldSelector,
  });
  try {
    const accept = metadataOnly === true ? { accept: METADATA_ONLY } : {};
    const call = { verb: 'watch', resource: info.resource, method: 'GET', path, ...accept, subject, signal } as const;
    return await caller.stream(call);
  } catch (error) {
    if (isGone(error) || isFutureVersion(error)) return null;
    throw error;
  }
}

async function* events(stream: Stream, subject: Subject): AsyncGenerator<WatchEvent> {
  const lines = new LineSplitter(LINE_LIMIT);
  const chunks = (stream.body.stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  for (;;) {
    const chunk = await chunks.next().catch((error: unknown) => {
      throw cut(error, subject);
    });
    if (chunk.done === true && !stream.body.complete()) throw cut(new Error('connection lost'), subject);
    if (chunk.done === true) return;
    for (const event of parsed(lines, chunk.value, subject)) {
      yield event;
      if (event.type === 'expired') return;
    }
  }
}

function* parsed(lines: LineSplitter, chunk: Buffer, subject: Subject): Generator<WatchEvent> {
  try {
    for (const line of lines.push(chunk)) {
      const event = eventOf(line, subject);
      if (event !== null) yield event;
    }
  } catch (error) {
    if (error instanceof TooLargeError) throw malformed(subject, error.message, error);
    throw error;
  }
}

/** @returns null for a type of event this version does not know. */
function eventOf(line: string, subject: Subject): WatchEvent | null {
  let event: JsonObject;
  try {
    event = parseJson(line) as JsonObject;
  } catch {
    throw malformed(subject, 'holds a line that is not valid JSON');
  }
  const { type, object } = event;
  if (type === 'ERROR') return errorEvent((object ?? {}) as JsonObject, subject);
  if (!isKubeObject(object)) throw malformed(subject, 'holds an event without an object');
  if (type === 'BOOKMARK') return { type: 'bookmark', resourceVersion: object.metadata.resourceVersion ?? '' };
  if (type === 'ADDED') return { type: 'added', object };
  if (type === 'MODIFIED') return { type: 'modified', object };
  return type === 'DELETED' ? { type: 'deleted', object } : null;
}

function errorEvent(status: JsonObject, subject: Subject): WatchEvent {
  if (status['code'] === 410 || status['reason'] === 'Expired' || status['reason'] === 'Gone')
    return { type: 'expired' };
  const code = typeof status['code'] === 'number' ? status['code'] : 500;
  const text = JSON.stringify({ kind: 'Status', message: status['message'] });
  const failure = failureOf({ status: code, headers: {}, text }, subject);
  if (isFutureVersion(failure)) return { type: 'expired' };
  throw failure;
}

/** After a restore from backup the server's versions start lower: the one we hold will not come for long, or means another state. */
function isFutureVersion(error: unknown): boolean {
  return error instanceof PlumbError && error.status === 504 && error.message.startsWith('Too large resource version');
}

function stopped(subject: Subject): PlumbError {
  return new PlumbError('cancelled', `${subject.what}: cancelled`, { fault: 'system', policy: 'retry' });
}

function cut(error: unknown, subject: Subject): PlumbError {
  if (error instanceof PlumbError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const detail = { fault: 'system', policy: 'retry', cause: error } as const;
  return new PlumbError('api-unavailable', `${subject.what}: the stream was cut: ${message}`, detail);
}
