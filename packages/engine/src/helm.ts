import type { CallBounds, EngineFile } from './engine.ts';
import { EngineError } from './engine.ts';
import type { Reply } from './protocol.ts';
import { splitBody } from './split-body.ts';
import { textFiles } from './substitute.ts';

/**
 * One layer of values; later ones win. `yaml` is a values file's text, JSON included. With `path`, `value` is set there as `helm --set path=value` does, and typed as
 * Flux does for `targetPath` (fluxcd/pkg chartutil): in quotes it stays text. With `literal` it is text as it is (`helm --set-literal`).
 */
export type HelmValuesLayer = { yaml: string } | { path: string; value: string; literal: boolean };

export interface HelmValuesRequest extends CallBounds {
  layers: readonly HelmValuesLayer[];
  /** JSON: values that go over those of the layers; what a path sets inside a map of theirs goes over them in turn (fluxcd/pkg chartutil). */
  over?: string;
}

/**
 * `json`: the merged values. A whole number that a path set ends in `e0` there: templates print one of a values file as a float, which is another type to them.
 * `digest`: `sha256:<hex>`, as Flux writes it to `status.history[].configDigest`. A layer that fails names its place and why, never a value; `over` has the place after the last.
 */
export type HelmValuesResult = { json: string; digest: string } | { layer: number; error: string };

export interface HelmChartRequest extends CallBounds {
  /** The chart's archive, a `.tgz`: at most 32 MiB, and unpacked 100 MiB in 20,000 files of at most 16 MiB, charts in `charts/` included. */
  chart: Uint8Array;
}

/** What Chart.yaml says; empty where it says nothing. */
export interface HelmChartMetadata {
  name: string;
  version: string;
  appVersion: string;
  type: string;
  deprecated: boolean;
  description: string;
  kubeVersion: string;
}

export interface HelmRelease {
  name: string;
  namespace: string;
  revision: number;
  isUpgrade: boolean;
}

/** What a template asks the cluster for: one object, or with an empty name a list of them. */
export interface HelmLookup {
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
}

/** `json`: the object, or a list as an object with `items`; null where there is none. `error`: asking failed, and so does the template that asks. */
export type HelmLookupAnswer = HelmLookup & ({ json: string | null } | { error: string });

export interface HelmTemplateRequest extends HelmChartRequest {
  /** The user's values: `json` of a HelmValuesResult. */
  values: string;
  /** For `helm upgrade --reuse-values`: what the release was made with, as its record has it, in JSON. */
  reuse?: { chartValues: string; config: string } | undefined;
  /** What the chart's version is to be instead of what it says: Flux adds the digest of what the chart came from. */
  chartVersion?: string | undefined;
  release: HelmRelease;
  /** As the API server tells it: `v1.37.2`. */
  kubeVersion: string;
  /** All that the API server has: `apps/v1` and `apps/v1/Deployment`. */
  apiVersions: readonly string[];
  /** What is known so far. */
  lookups: readonly HelmLookupAnswer[];
  skipSchemaValidation: boolean;
}

export interface HelmHook {
  name: string;
  kind: string;
  path: string;
  manifest: string;
  events: string[];
  weight: number;
  deletePolicies: string[];
  outputLogPolicies: string[];
}

/** A text and the file it came from: `chart/templates/x.yaml`. */
export interface HelmText {
  path: string;
  text: string;
}

export interface HelmRendered {
  metadata: HelmChartMetadata;
  /**
   * In Helm's install order. One may hold nothing but comments. The manifest of a release record is `---\n# Source: <path>\n<text>\n` for each, one after
   * another.
   */
  documents: HelmText[];
  /** In Helm's order, which is not yet that of their weights. */
  hooks: HelmHook[];
  /** What is in crds/ of the chart and of those in it, as it is, in Helm's order. */
  crds: HelmText[];
  notes: string;
  /** The chart as a release record holds it, in JSON. */
  chart: string;
  /** The values as a release record holds them, in JSON. */
  config: string;
}

/** A chart may ask for objects that nobody has answered for yet: ask the cluster and call again. */
export type HelmTemplateResult = { needs: HelmLookup[] } | HelmRendered;

export interface HelmDigestRequest extends CallBounds {
  /** The JSON of a release record, as its Secret holds it compressed. */
  record: string;
  /** The digest of the artifact that the chart came from, where Flux keeps it in the snapshot. */
  ociDigest?: string | undefined;
}

interface Encoded {
  args: unknown;
  files: EngineFile[];
}

export function valuesCall({ layers, over }: Pick<HelmValuesRequest, 'layers' | 'over'>): Encoded {
  const args = layers.map((layer) => ('yaml' in layer ? {} : { path: layer.path, literal: layer.literal }));
  const texts = layers.map((layer) => ('yaml' in layer ? layer.yaml : layer.value));
  return {
    args: { layers: args, over: over !== undefined },
    files: textFiles(over === undefined ? texts : [...texts, over]),
  };
}

export function mergedValues(reply: Reply): HelmValuesResult {
  const { digest, layer, error } = reply.result as { digest?: string; layer: number; error?: string };
  if (error !== undefined) return { layer, error };
  if (digest === undefined) throw new EngineError('protocol', 'the helper sent no digest of values');
  return { json: reply.body.toString('utf8'), digest };
}

export function chartFile(chart: Uint8Array): EngineFile {
  return { path: 'chart', content: chart };
}

export function templateCall(request: Omit<HelmTemplateRequest, keyof CallBounds>): Encoded {
  const { chart, values, reuse, lookups, ...args } = request;
  const texts = [values, ...(reuse === undefined ? [] : [reuse.chartValues, reuse.config])];
  const answers = lookups.map((answer) => {
    const { apiVersion, kind, namespace, name } = answer;
    const asked = { apiVersion, kind, namespace, name };
    if ('error' in answer) return { ...asked, error: answer.error };
    return answer.json === null ? asked : { ...asked, file: texts.push(answer.json) };
  });
  return {
    args: { ...args, lookups: answers, reuse: reuse !== undefined },
    files: [chartFile(chart), ...textFiles(texts)],
  };
}

type Sized<T> = Omit<T, 'text' | 'manifest'> & { size: number };

interface TemplateAnswer {
  needs?: HelmLookup[];
  metadata: HelmChartMetadata;
  documents: Sized<HelmText>[];
  hooks: Sized<HelmHook>[];
  crds: Sized<HelmText>[];
  notes: number;
  chart: number;
  config: number;
}

/** @throws EngineError `protocol` when the texts do not fill the answer */
export function rendered({ result, body }: Reply): HelmTemplateResult {
  const answer = result as TemplateAnswer;
  if (answer.needs !== undefined) return { needs: answer.needs };
  const { metadata, documents, hooks, crds } = answer;
  const sizes = [...documents, ...hooks, ...crds].map(({ size }) => size);
  const texts = splitBody(body, [...sizes, answer.notes, answer.chart, answer.config]).values();
  const next = (): string => texts.next().value ?? '';
  return {
    metadata,
    documents: documents.map(({ path }) => ({ path, text: next() })),
    hooks: hooks.map(({ size: _, ...hook }) => ({ ...hook, manifest: next() })),
    crds: crds.map(({ path }) => ({ path, text: next() })),
    notes: next(),
    chart: next(),
    config: next(),
  };
}
