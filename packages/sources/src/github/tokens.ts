import type { GitAuth, GithubAppAuth, GitProxy } from '../git-sources.ts';
import { requestToken, type InstallationToken } from './request-token.ts';

/** Milliseconds before its end at which a token is no longer used: a fetch takes a while. */
const SPARE = 5 * 60_000;

export interface TokenBounds {
  deadline: number;
  signal: AbortSignal;
  proxy?: GitProxy;
  ca?: string | undefined;
}

/** Credentials of GitHub Apps, kept until shortly before they expire. Only in memory. */
export class Tokens {
  readonly #known = new Map<string, InstallationToken>();

  /** @throws PlumbError `authentication-failed` */
  async of(app: GithubAppAuth, bounds: TokenBounds): Promise<GitAuth> {
    const { appId, installationId, baseUrl = '', privateKey } = app;
    const key = JSON.stringify([appId, installationId, baseUrl, privateKey]);
    const known = this.#known.get(key);
    const token = known !== undefined && known.expires - SPARE > Date.now() ? known : await requestToken(app, bounds);
    this.#known.set(key, token);
    const auth: GitAuth = { username: 'x-access-token', password: token.token };
    return bounds.ca === undefined ? auth : { ...auth, ca: bounds.ca };
  }
}
