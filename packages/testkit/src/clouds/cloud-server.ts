import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Endpoints } from '@plumb/cloud';
import { AwsDouble } from './aws.ts';
import { AzureDouble } from './azure.ts';
import { GoogleDouble } from './google.ts';
import type { Arrived } from './sigv4.ts';

export interface Reply {
  readonly status: number;
  readonly body: string | object;
}

/** Whom a token of a service account is from and for; null for one that is not trusted. */
export type Trust = (token: string) => { sub: string; aud: readonly string[] } | null;

/** What an API server's own token says; it is not checked, as in memory nobody signs. */
export const believe: Trust = (token) => {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as ReturnType<Trust>;
  } catch {
    return null;
  }
};

/**
 * The services of three clouds on loopback, as far as identities and clusters go: they check signatures, assertions, audiences and scopes as the
 * real ones do, and tell what they were asked.
 */
export class CloudServer {
  readonly aws: AwsDouble;
  readonly google: GoogleDouble;
  readonly azure: AzureDouble;
  /** `POST /aws/sts/eu-central-1/`, in order. */
  readonly asked: string[] = [];
  /** Answers everything itself while it is set. */
  trouble: (() => Reply) | null = null;
  readonly #server: Server;

  private constructor(trust: Trust, now: () => number) {
    this.aws = new AwsDouble(trust, now);
    this.google = new GoogleDouble(trust);
    this.azure = new AzureDouble(trust);
    this.#server = createServer((request, response) => {
      void text(request).then((body) => {
        const headers = Object.fromEntries(
          Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
        );
        const url = new URL(request.url ?? '/', `http://${headers['host'] ?? ''}`);
        const { status, body: answer } = this.#answer({ method: request.method ?? '', url, headers, body });
        response.writeHead(status, { 'content-type': typeof answer === 'string' ? 'text/plain' : 'application/json' });
        response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
      });
    });
  }

  /** `now` in milliseconds since the epoch: signatures and tokens run out by it. */
  static async start({
    trust = believe,
    now = Date.now,
  }: { trust?: Trust; now?: () => number } = {}): Promise<CloudServer> {
    const server = new CloudServer(trust, now);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get endpoints(): Endpoints {
    const { url } = this;
    return {
      aws: {
        service: (name, region) => `${url}/aws/${name}/${region}`,
        metadata: `${url}/aws/metadata`,
        container: `${url}/aws/container`,
      },
      gcp: {
        sts: `${url}/google/sts`,
        iamCredentials: `${url}/google/iam`,
        container: `${url}/google/container`,
        metadata: `${url}/google/metadata`,
      },
      azure: { login: `${url}/azure/login`, management: `${url}/azure/management`, metadata: `${url}/azure/instance` },
    };
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #answer(request: Arrived): Reply {
    const [, cloud = '', ...path] = request.url.pathname.split('/');
    this.asked.push(`${request.method} ${request.url.pathname}`);
    if (this.trouble !== null) return this.trouble();
    const double = { aws: this.aws, google: this.google, azure: this.azure }[cloud];
    return double?.answer(path, request) ?? { status: 404, body: { message: `nothing at ${request.url.pathname}` } };
  }
}
