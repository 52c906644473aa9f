import { PlumbError, systemError } from '@plumb/api';
import { Clouds, systemHttp, type CloudOptions, type Http, type Identity } from '@plumb/cloud';
import type { Cluster } from '@plumb/kube';
import { proxied, type GitProxy } from '@plumb/sources';

export interface CloudIdentitiesOptions {
  /** The cluster whose service accounts have the identities. */
  cluster: Cluster;
  /** Where the agent's own identity is found. */
  environment?: CloudOptions['environment'];
  /** By default the public ones. */
  endpoints?: CloudOptions['endpoints'];
}

/** Ways through a proxy that are kept: each has tokens of its own. */
const MOST_PROXIES = 50;
const TIMEOUT_MS = 15_000;

/** Identities at the clouds, by way of a proxy where an object names one: its tokens then come the way that its data do. */
export class CloudIdentities {
  /** Without a proxy. It is never dropped: others hold on to it, and what is forgotten in one must be so for all. */
  readonly direct: Clouds;
  readonly #options: Omit<CloudOptions, 'http'>;
  readonly #ways = new Map<string, Clouds>();

  constructor({ cluster, environment = {}, endpoints }: CloudIdentitiesOptions) {
    const accounts: CloudOptions['accounts'] = {
      annotations: async (account) => {
        const found = await cluster.get({ group: '', version: 'v1', kind: 'ServiceAccount', ...account });
        return found === null ? null : (found.metadata.annotations ?? {});
      },
      token: async (account, audiences) => {
        const { token: value, expiresAt } = await cluster.createToken(account, { audiences });
        return { value, expiresAt };
      },
    };
    this.#options = { accounts, environment, ...(endpoints && { endpoints }) };
    this.direct = new Clouds({ ...this.#options, http: systemHttp });
  }

  /** To act as an identity, as its annotations name it now: what was got under others is forgotten. */
  async as(identity: Identity, proxy?: GitProxy): Promise<Clouds> {
    const clouds = proxy === undefined ? this.direct : this.#way(proxy);
    await clouds.annotations(identity);
    return clouds;
  }

  #way(proxy: GitProxy): Clouds {
    const key = JSON.stringify(proxy);
    const way = this.#ways.get(key) ?? new Clouds({ ...this.#options, http: through(proxy) });
    this.#ways.delete(key);
    this.#ways.set(key, way);
    const oldest = this.#ways.keys().next().value;
    if (this.#ways.size > MOST_PROXIES && oldest !== undefined) this.#ways.delete(oldest);
    return way;
  }
}

function through(proxy: GitProxy): Http {
  return async ({ method, url, headers = {}, body, timeout = TIMEOUT_MS }) => {
    const to = new URL(url);
    const deadline = performance.now() + timeout;
    const { signal } = new AbortController();
    try {
      const answer = await proxied(to, { method, headers, body, deadline, signal, proxy });
      return { status: answer.status, text: answer.body };
    } catch (error) {
      if (error instanceof PlumbError) throw error;
      if (performance.now() >= deadline)
        throw systemError('timeout', `${to.host} gave no answer within ${timeout / 1_000} s`);
      const why = error instanceof Error ? error.message : String(error);
      throw systemError('authentication-failed', `cannot reach ${to.host}: ${why}`, error);
    }
  };
}
