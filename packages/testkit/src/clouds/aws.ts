import { randomBytes } from 'node:crypto';
import type { Reply, Trust } from './cloud-server.ts';
import { codeCommitSigner } from './codecommit.ts';
import { signerOf, type Arrived } from './sigv4.ts';

interface Keys {
  readonly secret: string;
  readonly session: string;
  readonly role: string;
  readonly expiresAt: number;
}

const LIFE_MS = 3_600_000;

/** AWS STS, EKS, and the metadata of an instance and of a container. */
export class AwsDouble {
  /** Which service account may take which role: by ARN, the subject of its token. */
  readonly roles = new Map<string, string>();
  /** Clusters by `region/name`; the CA in PEM. */
  readonly clusters = new Map<string, { endpoint: string; ca: string }>();
  /** The role of the instance; null: the agent runs somewhere else. */
  instanceRole: string | null = null;
  /** The word a container's credentials are given for. */
  containerWord = 'open sesame';
  readonly #trust: Trust;
  readonly #now: () => number;
  readonly #keys = new Map<string, Keys>();

  constructor(trust: Trust, now: () => number) {
    this.#trust = trust;
    this.#now = now;
  }

  answer([service, ...rest]: string[], request: Arrived): Reply | null {
    if (service === 'sts') return this.#sts(request);
    if (service === 'eks') return this.#eks(rest, request);
    if (service === 'metadata') return this.#metadata(rest.join('/'), request);
    return service === 'container' ? this.#container(request) : null;
  }

  /** Lasting keys of a role. */
  keysOf(role: string): { accessKeyId: string; secretAccessKey: string } {
    const { id, keys } = this.#issue(role);
    this.#keys.set(id, { ...keys, session: '' });
    return { accessKeyId: id, secretAccessKey: keys.secret };
  }

