import { parseJson, PlumbError, printJson, type Json, type JsonObject, type KubeObject } from '@plumb/api';
import type { Guard, Priority } from '../cluster.ts';
import type { Headers } from '../transport/wire.ts';
import type { Answer, Call, Stream, Transport } from '../transport/transport.ts';
import { readText } from '../transport/body.ts';
import { failureOf, isUnknownPath, malformed, type Subject } from './failure.ts';

export interface ApiCall {
  readonly verb: string;
  readonly resource: string;
  readonly method: Call['method'];
  readonly path: string;
  readonly subject: Subject;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
  readonly repeatable?: boolean;
}

/** How calls are sent, whoever sends them. */
interface Ways {
  readonly priority: Priority;
  readonly guard?: Guard;
  /** The server knows no such path. */
  readonly onUnknownPath?: (path: string) => void;
}

const ERROR_BODY_LIMIT = 64 * 1024;

/** Sends API calls as one identity: headers and JSON in, parsed answers or PlumbErrors out. */
export class Caller {
  readonly #transport: Transport;
  readonly #identity: Headers;
  readonly #ways: Ways;

  constructor(transport: Transport, identity: Headers, ways: Ways = { priority: 'request' }) {
    this.#transport = transport;
    this.#identity = identity;
    this.#ways = ways;
  }

  withIdentity(identity: Headers): Caller {
    return new Caller(this.#transport, identity, this.#ways);
  }

  withPriority(priority: Priority): Caller {
    return new Caller(this.#transport, this.#identity, { ...this.#ways, priority });
  }

  withGuard(guard: Guard): Caller {
    return new Caller(this.#transport, this.#identity, { ...this.#ways, guard });
  }

  /** @throws PlumbError for every status but 2xx. */
  async text(call: ApiCall): Promise<string> {
    const answer = await this.#transport.send(this.#callOf(call));
    if (!isSuccess(answer)) throw this.#failure(answer, call);
    return answer.text;
  }

  async json(call: ApiCall): Promise<JsonObject> {
    return parseObject(await this.text(call), call.subject);
  }

  async object(call: ApiCall): Promise<KubeObject> {
    const parsed = await this.json(call);
    if (isKubeObject(parsed)) return parsed;
    throw malformed(call.subject, 'is not an object with apiVersion, kind and metadata');
  }

  /** Opens a lasting response. A refusal is read and thrown like that of any call. */
  async stream(call: ApiCall): Promise<Stream> {
    const stream = await this.#transport.stream(this.#callOf(call));
    if (isSuccess(stream)) return stream;
    const text = await readText(stream.body, ERROR_BODY_LIMIT).catch(() => '');
    throw this.#failure({ status: stream.status, headers: stream.headers, text }, call);
  }

  #failure(answer: Pick<Answer, 'status' | 'headers' | 'text'>, { path, subject }: ApiCall): PlumbError {
    if (isUnknownPath(answer)) this.#ways.onUnknownPath?.(path);
    return failureOf(answer, subject);
  }

  #callOf(call: ApiCall): Call {
    const headers: Headers = { ...this.#identity, accept: call.accept ?? 'application/json' };
    const base = {
      verb: call.verb,
      resource: call.resource,
      method: call.method,
      path: call.path,
      headers,
      signal: call.signal,
      priority: this.#ways.priority,
      ...(this.#ways.guard !== undefined && call.method !== 'GET' && { guard: this.#ways.guard }),
    };
    const repeatable = call.repeatable ?? call.method === 'GET';
    const urgent = call.resource === 'leases';
    if (call.body === undefined) return { ...base, repeatable, urgent };
    headers['content-type'] = call.contentType ?? 'application/json';
    return { ...base, repeatable, urgent, body: printJson(call.body) };
  }
}

export function isGone(error: unknown): boolean {
  return error instanceof PlumbError && error.status === 410;
}

export function isKubeObject(value: Json | undefined): value is JsonObject & KubeObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { apiVersion, kind, metadata } = value;
  return (
    typeof apiVersion === 'string' && typeof kind === 'string' && typeof metadata === 'object' && metadata !== null
  );
}

/** @throws api-unavailable when the text is not a JSON object: a proxy's page, or an answer cut short. */
function parseObject(text: string, subject: Subject): JsonObject {
  let parsed: Json;
  try {
    parsed = parseJson(text);
  } catch {
    throw malformed(subject, 'is not valid JSON');
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  throw malformed(subject, 'is not a JSON object');
}

function isSuccess(answer: Pick<Answer, 'status'>): boolean {
  return answer.status >= 200 && answer.status < 300;
}
