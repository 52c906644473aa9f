import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

interface Answer {
  status: number;
  body: object | string;
}

/** Whom a Kubernetes token is from and for; null for one that is not trusted. */
type TrustAccount = (jwt: string) => { sub: string; aud: readonly string[] } | null;

/** Vault and OpenBao as far as sops goes: the transit engine, and auth methods that take a role and a JWT. */
export class VaultDouble {
  /** Tokens, and the keys each may use: `sops/one`. */
  readonly tokens = new Map<string, readonly string[]>();
  /** Roles of the login at `auth/kubernetes/login`: the subject each is for, and the keys its tokens may use. */
  readonly roles = new Map<string, { subject: string; keys: readonly string[] }>();
  /** What was asked, in order: `PUT /v1/sops/decrypt/one`. */
  readonly asked: string[] = [];
  /** Answers everything itself while it is set. */
  trouble: (() => Answer | Promise<Answer>) | null = null;
  readonly #server: Server;
  readonly #trust: TrustAccount;
  readonly #keys = new Map<string, Buffer>();

  private constructor(trust: TrustAccount) {
    this.#trust = trust;
    this.#server = createServer((request, response) => {
      void this.#answer(request).then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(typeof body === 'string' ? body : JSON.stringify(body));
      });
    });
  }

  static async start(trust: TrustAccount = () => null): Promise<VaultDouble> {
    const double = new VaultDouble(trust);
    await new Promise<void>((resolve) => double.#server.listen(0, '127.0.0.1', resolve));
    return double;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const path = (request.url ?? '').replace(/^\/v1\//, '');
    this.asked.push(`${request.method} ${request.url}`);
    const body = (await json(request).catch(() => ({}))) as Record<string, string>;
    if (this.trouble !== null) return this.trouble();
    if (path === 'auth/kubernetes/login') return this.#login(body);
    const [, engine = '', action = '', key = ''] = /^(.+)\/(encrypt|decrypt)\/([^/]+)$/.exec(path) ?? [];
    const name = `${engine}/${key}`;
    const token = String(request.headers['x-vault-token']);
    if (this.tokens.get(token)?.includes(name) !== true) return refusal(403, 'permission denied');
    return action === 'encrypt' ? this.#encrypt(name, body) : this.#decrypt(name, body);
  }

  #login({ role = '', jwt = '' }: Record<string, string>): Answer {
    const known = this.roles.get(role);
    const claims = this.#trust(jwt);
    if (known === undefined || claims === null || claims.sub !== known.subject || !claims.aud.includes(this.url))
      return refusal(400, `invalid role name "${role}"`);
    const token = randomBytes(12).toString('hex');
    this.tokens.set(token, known.keys);
    return { status: 200, body: { auth: { client_token: token, lease_duration: 3_600 } } };
  }

  #encrypt(name: string, { plaintext = '' }: Record<string, string>): Answer {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#key(name), iv);
    const parts = [iv, cipher.update(plaintext, 'base64'), cipher.final(), cipher.getAuthTag()];
    return { status: 200, body: { data: { ciphertext: `vault:v1:${Buffer.concat(parts).toString('base64')}` } } };
  }

  #decrypt(name: string, { ciphertext = '' }: Record<string, string>): Answer {
    const bytes = Buffer.from(ciphertext.replace(/^vault:v1:/, ''), 'base64');
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key(name), bytes.subarray(0, 12));
      decipher.setAuthTag(bytes.subarray(-16));
      const plain = Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
      return { status: 200, body: { data: { plaintext: plain.toString('base64') } } };
    } catch {
      return refusal(400, 'cipher: message authentication failed');
    }
  }

  #key(name: string): Buffer {
    const key = this.#keys.get(name) ?? randomBytes(32);
    this.#keys.set(name, key);
    return key;
  }
}

function refusal(status: number, text: string): Answer {
  return { status, body: { errors: [text] } };
}
