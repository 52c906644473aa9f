import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Agent, AgentOptions } from '@plumb/agent';
import { startAgent } from '@plumb/agent';
import type { JsonObject, KindRef, Kustomization, KustomizationStatus, KubeObject, ObjectKey } from '@plumb/api';
import { displayKey, GIT_REPOSITORY, HELM_RELEASE, KUSTOMIZATION, REQUESTED_AT_ANNOTATION } from '@plumb/api';
import type { Engine, EngineOptions } from '@plumb/engine';
import { createEngine } from '@plumb/engine';
import type { Cluster, ConnectOptions } from '@plumb/kube';
import { connect } from '@plumb/kube';
import { startGitServer } from '@plumb/sandbox';
import type { Downloads, GitSources } from '@plumb/sources';
import { createDownloads, createGitSources } from '@plumb/sources';
import { checkStatus, freshNamespace } from '@plumb/testkit';
import { inject } from 'vitest';
import { ENGINE_PATH } from './paths.ts';
import { Repository } from './repository.ts';
import { statesOf } from './states.ts';

const EVENT: KindRef = { group: '', version: 'v1', kind: 'Event' };

/** What a scenario may set of its agent. */
export type StartAgent = Partial<AgentOptions> & { connect?: Pick<ConnectOptions, 'counter' | 'kubeconfig'> };

/**
 * One scenario's own corner of the shared cluster: a namespace for its Flux objects, a Git repository, and an agent that acts on that
 * namespace only. `target` is the name of a namespace the scenario may declare.
 */
export class World {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly target: string;
  readonly repository: Repository;
  readonly #kubeconfig: string;
  readonly #dir: string;
  readonly #engine: Engine;
  readonly #closers: (() => Promise<unknown>)[];
  #agent: { agent: Agent; cluster: Cluster; sources: GitSources; downloads: Downloads } | null = null;
  /** What the agent could not cope with; a scenario that ends with any has failed. */
  readonly faults: string[] = [];

  private constructor(parts: {
    cluster: Cluster;
    kubeconfig: string;
    namespace: string;
    repository: Repository;
    dir: string;
    engine: Engine;
    closers: (() => Promise<unknown>)[];
  }) {
    this.cluster = parts.cluster;
    this.namespace = parts.namespace;
    this.target = `shop-${randomBytes(4).toString('hex')}`;
    this.repository = parts.repository;
    this.#kubeconfig = parts.kubeconfig;
    this.#dir = parts.dir;
    this.#engine = parts.engine;
    this.#closers = parts.closers;
  }

  /** `agent: false` starts none. By default on the cluster that all scenarios share. */
  static async start({
    agent = {},
    engine: limits = {},
    kubeconfig = inject('kubeconfig'),
  }: {
    agent?: StartAgent | false;
    engine?: Pick<EngineOptions, 'memoryLimit'>;
    kubeconfig?: string;
  } = {}): Promise<World> {
    const dir = await mkdtemp(join(tmpdir(), 'plumb-world-'));
    const cluster = await connect({ kubeconfig, userAgent: 'plumb-test' });
    const namespace = await freshNamespace(cluster);
    const server = await startGitServer({ dir: join(dir, 'git') });
    const url = await server.create('shop');
    const repository = await Repository.clone(url, dir);
    const engine = createEngine({ path: ENGINE_PATH, ...limits });
    const closers = [
      () => engine.close(),
      () => server.close(),
      () => cluster.close(),
      () => rm(dir, { recursive: true, force: true }),
    ];
    const world = new World({ cluster, kubeconfig, namespace, repository, dir, engine, closers });
    if (agent !== false) await world.startAgent(agent);
    return world;
  }

