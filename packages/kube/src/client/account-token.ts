import type { JsonObject } from '@plumb/api';
import type { AccountToken, TokenOptions } from '../cluster.ts';
import type { ApiCall } from './caller.ts';
import { malformed, type Subject } from './failure.ts';
import { objectPath } from './paths.ts';

const ACCOUNT = { group: '', version: 'v1', kind: 'ServiceAccount' };
const SERVED = { ...ACCOUNT, resource: 'serviceaccounts', namespaced: true, verbs: [] };

/** The request of a token (authentication.k8s.io/v1 TokenRequest). It names an account, so that two of them do no harm. */
export function tokenCall(account: { namespace: string; name: string }, options: TokenOptions): ApiCall {
  const { audiences, signal } = options;
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: audiences.length === 0 ? {} : { audiences },
  };
  return {
    verb: 'create',
    resource: 'serviceaccounts/token',
    method: 'POST',
    path: objectPath(SERVED, { ...ACCOUNT, ...account }, 'token'),
    subject: { what: `create token of ServiceAccount/${account.namespace}/${account.name}`, secret: false, names: [] },
    body,
    repeatable: true,
    signal,
  };
}

/** @throws PlumbError for an answer that holds no token */
export function readToken({ status }: JsonObject, subject: Subject): AccountToken {
  const { token, expirationTimestamp } = (status ?? {}) as { token?: unknown; expirationTimestamp?: unknown };
  const expiresAt = Date.parse(String(expirationTimestamp));
  if (typeof token === 'string' && token !== '' && Number.isFinite(expiresAt)) return { token, expiresAt };
  throw malformed(subject, 'holds no token');
}
