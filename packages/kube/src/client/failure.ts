import { parseJson, PlumbError, type ErrorCode, type Fault, type JsonObject } from '@plumb/api';
import { retryAfterOf } from '../transport/retry-after.ts';
import type { Answer } from '../transport/transport.ts';
import { maskSecretText } from './mask.ts';

/** What a call was about; Secrets have their values masked in the message. */
export interface Subject {
  readonly what: string;
  readonly secret: boolean;
  /** Words that may stay readable in a masked message: names. */
  readonly names: readonly string[];
}

const TEXT_LIMIT = 200;
/** `/readyz` and its like list the checks that passed before the one that did not. */
const PASSED_CHECK = '[+]';

/** Whether an answer says that the server knows no such path: it does not serve the kind, or not any more. What it serves and has not is told by a Status. */
export function isUnknownPath({ status, text }: Pick<Answer, 'status' | 'text'>): boolean {
  return status === 404 && parseStatus(text) === undefined;
}

/** Turns an answer that is not a success into the error the Cluster port promises. */
export function failureOf(answer: Pick<Answer, 'status' | 'headers' | 'text'>, subject: Subject): PlumbError {
  const said = statusMessage(answer.text) ?? `${subject.what}: HTTP ${answer.status}${shortText(answer.text)}`;
  const message = subject.secret ? maskSecretText(said, subject.names) : said;
  const { code, fault } = kindOf(isSchemaMistake(answer.status, said) ? 422 : answer.status);
  const retryAfter = retryAfterOf(answer.headers['retry-after']);
  return new PlumbError(code, message, {
    fault,
    policy: 'retry',
    status: answer.status,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });
}

/** An answer of 200 that does not hold what it should. */
export function malformed(subject: Subject, why: string, cause?: unknown): PlumbError {
  return new PlumbError('api-unavailable', `${subject.what}: the API server's answer ${why}`, {
    fault: 'system',
    policy: 'retry',
    cause,
  });
}

function kindOf(status: number): { code: ErrorCode; fault: Fault } {
  if (status === 404) return { code: 'api-not-found', fault: 'user' };
  if (status === 409) return { code: 'api-conflict', fault: 'system' };
  if (status === 401 || status === 403) return { code: 'api-forbidden', fault: 'user' };
  if (status === 408 || status === 410 || status === 429 || status >= 500)
    return { code: 'api-unavailable', fault: 'system' };
  return status >= 400 ? { code: 'api-invalid', fault: 'user' } : { code: 'api-unavailable', fault: 'system' };
}

/**
 * Server-side apply answers 500 when the object does not fit its schema (an unknown field, a wrong type): the API server wraps the
 * converter's error without a status. It is the object's fault all the same, and repeating cannot help.
 */
function isSchemaMistake(status: number, message: string): boolean {
  return status === 500 && /^failed to (create typed patch object|convert new object) /.test(message);
}

/** The message of a `Status` object. */
function statusMessage(text: string): string | undefined {
  const status = parseStatus(text);
  return typeof status?.['message'] === 'string' && status['message'] !== '' ? status['message'] : undefined;
}

function parseStatus(text: string): JsonObject | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const parsed = parseJson(text) as JsonObject;
    return parsed['kind'] === 'Status' ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function shortText(text: string): string {
  const line = text.split('\n').find((part) => part.trim() !== '' && !part.startsWith(PASSED_CHECK)) ?? '';
  return line === '' ? '' : `: ${line.trim().slice(0, TEXT_LIMIT)}`;
}
