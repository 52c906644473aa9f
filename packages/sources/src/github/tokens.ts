import type { GitAuth, GithubAppAuth, GitProxy } from '../git-sources.ts';
import { Lru } from '../lru.ts';
import { requestToken, type InstallationToken } from './request-token.ts';

/** Milliseconds before its end at which a token is no longer used: a fetch takes a while. */
const SPARE = 5 * 60_000;
const MOST = 2_000;

export interface TokenBounds {
  deadline: number;
  signal: AbortSignal;
  proxy?: GitProxy;
  ca?: string | undefined;
}

/** Credentials of GitHub Apps, kept until shortly before they expire or a host refuses them. Only in memory. */
export class Tokens {
  readonly #known = new Lru<string, InstallationToken>(MOST);

  /** @throws PlumbError `authentication-failed` */
  async of(app: GithubAppAuth, bounds: TokenBounds): Promise<GitAuth> {
    const key = keyOf(app);
    const known = this.#known.get(key);
    const isGood = known !== undefined && known.expires - SPARE > performance.now();
    const token = isGood ? known : await requestToken(app, bounds);
    this.#known.set(key, token);
    const auth: GitAuth = { username: 'x-access-token', password: token.token };
    return bounds.ca === undefined ? auth : { ...auth, ca: bounds.ca };
  }

  /** Its token was refused: another is asked for the next time. */
  forget(app: GithubAppAuth): void {
    this.#known.delete(keyOf(app));
  }
}

function keyOf({ appId, installation, baseUrl = '', privateKey }: GithubAppAuth): string {
  return JSON.stringify([appId, installation, baseUrl, privateKey]);
}
