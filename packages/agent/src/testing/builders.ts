import type { Condition, GitRepository, HelmRelease, Kustomization, ReleaseSnapshot, Source } from '@plumb/api';

export const AT = Date.UTC(2026, 0, 1);
export const REVISION = 'main@sha1:1111111111111111111111111111111111111111';
const DIGEST = `sha256:${'1'.repeat(64)}`;

/** A Kustomization `shop/apps` as the watch brings it, ready to be changed by a test. */
export function kustomization(
  parts: { spec?: Partial<Kustomization['spec']>; metadata?: object; status?: Kustomization['status'] } = {},
): Kustomization {
  return {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name: 'apps', namespace: 'shop', uid: 'u1', generation: 1, resourceVersion: '1', ...parts.metadata },
    spec: {
      interval: '10m',
      prune: true,
      sourceRef: { kind: 'GitRepository', name: 'shop' },
      ...parts.spec,
    },
    ...(parts.status === undefined ? {} : { status: parts.status }),
  };
}

/** A GitRepository `shop/shop` that offers `revision`; null: nothing yet. */
export function gitRepository(
  revision: string | null = REVISION,
  parts: { spec?: object; metadata?: object; status?: object } = {},
): GitRepository {
  const lastUpdateTime = '2026-01-01T00:00:00Z';
  const artifact = {
    revision: revision ?? '',
    digest: DIGEST,
    path: 'a.tar.gz',
    url: 'http://localhost/a.tar.gz',
    lastUpdateTime,
  };
  return {
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'GitRepository',
    metadata: { name: 'shop', namespace: 'shop', uid: 'g1', generation: 1, ...parts.metadata },
    spec: { url: 'http://localhost/shop.git', interval: '1m', ...parts.spec },
    status: { ...(revision === null ? {} : { artifact }), ...parts.status },
  };
}

export function conditionOf(type: string, status: Condition['status'], reason: string, message = ''): Condition {
  return { type, status, reason, message, observedGeneration: 1, lastTransitionTime: '2026-01-01T00:00:00Z' };
}

/** A HelmRelease `shop/cart` of the chart that the HelmChart of its name offers. */
export function helmRelease(
  parts: { spec?: Partial<HelmRelease['spec']>; metadata?: object; status?: HelmRelease['status'] } = {},
): HelmRelease {
  return {
    apiVersion: 'helm.toolkit.fluxcd.io/v2',
    kind: 'HelmRelease',
    metadata: { name: 'cart', namespace: 'shop', uid: 'h1', generation: 1, resourceVersion: '1', ...parts.metadata },
    spec: { interval: '10m', chartRef: { kind: 'HelmChart', name: 'cart' }, ...parts.spec },
    ...(parts.status === undefined ? {} : { status: parts.status }),
  };
}

/** A HelmChart `shop/cart`, or another source, that offers a chart of this version; null: nothing yet. */
export function chartSource(
  revision: string | null = '1.4.0',
  parts: { kind?: string; metadata?: object; status?: object } = {},
): Source {
  const artifact = { revision: revision ?? '', digest: DIGEST, url: 'http://localhost/cart.tgz' };
  return {
    kind: parts.kind ?? 'HelmChart',
    metadata: { name: 'cart', namespace: 'shop', generation: 1, ...parts.metadata },
    status: { ...(revision === null ? {} : { artifact }), ...parts.status },
  };
}

/** What status.history says of a record `shop/cart` of this number. */
export function snapshot(version: number, parts: Partial<ReleaseSnapshot> = {}): ReleaseSnapshot {
  return {
    apiVersion: 'v2',
    name: 'cart',
    namespace: 'shop',
    version,
    status: 'deployed',
    chartName: 'cart',
    chartVersion: '1.4.0',
    configDigest: `sha256:${'c'.repeat(64)}`,
    digest: `sha256:${String(version).padStart(64, '0')}`,
    firstDeployed: '2026-01-01T00:00:00Z',
    lastDeployed: '2026-01-01T00:00:00Z',
    ...parts,
  };
}
