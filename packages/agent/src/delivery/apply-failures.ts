import type { ObjectKey } from '@plumb/api';
import { apiVersionOf, asPlumbError, displayKey, PlumbError, userError } from '@plumb/api';
import type { Action } from '@plumb/core';
import type { Origin } from '@plumb/render';
import type { ApplyContext } from './apply.ts';
import { toldOf } from './hide-secrets.ts';
import { storedOf } from './send.ts';

/** Where an object was declared, for people. */
export function placeOf(action: Action, context: ApplyContext): string {
  return placeText(storedOf(action, context).origin);
}

export function placeText({ path, document }: Origin): string {
  if (path === '') return 'generated';
  return document > 0 ? `${path}, document ${document + 1}` : path;
}

/** An object of a kind that the cluster does not serve. */
export function unserved(key: ObjectKey, place: string): PlumbError {
  const what = `the cluster serves no kind ${key.kind} in ${apiVersionOf(key)}`;
  return userError('apply-failed', `${displayKey(key)} (${place}): ${what}; apply its definition first`);
}

/** @throws PlumbError `apply-failed` that names each object that failed, with the first one's cause and policy. */
export function throwFailures(
  outcomes: readonly { ok: boolean; error?: unknown }[],
  actions: readonly Action[],
  context: ApplyContext,
  step: 'apply' | 'dry-run',
): void {
  const failed = outcomes.flatMap((outcome, index) => {
    const action = actions[index];
    return outcome.ok || action === undefined ? [] : [{ action, error: asPlumbError(outcome.error) }];
  });
  const first = failed[0];
  if (first === undefined) return;
  const cancelled = failed.find(({ error }) => error.code === 'cancelled');
  if (cancelled !== undefined) throw cancelled.error;
  const lines = failed.slice(0, 10).map(({ action, error }) => {
    const said = toldOf(error, action.key, context.hidesValues);
    return `${displayKey(action.key)} ${step} failed (${reasonOf(error)}): ${said} (${placeOf(action, context)})`;
  });
  if (failed.length > lines.length) lines.push(`and ${failed.length - lines.length} more`);
  const { fault, retryAfter } = first.error;
  throw new PlumbError('apply-failed', lines.join('\n'), {
    fault,
    policy: 'retry',
    ...(context.hidesValues ? {} : { cause: first.error }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });
}

function reasonOf(error: PlumbError): string {
  if (error.code === 'api-invalid') return 'Invalid';
  if (error.code === 'api-forbidden' || error.code === 'access-denied') return 'Forbidden';
  if (error.code === 'api-not-found') return 'NotFound';
  if (error.code === 'api-conflict') return 'Conflict';
  return error.code === 'timeout' ? 'Timeout' : 'Unavailable';
}
