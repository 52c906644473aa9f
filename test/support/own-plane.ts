import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Agent, AgentOptions } from '@plumb/agent';
import { startAgent } from '@plumb/agent';
import { crds } from '@plumb/api';
import { createEngine } from '@plumb/engine';
import { connect, type Cluster, type RequestCounter } from '@plumb/kube';
import { startControlPlane, type ControlPlane } from '@plumb/sandbox';
import { createDownloads, createGitSources } from '@plumb/sources';
import { CLUSTER_PATH, ENGINE_PATH } from './paths.ts';
import { keptPort } from './ports.ts';

/** A control plane of one scenario's own, that it may stop, start and set back. It keeps its address. */
export class OwnPlane {
  readonly dir: string;
  #plane: ControlPlane;
  readonly #port: number;
  readonly #audit: boolean;

  private constructor(dir: string, plane: ControlPlane, audit: boolean) {
    this.dir = dir;
    this.#plane = plane;
    this.#port = Number(new URL(plane.url).port);
    this.#audit = audit;
  }

  /** `audit` notes every request in `auditLog`. */
  static async start({ audit = false }: { audit?: boolean } = {}): Promise<OwnPlane> {
    const dir = await mkdtemp(join(tmpdir(), 'plumb-plane-'));
    const port = keptPort();
    const plane = await startControlPlane({ clusterPath: CLUSTER_PATH, dir: join(dir, 'plane'), port, audit });
    const own = new OwnPlane(dir, plane, audit);
    const cluster = await own.connect();
    for (const crd of crds()) await cluster.apply(crd, { fieldManager: 'test', force: true });
    await cluster.close();
    return own;
  }

  get kubeconfig(): string {
    return this.#plane.kubeconfig;
  }

  get port(): number {
    return this.#port;
  }

  get auditLog(): string {
    return join(this.dir, 'plane', 'audit.log');
  }

  /** A kubeconfig of an administrator of another name. */
  kubeconfigFor(user: string): Promise<string> {
    return this.#plane.kubeconfigFor(user, ['system:masters']);
  }

  /** A kubeconfig of somebody whom the API server knows by a certificate. */
  kubeconfigOf(user: string, groups: readonly string[]): Promise<string> {
    return this.#plane.kubeconfigFor(user, groups);
  }

  /** A kubeconfig of a service account, by a token that the API server gives (TokenRequest). @param dir where it is written */
  async kubeconfigOfAccount(account: { namespace: string; name: string }, dir: string): Promise<string> {
    const cluster = await this.connect();
    const { token } = await cluster.createToken(account, { audiences: [] });
    await cluster.close();
    const path = join(dir, `${account.namespace}-${account.name}.json`);
    await writeFile(path, await this.kubeconfigText({ token }), { mode: 0o600 });
    return path;
  }

  connect(options: { counter?: RequestCounter; kubeconfig?: string } = {}): Promise<Cluster> {
    return connect({ kubeconfig: this.#plane.kubeconfig, ...options });
  }

  /** `host:port` */
  get host(): string {
    return new URL(this.#plane.url).host;
  }

  /** The text of a kubeconfig: for the administrator, or for a user without any rights; with a certificate, or with a token instead. */
  async kubeconfigText({ user, token }: { user?: string; token?: string } = {}): Promise<string> {
    const groups = user === undefined ? ['system:masters'] : [];
    const text = await readFile(await this.#plane.kubeconfigFor(user ?? 'admin', groups), 'utf8');
    if (token === undefined) return text;
    const config = JSON.parse(text) as { users: { name: string; user: object }[] };
    return JSON.stringify({ ...config, users: config.users.map(({ name }) => ({ name, user: { token } })) });
  }

  stop(): Promise<void> {
    return this.#plane.stop();
  }

  async again(): Promise<void> {
    this.#plane = await startControlPlane({
      clusterPath: CLUSTER_PATH,
      dir: join(this.dir, 'plane'),
      port: this.#port,
      audit: this.#audit,
    });
    const { port } = new URL(this.#plane.url);
    if (Number(port) !== this.#port) throw new Error(`port ${this.#port} was taken while the plane was stopped`);
  }

  /** What etcd holds now, for `restore`. Only while the plane is stopped. */
  async snapshot(): Promise<void> {
    await rm(join(this.dir, 'snapshot'), { recursive: true, force: true });
    await cp(join(this.dir, 'plane', 'etcd'), join(this.dir, 'snapshot'), { recursive: true });
  }

  /** Sets etcd back to the snapshot. Only while the plane is stopped. */
  async restore(): Promise<void> {
    await rm(join(this.dir, 'plane', 'etcd'), { recursive: true });
    await cp(join(this.dir, 'snapshot'), join(this.dir, 'plane', 'etcd'), { recursive: true });
  }

  async close(): Promise<void> {
    await this.#plane.stop();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** An agent on a connection of its own, which the audit log knows as `user`. */
  async agent(
    options: Partial<AgentOptions> & { counter: RequestCounter; user: string },
  ): Promise<{ agent: Agent; cluster: Cluster; close: () => Promise<void> }> {
    const { counter, user, ...rest } = options;
    const cluster = await this.connect({ counter, kubeconfig: await this.kubeconfigFor(user) });
    const engine = createEngine({ path: ENGINE_PATH });
    const sources = createGitSources({ dir: join(this.dir, 'sources') });
    const downloads = createDownloads({ dir: join(this.dir, 'sources') });
    const agent = await startAgent({
      cluster,
      sources,
      downloads,
      engine,
      artifactHost: 'localhost',
      instance: 'test',
      ...rest,
    });
    const close = async (): Promise<void> => {
      await agent.close();
      await sources.close();
      await downloads.close();
      await engine.close();
      await cluster.close();
    };
    return { agent, cluster, close };
  }
}
