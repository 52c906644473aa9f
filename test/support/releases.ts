import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HelmRelease, KindRef, KubeObject, ObjectKey } from '@plumb/api';
import { HELM_CHART, HELM_RELEASE, READ_SOURCES } from '@plumb/api';
import { startNodes, type Nodes, type NodesOptions } from '@plumb/sandbox';
import { createDownloads, type Downloads } from '@plumb/sources';
import { packChart, type ChartFiles } from '@plumb/testkit';
import { ArtifactServer, digestOf } from './artifact-server.ts';
import { OwnPlane } from './own-plane.ts';
import { serve } from './source-kinds.ts';
import { StatusWatch } from './status-watch.ts';
import { condition, World, type StartAgent } from './world.ts';

interface Offer {
  version?: string;
  revision?: string;
  /** What the artifact's digest is said to be. */
  digest?: string;
}

/** Charts, as somebody offers them in HelmCharts, and the releases that are made of them. */
export class Releases {
  readonly world: World;
  readonly plane: OwnPlane;
  readonly #server: ArtifactServer;
  readonly #dir: string;
  #downloads: Downloads | null = null;
  #nodes: Nodes | null = null;
  #statuses: StatusWatch | null = null;

  private constructor(world: World, plane: OwnPlane, server: ArtifactServer, dir: string) {
    this.world = world;
    this.plane = plane;
    this.#server = server;
    this.#dir = dir;
  }

  /**
   * `nodes`: Pods run, and Deployments and Jobs get somewhere; `logs`: what their containers write. `agent: false` starts none. `audit`: the plane notes
   * every request.
   */
  static async start({
    nodes = false,
    logs = () => null,
    agent = {},
    audit = false,
  }: {
    nodes?: boolean;
    logs?: NonNullable<NodesOptions['logs']>;
    agent?: StartAgent | false;
    audit?: boolean;
  } = {}): Promise<Releases> {
    const dir = await mkdtemp(join(tmpdir(), 'plumb-releases-'));
    const plane = await OwnPlane.start({ audit });
    const server = await ArtifactServer.start();
    const world = await World.start({ kubeconfig: plane.kubeconfig, agent: false });
    await serve(world.cluster, [...READ_SOURCES, HELM_CHART]);
    const releases = new Releases(world, plane, server, dir);
    if (nodes) releases.#nodes = await startNodes(world.cluster, { nodes: 1, logs });
    releases.#statuses = new StatusWatch(world.cluster, HELM_RELEASE, world.namespace);
    if (agent !== false) await releases.startAgent(agent);
    return releases;
  }

  async stopAgent(): Promise<void> {
    await this.world.stopAgent();
    await this.#downloads?.close();
    this.#downloads = null;
  }

  async startAgent(options: StartAgent = {}): Promise<void> {
    this.#downloads = createDownloads({ dir: join(this.#dir, 'data'), hostOverride: this.#server.host });
    const { connect, ...rest } = options;
    await this.world.startAgent({
      connect: { kubeconfig: this.plane.kubeconfig, ...connect },
      downloads: this.#downloads,
      dependencyInterval: 1_000,
      ...rest,
    });
  }

