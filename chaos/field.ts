import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ObjectKey } from '@plumb/api';
import { GIT_REPOSITORY, KUSTOMIZATION, REQUESTED_AT_ANNOTATION } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { connect } from '@plumb/kube';
import type { GitServer } from '@plumb/sandbox';
import { startGitServer } from '@plumb/sandbox';
import { Repository } from '../test/support/repository.ts';
import { TcpProxy } from '../test/support/tcp-proxy.ts';
import { KillableAgent } from './agent.ts';
import { ByHand, lenient } from './by-hand.ts';
import { History } from './history.ts';
import type { Unit } from './model.ts';
import { folderOf, KINDS } from './model.ts';

const SOURCE = 'chaos';

/** How a round's field is laid out. */
export interface Layout {
  kubeconfig: string;
  /** What the agents connect with, each by its host; by default the same. */
  agentKubeconfig?: (host: string) => string;
  /** Host names of the replicas; none: one agent that is alone. */
  replicas?: readonly string[];
  /** Of the source and of each Kustomization. */
  intervals?: { source: string; unit: string };
  /** Whether all that is written is recorded: the record does not survive an outage of the API server. */
  recorded?: boolean;
}

/** Where one round takes place: two namespaces, a repository, agents to make trouble for, and a record of all that was written. */
export class Field {
  readonly cluster: Cluster;
  /** Of the Flux objects. */
  readonly namespace: string;
  /** Of the declared objects. */
  readonly target: string;
  readonly repository: Repository;
  readonly agents: readonly KillableAgent[];
  readonly history: History;
  /** The agents' way to the repository. */
  readonly toGit: TcpProxy;
  readonly dir: string;
  /** Every revision that was pushed. */
  readonly revisions = new Set<string>();
  /** Names of units that waited for health: one may be another's by now. */
  readonly waited = new Set<string>();
  readonly #server: GitServer;
  readonly #intervals: { source: string; unit: string };
  readonly #since = performance.now();
  readonly log: string[] = [];
  readonly byHand: ByHand;

  private constructor(
    parts: Pick<Field, 'cluster' | 'namespace' | 'target' | 'repository' | 'agents' | 'history' | 'toGit' | 'dir'> & {
      server: GitServer;
      intervals: { source: string; unit: string };
    },
  ) {
    this.cluster = parts.cluster;
    this.namespace = parts.namespace;
    this.target = parts.target;
    this.repository = parts.repository;
    this.agents = parts.agents;
    this.history = parts.history;
    this.toGit = parts.toGit;
    this.dir = parts.dir;
    this.#server = parts.server;
    this.#intervals = parts.intervals;
    this.byHand = new ByHand(parts.cluster, (text) => this.say(text));
  }

  static async start(layout: Layout): Promise<Field> {
    const { kubeconfig, agentKubeconfig = () => kubeconfig, replicas = [''], recorded = true } = layout;
    const { intervals = { source: '5s', unit: '1m' } } = layout;
    const dir = await mkdtemp(join(tmpdir(), 'plumb-chaos-'));
    const cluster = await connect({ kubeconfig, userAgent: 'plumb-chaos' });
    const namespace = `chaos-${randomBytes(4).toString('hex')}`;
    const target = `${namespace}-shop`;
    for (const name of [namespace, target]) {
      await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    }
    const server = await startGitServer({ dir: join(dir, 'git') });
    const repository = await Repository.clone(await server.create(SOURCE), dir);
    const toGit = await TcpProxy.to(Number(new URL(server.url).port));
    const agents: KillableAgent[] = [];
    for (const host of replicas) {
      const disk = join(dir, `agent${host}`);
      await mkdir(disk);
      const own = { kubeconfig: agentKubeconfig(host), namespace, dir: disk, log: `${disk}.log`, host };
      agents.push(new KillableAgent(own));
    }
    const flux = [GIT_REPOSITORY, KUSTOMIZATION].map((kind) => ({ kind, namespace }));
    const declared = KINDS.map((kind) => ({ kind, namespace: target }));
    const history = await History.start(cluster, recorded ? [...declared, ...flux] : []);
    return new Field({ cluster, namespace, target, repository, agents, history, toGit, dir, server, intervals });
  }

