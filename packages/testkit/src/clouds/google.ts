import { createVerify, randomBytes, type KeyObject } from 'node:crypto';
import type { Reply, Trust } from './cloud-server.ts';
import type { Arrived } from './sigv4.ts';

/** Google's Security Token Service, IAM Credentials, OAuth, GKE, and the metadata server. */
export class GoogleDouble {
  /** Who may act as a service account: by its address, the subject of the federated token. */
  readonly impersonators = new Map<string, string>();
  /** GKE clusters by name; the CA in PEM. */
  readonly clusters = new Map<string, { endpoint: string; ca: string }>();
  /** The cluster the agent runs in; null: it is none of GKE's. */
  gke: { project: string; location: string; name: string } | null = null;
  /** Public keys of service accounts. */
  readonly keys = new Map<string, KeyObject>();
  readonly #trust: Trust;
  readonly #tokens = new Map<string, string>();

  constructor(trust: Trust) {
    this.#trust = trust;
  }

  answer([service, ...rest]: string[], request: Arrived): Reply | null {
    const path = rest.join('/');
    if (service === 'sts') return this.#exchange(new URLSearchParams(request.body));
    if (service === 'oauth') return this.#assertion(new URLSearchParams(request.body));
    if (service === 'iam') return this.#impersonate(path, request);
    if (service === 'container') return this.#cluster(path.replace(/^v1\//, ''), request);
    return service === 'metadata' ? this.#metadata(path.replace(/^computeMetadata\/v1\//, ''), request) : null;
  }

  /** Whom a token speaks for: `system:serviceaccount:...` or the address of a Google service account. */
  subjectOf(token: string): string | null {
    return this.#tokens.get(token) ?? null;
  }

  #exchange(fields: URLSearchParams): Reply {
    if (fields.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:token-exchange') return refusal('bad grant');
    const claims = this.#trust(fields.get('subject_token') ?? '');
    const audience = fields.get('audience') ?? '';
    const [, pool] = /^identitynamespace:([^:]+):/.exec(audience) ?? [];
    if (claims === null || !claims.aud.includes(pool ?? audience)) return refusal('the audience is not expected');
    return { status: 200, body: { access_token: this.#issue(claims.sub), expires_in: 3_600, token_type: 'Bearer' } };
  }

  #assertion(fields: URLSearchParams): Reply {
    const [header = '', payload = '', signature = ''] = (fields.get('assertion') ?? '').split('.');
    const { iss = '' } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { iss?: string };
    const key = this.keys.get(iss);
    const good =
      key !== undefined &&
      createVerify('RSA-SHA256').update(`${header}.${payload}`).verify(key, signature, 'base64url');
    if (!good) return refusal('Invalid JWT Signature.');
    return { status: 200, body: { access_token: this.#issue(iss), expires_in: 3_599 } };
  }

  #impersonate(path: string, request: Arrived): Reply {
    const [, email = ''] = /^v1\/projects\/-\/serviceAccounts\/([^:]+):generateAccessToken$/.exec(path) ?? [];
    const subject = this.#bearer(request);
    const allowed = subject !== null && this.impersonators.get(email) === subject;
    if (!allowed)
      return { status: 403, body: { error: { message: "Permission 'iam.serviceAccounts.getAccessToken' denied" } } };
    const expireTime = new Date(Date.now() + 3_600_000).toISOString();
    return { status: 200, body: { accessToken: this.#issue(email), expireTime } };
  }

  #cluster(name: string, request: Arrived): Reply {
    if (this.#bearer(request) === null) return { status: 401, body: { error: { message: 'invalid credentials' } } };
    const found = this.clusters.get(name);
    if (found === undefined) return { status: 404, body: { error: { message: `Not found: ${name}.` } } };
    const clusterCaCertificate = Buffer.from(found.ca).toString('base64');
    return { status: 200, body: { endpoint: found.endpoint, masterAuth: { clusterCaCertificate } } };
  }

  #metadata(path: string, { headers }: Arrived): Reply {
    if (headers['metadata-flavor'] !== 'Google') return { status: 403, body: 'missing header' };
    if (this.gke === null) return { status: 404, body: 'not found' };
    const { project, location, name } = this.gke;
    if (path === 'instance/service-accounts/default/token')
      return { status: 200, body: { access_token: this.#issue(`agent@${project}`), expires_in: 3_599 } };
    const texts: Readonly<Record<string, string>> = {
      'project/project-id': project,
      'instance/attributes/cluster-location': location,
      'instance/attributes/cluster-name': name,
    };
    const text = texts[path];
    return text === undefined ? { status: 404, body: 'not found' } : { status: 200, body: text };
  }

  #bearer({ headers }: Arrived): string | null {
    return this.subjectOf((headers['authorization'] ?? '').replace(/^Bearer /, ''));
  }

  #issue(subject: string): string {
    const token = `ya29.${randomBytes(24).toString('base64url')}`;
    this.#tokens.set(token, subject);
    return token;
  }
}

function refusal(description: string): Reply {
  return { status: 400, body: { error: 'invalid_grant', error_description: description } };
}
