import type { CommonMetadata, IgnoreRule, KindRef, PostRenderer } from '@plumb/api';
import type { HelmChartMetadata, HelmHook, HelmLookup, HelmRelease, HelmText } from '@plumb/engine';
import type { Bundle } from '../bundle.ts';

/** What hooks get of the post-renderers: nothing, the same run as everything else, or a run of their own (Helm 4.2). */
export type PostRenderStrategy = 'nohooks' | 'combined' | 'separate';

/** The part of a HelmRelease that shapes what is released. */
export interface ReleaseSpec {
  release: HelmRelease;
  /** The user's values, merged, in JSON. */
  values: string;
  /** For `upgrade.preserveValues`: what the release before was made with, in JSON, as its record has it. */
  reuse?: { chartValues: string; config: string };
  /** What the chart's version is to be instead of what it says. */
  chartVersion?: string;
  skipSchemaValidation: boolean;
  postRenderers: readonly PostRenderer[];
  postRenderStrategy: PostRenderStrategy;
  commonMetadata?: CommonMetadata;
  /** Set last on every object, and on hooks as far as they are post-rendered. */
  ownerLabels: Record<string, string>;
  /** driftDetection.ignore. */
  ignore?: readonly IgnoreRule[];
}

/** What the cluster says of a kind. */
export interface ScopeOptions {
  /** Whether its objects are in a namespace; null where the cluster does not serve it, yet. */
  isNamespaced: (kind: KindRef) => Promise<boolean | null>;
}

export interface ReleaseOptions extends ScopeOptions {
  /** Milliseconds, for all of it. */
  deadline: number;
  /** Whose release it is: tenants take turns at what they share. */
  tenant?: string;
  signal?: AbortSignal;
  /** As the API server tells it: `v1.37.2`. */
  kubeVersion: string;
  /** All that the API server has: `apps/v1` and `apps/v1/Deployment`. */
  apiVersions: readonly string[];
  /**
   * Reads what a template looks up, under the release's identity: the JSON of the object, or with an empty name of a list of them. null: there is none.
   * Where it fails, the template that asks fails with its message; the whole with its code.
   */
  lookup: (asked: HelmLookup) => Promise<string | null>;
  /** Texts that must not be shown: values from Secrets. */
  secrets: readonly string[];
}

export interface RenderedRelease {
  chart: HelmChartMetadata;
  /** The chart and the values as a release record holds them, in JSON. */
  chartJson: string;
  config: string;
  notes: string;
  /**
   * The objects as a release record holds them: one YAML document each, in Helm's install order, after `---` and a comment that names the template.
   * With common metadata and owner labels: in Flux both are post-renderers. Without Helm's own marks and without the release's namespace, which are set as
   * objects are applied.
   */
  manifest: string;
  /** Hooks as a release record holds them, in Helm's order, which is not yet that of their weights. */
  hooks: HelmHook[];
  crds: readonly HelmText[];
  /** The objects of the manifest as they are to be applied. An origin's path is a template's. */
  bundle: Bundle;
}
