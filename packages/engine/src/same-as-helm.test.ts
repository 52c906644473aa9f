import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packChart, SAMPLE_CHARTS } from '@plumb/testkit';
import type { SampleChart } from '@plumb/testkit';
import { createEngine } from './create-engine.ts';
import type { HelmRendered, HelmText } from './helm.ts';
import { enginePath } from './testing/fake-helper.ts';
import { documentsOf, helmInstall, helmTemplate } from './testing/helm-binary.ts';

const engine = createEngine({ path: enginePath, slots: 1 });
afterAll(() => engine.close());

const deadline = 20_000;
/** Of the Kubernetes that the binary takes for granted. */
const kubeVersion = 'v1.35.0';

/** The API versions that the binary takes for granted. */
let known: string[] = [];
beforeAll(async () => {
  const probe = {
    'Chart.yaml': 'apiVersion: v2\nname: probe\nversion: 1.0.0\n',
    'templates/a.yaml': 'all: {{ .Capabilities.APIVersions | toJson }}',
  };
  const [document] = await helmTemplate({ chart: packChart(probe) });
  known = JSON.parse((document?.text ?? '').replace('all: ', '')) as string[];
});

async function render(sample: SampleChart, chart: Uint8Array): Promise<HelmRendered> {
  const merged = await engine.helmValues({ layers: [{ yaml: sample.values ?? '' }], deadline });
  if ('error' in merged) throw new Error(merged.error);
  const request = {
    chart,
    values: merged.json,
    release: { name: 'shop', namespace: 'apps', revision: 1, isUpgrade: sample.isUpgrade ?? false },
    kubeVersion: sample.kubeVersion ?? kubeVersion,
    apiVersions: [...known, ...(sample.apiVersions ?? [])],
    skipSchemaValidation: false,
    deadline,
  };
  const result = await engine.helmTemplate({ ...request, lookups: [] });
  if (!('needs' in result)) return result;
  // The binary finds nothing in a dry run.
  const lookups = result.needs.map((need) => ({ ...need, json: null }));
  const second = await engine.helmTemplate({ ...request, lookups });
  if ('needs' in second) throw new Error('asks again');
  return second;
}

function flags(sample: SampleChart): string[] {
  return [
    `--kube-version=${sample.kubeVersion ?? kubeVersion}`,
    ...(sample.apiVersions ?? []).map((version) => `--api-versions=${version}`),
    ...(sample.isUpgrade === true ? ['--is-upgrade'] : []),
  ];
}

/** Where what Helm 4.1 prints is not what 4.3 does, by chart. A null in the defaults of a chart is no value to 4.3. */
const DIFFERENT: Readonly<Record<string, readonly { old: string; now: string }[]>> = {
  'many documents in one template': [{ old: '---\n# only a comment', now: '# only a comment' }],
  'functions for lists and maps': [{ old: ',\\"e\\":null', now: '' }],
  'defaults taken back by null': [
    { old: '\\"empty\\":null,', now: '' },
    { old: ',\\"x\\":null', now: '' },
    { old: 'has: "false false true"', now: 'has: "false false false"' },
  ],
};

function asNow(name: string, texts: readonly HelmText[]): HelmText[] {
  const changes = DIFFERENT[name] ?? [];
  for (const { old } of changes) expect(texts.map(({ text }) => text).join('\n')).toContain(old);
  return texts.map(({ path, text }) => ({
    path,
    text: changes.reduce((changed, { old, now }) => changed.replaceAll(old, now), text),
  }));
}

/** Helm 4.1 takes away the blank lines around a document that 4.3 keeps at its end. */
const trimmed = (texts: readonly HelmText[]): HelmText[] =>
  texts.map(({ path, text }) => ({ path, text: text.trimEnd() }));

describe.each(Object.entries(SAMPLE_CHARTS))('of %s:', (_topic, charts) => {
  test.each(Object.entries(charts))('%s', async (name, sample: SampleChart) => {
    const chart = packChart(sample.files);
    const ours = await render(sample, chart);
    const hooks = ours.hooks.map(({ path, manifest }) => ({ path, text: manifest }));
    const theirs = await helmTemplate({ chart, values: sample.values, flags: flags(sample) });
    expect(trimmed([...ours.crds, ...ours.documents, ...hooks])).toEqual(trimmed(asNow(name, theirs)));
    if (sample.kubeVersion !== undefined || sample.isUpgrade === true) return;
    const record = await helmInstall({ chart, values: sample.values });
    expect(trimmed(ours.documents)).toEqual(trimmed(asNow(name, documentsOf(record.manifest))));
    expect(ours.notes).toBe(record.info.notes ?? '');
    expect(JSON.parse(ours.chart)).toEqual(record.chart);
    expect(JSON.parse(ours.config)).toEqual(record.config ?? {});
  });
});
