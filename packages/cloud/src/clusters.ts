import { describeEks, eksToken, parseEksArn } from './aws/eks.ts';
import { AKS_SCOPE, describeAks, type ReadKubeconfig } from './azure/aks.ts';
import { Cache } from './cache.ts';
import type { ClusterConfig } from './cluster-config.ts';
import type { Clouds } from './clouds.ts';
import { describeGke } from './gcp/gke.ts';
import type { Token } from './token.ts';
import { userError } from '@plumb/api';

/** Where a cluster is, and the token it takes. */
export interface ReachedCluster {
  address: string;
  /** PEM; undefined: the CAs this system trusts. */
  ca: string | undefined;
  source: {
    /** Names the identity behind the token. */
    id: string;
    token(): string | Promise<string>;
    /** The server refused the last one. */
    forget(): void;
  };
}

interface Place {
  address: string;
  ca: string | undefined;
  expiresAt: number;
}

/** How long an address is used before its provider is asked again. */
const PLACE_MS = 10 * 60_000;
/** At the soonest, for a cluster that does not answer at the address that is known. */
const PLACE_AGAIN_MS = 30_000;

/** Finds clusters at their providers, and has tokens ready for them. */
export class CloudClusters {
  readonly #clouds: Clouds;
  readonly #read: ReadKubeconfig;
  readonly #places: Cache<Place & { foundAt: number }>;
  readonly #tokens: Cache<Token>;

  /** @param read address and CA in a kubeconfig, as Azure describes its clusters */
  constructor(clouds: Clouds, read: ReadKubeconfig) {
    this.#clouds = clouds;
    this.#read = read;
    this.#places = new Cache(clouds.steady, clouds.now);
    this.#tokens = new Cache(clouds.steady, clouds.now);
  }

  /**
   * @param lost the cluster does not answer where it was found: its provider is asked anew, though not again and again
   * @throws PlumbError invalid-spec, authentication-failed, access-denied, timeout
   */
  async reach(config: ClusterConfig, lost: boolean): Promise<ReachedCluster> {
    const annotations = await this.#clouds.annotations(config.identity);
    if (annotations === null) throw noAccount(config);
    const id = JSON.stringify([config, Object.entries(annotations).sort(byKey)]);
    if (lost && (this.#places.peek(id)?.foundAt ?? Infinity) < this.#clouds.steady() - PLACE_AGAIN_MS)
      this.#places.forget(id);
    const { address, ca } = await this.#places.get(id, () => this.#find(config));
    const token = async (): Promise<string> => (await this.#tokens.get(id, () => this.#token(config))).value;
    return {
      address,
      ca,
      source: {
        id,
        token: () => this.#tokens.peek(id)?.value ?? token(),
        forget: () => {
          this.#tokens.forget(id);
          this.#clouds.forget(config.identity);
        },
      },
    };
  }

  async #find(config: ClusterConfig): Promise<Place & { foundAt: number }> {
    const foundAt = this.#clouds.steady();
    const expiresAt = this.#clouds.now() + PLACE_MS;
    const { address, ca } = config;
    const found = address !== undefined && isWhole(config) ? { address, ca } : await this.#describe(config);
    return { address: address ?? found.address, ca: ca ?? found.ca, foundAt, expiresAt };
  }

  async #describe(config: ClusterConfig): Promise<{ address: string; ca: string | undefined }> {
    const { identity, audiences, address, cluster = '' } = config;
    const { http, endpoints } = this.#clouds;
    switch (config.provider) {
      case 'aws': {
        const eks = parseEksArn(cluster);
        const credentials = await this.#clouds.awsCredentials(identity, eks.region, { audiences });
        return describeEks(eks, { http, endpoints: endpoints.aws, credentials, now: this.#clouds.now() });
      }
      case 'gcp': {
        const { value: token } = await this.#clouds.gcpToken(identity, { audiences });
        return describeGke(cluster, { http, endpoints: endpoints.gcp, token });
      }
      case 'azure': {
        const scope = `${endpoints.azure.management}/.default`;
        const { value: token } = await this.#clouds.azureToken(identity, scope, { audiences });
        return describeAks({ cluster, address }, { http, endpoints: endpoints.azure, token, read: this.#read });
      }
      case 'generic':
        return { address: address ?? '', ca: undefined };
    }
  }

  async #token({ provider, identity, audiences, address = '', cluster = '' }: ClusterConfig): Promise<Token> {
    const { http, endpoints } = this.#clouds;
    switch (provider) {
      case 'aws': {
        const eks = parseEksArn(cluster);
        const credentials = await this.#clouds.awsCredentials(identity, eks.region, { audiences });
        return eksToken(eks, { http, endpoints: endpoints.aws, credentials, now: this.#clouds.now() });
      }
      case 'gcp':
        return this.#clouds.gcpToken(identity, { audiences });
      case 'azure':
        return this.#clouds.azureToken(identity, AKS_SCOPE, { audiences });
      case 'generic':
        return this.#clouds.accountToken(identity, audiences.length > 0 ? audiences : [address]);
    }
  }
}

/** Nothing has to be asked of a provider. */
function isWhole({ provider, address, ca }: ClusterConfig): boolean {
  return provider === 'generic' || (address !== undefined && ca !== undefined);
}

function noAccount({ identity }: ClusterConfig): Error {
  return userError('invalid-spec', `ServiceAccount/${identity?.namespace ?? ''}/${identity?.name ?? ''} not found`);
}

function byKey([a]: [string, string], [b]: [string, string]): number {
  return a < b ? -1 : 1;
}
