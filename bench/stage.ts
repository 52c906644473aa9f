import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { crds, FLUX_NAMESPACE, GIT_REPOSITORY, KUSTOMIZATION, REQUESTED_AT_ANNOTATION } from '@plumb/api';
import type { KindRef, KubeObject, ObjectKey } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { connect, reflect } from '@plumb/kube';
import type { ControlPlane, GitServer } from '@plumb/sandbox';
import { startControlPlane, startGitServer } from '@plumb/sandbox';
import type { Manner } from './agent-process.ts';
import { AgentProcess } from './agent-process.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..');
export const NAMESPACE = 'bench';
const SOURCE = { ...GIT_REPOSITORY, namespace: NAMESPACE, name: 'bench' };
const GIT_ENVIRONMENT = {
  PATH: process.env['PATH'],
  GIT_AUTHOR_NAME: 'Bench',
  GIT_AUTHOR_EMAIL: 'bench@localhost',
  GIT_COMMITTER_NAME: 'Bench',
  GIT_COMMITTER_EMAIL: 'bench@localhost',
  GIT_CONFIG_NOSYSTEM: '1',
};

/** The content of a repository by path. */
export type Files = Readonly<Record<string, string>>;

/** A control plane, a repository, and an agent in a process of its own. */
export class Stage {
  readonly cluster: Cluster;
  /** Path of the agent's kubeconfig, an administrator's. */
  readonly kubeconfig: string;
  #agent: AgentProcess;
  readonly #manner: Manner;
  readonly #plane: ControlPlane;
  readonly #server: GitServer;
  readonly #dir: string;
  readonly #clone: string;
  readonly #url: string;

  private constructor(parts: {
    cluster: Cluster;
    agent: AgentProcess;
    manner: Manner;
    kubeconfig: string;
    plane: ControlPlane;
    server: GitServer;
    dir: string;
    url: string;
  }) {
    this.cluster = parts.cluster;
    this.#agent = parts.agent;
    this.#manner = parts.manner;
    this.kubeconfig = parts.kubeconfig;
    this.#plane = parts.plane;
    this.#server = parts.server;
    this.#dir = parts.dir;
    this.#clone = join(parts.dir, 'clone');
    this.#url = parts.url;
  }

  static async start(files: Files, manner: Manner): Promise<Stage> {
    const dir = await mkdtemp(join(tmpdir(), 'plumb-bench-'));
    const plane = await startControlPlane({ clusterPath: join(ROOT, 'build/cluster'), dir: join(dir, 'plane') });
    const cluster = await connect({ kubeconfig: plane.kubeconfig, userAgent: 'plumb-bench' });
    for (const crd of crds()) await cluster.apply(crd, { fieldManager: 'bench', force: true });
    // Leases are kept where an agent is installed.
    for (const name of [NAMESPACE, FLUX_NAMESPACE])
      await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    const server = await startGitServer({ dir: join(dir, 'git') });
    const url = await server.create('bench');
    const kubeconfig = await plane.kubeconfigFor('plumb-agent', ['system:masters']);
    const agent = await AgentProcess.start({ root: ROOT, kubeconfig, dir, ...manner });
    const stage = new Stage({ cluster, agent, manner, kubeconfig, plane, server, dir, url });
    await stage.#fill(files);
    return stage;
  }