  async startAgent({ connect: connection, ...options }: StartAgent = {}): Promise<Agent> {
    const cluster = await connect({ kubeconfig: this.#kubeconfig, userAgent: 'plumb-agent', ...connection });
    const sources = createGitSources({ dir: join(this.#dir, 'sources'), engine: this.#engine });
    const downloads = createDownloads({ dir: join(this.#dir, 'sources') });
    const agent = await startAgent({
      cluster,
      sources,
      downloads,
      engine: this.#engine,
      namespace: this.namespace,
      artifactHost: 'localhost',
      instance: 'test',
      onFault: (what, error) => this.faults.push(`${what}: ${String(error)}`),
      ...options,
    });
    this.#agent = { agent, cluster, sources, downloads };
    return agent;
  }

  /**
   * Starts an agent as a process of its own, on the same storage. `host` is where artifacts are served, whatever their URLs say.
   * @returns the running process; the caller ends it
   */
  async spawnAgent({ applies = 16, host = '' }: { applies?: number; host?: string } = {}): Promise<ChildProcess> {
    const options = {
      kubeconfig: this.#kubeconfig,
      namespace: this.namespace,
      dir: join(this.#dir, 'sources'),
      engine: ENGINE_PATH,
      applies: String(applies),
      host,
    };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const child = spawn(process.execPath, [join(import.meta.dirname, 'agent-process.ts'), ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    return child;
  }

  async stopAgent(): Promise<void> {
    const running = this.#agent;
    this.#agent = null;
    if (running === null) return;
    await running.agent.close();
    await running.sources.close();
    await running.downloads.close();
    await running.cluster.close();
  }

  get agent(): Agent {
    if (this.#agent === null) throw new Error('the agent is not running');
    return this.#agent.agent;
  }

  async close(): Promise<void> {
    await this.stopAgent();
    await this.cluster.delete(namespaceKey(this.target));
    await this.cluster.delete(namespaceKey(this.namespace));
    for (const close of this.#closers) await close();
  }

  /** The text of the shared cluster's kubeconfig. */
  kubeconfig(): Promise<string> {
    return readFile(inject('kubeconfig'), 'utf8');
  }

  gitRepository(spec: Record<string, unknown> = {}): Promise<KubeObject> {
    return this.apply({
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'GitRepository',
      metadata: { name: 'shop', namespace: this.namespace },
      spec: { url: this.repository.url, interval: '10m', ref: { branch: 'main' }, ...spec },
    });
  }

  kustomization(name: string, spec: Record<string, unknown> = {}): Promise<KubeObject> {
    return this.apply({
      apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
      kind: 'Kustomization',
      metadata: { name, namespace: this.namespace },
      spec: {
        sourceRef: { kind: 'GitRepository', name: 'shop' },
        path: `./${name}`,
        interval: '10m',
        prune: true,
        timeout: '1m',
        ...spec,
      },
    });
  }

  apply(object: KubeObject): Promise<KubeObject> {
    return this.cluster.apply(object, { fieldManager: 'test', force: true });
  }

  /** Commits, and asks the source to look at once, as `flux reconcile source git` does. */
  async push(files: Readonly<Record<string, string | Buffer | null>>, message?: string, by?: string): Promise<string> {
    const commit = await this.repository.commit(files, message, by);
    await this.requestSource();
    return `main@sha1:${commit}`;
  }

  async requestSource(): Promise<string> {
    return this.request({ ...GIT_REPOSITORY, namespace: this.namespace, name: 'shop' });
  }

  async request(key: ObjectKey): Promise<string> {
    const token = `${new Date().toISOString()}-${randomBytes(2).toString('hex')}`;
    await this.cluster.patch(
      key,
      { metadata: { annotations: { [REQUESTED_AT_ANNOTATION]: token } } },
      { type: 'merge' },
    );
    return token;
  }

  unitKey(name: string): ObjectKey {
    return { ...KUSTOMIZATION, namespace: this.namespace, name };
  }

  sourceKey(): ObjectKey {
    return { ...GIT_REPOSITORY, namespace: this.namespace, name: 'shop' };
  }

  async suspend(name: string, suspend: boolean): Promise<void> {
    await this.cluster.patch(this.unitKey(name), { spec: { suspend } }, { type: 'merge', fieldManager: 'flux' });
  }

  /** Waits until the source offers this revision. */
  async fetched(revision: string): Promise<void> {
    await this.until(this.sourceKey(), `offer ${revision}`, (source) => {
      return (source?.['status'] as { artifact?: { revision: string } } | undefined)?.artifact?.revision === revision;
    });
  }

  /** Waits until a unit has applied this revision and is Ready. */
  async applied(name: string, revision: string): Promise<Kustomization> {
    const object = await this.until(this.unitKey(name), `be Ready at ${revision}`, (unit) => {
      const status = unit?.['status'] as Kustomization['status'];
      return status?.lastAppliedRevision === revision && condition(unit, 'Ready')?.status === 'True';
    });
    return object as unknown as Kustomization;
  }

  /** Asks for a run of a unit, and waits until it is over: what is so then was judged by all that there was. */
  async judgedAnew(name: string): Promise<void> {
    const token = await this.request(this.unitKey(name));
    await this.until(this.unitKey(name), 'have been judged anew', (unit) => {
      return (unit?.['status'] as Kustomization['status'])?.lastHandledReconcileAt === token;
    });
  }

  /** Waits until a condition has this status and reason. */
  async conditionIs(key: ObjectKey, type: string, status: string, reason?: string): Promise<KubeObject> {
    const object = await this.until(key, `have ${type}=${status} ${reason ?? ''}`, (seen) => {
      const found = condition(seen, type);
      return found?.status === status && (reason === undefined || found.reason === reason);
    });
    return object as KubeObject;
  }

  /** Waits by watch until an object (null: gone) is as asked. */
  async until(
    key: ObjectKey,
    what: string,
    holds: (object: KubeObject | null) => boolean,
    ms = 60_000,
  ): Promise<KubeObject | null> {
    const over = AbortSignal.timeout(ms);
    let last: KubeObject | null = null;
    try {
      for await (const state of statesOf(this.cluster, key, over)) {
        last = state;
        if (holds(last)) return last;
      }
    } catch (error) {
      if (!over.aborted) throw error;
    }
    const seen = JSON.stringify(last?.['status'] ?? null, null, 1);
    throw new Error(
      `${displayKey(key)} did not ${what} within ${ms} ms; last seen status: ${seen}; faults: ${this.faults.join('; ')}`,
    );
  }

  /** Changes an object as somebody at a keyboard would. */
  edit(key: ObjectKey, patch: JsonObject, manager = 'kubectl-edit'): Promise<KubeObject> {
    return this.cluster.patch(key, patch, { type: 'merge', fieldManager: manager });
  }

  get(key: ObjectKey): Promise<KubeObject | null> {
    return this.cluster.get(key);
  }

  /** What is wrong at the end of a scenario: faults of the agent, and statuses that break a rule. Empty when all is well. */
  async problems(): Promise<string[]> {
    const found = [...this.faults];
    for (const kind of [GIT_REPOSITORY, KUSTOMIZATION, HELM_RELEASE]) {
      if ((await this.cluster.resource(kind)) === null) continue;
      const { items } = await this.cluster.list(kind, { namespace: this.namespace });
      for (const object of items)
        found.push(...checkStatus(object).map((broken) => `${kind.kind}/${object.metadata.name}: ${broken}`));
    }
    return found;
  }

  /** Waits by watch until an event about an object is as asked. @returns its message */
  async event(
    key: ObjectKey,
    reason: string,
    holds: (message: string) => boolean = () => true,
    ms = 45_000,
  ): Promise<string> {
    const selection = {
      namespace: key.namespace,
      fieldSelector: `involvedObject.kind=${key.kind},involvedObject.name=${key.name}`,
    };
    const over = AbortSignal.timeout(ms);
    const seen: string[] = [];
    const fits = (object: KubeObject): boolean => {
      seen.push(`${String(object['reason'])}: ${String(object['message'])}`);
      return object['reason'] === reason && holds(String(object['message']));
    };
    const list = await this.cluster.list(EVENT, { ...selection, signal: over });
    const found = list.items.find(fits);
    if (found !== undefined) return String(found['message']);
    try {
      for await (const event of this.cluster.watch(EVENT, {
        ...selection,
        resourceVersion: list.resourceVersion,
        signal: over,
      })) {
        if (event.type === 'added' && fits(event.object)) return String(event.object['message']);
      }
    } catch (error) {
      if (!over.aborted) throw error;
    }
    throw new Error(`no event ${reason} as asked about ${key.kind}/${key.name}; seen:\n${seen.join('\n')}`);
  }

  /** Events about one object, oldest first. */
  async events(key: ObjectKey): Promise<{ reason: string; message: string; type: string }[]> {
    const fieldSelector = `involvedObject.kind=${key.kind},involvedObject.name=${key.name}`;
    const list = await this.cluster.list(EVENT, { namespace: key.namespace, fieldSelector });
    return list.items as unknown as { reason: string; message: string; type: string }[];
  }
}

/** The status of a Flux object, to look at without a schema. */
export function statusOf(object: KubeObject | null): Partial<KustomizationStatus> {
  return (object?.['status'] ?? {}) as Partial<KustomizationStatus>;
}

export function condition(
  object: KubeObject | null | undefined,
  type: string,
): { status: string; reason: string; message: string } | undefined {
  const status = object?.['status'] as
    | { conditions?: { type: string; status: string; reason: string; message: string }[] }
    | undefined;
  return status?.conditions?.find((entry) => entry.type === type);
}

export function namespaceKey(name: string): ObjectKey {
  return { group: '', version: 'v1', kind: 'Namespace', namespace: '', name };
}

export function configMapKey(namespace: string, name: string): ObjectKey {
  return { group: '', version: 'v1', kind: 'ConfigMap', namespace, name };
}

export function deploymentKey(namespace: string, name: string): ObjectKey {
  return { group: 'apps', version: 'v1', kind: 'Deployment', namespace, name };
}
