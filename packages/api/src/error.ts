/** Whose fault an error is: a user's input or credentials, or the systems around and inside the agent. */
export type Fault = 'user' | 'system';

/** What the caller should do: try again with backoff, or stop until something changes. */
export type Policy = 'retry' | 'stall';

/** The closed list of what can go wrong. Each code has one meaning; the condition's reason is chosen from it. */
export type ErrorCode =
  | 'access-denied'
  | 'api-conflict'
  | 'api-forbidden'
  | 'api-invalid'
  | 'api-not-found'
  | 'api-unavailable'
  | 'apply-failed'
  | 'artifact-missing'
  | 'authentication-failed'
  | 'build-failed'
  | 'cancelled'
  | 'dependency-not-ready'
  | 'empty-result'
  | 'engine-failed'
  | 'gated'
  | 'health-failed'
  | 'internal'
  | 'include-failed'
  | 'invalid-commit-signature'
  | 'invalid-path'
  | 'invalid-spec'
  | 'invalid-tag-signature'
  | 'invalid-url'
  | 'no-tag'
  | 'prune-failed'
  | 'source-empty'
  | 'source-failed'
  | 'storage-failed'
  | 'timeout'
  | 'unsigned-tag';

export interface ErrorDetail {
  fault: Fault;
  policy: Policy;
  cause?: unknown;
  /** Milliseconds the other side asked us to wait (HTTP Retry-After). */
  retryAfter?: number;
  /** HTTP status, where one was given. */
  status?: number;
}

/**
 * The one error class. The message is lower case and says what failed, the value that was wrong and the next step;
 * it never holds a secret.
 */
export class PlumbError extends Error {
  readonly code: ErrorCode;
  readonly fault: Fault;
  readonly policy: Policy;
  readonly retryAfter: number | undefined;
  readonly status: number | undefined;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'PlumbError';
    this.code = code;
    this.fault = detail.fault;
    this.policy = detail.policy;
    this.retryAfter = detail.retryAfter;
    this.status = detail.status;
  }
}

/** The same failure in other words. Without its cause, which may say what these do not. */
export function reworded({ code, fault, policy, retryAfter, status }: PlumbError, message: string): PlumbError {
  return new PlumbError(code, message, {
    fault,
    policy,
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(status === undefined ? {} : { status }),
  });
}

/** A mistake in what the user declared: trying again without a change cannot help. */
export function userError(code: ErrorCode, message: string, cause?: unknown): PlumbError {
  return new PlumbError(code, message, { fault: 'user', policy: 'stall', cause });
}

/** Something around us failed and may work next time. */
export function systemError(code: ErrorCode, message: string, cause?: unknown): PlumbError {
  return new PlumbError(code, message, { fault: 'system', policy: 'retry', cause });
}

/** Wraps whatever was thrown, so that every failure downstream has a code and a policy. */
export function asPlumbError(thrown: unknown): PlumbError {
  if (thrown instanceof PlumbError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return systemError('internal', message, thrown);
}

/** A text of others on one line, and without characters that a terminal would act on or that turn text around. */
export function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
