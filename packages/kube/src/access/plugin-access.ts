import { dirname, isAbsolute, resolve } from 'node:path';
import { printJson, systemError, type JsonObject } from '@plumb/api';
import type { Headers } from '../transport/wire.ts';
import type { Access, TlsMaterial } from './access.ts';
import { loadClientNode } from './client-node.ts';
import { KubeconfigAccess } from './kubeconfig-access.ts';
import { objectOf, text, type KubeconfigEntry } from './kubeconfig-entry.ts';

const PLUGIN_TIMEOUT_MS = 60_000;
const MESSAGE_LIMIT = 200;

interface Credentials {
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly authorization: string | undefined;
}

/** Exec plugins and auth providers (OIDC, clouds), run by @kubernetes/client-node, which also caches what they give. */
export class PluginAccess implements Access {
  readonly server: URL;
  readonly impersonation: Headers;
  readonly proxy: URL | undefined;
  readonly #plain: KubeconfigAccess;
  readonly #entry: KubeconfigEntry;
  readonly #folder: string;
  #source: Promise<() => Promise<Credentials>> | undefined;
  #asking: Promise<Credentials> | undefined;

  constructor(entry: KubeconfigEntry, folder: string) {
    this.#plain = new KubeconfigAccess(entry, folder);
    this.server = entry.server;
    this.impersonation = this.#plain.impersonation;
    this.proxy = this.#plain.proxy;
    this.#entry = entry;
    this.#folder = folder;
  }

  async tls(): Promise<TlsMaterial> {
    const [plain, given] = await Promise.all([this.#plain.tls(), this.#credentials()]);
    if (given.cert === undefined || given.key === undefined) return plain;
    return { ...plain, cert: given.cert, key: given.key };
  }

  async headers(): Promise<Headers> {
    const { authorization } = await this.#credentials();
    return authorization === undefined ? this.#plain.headers() : { authorization };
  }

  renew(): boolean {
    this.#source = undefined;
    this.#asking = undefined;
    return true;
  }

  /** What is asked at once gets one answer: a plugin is slow, and its certificate and token belong together. */
  #credentials(): Promise<Credentials> {
    if (this.#asking !== undefined) return this.#asking;
    const asking = this.#ask().finally(() => {
      if (this.#asking === asking) this.#asking = undefined;
    });
    this.#asking = asking;
    return asking;
  }

  async #ask(): Promise<Credentials> {
    this.#source ??= this.#load();
    const timedOut = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      timedOut.reject(new Error(`no credentials within ${PLUGIN_TIMEOUT_MS / 1_000} s`));
    }, PLUGIN_TIMEOUT_MS);
    try {
      const read = await this.#source;
      return await Promise.race([read(), timedOut.promise]);
    } catch (error) {
      throw systemError('authentication-failed', `the kubeconfig's credential plugin failed: ${reasonOf(error)}`);
    } finally {
      clearTimeout(timer);
    }
  }

  async #load(): Promise<() => Promise<Credentials>> {
    const { KubeConfig } = await loadClientNode();
    const { user } = this.#entry;
    const config = new KubeConfig();
    const exec = user['exec'] === undefined ? undefined : this.#exec(objectOf(user['exec']));
    const server = this.server.href.replace(/\/$/, '');
    // It opens no connection; without skipTLSVerify it refuses to read credentials for an http:// server.
    config.loadFromClusterAndUser(
      { name: 'cluster', server, skipTLSVerify: true },
      {
        name: 'user',
        ...(exec === undefined ? {} : { exec }),
        ...(user['auth-provider'] === undefined ? {} : { authProvider: user['auth-provider'] }),
      },
    );
    return async () => {
      const options: { cert?: unknown; key?: unknown; headers?: Record<string, unknown> } = {};
      await config.applyToHTTPSOptions(options as Parameters<typeof config.applyToHTTPSOptions>[0]);
      const authorization = options.headers?.['Authorization'];
      return {
        cert: textOf(options.cert),
        key: textOf(options.key),
        authorization: textOf(authorization),
      };
    };
  }

  /** Adds what client-node leaves out: paths beside the kubeconfig, and the request that plugins read from the environment. */
  #exec(exec: JsonObject): JsonObject {
    const command = text(exec, 'command') ?? '';
    const beside = command.includes('/') && !isAbsolute(command);
    const info = {
      apiVersion: text(exec, 'apiVersion') ?? 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      spec: { interactive: false, ...(exec['provideClusterInfo'] === true ? { cluster: this.#clusterInfo() } : {}) },
    };
    const own = Array.isArray(exec['env']) ? exec['env'] : [];
    const env = [...own, { name: 'KUBERNETES_EXEC_INFO', value: printJson(info) }];
    return { ...exec, env, command: beside ? resolve(this.#folder, command) : command };
  }

  #clusterInfo(): JsonObject {
    const { cluster } = this.#entry;
    const info: JsonObject = { server: text(cluster, 'server') ?? '' };
    for (const field of ['tls-server-name', 'insecure-skip-tls-verify', 'certificate-authority-data', 'proxy-url']) {
      const value = cluster[field];
      if (value !== undefined) info[field] = value;
    }
    return info;
  }
}

export function folderOf(path: string): string {
  return dirname(resolve(path));
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** What a plugin printed as its answer may hold a token, and a parser's message quotes it. */
function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError) return 'its answer is not valid JSON';
  const said = error instanceof Error ? error.message : String(error);
  return said.trim().slice(0, MESSAGE_LIMIT);
}
