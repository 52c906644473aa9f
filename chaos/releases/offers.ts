import type { JsonObject, KubeObject } from '@plumb/api';
import { HELM_CHART, keyOf } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { packChart } from '@plumb/testkit';
import { ArtifactServer, digestOf } from '../../test/support/artifact-server.ts';
import { lenient } from '../by-hand.ts';
import type { ChartName } from './charts.ts';
import { chartFiles, versionNumber, versionText } from './charts.ts';
import { isChartName } from './model.ts';

/** Does what a source-controller does: whatever chart a HelmChart asks for, it is offered. */
export class Offers {
  readonly #cluster: Cluster;
  readonly #server: ArtifactServer;

  private constructor(cluster: Cluster, server: ArtifactServer) {
    this.#cluster = cluster;
    this.#server = server;
  }

  static async start(cluster: Cluster): Promise<Offers> {
    return new Offers(cluster, await ArtifactServer.start());
  }

  /** `host:port` */
  get host(): string {
    return this.#server.host;
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  /** A HelmChart of the name of a chart, as people make it who share it. */
  async publish(namespace: string, chart: ChartName, version: number): Promise<void> {
    const object = {
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: HELM_CHART.kind,
      metadata: { name: chart, namespace },
      spec: {
        chart,
        version: versionText(version),
        interval: '30m',
        sourceRef: { kind: 'HelmRepository', name: 'charts' },
      },
    };
    await this.#cluster.apply(object, { fieldManager: 'chaos', force: true });
  }

  /** Offers what a HelmChart asks for, if it does not yet. */
  async offer(object: KubeObject): Promise<void> {
    const { chart = '', version = '' } = object['spec'] as { chart?: string; version?: string };
    const status = object['status'] as { observedGeneration?: number } | undefined;
    const { generation } = object.metadata;
    if (status?.observedGeneration === generation || !isChartName(chart)) return;
    const patch = { status: { observedGeneration: generation, artifact: this.#artifactOf(chart, version) } };
    const options = { type: 'merge', subresource: 'status', fieldManager: 'source-controller' } as const;
    await lenient(() => this.#cluster.patch(keyOf(object), patch as JsonObject, options));
  }

  #artifactOf(chart: ChartName, version: string): JsonObject {
    const archive = Buffer.from(packChart(chartFiles(chart, versionNumber(version)), chart));
    const digest = digestOf(archive);
    const path = `/helmchart/${chart}-${version}-${digest.slice(-12)}.tgz`;
    this.#server.put(path, archive);
    const url = `http://source-controller.flux-system.svc.cluster.local.${path}`;
    return { path, url, revision: version, digest, lastUpdateTime: '2026-01-01T00:00:00Z', size: archive.length };
  }
}