  /** The only agent, or the first of the replicas. */
  get agent(): KillableAgent {
    const [first] = this.agents;
    if (first === undefined) throw new Error('there is no agent');
    return first;
  }

  startAgents(): void {
    for (const agent of this.agents) agent.start();
  }

  /** Ends all agents in order. @returns what went wrong */
  async stopAgents(): Promise<string[]> {
    const codes = await Promise.all(this.agents.map((agent) => agent.stop()));
    return codes.flatMap((code) => (code === 0 ? [] : [`an agent ended with ${code}`]));
  }

  /** Ends everything, and removes what is left; `keep` leaves the folder with the logs. */
  async close({ keep }: { keep: boolean }): Promise<void> {
    await this.stopAgents();
    await this.history.stop();
    await this.#removeFluxObjects();
    for (const name of [this.target, this.namespace]) {
      await this.cluster.delete({ group: '', version: 'v1', kind: 'Namespace', namespace: '', name });
    }
    await this.cluster.close();
    await this.toGit.close();
    await this.#server.close();
    if (!keep) await rm(this.dir, { recursive: true, force: true });
  }

  /** No agent is left that would take the finalizers off. */
  async #removeFluxObjects(): Promise<void> {
    for (const kind of [KUSTOMIZATION, GIT_REPOSITORY]) {
      const { items } = await this.cluster.list(kind, { namespace: this.namespace });
      for (const { metadata } of items) {
        const key = { ...kind, namespace: this.namespace, name: metadata.name };
        await this.cluster.patch(key, { metadata: { finalizers: null } }, { type: 'merge' });
        await this.cluster.delete(key);
      }
    }
  }

  say(text: string): void {
    this.log.push(`${((performance.now() - this.#since) / 1_000).toFixed(3)} ${text}`);
  }

  async push(files: Readonly<Record<string, string | null>>): Promise<void> {
    const commit = await this.repository.commit(files);
    this.revisions.add(`main@sha1:${commit}`);
    this.say(`pushed ${commit}`);
  }

  get sourceKey(): ObjectKey {
    return { ...GIT_REPOSITORY, namespace: this.namespace, name: SOURCE };
  }

  unitKey(name: string): ObjectKey {
    return { ...KUSTOMIZATION, namespace: this.namespace, name };
  }

  /** Of the repository, by the way that counts connections. */
  get gitUrl(): string {
    const url = new URL(this.repository.url);
    url.port = String(this.toGit.port);
    return url.href;
  }

  async createSource(): Promise<void> {
    await this.cluster.create({
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'GitRepository',
      metadata: { name: SOURCE, namespace: this.namespace },
      spec: { url: this.gitUrl, interval: this.#intervals.source, ref: { branch: 'main' } },
    });
  }

  async createUnit({ name, built }: Unit): Promise<void> {
    const { namespace } = this;
    if (built) this.waited.add(name);
    const spec = {
      sourceRef: { kind: 'GitRepository', name: SOURCE },
      path: `./${folderOf(name)}`,
      interval: this.#intervals.unit,
      retryInterval: '1s',
      prune: true,
      timeout: '30s',
      wait: built,
    };
    const object = {
      apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
      kind: 'Kustomization',
      metadata: { name, namespace },
      spec,
    };
    await this.cluster.create(object);
  }

  /** Of all that are in the cluster, those on their way out too. */
  async unitNames(): Promise<ReadonlySet<string>> {
    const { items } = await this.cluster.list(KUSTOMIZATION, { namespace: this.namespace });
    return new Set(items.map(({ metadata }) => metadata.name));
  }

  async request(key: ObjectKey): Promise<void> {
    const annotations = { [REQUESTED_AT_ANNOTATION]: `${new Date().toISOString()}-${this.log.length}` };
    await lenient(() => this.cluster.patch(key, { metadata: { annotations } }, { type: 'merge' }));
  }
}
