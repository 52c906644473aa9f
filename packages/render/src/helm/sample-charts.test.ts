import type { HelmHook } from '@plumb/engine';
import { packChart, SAMPLE_CHARTS } from '@plumb/testkit';
import type { SampleChart } from '@plumb/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import { testEngine } from '../testing/memory-artifact.ts';
import { bundleOfManifest } from './release-bundle.ts';
import type { ReleaseSpec, RenderedRelease } from './release.ts';
import { releaseOptions, releaseSpec, renderChart } from './testing/render-chart.ts';

const engine = testEngine();
afterAll(() => engine.close());

const { isNamespaced } = releaseOptions();

async function render(sample: SampleChart, change: Partial<ReleaseSpec>): Promise<RenderedRelease> {
  const merged = await engine.helmValues({ layers: [{ yaml: sample.values ?? '' }], deadline: 20_000 });
  if ('error' in merged) throw new Error(merged.error);
  const { kubeVersion = 'v1.37.2', isUpgrade = false, apiVersions = [] } = sample;
  const release = { ...releaseSpec().release, isUpgrade };
  return renderChart(engine, packChart(sample.files), {
    spec: { values: merged.json, release, postRenderStrategy: 'separate', ...change },
    options: { kubeVersion, apiVersions: [...releaseOptions().apiVersions, ...apiVersions] },
  });
}

/** What Helm tells of a hook, and we where we told it from the rest. */
function told({ manifest: _manifest, ...hook }: HelmHook): Omit<HelmHook, 'manifest'> {
  return hook;
}

/** Its documents are for the order of kinds alone: they are no objects. */
const NO_OBJECTS = 'every kind in the order of installing';

describe.each(Object.entries(SAMPLE_CHARTS))('of %s:', (_topic, charts) => {
  const entries = Object.entries(charts).filter(([name]) => name !== NO_OBJECTS);
  test.each(entries)('%s', async (_name, sample: SampleChart) => {
    const release = await render(sample, {});
    // What is read here is what kustomize reads, and what is recorded is what was rendered.
    const { manifest, hooks, bundle } = await render(sample, { postRenderers: [{ kustomize: {} }] });
    expect({ manifest, hooks, objects: bundle.objects }).toEqual({
      manifest: release.manifest,
      hooks: release.hooks,
      objects: release.bundle.objects,
    });
    const untouched = await render(sample, { postRenderStrategy: 'nohooks' });
    expect(untouched.hooks.map(told)).toEqual(release.hooks.map(told));
    const stored = await bundleOfManifest(release.manifest, releaseSpec(), { isNamespaced });
    expect(stored.objects).toEqual(release.bundle.objects);
  });
});
