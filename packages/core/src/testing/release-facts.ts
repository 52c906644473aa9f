import type { HelmRelease, HelmReleaseSpec, HelmReleaseStatus, ReleaseSnapshot } from '@plumb/api';
import type { LastRelease, ReleaseFacts, WantedRelease } from '../release/facts.ts';

export const WANTED: WantedRelease = {
  releaseName: 'cart',
  chartName: 'cart',
  chartVersion: '1.2.3',
  configDigest: 'sha256:values',
  postRenderersDigest: '',
  commonMetadataDigest: '',
};

const DEPLOYED = '2026-11-27T10:00:00Z';

/** A HelmRelease `shop/cart` that was tried at its generation, 2. */
export function releaseWith(spec: Partial<HelmReleaseSpec> = {}, status: HelmReleaseStatus = {}): HelmRelease {
  return {
    apiVersion: 'helm.toolkit.fluxcd.io/v2',
    kind: 'HelmRelease',
    metadata: { name: 'cart', namespace: 'shop', generation: 2 },
    spec: { interval: '1m', chartRef: { kind: 'HelmChart', name: 'cart' }, ...spec },
    status: {
      storageNamespace: 'shop',
      lastAttemptedGeneration: 2,
      lastAttemptedRevision: WANTED.chartVersion,
      lastAttemptedConfigDigest: WANTED.configDigest,
      ...status,
    },
  };
}

/** The record of release `shop/cart` of this number, deployed as wanted unless it says otherwise. */
export function lastWith(version: number, parts: Partial<LastRelease> = {}): LastRelease {
  const { status = 'deployed' } = parts;
  return {
    version,
    status,
    digest: `sha256:v${version}-${status}`,
    name: 'cart',
    namespace: 'shop',
    chartName: WANTED.chartName,
    chartVersion: WANTED.chartVersion,
    configDigest: WANTED.configDigest,
    lastDeployed: DEPLOYED,
    madeWith: null,
    interrupted: null,
    ...parts,
  };
}

/** What status.history says of such a record. */
export function snapshotWith(version: number, parts: Partial<ReleaseSnapshot> = {}): ReleaseSnapshot {
  const { status = 'deployed' } = parts;
  return {
    name: 'cart',
    namespace: 'shop',
    version,
    status,
    chartName: WANTED.chartName,
    chartVersion: WANTED.chartVersion,
    configDigest: WANTED.configDigest,
    digest: `sha256:v${version}-${status}`,
    firstDeployed: DEPLOYED,
    lastDeployed: DEPLOYED,
    ...parts,
  };
}

/** Of a release whose newest record is known, deployed and as wanted. */
export function factsWith(parts: Partial<ReleaseFacts> = {}): ReleaseFacts {
  return {
    release: releaseWith({}, { history: [snapshotWith(1)] }),
    last: lastWith(1),
    wanted: WANTED,
    doubted: false,
    held: false,
    drifted: null,
    target: 'none',
    fallback: null,
    forceRequested: false,
    resetRequested: false,
    changedSinceExhausted: false,
    sinceLastTry: 0,
    done: [],
    ...parts,
  };
}
