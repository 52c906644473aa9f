import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AddressInfo } from 'node:net';
import { HELM_CHART, HELM_RELEASE, REQUESTED_AT_ANNOTATION } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import { packChart } from '@plumb/testkit';
import { costBetween, round } from './agent-process.ts';
import type { Measurement } from './cases.ts';
import { NAMESPACE, type Stage } from './stage.ts';

const CHART = 'app';
const VERSION = '1.0.0';
const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap' };

/** A chart of four objects: a ConfigMap, a ServiceAccount, a headless Service and a Deployment scaled to zero. */
const files = {
  'Chart.yaml': `apiVersion: v2\nname: ${CHART}\nversion: ${VERSION}\n`,
  'values.yaml': 'value: first\nreplicas: 0\nimage: shop/app:1.0\n',
  'templates/_names.tpl': '{{- define "app.labels" }}app: {{ .Release.Name }}{{ end }}\n',
  'templates/config.yaml': `apiVersion: v1
kind: ConfigMap
metadata: { name: {{ .Release.Name }}, labels: { {{ include "app.labels" . }} } }
data: { value: {{ .Values.value | quote }} }
`,
  'templates/account.yaml': 'apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: {{ .Release.Name }} }\n',
  'templates/service.yaml': `apiVersion: v1
kind: Service
metadata: { name: {{ .Release.Name }} }
spec: { clusterIP: None, selector: { {{ include "app.labels" . }} }, ports: [{ name: http, port: 80 }] }
`,
  'templates/deployment.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: { name: {{ .Release.Name }} }
spec:
  replicas: {{ .Values.replicas }}
  selector: { matchLabels: { {{ include "app.labels" . }} } }
  template:
    metadata: { labels: { {{ include "app.labels" . }} } }
    spec:
      serviceAccountName: {{ .Release.Name }}
      containers:
        - name: app
          image: {{ .Values.image }}
          ports: [{ name: http, containerPort: 8080 }]
          resources: { requests: { cpu: 10m, memory: 32Mi } }
`,
};

/** Serves the chart, and says in a HelmChart that it does, as a source-controller would. */
async function offerChart(stage: Stage): Promise<Server> {
  const archive = Buffer.from(packChart(files, CHART));
  const server = createServer((_request, response) => response.end(archive));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${CHART}.tgz`;
  await stage.cluster.apply(definition, { fieldManager: 'bench', force: true });
  const { group, version, kind } = HELM_CHART;
  const chart = { apiVersion: `${group}/${version}`, kind, metadata: { name: CHART, namespace: NAMESPACE }, spec: {} };
  await untilServed(stage, chart);
  const digest = `sha256:${createHash('sha256').update(archive).digest('hex')}`;
  const artifact = { url, path: CHART, revision: VERSION, digest, lastUpdateTime: new Date().toISOString() };
  const key = { ...HELM_CHART, namespace: NAMESPACE, name: CHART };
  await stage.cluster.patch(key, { status: { artifact } }, { type: 'merge', subresource: 'status' });
  return server;
}

