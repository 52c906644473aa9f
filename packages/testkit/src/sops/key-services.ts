import {
  constants,
  createCipheriv,
  createDecipheriv,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { selfSigned } from '@plumb/sandbox';
import type { CloudServer, Reply } from '../clouds/cloud-server.ts';
import type { Arrived } from '../clouds/sigv4.ts';

/** The hosts that are answered for: these names and no other lead here. */
const HOSTS = {
  'kms.eu-west-1.amazonaws.com': 'aws',
  'kms.us-east-1.amazonaws.com': 'aws',
  'cloudkms.googleapis.com': 'google',
  'oauth2.googleapis.com': 'google-login',
  'shop.vault.azure.net': 'azure',
  'login.microsoftonline.com': 'azure-login',
  'login.microsoftonline.us': 'azure-login',
} as const;

/** Where an instance asks who it is, without TLS. */
const METADATA = '169.254.169.254';

/**
 * AWS KMS, Google Cloud KMS and Azure Key Vault at their own names: a proxy that ends TLS itself. Requests are checked as the real ones check
 * them, signatures and tokens against the doubles of the clouds.
 */
export class KeyServices {
  /** Who may use a key: the role of AWS, the subject of Google, the client of Azure, by the key's ARN, resource or URL. */
  readonly users = new Map<string, string>();
  /** What was asked, in order: `POST kms.eu-west-1.amazonaws.com/`. */
  readonly asked: string[] = [];
  readonly #cloud: CloudServer;
  readonly #dir = mkdtempSync(join(tmpdir(), 'plumb-keys-'));
  readonly #proxy: Server;
  readonly #secure: SecureServer;
  readonly #secrets = new Map<string, Buffer>();
  readonly #pairs = new Map<string, { publicKey: KeyObject; privateKey: KeyObject }>();

  private constructor(cloud: CloudServer) {
    this.#cloud = cloud;
    const { certificate, key } = selfSigned(Object.keys(HOSTS));
    writeFileSync(join(this.#dir, 'ca.crt'), certificate);
    this.#secure = createSecureServer({ cert: certificate, key }, (request, response) => {
      void this.#respond(request, response);
    });
    this.#proxy = createServer((request, response) => {
      if (URL.parse(request.url ?? '')?.host === METADATA) void this.#respond(request, response);
      else response.writeHead(405).end();
    });
    this.#proxy.on('connect', ({ url = '' }: IncomingMessage, socket) => {
      const [host = ''] = url.split(':');
      if (Object.hasOwn(HOSTS, host)) {
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        this.#secure.emit('connection', socket);
      } else {
        socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      }
    });
  }

  static async start(cloud: CloudServer): Promise<KeyServices> {
    const services = new KeyServices(cloud);
    await new Promise<void>((resolve) => services.#proxy.listen(0, '127.0.0.1', resolve));
    return services;
  }

  /** How a process gets here. */
  get environment(): Record<string, string> {
    const { port } = this.#proxy.address() as AddressInfo;
    const proxy = `http://127.0.0.1:${port}`;
    return { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, SSL_CERT_FILE: join(this.#dir, 'ca.crt') };
  }

  close(): Promise<void> {
    this.#secure.closeAllConnections();
    this.#proxy.closeAllConnections();
    rmSync(this.#dir, { recursive: true });
    return new Promise((resolve) => {
      this.#proxy.close(() => resolve());
    });
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const url = new URL(request.url ?? '/', `https://${headers['host'] ?? ''}`);
    this.asked.push(`${request.method} ${url.host}${url.pathname}`);
    const arrived = { method: request.method ?? '', url, headers, body: await text(request) };
    const { status, body, ...more } = this.#answer(arrived);
    response.writeHead(status, { 'content-type': 'application/json', ...more.headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  }

  #answer(request: Arrived): Reply & { headers?: Record<string, string> } {
    const [, ...path] = request.url.pathname.split('/');
    if (request.url.host === METADATA) return this.#cloud.azure.answer(['instance', ...path], request) ?? NOWHERE;
    switch (HOSTS[request.url.hostname as keyof typeof HOSTS]) {
      case 'aws':
        return this.#aws(request);
      case 'google':
        return this.#google(request);
      case 'google-login':
        return this.#cloud.google.answer(['oauth'], request) ?? NOWHERE;
      case 'azure':
        return this.#azure(request, path);
      default:
        return authority(request) ?? this.#cloud.azure.answer(['login', ...path], request) ?? NOWHERE;
    }
  }

  /** https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html */
  #aws(request: Arrived): Reply {
    const [, region = ''] = request.url.hostname.split('.');
    const role = this.#cloud.aws.signerOf(request, 'kms', region);
    const [, action] = /^TrentService\.(Encrypt|Decrypt)$/.exec(request.headers['x-amz-target'] ?? '') ?? [];
    const body = JSON.parse(request.body) as Record<string, string> & { EncryptionContext?: Record<string, string> };
    const { KeyId: id = '', EncryptionContext: context = {} } = body;
    if (role === null)
      return { status: 400, body: { __type: 'UnrecognizedClientException', message: 'bad signature' } };
    if (this.users.get(id) !== role)
      return { status: 400, body: { __type: 'AccessDeniedException', message: `${role} may not` } };
    const bound = JSON.stringify(Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1)));
    if (action === 'Encrypt')
      return { status: 200, body: { KeyId: id, CiphertextBlob: this.#seal(id, body['Plaintext'] ?? '', bound) } };
    const plain = this.#open(id, body['CiphertextBlob'] ?? '', bound);
    if (plain === null) return { status: 400, body: { __type: 'InvalidCiphertextException', message: '' } };
    return { status: 200, body: { KeyId: id, Plaintext: plain } };
  }

  /** https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/decrypt */
  #google({ url, headers, body }: Arrived): Reply {
    const [, name = '', action] =
      /^\/v1\/(projects\/.+):(encrypt|decrypt)$/.exec(decodeURIComponent(url.pathname)) ?? [];
    const subject = this.#cloud.google.subjectOf(bearer(headers));
    if (subject === null) return { status: 401, body: { error: { code: 401, message: 'UNAUTHENTICATED' } } };
    if (this.users.get(name) !== subject)
      return { status: 403, body: { error: { code: 403, message: 'PERMISSION_DENIED' } } };
    const { plaintext = '', ciphertext = '' } = JSON.parse(body) as Record<string, string>;
    if (action === 'encrypt') return { status: 200, body: { name, ciphertext: this.#seal(name, plaintext, '') } };
    const plain = this.#open(name, ciphertext, '');
    if (plain === null) return { status: 400, body: { error: { code: 400, message: 'INVALID_ARGUMENT' } } };
    return { status: 200, body: { plaintext: plain } };
  }

  /** https://learn.microsoft.com/rest/api/keyvault/keys/decrypt */
  #azure(
    { url, headers, body }: Arrived,
    [, name = '', version = '', action = '']: string[],
  ): Reply & { headers?: Record<string, string> } {
    const grant = this.#cloud.azure.grantOf(bearer(headers));
    const login = 'https://login.microsoftonline.com/shop-tenant';
    if (grant === null) {
      const challenge = `Bearer authorization="${login}", resource="https://vault.azure.net"`;
      return { status: 401, body: { error: { code: 'Unauthorized' } }, headers: { 'www-authenticate': challenge } };
    }
    const id = `https://${url.host}/keys/${name}/${version}`;
    if (!grant.scope.startsWith('https://vault.azure.net/.default') || this.users.get(id) !== grant.client)
      return { status: 403, body: { error: { code: 'Forbidden', message: 'Caller is not authorized' } } };
    const { alg, value = '' } = JSON.parse(body) as Record<string, string>;
    if (alg !== 'RSA-OAEP-256' || url.searchParams.get('api-version') === null)
      return { status: 400, body: { error: { code: 'BadParameter' } } };
    const { publicKey, privateKey } = this.#pair(id);
    const how = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
    const given = Buffer.from(value, 'base64url');
    const result =
      action === 'encrypt'
        ? publicEncrypt({ ...how, key: publicKey }, given)
        : privateDecrypt({ ...how, key: privateKey }, given);
    return { status: 200, body: { kid: id, value: result.toString('base64url') } };
  }

  #seal(id: string, plain: string, bound: string): string {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#secret(id), iv).setAAD(Buffer.from(bound));
    const parts = [iv, cipher.update(plain, 'base64'), cipher.final()];
    return Buffer.concat([...parts, cipher.getAuthTag()]).toString('base64');
  }

  #open(id: string, sealed: string, bound: string): string | null {
    const bytes = Buffer.from(sealed, 'base64');
    const decipher = createDecipheriv('aes-256-gcm', this.#secret(id), bytes.subarray(0, 12));
    decipher.setAAD(Buffer.from(bound)).setAuthTag(bytes.subarray(-16));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('base64');
    } catch {
      return null;
    }
  }

  #secret(id: string): Buffer {
    const secret = this.#secrets.get(id) ?? randomBytes(32);
    this.#secrets.set(id, secret);
    return secret;
  }

  #pair(id: string): { publicKey: KeyObject; privateKey: KeyObject } {
    const pair = this.#pairs.get(id) ?? generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.#pairs.set(id, pair);
    return pair;
  }
}

const NOWHERE: Reply = { status: 404, body: {} };

function bearer(headers: Arrived['headers']): string {
  return (headers['authorization'] ?? '').replace(/^Bearer /, '');
}

/** What the libraries ask Entra ID of itself before they ask for a token. */
function authority({ url }: Arrived): Reply | null {
  const { host } = url;
  const [, tenant = ''] = url.pathname.split('/');
  const base = `https://${host}/${tenant}`;
  if (url.pathname.endsWith('/.well-known/openid-configuration')) {
    const endpoints = {
      token_endpoint: `${base}/oauth2/v2.0/token`,
      authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
    };
    return { status: 200, body: { ...endpoints, issuer: `${base}/v2.0` } };
  }
  if (!url.pathname.endsWith('/discovery/instance')) return null;
  const metadata = [{ preferred_network: host, preferred_cache: host, aliases: [host] }];
  return {
    status: 200,
    body: { tenant_discovery_endpoint: `${base}/v2.0/.well-known/openid-configuration`, metadata },
  };
}
