import { userError } from '@plumb/api';
import type { Clouds } from '../clouds.ts';
import type { Identity } from '../token.ts';
import { codeCommitLogin, codeCommitRegion } from './codecommit.ts';

/** What a Git host takes: a bearer token, or a user and a password. */
export type GitLogin = { readonly bearerToken: string } | { readonly username: string; readonly password: string };

/** Azure DevOps, whatever the tenant (Microsoft Learn: "Use Microsoft Entra tokens"). */
const DEVOPS_SCOPE = '499b84ac-1321-427f-aa17-267ca6975798/.default';
const DEVOPS_HOST = /^(?:dev\.azure\.com|[\w-]+\.visualstudio\.com)$/;

/** How to log in to a repository at a cloud's Git service. */
export interface GitHosting {
  provider: 'aws' | 'azure';
  /** Of the repository. The login is good for this one. */
  url: string;
  identity: Identity;
}

/**
 * A login for AWS CodeCommit or Azure DevOps. Nothing is given to any other host: whoever may write an address would otherwise have the agent's own tokens sent
 * there.
 * @throws PlumbError invalid-spec, authentication-failed, timeout
 */
export async function gitLogin({ provider, url, identity }: GitHosting, clouds: Clouds): Promise<GitLogin> {
  if (provider === 'aws') {
    const credentials = await clouds.awsCredentials(identity, codeCommitRegion(url));
    return codeCommitLogin(url, credentials, clouds.now());
  }
  const { protocol, host } = new URL(url);
  if (protocol !== 'https:' || !DEVOPS_HOST.test(host)) {
    const where = `${protocol}//${host}`;
    throw userError('invalid-spec', `no token of Azure is given to ${where}: use https://dev.azure.com`);
  }
  const { value } = await clouds.azureToken(identity, DEVOPS_SCOPE);
  return { bearerToken: value };
}