const definition: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'helmcharts.source.toolkit.fluxcd.io' },
  spec: {
    group: HELM_CHART.group,
    scope: 'Namespaced',
    names: { kind: HELM_CHART.kind, plural: 'helmcharts', singular: 'helmchart' },
    versions: [
      {
        name: HELM_CHART.version,
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

/** A new kind is served a moment after its definition is there. */
async function untilServed(stage: Stage, object: KubeObject): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await stage.cluster.discover({ refresh: true });
      await stage.cluster.create(object);
      return;
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** An agent lets go of memory some seconds after its last run. Milliseconds. */
const CALM = 20_000;

const nameOf = (index: number): string => `release-${index}`;

function releaseOf(index: number): KubeObject {
  const { group, version, kind } = HELM_RELEASE;
  return {
    apiVersion: `${group}/${version}`,
    kind,
    metadata: { name: nameOf(index), namespace: NAMESPACE },
    spec: {
      interval: '10m',
      chartRef: { kind: HELM_CHART.kind, name: CHART },
      driftDetection: { mode: 'enabled' },
    },
  };
}

interface Status {
  observedGeneration?: number;
  lastHandledReconcileAt?: string;
  conditions?: { type: string; status: string }[];
  history?: { version: number }[];
}

const statusOf = (object: KubeObject): Status => (object['status'] ?? {}) as Status;
const isReady = (object: KubeObject): boolean =>
  statusOf(object).conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

/** Resolves when so many releases are as asked. */
function all(stage: Stage, count: number, holds: (object: KubeObject) => boolean): Promise<void> {
  const done = new Set<string>();
  return stage.watchUntil(HELM_RELEASE, (object) => {
    if (isReady(object) && holds(object)) done.add(object.metadata.name);
    return done.size >= count;
  });
}

const since = (began: number): number => round((performance.now() - began) / 1_000);
const key = (index: number) => ({ ...HELM_RELEASE, namespace: NAMESPACE, name: nameOf(index) });

function setValue(stage: Stage, index: number, value: string): Promise<KubeObject> {
  return stage.cluster.patch(key(index), { spec: { values: { value } } }, { type: 'merge' });
}

/** Releases of one chart: installed, upgraded, looked at without change, one of them changed, and put right. */
export async function releasesCases(stage: Stage, count: number, trials: number): Promise<Measurement[]> {
  const server = await offerChart(stage);
  const measured: Measurement[] = [];
  const measure = async (name: string, work: () => Promise<Record<string, number>>): Promise<void> => {
    const before = await stage.agent.spent();
    const times = await work();
    measured.push({ case: name, units: count, times, ...costBetween(before, await stage.agent.spent()) });
  };
  const indexes = Array.from({ length: count }, (_, index) => index);
  try {
    await sleep(CALM);
    const empty = await stage.agent.spent();
    await measure('install', async () => {
      const began = performance.now();
      const ready = all(stage, count, (object) => statusOf(object).history?.[0]?.version === 1);
      await Promise.all(indexes.map((index) => stage.cluster.create(releaseOf(index))));
      await ready;
      return { 'all Ready s': since(began) };
    });
    await measure('upgrade, one value of all', async () => {
      const began = performance.now();
      const ready = all(stage, count, (object) => statusOf(object).history?.[0]?.version === 2);
      await Promise.all(indexes.map((index) => setValue(stage, index, 'second')));
      await ready;
      return { 'all Ready s': since(began) };
    });
    await measure('run without change', async () => {
      const began = performance.now();
      const token = new Date().toISOString();
      const handled = all(stage, count, (object) => statusOf(object).lastHandledReconcileAt === token);
      const annotations = { [REQUESTED_AT_ANNOTATION]: token };
      await Promise.all(
        indexes.map((index) => stage.cluster.patch(key(index), { metadata: { annotations } }, { type: 'merge' })),
      );
      await handled;
      return { 'all handled s': since(began) };
    });
    await measure('one value of one', async () => {
      const took: number[] = [];
      for (let trial = 0; trial < trials; trial++)
        took.push(await changeOne(stage, (trial * 37) % count, `value-${trial}`));
      return timesOf(took);
    });
    await measure('drift of one field', async () => {
      const took: number[] = [];
      for (let trial = 0; trial < trials * 10; trial++) took.push(await spoilOne(stage, (trial * 7) % count, trial));
      return timesOf(took);
    });
    await sleep(CALM);
    const full = await stage.agent.spent();
    const resident = ((full.usage.rss - empty.usage.rss) * 1_024) / count;
    const held = (full.held - empty.held) / count;
    await measure('memory', () =>
      Promise.resolve({
        'RSS MiB': Math.round(full.usage.rss),
        'resident KiB a release': Math.round(resident),
        'held KiB': Math.round(full.held),
        'held KiB a release': Math.round(held),
      }),
    );
    return measured;
  } finally {
    server.close();
  }
}

/** @returns milliseconds until the new value is in the cluster */
async function changeOne(stage: Stage, index: number, value: string): Promise<number> {
  const arrived = valueArrives(stage, index, value);
  const began = performance.now();
  await setValue(stage, index, value);
  await arrived;
  return performance.now() - began;
}

/** @returns milliseconds until what somebody changed is right again */
async function spoilOne(stage: Stage, index: number, trial: number): Promise<number> {
  const configKey = { ...CONFIG_MAP, namespace: NAMESPACE, name: nameOf(index) };
  const there = await stage.cluster.get(configKey);
  const right = valueOf(there);
  const wrong = `wrong-${trial}`;
  const began = performance.now();
  const spoilt = await stage.cluster.patch(
    configKey,
    { data: { value: wrong } },
    { type: 'merge', fieldManager: 'by-hand' },
  );
  // It may be right again before anybody looks.
  const isNewer = ({ metadata }: KubeObject): boolean =>
    BigInt(metadata.resourceVersion ?? 0) > BigInt(spoilt.metadata.resourceVersion ?? 0);
  await stage.watchUntil(CONFIG_MAP, (object) => valueOf(object) === right && isNewer(object), {
    fieldSelector: `metadata.name=${nameOf(index)}`,
  });
  return performance.now() - began;
}

function valueArrives(stage: Stage, index: number, value: string): Promise<void> {
  return stage.watchUntil(CONFIG_MAP, (object) => valueOf(object) === value, {
    fieldSelector: `metadata.name=${nameOf(index)}`,
  });
}

const valueOf = (object: KubeObject | null): string | undefined =>
  (object?.['data'] as { value?: string } | undefined)?.value;

function timesOf(took: readonly number[]): Record<string, number> {
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { 'p50 ms': at(0.5), 'p99 ms': at(0.99) };
}