  /** An agent as a process of its own. @returns the running process; the caller ends it */
  spawnAgent(): Promise<ChildProcess> {
    return this.world.spawnAgent({ host: this.#server.host });
  }

  async close(): Promise<void> {
    await this.#nodes?.close();
    await this.#statuses?.close();
    await this.world.close();
    await this.#downloads?.close();
    await this.plane.close();
    await this.#server.close();
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** `host:port` of what offers charts. */
  get artifactHost(): string {
    return this.#server.host;
  }

  /** Offers a chart under the name of a HelmChart. @returns its archive */
  async chart(name: string, files: ChartFiles, version = '1.0.0'): Promise<Uint8Array> {
    return (await this.offer(HELM_CHART, name, files, { version })).archive;
  }

  /** Offers a chart in a source of some kind, with the status that those write who fetch it. `revision`: of the artifact, of an OCIRepository its tag. */
  async offer(
    kind: KindRef,
    name: string,
    files: ChartFiles,
    offer: Offer = {},
  ): Promise<{ archive: Buffer; digest: string; path: string }> {
    const { version = '1.0.0' } = offer;
    const named = { 'Chart.yaml': `apiVersion: v2\nname: ${name}\nversion: ${version}\n`, ...files };
    return this.offerArchive(kind, name, Buffer.from(packChart(named, name)), offer);
  }

  /** Offers what may be no chart at all. */
  async offerArchive(
    kind: KindRef,
    name: string,
    archive: Buffer,
    { version = '1.0.0', revision = version, digest }: Offer = {},
  ): Promise<{ archive: Buffer; digest: string; path: string }> {
    const own = digestOf(archive);
    const path = `/${kind.kind.toLowerCase()}/${name}-${version}-${own.slice(-12)}.tgz`;
    this.#server.put(path, archive);
    const key = { ...kind, namespace: this.world.namespace, name };
    const there =
      (await this.world.get(key)) ??
      (await this.world.apply({
        apiVersion: 'source.toolkit.fluxcd.io/v1',
        kind: kind.kind,
        metadata: { name, namespace: this.world.namespace },
        spec: { chart: name },
      }));
    const { generation: observedGeneration } = there.metadata;
    const url = `http://source-controller.flux-system.svc.cluster.local.${path}`;
    const artifact = {
      path,
      url,
      revision: kind.kind === 'OCIRepository' ? `${revision}@${own}` : revision,
      digest: digest ?? own,
      lastUpdateTime: '2026-01-01T00:00:00Z',
      size: archive.length,
    };
    const ready = { type: 'Ready', status: 'True', reason: 'Succeeded', message: `stored artifact: ${revision}` };
    const conditions = [{ ...ready, observedGeneration, lastTransitionTime: '2026-01-01T00:00:00Z' }];
    const status = { artifact, conditions, observedGeneration, url };
    await this.world.cluster.patch(key, { status } as never, { type: 'merge', subresource: 'status' });
    return { archive, digest: own, path };
  }

  /** What offers charts has this under a path. */
  serve(path: string, archive: Buffer): void {
    this.#server.put(path, archive);
  }

  /** What offers charts has it no more. */
  withdraw(path: string): void {
    this.#server.remove(path);
  }

  /** What was asked of what offers charts, so far. */
  get asked(): readonly string[] {
    return this.#server.asked;
  }

  /** What is wrong at the end of a scenario: as World has it, and each rule that any status written meanwhile broke. */
  async problems(): Promise<string[]> {
    return [...new Set([...(await this.world.problems()), ...(this.#statuses?.broken ?? [])])];
  }

  key(name: string): ObjectKey {
    return { ...HELM_RELEASE, namespace: this.world.namespace, name };
  }

  /** Of the Secret that holds a record of a release. */
  recordKey(name: string, version: number): ObjectKey {
    const secret = `sh.helm.release.v1.${name}.v${version}`;
    return { group: '', version: 'v1', kind: 'Secret', namespace: this.world.namespace, name: secret };
  }

  /** Declares a release of the chart of its name. */
  release(name: string, spec: Record<string, unknown> = {}): Promise<KubeObject> {
    return this.world.apply({
      apiVersion: 'helm.toolkit.fluxcd.io/v2',
      kind: 'HelmRelease',
      metadata: { name, namespace: this.world.namespace },
      spec: { interval: '10m', timeout: '30s', chartRef: { kind: 'HelmChart', name }, ...spec } as never,
    });
  }

  async until(name: string, what: string, holds: (release: HelmRelease) => boolean, ms = 60_000): Promise<HelmRelease> {
    const found = await this.world.until(
      this.key(name),
      what,
      (object) => object !== null && holds(object as unknown as HelmRelease),
      ms,
    );
    return found as unknown as HelmRelease;
  }

  /** Waits until it is ready at what is declared now. */
  ready(name: string, ms = 60_000): Promise<HelmRelease> {
    return this.until(
      name,
      'be Ready at its generation',
      (release) =>
        condition(release as unknown as KubeObject, 'Ready')?.status === 'True' &&
        release.status?.observedGeneration === release.metadata.generation,
      ms,
    );
  }

  object(kind: string, name: string, group = ''): Promise<KubeObject | null> {
    return this.world.get({ group, version: 'v1', kind, namespace: this.world.namespace, name });
  }

  /** Asks for a run, and waits until it has ended. */
  async answered(name: string): Promise<HelmRelease> {
    const token = await this.world.request(this.key(name));
    return this.until(name, `answer ${token}`, ({ status }) => status?.lastHandledReconcileAt === token);
  }
}
