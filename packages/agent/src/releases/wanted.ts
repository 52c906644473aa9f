import type { HelmRelease } from '@plumb/api';
import { releaseNameOf, type WantedRelease } from '@plumb/core';
import { commonMetadataDigest, postRenderersDigest } from '@plumb/render';
import { createHash } from 'node:crypto';
import type { Chart } from './charts.ts';
import type { Values } from './values.ts';

/** What is declared now: the chart, its values, and what a decision needs of both. */
export interface Desired {
  chart: Chart;
  values: Values;
  wanted: WantedRelease;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function releaseName(release: HelmRelease): string {
  return releaseNameOf(release, sha256);
}

export function wantedOf(release: HelmRelease, chart: Chart, configDigest: string): WantedRelease {
  const { postRenderers = [], commonMetadata } = release.spec;
  return {
    releaseName: releaseName(release),
    chartName: chart.metadata.name,
    chartVersion: chart.version,
    configDigest,
    postRenderersDigest: postRenderers.length === 0 ? '' : postRenderersDigest(postRenderers),
    commonMetadataDigest: commonMetadata === undefined ? '' : commonMetadataDigest(commonMetadata),
  };
}