  async stop(): Promise<void> {
    await this.#agent.stop();
    await this.cluster.close();
    await this.#server.close();
    await this.#plane.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** Creates the source and waits until its artifact is there. */
  async follow(): Promise<void> {
    const spec = { url: this.#url, interval: '10m', ref: { branch: 'main' } };
    const { group, version, kind, name, namespace } = SOURCE;
    await this.cluster.create({ apiVersion: `${group}/${version}`, kind, metadata: { name, namespace }, spec });
    await this.watchUntil(
      SOURCE,
      (object) => (object['status'] as { artifact?: object } | undefined)?.artifact !== undefined,
    );
  }

  get agent(): AgentProcess {
    return this.#agent;
  }

  /** Ends the agent and starts another on the same disk. */
  async restartAgent(): Promise<void> {
    await this.#agent.stop();
    const manner = { ...this.#manner, profile: null };
    this.#agent = await AgentProcess.start({ root: ROOT, kubeconfig: this.kubeconfig, dir: this.#dir, ...manner });
  }

  async createUnits(units: readonly Unit[]): Promise<void> {
    await Promise.all(units.map((unit) => this.cluster.create(unitObject(unit))));
  }

  /** Resolves when `count` units report this revision and are Ready. */
  async allAt(revision: string, count: number): Promise<void> {
    const done = new Set<string>();
    await this.watchUntil(KUSTOMIZATION, (object) => {
      const status = object['status'] as
        | { lastAppliedRevision?: string; conditions?: { type: string; status: string }[] }
        | undefined;
      const ready =
        status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
      if (ready && status?.lastAppliedRevision === revision) done.add(object.metadata.name);
      return done.size >= count;
    });
  }

  /** Writes files, commits and pushes. @returns the revision */
  async push(files: Files, message: string): Promise<string> {
    for (const [path, content] of Object.entries(files)) await writeFile(join(this.#clone, path), content);
    await this.#git('add', '--all');
    await this.#git('commit', '--quiet', '-m', message);
    await this.#git('push', '--quiet', 'origin', 'main');
    return this.revision();
  }

  async revision(): Promise<string> {
    return `main@sha1:${await this.#git('rev-parse', 'HEAD')}`;
  }

  /** Asks the source, or another object, to be looked at, as `flux reconcile` does. @returns the token */
  async request(key: ObjectKey = SOURCE): Promise<string> {
    const token = new Date().toISOString();
    await this.cluster.patch(
      key,
      { metadata: { annotations: { [REQUESTED_AT_ANNOTATION]: token } } },
      { type: 'merge' },
    );
    return token;
  }

  /** Resolves when a unit has answered a request. */
  handled(name: string, token: string): Promise<void> {
    const isHandled = (object: KubeObject): boolean =>
      (object['status'] as { lastHandledReconcileAt?: string } | undefined)?.lastHandledReconcileAt === token;
    return this.watchUntil(KUSTOMIZATION, isHandled, { fieldSelector: `metadata.name=${name}` });
  }

  /** Hands on every object of a kind as it changes; `listed` is called when the first list is in. */
  async follows(
    kind: KindRef,
    note: (object: KubeObject) => void,
    listed: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const sink = { upsert: note, remove: () => undefined, synced: listed };
    await reflect(this.cluster, kind, sink, { namespace: NAMESPACE, signal }).done();
  }

  /** Lists and watches one kind until an object satisfies. */
  async watchUntil(
    kind: KindRef,
    holds: (object: KubeObject) => boolean,
    selection: { fieldSelector?: string } = {},
  ): Promise<void> {
    const signal = AbortSignal.timeout(600_000);
    const { group, version, kind: name } = kind;
    const ref = { group, version, kind: name };
    for (;;) {
      const list = await this.cluster.list(ref, { namespace: NAMESPACE, ...selection, signal });
      for (const object of list.items) if (holds(object)) return;
      const { resourceVersion } = list;
      for await (const event of this.cluster.watch(ref, {
        namespace: NAMESPACE,
        ...selection,
        resourceVersion,
        signal,
      })) {
        if (event.type === 'expired') break;
        if ((event.type === 'added' || event.type === 'modified') && holds(event.object)) return;
      }
    }
  }

  async #fill(files: Files): Promise<void> {
    await run('git', ['clone', '--quiet', this.#url, this.#clone], { env: GIT_ENVIRONMENT });
    await this.#git('symbolic-ref', 'HEAD', 'refs/heads/main');
    for (const [path, content] of Object.entries(files)) {
      const file = join(this.#clone, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
    }
    await this.#git('add', '--all');
    await this.#git('commit', '--quiet', '-m', 'First');
    await this.#git('push', '--quiet', 'origin', 'main');
  }

  async #git(...args: string[]): Promise<string> {
    const { stdout } = await run('git', args, { cwd: this.#clone, env: GIT_ENVIRONMENT });
    return stdout.trim();
  }
}

/** One Kustomization to make. */
export interface Unit {
  name: string;
  path: string;
  interval?: string;
  wait?: boolean;
  /** More fields of its spec. */
  spec?: Readonly<Record<string, unknown>>;
}

export function unitKey(name: string): ObjectKey {
  return { ...KUSTOMIZATION, namespace: NAMESPACE, name };
}

function unitObject({ name, path, interval = '10m', wait = true, spec = {} }: Unit): KubeObject {
  const sourceRef = { kind: 'GitRepository', name: 'bench' };
  return {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name, namespace: NAMESPACE },
    spec: { interval, path, prune: true, wait, timeout: '10m', sourceRef, ...spec },
  };
}
