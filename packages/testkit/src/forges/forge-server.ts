import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ForgeModel, Speak } from './forge-model.ts';
import { speakBitbucket } from './speak-bitbucket.ts';
import { speakGitea } from './speak-gitea.ts';
import { speakGithub } from './speak-github.ts';
import { speakGitlab } from './speak-gitlab.ts';

const SPEAKS = { GitHub: speakGithub, GitLab: speakGitlab, Gitea: speakGitea, Bitbucket: speakBitbucket };

/** The API of a forge, played on loopback. */
export class ForgeServer {
  readonly url: string;
  model: ForgeModel;
  /** Answers in place of its own; `hang` never answers. */
  fault: { status: number; body?: string; headers?: Record<string, string> } | 'hang' | null = null;
  /** The paths that were asked for. */
  readonly asked: string[] = [];
  readonly #server: Server;
  readonly #hanging: (() => void)[] = [];

  private constructor(server: Server, url: string, model: ForgeModel) {
    this.#server = server;
    this.url = url;
    this.model = model;
  }

  static async start(provider: keyof typeof SPEAKS, model: ForgeModel): Promise<ForgeServer> {
    let forge: ForgeServer | null = null;
    const server = createServer((request, response) => forge?.answer(request, response, SPEAKS[provider]));
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    forge = new ForgeServer(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`, model);
    return forge;
  }

  answer(request: IncomingMessage, response: ServerResponse, speak: Speak): void {
    const url = new URL(request.url ?? '/', this.url);
    this.asked.push(`${url.pathname}${url.search}`);
    const send = (status: number, body: string, headers: Record<string, string> = {}): void => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
    };
    const usual = (): void => {
      const [, token] = (request.headers.authorization ?? '').split(' ');
      if (token !== this.model.token) return send(401, '{"message":"Bad credentials"}');
      const path = url.pathname.split('/').slice(2).map(decodeURIComponent);
      const spoken = speak({ path, query: url.searchParams, model: this.model, root: this.url });
      return spoken === null ? send(404, '{"message":"Not Found"}') : send(200, JSON.stringify(spoken));
    };
    if (this.fault === 'hang') this.#hanging.push(usual);
    else if (this.fault === null) usual();
    else send(this.fault.status, this.fault.body ?? '', this.fault.headers);
  }

  /** Answers what it let hang. */
  wake(): void {
    this.fault = null;
    for (const answer of this.#hanging.splice(0)) answer();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
