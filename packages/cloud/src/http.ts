import { PlumbError, systemError, userError } from '@plumb/api';

export interface Ask {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds. Default 15 s. */
  readonly timeout?: number;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** One exchange with a service. @throws PlumbError `timeout` or `authentication-failed` when no answer came */
export type Http = (ask: Ask) => Promise<Answer>;

const TIMEOUT_MS = 15_000;
const BODY_LIMIT = 1024 * 1024;
const MESSAGE_LIMIT = 300;

/** Follows no redirect: credentials are for the server they are sent to. */
export const systemHttp: Http = async ({ method, url, headers = {}, body, timeout = TIMEOUT_MS }) => {
  const { host } = new URL(url);
  const signal = AbortSignal.timeout(timeout);
  try {
    const init = { method, headers, redirect: 'error', signal, ...(body === undefined ? {} : { body }) } as const;
    const answer = await fetch(url, init);
    return { status: answer.status, text: await bounded(answer, host) };
  } catch (error) {
    if (error instanceof PlumbError) throw error;
    if (signal.aborted) throw systemError('timeout', `${host} gave no answer within ${timeout / 1_000} s`, error);
    throw systemError('authentication-failed', `cannot reach ${host}: ${reasonOf(error)}`, error);
  }
};

async function bounded(answer: Response, host: string): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of answer.body ?? []) {
    size += part.length;
    if (size > BODY_LIMIT) throw systemError('authentication-failed', `${host} answered with more than 1 MiB`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error ? cause.message : message;
}

/** Whose answer it is and what was asked, for errors: `AWS STS: AssumeRoleWithWebIdentity`. */
export interface Subject {
  readonly what: string;
  /** What was sent and must not come back in a message. */
  readonly secrets?: readonly string[];
}

/** The answer of a service as JSON. @throws PlumbError `authentication-failed` for a refusal, and for what is no JSON object */
export async function askJson(http: Http, ask: Ask, subject: Subject): Promise<Readonly<Record<string, unknown>>> {
  const { status, text } = await http(ask);
  const parsed = objectIn(text);
  if (status < 200 || status >= 300) throw refusal(status, messageIn(parsed) ?? text, subject);
  if (parsed !== null) return parsed;
  throw systemError('authentication-failed', `${subject.what}: the answer is not a JSON object`);
}

/** What a refusal of a service means for whoever asked. The server's own words are quoted, as far as they are no secret. */
export function refusal(status: number, said: string, { what, secrets = [] }: Subject): PlumbError {
  let text = said;
  for (const secret of secrets) if (secret !== '') text = text.replaceAll(secret, '***');
  const line = text.replaceAll(/\s+/g, ' ').trim().slice(0, MESSAGE_LIMIT);
  const message = `${what}: HTTP ${status}${line === '' ? '' : `: ${line}`}`;
  const passing = status === 429 || status >= 500;
  return passing ? systemError('authentication-failed', message) : userError('authentication-failed', message);
}

function objectIn(text: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

/** Google and Azure: `error.message`; OAuth: `error_description`; AWS: `message` or `Message`. */
function messageIn(parsed: Record<string, unknown> | null): string | undefined {
  const { error, error_description: description, message, Message } = parsed ?? {};
  const inner = typeof error === 'object' && error !== null ? (error as { message?: unknown }).message : error;
  return [description, message, Message, inner].find((text) => typeof text === 'string');
}

/** @throws authentication-failed when the answer lacks it */
export function textOf(answer: Readonly<Record<string, unknown>>, field: string, { what }: Subject): string {
  const value = answer[field];
  if (typeof value === 'string' && value !== '') return value;
  throw systemError('authentication-failed', `${what}: the answer has no ${field}`);
}
