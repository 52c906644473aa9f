import { randomBytes } from 'node:crypto';
import type { Reply, Trust } from './cloud-server.ts';
import type { Arrived } from './sigv4.ts';

/** Microsoft Entra ID, Azure Resource Manager, and the metadata of an instance. */
export class AzureDouble {
  /** Clients by `tenant/client`: the subject whose tokens they are given for, or their secret. */
  readonly clients = new Map<string, { subject?: string; secret?: string }>();
  /** AKS clusters by id, with their kubeconfigs. */
  readonly clusters = new Map<string, { entra: boolean; kubeconfigs: string[] }>();
  /** The client of the instance's managed identity; null: the agent runs somewhere else. */
  instanceClient: string | null = null;
  readonly #trust: Trust;
  readonly #tokens = new Map<string, { client: string; scope: string }>();

  constructor(trust: Trust) {
    this.#trust = trust;
  }

  answer([service, ...rest]: string[], request: Arrived): Reply | null {
    if (service === 'login') return this.#login(rest, new URLSearchParams(request.body));
    if (service === 'management') return this.#management(`/${rest.join('/')}`, request);
    return service === 'instance' ? this.#instance(request) : null;
  }

  /** Whom a token was given to and for what; null for none of ours. */
  grantOf(token: string): { client: string; scope: string } | null {
    return this.#tokens.get(token) ?? null;
  }

  #login([tenant = '', ...path]: string[], fields: URLSearchParams): Reply {
    if (path.join('/') !== 'oauth2/v2.0/token') return { status: 404, body: {} };
    const client = fields.get('client_id') ?? '';
    const known = this.clients.get(`${tenant}/${client}`);
    const claims = this.#trust(fields.get('client_assertion') ?? '');
    const federated =
      claims !== null && claims.aud.includes('api://AzureADTokenExchange') && claims.sub === known?.subject;
    const secret = known?.secret !== undefined && fields.get('client_secret') === known.secret;
    if (known === undefined || (!federated && !secret)) {
      const description = 'AADSTS700213: No matching federated identity record found.';
      return { status: 401, body: { error: 'invalid_client', error_description: description } };
    }
    return this.#issue(client, fields.get('scope') ?? '');
  }

  #management(path: string, { url, method, headers }: Arrived): Reply {
    const grant = this.grantOf((headers['authorization'] ?? '').replace(/^Bearer /, ''));
    if (!grant?.scope.endsWith('/management/.default'))
      return { status: 401, body: { error: { message: 'InvalidAuthenticationToken' } } };
    if (url.searchParams.get('api-version') === null)
      return { status: 400, body: { error: { message: 'MissingApiVersionParameter' } } };
    const [, id = '', list] = /^(.+?)(\/listClusterUserCredential)?$/.exec(path) ?? [];
    const found = this.clusters.get(id);
    if (found === undefined) return { status: 404, body: { error: { message: 'ResourceNotFound' } } };
    if (list === undefined)
      return { status: 200, body: { properties: found.entra ? { aadProfile: { managed: true } } : {} } };
    if (method !== 'POST') return { status: 405, body: {} };
    const kubeconfigs = found.kubeconfigs.map((text) => ({
      name: 'clusterUser',
      value: Buffer.from(text).toString('base64'),
    }));
    return { status: 200, body: { kubeconfigs } };
  }

  #instance({ url, headers }: Arrived): Reply {
    if (headers['metadata'] !== 'true') return { status: 400, body: { error: 'invalid_request' } };
    if (this.instanceClient === null) return { status: 404, body: {} };
    return this.#issue(this.instanceClient, `${url.searchParams.get('resource') ?? ''}/.default`);
  }

  #issue(client: string, scope: string): Reply {
    const token = randomBytes(24).toString('base64url');
    this.#tokens.set(token, { client, scope });
    return { status: 200, body: { access_token: token, expires_in: 3_599 } };
  }
}
