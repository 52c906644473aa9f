import { awsCredentials } from './aws/credentials.ts';
import { awsEndpoints, type AwsEndpoints } from './aws/endpoints.ts';
import type { AwsCredentials } from './aws/sign.ts';
import { azureEndpoints, type AzureEndpoints } from './azure/endpoints.ts';
import { azureToken } from './azure/token.ts';
import { Cache } from './cache.ts';
import { gcpAccountToken } from './gcp/account-token.ts';
import { gcpEndpoints, type GcpEndpoints } from './gcp/endpoints.ts';
import { ownGcpToken } from './gcp/own-token.ts';
import { systemHttp, type Http } from './http.ts';
import { ACCOUNT_TOKEN_FILE, ownAccount } from './own-account.ts';
import type { Accounts, Environment, Identity, Token } from './token.ts';

export interface Endpoints {
  readonly aws: AwsEndpoints;
  readonly gcp: GcpEndpoints;
  readonly azure: AzureEndpoints;
}

export interface CloudOptions {
  accounts: Accounts;
  /** What the process was told by its surroundings: the agent's own identity is found there. */
  environment: Environment;
  http?: Http;
  /** By default the public ones. */
  endpoints?: Endpoints;
  /** Milliseconds since the epoch by the time of day, which clouds sign and count by. */
  now?: () => number;
  /** Milliseconds by a clock that nobody can set, which says how long things are kept; by default `now` where that is given. */
  steady?: () => number;
  /** Where a pod finds the token of its own service account. */
  accountFile?: string;
}

/** For whom an account's token is asked, where it is not for whoever the provider wants. */
interface Asked {
  audiences?: readonly string[];
}

/**
 * Identities at the clouds, without secrets: a token of a Kubernetes service account (or what the agent's own surroundings give) is exchanged for
 * one of the cloud. Each is kept until shortly before its end, and one exchange serves all who ask meanwhile.
 */
export class Clouds {
  readonly http: Http;
  readonly endpoints: Endpoints;
  readonly now: () => number;
  readonly steady: () => number;
  readonly #accounts: Accounts;
  readonly #environment: Environment;
  readonly #accountFile: string;
  readonly #keys: Cache<AwsCredentials>;
  readonly #tokens: Cache<Token>;
  /** Of each identity, as they were when they were last asked for. */
  readonly #annotated = new Map<string, string>();

  constructor(options: CloudOptions) {
    const { environment } = options;
    this.http = options.http ?? systemHttp;
    this.endpoints = options.endpoints ?? {
      aws: awsEndpoints(environment),
      gcp: gcpEndpoints(environment),
      azure: azureEndpoints(environment),
    };
    this.now = options.now ?? Date.now;
    this.steady = options.steady ?? options.now ?? (() => performance.now());
    this.#accounts = options.accounts;
    this.#environment = environment;
    this.#accountFile = options.accountFile ?? ACCOUNT_TOKEN_FILE;
    this.#keys = new Cache(this.steady, this.now);
    this.#tokens = new Cache(this.steady, this.now);
  }

  /** Keys to sign requests of AWS with, in one region. */
  awsCredentials(identity: Identity, region: string, { audiences = [] }: Asked = {}): Promise<AwsCredentials> {
    const key = keyOf('aws', identity, [region, ...audiences]);
    const parts = { ...this.#parts(), endpoints: this.endpoints.aws };
    return this.#keys.get(key, () => awsCredentials(identity, { region, audiences }, parts));
  }

  /** An access token of Google Cloud. */
  gcpToken(identity: Identity, { audiences = [] }: Asked = {}): Promise<Token> {
    const key = keyOf('gcp', identity, audiences);
    const parts = { ...this.#parts(), endpoints: this.endpoints.gcp };
    return this.#tokens.get(key, () =>
      identity === null ? ownGcpToken(parts) : gcpAccountToken(identity, audiences, parts),
    );
  }

  /** An access token of Microsoft Entra ID for a scope. */
  azureToken(identity: Identity, scope: string, { audiences = [] }: Asked = {}): Promise<Token> {
    const key = keyOf('azure', identity, [scope, ...audiences]);
    const parts = { ...this.#parts(), endpoints: this.endpoints.azure };
    return this.#tokens.get(key, () => azureToken(identity, { scope, audiences }, parts));
  }

  /** A token of a service account itself, for whoever trusts this cluster as an issuer. */
  accountToken(identity: Identity, audiences: readonly string[]): Promise<Token> {
    return this.#tokens.get(keyOf('kubernetes', identity, audiences), async () => {
      const account = identity ?? (await ownAccount(this.#accountFile, audiences));
      return this.#accounts.token(account, audiences);
    });
  }

  /** What an account's annotations say of its identity now; null where there is no such account. What was got under others is forgotten. */
  async annotations(identity: Identity): Promise<Readonly<Record<string, string>> | null> {
    if (identity === null) return {};
    const account = `${identity.namespace}/${identity.name}`;
    const annotations = await this.#accounts.annotations(identity);
    const now = JSON.stringify(annotations);
    if (this.#annotated.get(account) !== now) this.forget(identity);
    this.#annotated.set(account, now);
    return annotations;
  }

  /** Everything kept for an identity was refused. */
  forget(identity: Identity): void {
    for (const provider of ['aws', 'gcp', 'azure', 'kubernetes']) {
      const prefix = keyOf(provider, identity, []);
      this.#keys.forget(prefix);
      this.#tokens.forget(prefix);
    }
  }

  #parts(): { http: Http; environment: Environment; accounts: Accounts; now: () => number } {
    return { http: this.http, environment: this.#environment, accounts: this.#accounts, now: this.now };
  }
}

function keyOf(provider: string, identity: Identity, rest: readonly string[]): string {
  return [provider, identity?.namespace ?? '', identity?.name ?? '', ...rest].map((part) => `${part}\n`).join('');
}
