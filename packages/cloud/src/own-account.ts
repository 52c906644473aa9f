import { readFile } from 'node:fs/promises';
import { userError } from '@plumb/api';
import type { AccountRef } from './token.ts';

/** Where a pod finds the token of its own service account. */
export const ACCOUNT_TOKEN_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/**
 * The service account of the pod this runs in, by its token's claims (RFC 7519), for a token that somebody else is to take.
 * @throws access-denied when it would be good for the agent's own API server: whoever gets it would be the agent
 */
export async function ownAccount(path: string, audiences: readonly string[]): Promise<AccountRef> {
  const none = `the agent has no service account of its own (${path}): name one in key 'serviceAccountName'`;
  const token = await readFile(path, 'utf8').catch((error: unknown) => {
    throw userError('authentication-failed', none, error);
  });
  const { sub, aud } = claimsOf(token);
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(String(sub)) ?? [];
  if (namespace === undefined || name === undefined) throw userError('authentication-failed', none);
  const own = new Set([aud].flat());
  const shared = audiences.find((audience) => own.has(audience));
  if (shared === undefined) return { namespace, name };
  const text = `the agent's own token for its own API server (${shared}) is given to nobody: use another audience or name an account`;
  throw userError('access-denied', text);
}

function claimsOf(token: string): { sub?: unknown; aud?: unknown } {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    return typeof claims === 'object' && claims !== null ? claims : {};
  } catch {
    return {};
  }
}
