import type { Engine } from '@plumb/engine';
import type { KubeObject } from '@plumb/api';
import { renderRelease } from '../render-release.ts';
import type { ReleaseOptions, ReleaseSpec, RenderedRelease } from '../release.ts';

const CLUSTER_WIDE = /^(?:Namespace|ClusterRole|ClusterRoleBinding|CustomResourceDefinition|PersistentVolume)$/;

/** A release `shop` in the namespace `apps`. */
export function releaseSpec(change: Partial<ReleaseSpec> = {}): ReleaseSpec {
  return {
    release: { name: 'shop', namespace: 'apps', revision: 1, isUpgrade: false },
    values: '{}',
    skipSchemaValidation: false,
    postRenderers: [],
    postRenderStrategy: 'combined',
    ownerLabels: { 'helm.toolkit.fluxcd.io/name': 'shop', 'helm.toolkit.fluxcd.io/namespace': 'apps' },
    ...change,
  };
}

export function releaseOptions(change: Partial<ReleaseOptions> = {}): ReleaseOptions {
  return {
    deadline: 20_000,
    kubeVersion: 'v1.37.2',
    apiVersions: ['v1', 'apps/v1', 'apps/v1/Deployment'],
    lookup: async () => null,
    isNamespaced: async ({ kind }) => !CLUSTER_WIDE.test(kind),
    secrets: [],
    ...change,
  };
}

export function renderChart(
  engine: Pick<Engine, 'helmTemplate' | 'kustomizeBuild'>,
  chart: Uint8Array,
  { spec = {}, options = {} }: { spec?: Partial<ReleaseSpec>; options?: Partial<ReleaseOptions> } = {},
): Promise<RenderedRelease> {
  return renderRelease(engine, chart, releaseSpec(spec), releaseOptions(options));
}

/** The objects of a release by `Kind/namespace/name`. */
export function objectsOf({ bundle }: Pick<RenderedRelease, 'bundle'>): Record<string, KubeObject> {
  return Object.fromEntries(
    bundle.objects.map(({ key, body }) => [`${key.kind}/${key.namespace}/${key.name}`, body] as const),
  );
}
