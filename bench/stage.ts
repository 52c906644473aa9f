import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crds, GIT_REPOSITORY, KUSTOMIZATION, REQUESTED_AT_ANNOTATION } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { connect } from '@plumb/kube';
import type { ControlPlane, GitServer } from '@plumb/sandbox';
import { startControlPlane, startGitServer } from '@plumb/sandbox';
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

/** A control plane, a repository of N directories of four objects each, and an agent in a process of its own. */
export class Stage {
  readonly cluster: Cluster;
  readonly agent: AgentProcess;
  readonly #plane: ControlPlane;
  readonly #server: GitServer;
  readonly #dir: string;
  readonly #clone: string;
  readonly #url: string;

  private constructor(parts: {
    cluster: Cluster;
    agent: AgentProcess;
    plane: ControlPlane;
    server: GitServer;
    dir: string;
    url: string;
  }) {
    this.cluster = parts.cluster;
    this.agent = parts.agent;
    this.#plane = parts.plane;
    this.#server = parts.server;
    this.#dir = parts.dir;
    this.#clone = join(parts.dir, 'clone');
    this.#url = parts.url;
  }

  static async start(units: number): Promise<Stage> {
    const dir = await mkdtemp(join(tmpdir(), 'plumb-bench-'));
    const plane = await startControlPlane({ clusterPath: join(ROOT, 'build/cluster'), dir: join(dir, 'plane') });
    const cluster = await connect({ kubeconfig: plane.kubeconfig, userAgent: 'plumb-bench' });
    for (const crd of crds()) await cluster.apply(crd, { fieldManager: 'bench', force: true });
    await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
    const server = await startGitServer({ dir: join(dir, 'git') });
    const url = await server.create('bench');
    const kubeconfig = await plane.kubeconfigFor('plumb-agent', ['system:masters']);
    const agent = await AgentProcess.start({ root: ROOT, kubeconfig, dir });
    const stage = new Stage({ cluster, agent, plane, server, dir, url });
    await stage.#fill(units);
    return stage;
  }

  async stop(): Promise<void> {
    await this.agent.stop();
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

  async createUnits(units: number): Promise<void> {
    const indexes = Array.from({ length: units }, (_, index) => index);
    await Promise.all(indexes.map((index) => this.cluster.create(unitObject(index))));
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

  /** Changes one directory and pushes. @returns the revision */
  async change(unit: number, value: string): Promise<string> {
    await writeFile(join(this.#clone, `units/${unit}/config.yaml`), configOf(unit, value));
    await this.#git('commit', '--quiet', '--all', '-m', `Change ${unit}`);
    await this.#git('push', '--quiet', 'origin', 'main');
    return this.revision();
  }

  async revision(): Promise<string> {
    return `main@sha1:${await this.#git('rev-parse', 'HEAD')}`;
  }

  async request(): Promise<void> {
    const annotations = { [REQUESTED_AT_ANNOTATION]: new Date().toISOString() };
    await this.cluster.patch(SOURCE, { metadata: { annotations } }, { type: 'merge' });
  }

  /** Lists and watches one kind until an object satisfies. */
  async watchUntil(
    kind: { group: string; version: string; kind: string },
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

  async #fill(units: number): Promise<void> {
    await run('git', ['clone', '--quiet', this.#url, this.#clone], { env: GIT_ENVIRONMENT });
    await this.#git('symbolic-ref', 'HEAD', 'refs/heads/main');
    for (let unit = 0; unit < units; unit++) {
      const dir = join(this.#clone, 'units', String(unit));
      await mkdir(dir, { recursive: true });
      const files = {
        'config.yaml': configOf(unit, 'first'),
        'account.yaml': accountOf(unit),
        'service.yaml': serviceOf(unit),
        'deployment.yaml': deploymentOf(unit),
      };
      for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), content);
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

function unitObject(index: number): KubeObject {
  return {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name: `unit-${index}`, namespace: NAMESPACE },
    spec: {
      interval: '10m',
      path: `./units/${index}`,
      prune: true,
      wait: true,
      timeout: '2m',
      sourceRef: { kind: 'GitRepository', name: 'bench' },
    },
  };
}

export const configName = (unit: number): string => `app-${unit}`;

function configOf(unit: number, value: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app-${unit}\n  namespace: ${NAMESPACE}\ndata:\n  value: ${JSON.stringify(value)}\n`;
}

function accountOf(unit: number): string {
  return `apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: app-${unit}\n  namespace: ${NAMESPACE}\n`;
}

function serviceOf(unit: number): string {
  return `apiVersion: v1
kind: Service
metadata:
  name: app-${unit}
  namespace: ${NAMESPACE}
spec:
  clusterIP: None
  selector: { app: app-${unit} }
  ports: [{ name: http, port: 80 }]
`;
}

function deploymentOf(unit: number): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-${unit}
  namespace: ${NAMESPACE}
spec:
  replicas: 0
  selector: { matchLabels: { app: app-${unit} } }
  template:
    metadata: { labels: { app: app-${unit} } }
    spec:
      serviceAccountName: app-${unit}
      containers:
        - name: app
          image: shop/app:1.0
          ports: [{ name: http, containerPort: 8080 }]
          resources: { requests: { cpu: 10m, memory: 32Mi } }
`;
}