  /** What EKS makes of a bearer token: it sends the request inside it to STS, with the header of its own cluster. @returns the role */
  roleOf(token: string, cluster: string): string | null {
    if (!token.startsWith('k8s-aws-v1.')) return null;
    const url = URL.parse(Buffer.from(token.slice('k8s-aws-v1.'.length), 'base64url').toString());
    if (url === null || url.searchParams.get('Action') !== 'GetCallerIdentity') return null;
    const request = { method: 'GET', url, headers: { host: url.host, 'x-k8s-aws-id': cluster }, body: '' };
    const signer = signerOf(request, (id) => this.#keys.get(id)?.secret);
    const expires = Number(url.searchParams.get('X-Amz-Expires'));
    if (signer?.service !== 'sts' || !signer.signedHeaders.includes('x-k8s-aws-id') || expires > 900) return null;
    if (this.#now() >= signer.signedAt + expires * 1_000) return null;
    return this.#keyOf(signer.accessKeyId, url.searchParams.get('X-Amz-Security-Token') ?? '')?.role ?? null;
  }

  /** What CodeCommit makes of a login for a repository. @returns the role */
  gitRoleOf(login: object, url: string): string | null {
    const { username = '', password = '' } = login as { username?: string; password?: string };
    const secretOf = (id: string, session: string): string | undefined => this.#keyOf(id, session)?.secret;
    const signer = codeCommitSigner({ username, password }, { url: new URL(url), now: this.#now() }, secretOf);
    return signer === null ? null : (this.#keys.get(signer)?.role ?? null);
  }

  #sts({ method, body }: Arrived): Reply {
    const fields = new URLSearchParams(body);
    if (method !== 'POST' || fields.get('Action') !== 'AssumeRoleWithWebIdentity') return fault('InvalidAction');
    const role = fields.get('RoleArn') ?? '';
    const claims = this.#trust(fields.get('WebIdentityToken') ?? '');
    if (claims === null || !claims.aud.includes('sts.amazonaws.com')) return fault('InvalidIdentityToken');
    if (!/^[\w+=,.@-]{2,64}$/.test(fields.get('RoleSessionName') ?? '')) return fault('ValidationError');
    if (this.roles.get(role) !== claims.sub) return fault('AccessDenied', `Not authorized to assume ${role}`);
    const { id, keys } = this.#issue(role);
    const credentials =
      `<AccessKeyId>${id}</AccessKeyId><SecretAccessKey>${keys.secret}</SecretAccessKey>` +
      `<SessionToken>${keys.session}</SessionToken><Expiration>${new Date(keys.expiresAt).toISOString()}</Expiration>`;
    const name = 'AssumeRoleWithWebIdentity';
    const xml = `<${name}Response><${name}Result><Credentials>${credentials}</Credentials></${name}Result></${name}Response>`;
    return { status: 200, body: xml };
  }

  /** Whose keys signed a request to a service in a region; null for a signature that is missing or wrong. @returns the role */
  signerOf(request: Arrived, service: string, region: string): string | null {
    const signer = signerOf(request, (id) => this.#keys.get(id)?.secret);
    if (signer === null || signer.service !== service || signer.region !== region) return null;
    return this.#keyOf(signer.accessKeyId, request.headers['x-amz-security-token'] ?? '')?.role ?? null;
  }

  #eks([region = '', list, name]: string[], request: Arrived): Reply {
    if (this.signerOf(request, 'eks', region) === null)
      return { status: 403, body: { message: 'The security token included in the request is invalid.' } };
    const found = list === 'clusters' ? this.clusters.get(`${region}/${name ?? ''}`) : undefined;
    if (found === undefined) return { status: 404, body: { message: `No cluster found for name: ${name ?? ''}.` } };
    const data = Buffer.from(found.ca).toString('base64');
    return { status: 200, body: { cluster: { name, endpoint: found.endpoint, certificateAuthority: { data } } } };
  }

  #metadata(path: string, { method, headers }: Arrived): Reply {
    if (this.instanceRole === null) return { status: 404, body: '' };
    if (method === 'PUT' && path === 'latest/api/token')
      return headers['x-aws-ec2-metadata-token-ttl-seconds'] === undefined
        ? { status: 400, body: '' }
        : { status: 200, body: 'v2' };
    if (headers['x-aws-ec2-metadata-token'] !== 'v2') return { status: 401, body: '' };
    if (path === 'latest/meta-data/iam/security-credentials/') return { status: 200, body: 'node-role' };
    if (path !== 'latest/meta-data/iam/security-credentials/node-role') return { status: 404, body: '' };
    return this.#given(this.instanceRole);
  }

  #container({ headers }: Arrived): Reply {
    if (headers['authorization'] !== this.containerWord) return { status: 403, body: { Message: 'wrong token' } };
    return this.#given('arn:aws:iam::123456789012:role/pod');
  }

  #given(role: string): Reply {
    const { id, keys } = this.#issue(role);
    const Expiration = new Date(keys.expiresAt).toISOString();
    return { status: 200, body: { AccessKeyId: id, SecretAccessKey: keys.secret, Token: keys.session, Expiration } };
  }

  #issue(role: string): { id: string; keys: Keys } {
    const id = `ASIA${randomBytes(8).toString('hex').toUpperCase()}`;
    const [secret, session] = [randomBytes(30), randomBytes(60)].map((bytes) => bytes.toString('base64')) as [
      string,
      string,
    ];
    const keys = { secret, session, role, expiresAt: this.#now() + LIFE_MS };
    this.#keys.set(id, keys);
    return { id, keys };
  }

  #keyOf(id: string, session: string): Keys | null {
    const keys = this.#keys.get(id);
    return keys !== undefined && keys.session === session && this.#now() < keys.expiresAt ? keys : null;
  }
}

function fault(code: string, message = code): Reply {
  const xml = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`;
  return { status: code === 'AccessDenied' ? 403 : 400, body: xml };
}
