import type { GitRepository } from '@plumb/api';
import { gitLogin, type Identity } from '@plumb/cloud';
import type { GitAuth, GitProxy } from '@plumb/sources';
import type { CloudIdentities } from '../../runtime/cloud-identities.ts';

/** What an object logs in with at the Git service of a cloud. */
export interface CloudLogin {
  auth: GitAuth;
  /** The host refused it: the next one is made from the start. */
  refused: () => void;
}

/**
 * Logs in as spec.serviceAccountName, or as the account for those that name none; without either as the agent itself.
 * @throws PlumbError `invalid-spec`, `authentication-failed`, `timeout`; never with a secret
 */
export async function cloudLogin(
  { metadata, spec }: GitRepository,
  provider: 'aws' | 'azure',
  at: { identities: CloudIdentities; proxy: GitProxy | undefined; defaultServiceAccount: string | undefined },
): Promise<CloudLogin> {
  const { namespace = '' } = metadata;
  const { identities, proxy, defaultServiceAccount } = at;
  const name = spec.serviceAccountName || defaultServiceAccount;
  const identity: Identity = name ? { namespace, name } : null;
  const clouds = await identities.as(identity, proxy);
  const login = (url: string): Promise<GitAuth> => gitLogin({ provider, url, identity }, clouds);
  return { auth: { ...(await login(spec.url)), login }, refused: () => clouds.forget(identity) };
}
