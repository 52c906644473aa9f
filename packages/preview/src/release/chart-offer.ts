import { Charts, chartSourceOf, helmChartOf, sourceFlaw, type Chart } from '@plumb/agent';
import type { HelmRelease, Json, KubeObject } from '@plumb/api';
import {
  asPlumbError,
  displayKey,
  HELM_CHART,
  printJson,
  readSource,
  reworded,
  systemError,
  userError,
} from '@plumb/api';
import type { Engine } from '@plumb/engine';
import type { Cluster } from '@plumb/kube';
import type { Downloads } from '@plumb/sources';

export interface OfferRequest {
  release: HelmRelease;
  cluster: Cluster | null;
  engine: Engine;
  downloads: Downloads;
  signal: AbortSignal;
}

export interface LoadedChart {
  chart: Chart;
  /** What is to be said of it, a sentence each. */
  notes: readonly string[];
}

/** The HelmChart that spec.chart stands for; null where there is none, or nobody can tell. */
export async function liveChart({
  release,
  cluster,
  signal,
}: Omit<OfferRequest, 'engine' | 'downloads'>): Promise<KubeObject | null> {
  if (cluster === null || release.spec.chart === undefined || (await cluster.resource(HELM_CHART)) === null)
    return null;
  const { namespace, name } = chartSourceOf(release);
  return cluster.get({ ...HELM_CHART, namespace, name }, { signal });
}

/** The chart that an object of the cluster offers, where it is the one that is declared. */
export async function fromOffer(request: OfferRequest): Promise<LoadedChart> {
  const { release, cluster, engine, downloads, signal } = request;
  const ref = chartSourceOf(release);
  if (cluster === null) throw unknownChart(release);
  const key = { ...HELM_CHART, ...ref };
  const isServed = (await cluster.resource(key)) !== null;
  const live = isServed ? await cluster.get(key, { signal }) : null;
  const availability = isServed ? 'listed' : 'not-served';
  const source = live === null ? undefined : readSource(live);
  const flaw = sourceFlaw(release, source, { availability, trouble: null });
  if (flaw !== null) throw userError('artifact-missing', `${flaw.text}: ${OTHERWISE}`);
  const difference = live === null ? null : chartDifference(live, release);
  const named = displayKey(ref);
  if (difference !== null)
    throw userError('artifact-missing', `${named} offers another chart than is declared (${difference}): ${OTHERWISE}`);
  const offer = source?.status?.artifact;
  if (offer === undefined) throw systemError('internal', `${named} has no artifact`);
  const charts = new Charts({ downloads, engine, retry: 0 });
  const asker = { tenant: release.metadata.namespace ?? '', signal };
  const chart = await charts.load(ref, offer, asker).catch((thrown: unknown) => {
    const error = asPlumbError(thrown);
    const text = `the chart that ${named} offers could not be brought: ${error.message}; ${REACH}`;
    throw error.code === 'artifact-missing' ? reworded(error, text) : error;
  });
  return { chart, notes: [`the chart is what ${named} offers: ${chart.metadata.name} ${chart.version}`] };
}

const OTHERWISE = 'give it with --chart-path, a folder or an archive';
const REACH =
  "from outside of the cluster, 'kubectl --namespace flux-system port-forward service/source-controller 8080:80' and --source-host-override localhost:8080 reach it, or give the chart with --chart-path";

function unknownChart({ spec, metadata }: HelmRelease): Error {
  const {
    kind,
    name,
    namespace = metadata.namespace ?? '',
  } = spec.chartRef ?? spec.chart?.spec.sourceRef ?? { kind: '', name: '' };
  const what = spec.chart === undefined ? 'comes' : `'${spec.chart.spec.chart}' comes`;
  const text = `the chart ${what} from ${displayKey({ kind, namespace, name })}, and nothing is fetched here: ${OTHERWISE}, or the cluster that offers it (--kubeconfig)`;
  return userError('invalid-spec', text);
}

/** Which field of spec.chart asks for another chart than a HelmChart is of; null where none does. */
export function chartDifference(live: KubeObject, release: HelmRelease): string | null {
  const declared = helmChartOf(release);
  if (declared === null) return null;
  const [wanted, there] = [declared['spec'], live['spec']] as [Fields, Fields | undefined];
  const field = SHAPING.find((each) => shown(wanted, each) !== shown(there, each));
  return field === undefined
    ? null
    : `spec.chart.spec.${field} is ${shown(wanted, field)}, there ${shown(there, field)}`;
}

type Fields = Readonly<Record<string, Json>>;

/** What a chart is made by, with the defaults of a HelmChart. */
const SHAPING = [
  'chart',
  'version',
  'sourceRef',
  'valuesFiles',
  'ignoreMissingValuesFiles',
  'reconcileStrategy',
] as const;
const DEFAULTS: Fields = {
  version: '*',
  valuesFiles: [],
  ignoreMissingValuesFiles: false,
  reconcileStrategy: 'ChartVersion',
};

function shown(fields: Fields | undefined, field: (typeof SHAPING)[number]): string {
  const value = fields?.[field] ?? DEFAULTS[field] ?? null;
  if (field !== 'sourceRef') return typeof value === 'string' ? `'${value}'` : printJson(value);
  const { kind = '', name = '' } = (value ?? {}) as { kind?: string; name?: string };
  return `${kind} ${name}`;
}
