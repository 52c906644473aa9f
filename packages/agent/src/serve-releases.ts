import type { KindRef } from '@plumb/api';
import { HELM_CHART, READ_SOURCES } from '@plumb/api';
import { OWNERSHIPS } from '@plumb/core';
import type { Downloads } from '@plumb/sources';
import type { ReflectorOptions } from '@plumb/kube';
import { HelmReleaseController } from './controllers/helmrelease/controller.ts';
import type { HelmReleaseControllerOptions } from './controllers/helmrelease/controller.ts';
import { Clusters, type ClustersOptions } from './delivery/clusters.ts';
import { Charts } from './releases/charts.ts';
import { StoredReleases } from './releases/stored-releases.ts';

/** Kinds whose artifacts are charts or manifests that others make. */
export const READ_KINDS: readonly KindRef[] = [...READ_SOURCES, HELM_CHART];

type Given = HelmReleaseControllerOptions;

export interface ReleaseServiceOptions extends Omit<Given, 'hands'> {
  hands: Omit<Given['hands'], 'charts' | 'storage' | 'clusters'>;
  /** How the clusters that releases go to are reached. */
  clusters: Omit<ClustersOptions, 'ownership' | 'onLive' | 'onNews'>;
  downloads: Downloads;
  scope: ReflectorOptions;
}

/** The part of the agent that works on HelmReleases. */
export interface ReleaseService {
  controller: HelmReleaseController;
  clusters: Clusters;
  done(): Promise<void>;
}

/** Builds it. Its watches of clusters are apart from those for Kustomizations: objects carry other labels, and another field manager's name. */
export function serveReleases(options: ReleaseServiceOptions): ReleaseService {
  const { hands, downloads, scope, ...rest } = options;
  const { cluster } = options.clusters;
  const clusters: Clusters = new Clusters({
    ...options.clusters,
    ownership: OWNERSHIPS.HelmRelease,
    onLive: (change, destination) => controller.onLive(change, destination),
    onNews: (destination, news) => controller.onNews(destination, news),
  });
  const storage = new StoredReleases({
    ...scope,
    cluster,
    onChange: (namespace, name) => controller.onStored(namespace, name),
  });
  const charts = new Charts({ downloads, engine: hands.engine, retry: options.settings.dependencyInterval });
  const controller: HelmReleaseController = new HelmReleaseController({
    ...rest,
    hands: { ...hands, charts, storage, clusters },
  });
  return {
    controller,
    clusters,
    done: async () => {
      await Promise.all([clusters.close(), storage.done()]);
    },
  };
}
