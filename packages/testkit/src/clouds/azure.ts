import { randomBytes } from 'node:crypto';
import { assertionBy } from './client-assertion.ts';
import type { Reply, Trust } from './cloud-server.ts';
import type { Arrived } from './sigv4.ts';

/** What a client proves itself with. */
export interface AzureClient {
  /** The subject whose tokens are believed. */
  subject?: string;
  secret?: string;
  /** In PEM. */
  certificate?: string;
  /** Assertions have to bring the certificate with them: the client is known by its name and issuer, so that it may be renewed. */
  chain?: boolean;
}

/** Microsoft Entra ID, Azure Resource Manager, and the metadata of an instance. */
export class AzureDouble {
  /** Clients by `tenant/client`. */
  readonly clients = new Map<string, AzureClient>();
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
    if (service === 'login') return this.#login(rest, request);
    if (service === 'management') return this.#management(`/${rest.join('/')}`, request);
    return service === 'instance' ? this.#instance(request) : null;
  }

  /** Whom a token was given to and for what; null for none of ours. */
  grantOf(token: string): { client: string; scope: string } | null {
    return this.#tokens.get(token) ?? null;
  }

  #login([tenant = '', ...path]: string[], { url, body }: Arrived): Reply {
    if (path.join('/') !== 'oauth2/v2.0/token') return { status: 404, body: {} };
    const fields = new URLSearchParams(body);
    const client = fields.get('client_id') ?? '';
    const known = this.clients.get(`${tenant}/${client}`);
    const audience = `${url.origin}${url.pathname}`;
    if (known === undefined || !(this.#isProven(known, fields) || isSigned(known, fields, audience))) {
      const description = 'AADSTS700213: No matching federated identity record found.';
      return { status: 401, body: { error: 'invalid_client', error_description: description } };
    }
    return this.#issue(client, fields.get('scope') ?? '');
  }

  /** By the token of an identity that is trusted, or by the secret. */
  #isProven({ subject, secret }: AzureClient, fields: URLSearchParams): boolean {
    const claims = this.#trust(fields.get('client_assertion') ?? '');
    const federated = claims !== null && claims.aud.includes('api://AzureADTokenExchange') && claims.sub === subject;
    return federated || (secret !== undefined && fields.get('client_secret') === secret);
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
    const asked = url.searchParams.get('client_id');
    if (asked !== null && asked !== this.instanceClient)
      return { status: 400, body: { error: 'invalid_request', error_description: 'Identity not found' } };
    return this.#issue(this.instanceClient, `${url.searchParams.get('resource') ?? ''}/.default`);
  }

  #issue(client: string, scope: string): Reply {
    const token = randomBytes(24).toString('base64url');
    this.#tokens.set(token, { client, scope });
    return { status: 200, body: { access_token: token, expires_in: 3_599 } };
  }
}

/** By the certificate, for this server and no other. */
function isSigned({ certificate, chain = false }: AzureClient, fields: URLSearchParams, audience: string): boolean {
  const client = fields.get('client_id');
  const assertion = certificate === undefined ? null : assertionBy(certificate, fields.get('client_assertion') ?? '');
  if (assertion === null || (chain && !assertion.isWithCertificate)) return false;
  const { iss, sub, aud, exp } = assertion.claims;
  return iss === client && sub === client && aud === audience && Number(exp) * 1_000 > Date.now();
}
