import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createEngine } from '@plumb/engine';
import { beforeAll, describe, expect, test } from 'vitest';
import type { DeclaredMetric } from './testing/declared-metrics.ts';
import { declaredMetrics, metricsPage } from './testing/declared-metrics.ts';

const ROOT = join(import.meta.dirname, '../../..');
const FOLDER = join(ROOT, 'deploy/monitoring');

interface Panel {
  id: number;
  title: string;
  type: string;
  gridPos: { h: number; w: number; x: number; y: number };
  targets?: { expr: string; refId: string }[];
}

interface Rule {
  alert?: string;
  record?: string;
  expr: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

interface Built {
  kind: string;
  data?: Record<string, string>;
  metadata: { name: string; labels?: Record<string, string> };
  spec?: { groups?: { name: string; rules: Rule[] }[] };
}

/** Labels that Prometheus and its operator put on every series of a pod. */
const TARGET_LABELS = ['job', 'instance', 'pod', 'container'];
const SERIES = /\b((?:plumb|gotk|controller_runtime|process|nodejs)_\w+)(?:\{([^}]*)\})?/g;

const declared = new Map(declaredMetrics().map((metric) => [metric.name, metric]));
let objects: Built[];

/** As users apply it: built by kustomize. */
beforeAll(async () => {
  const engine = createEngine({ path: join(ROOT, 'build/engine') });
  const files = globSync('*', { cwd: FOLDER }).map((path) => ({ path, content: readFileSync(join(FOLDER, path)) }));
  const built = await engine.kustomizeBuild({ files, path: '.', deadline: 10_000 });
  await engine.close();
  objects = built.objects.map(({ json }) => JSON.parse(json) as Built);
});

function metricOf(series: string): DeclaredMetric | undefined {
  const family = declared.get(series);
  if (family !== undefined) return family.type === 'histogram' ? undefined : family;
  const histogram = declared.get(series.replace(/_(bucket|sum|count)$/, ''));
  return histogram?.type === 'histogram' ? histogram : undefined;
}

function labelsOf(series: string, metric: DeclaredMetric): string[] {
  return [...metric.labels, ...TARGET_LABELS, ...(series.endsWith('_bucket') ? ['le'] : [])];
}

/** What an expression names that the code does not declare. */
function unknownIn(expr: string): string[] {
  const grouping = [...expr.matchAll(/\b(?:by|on|without)\s*\(([^)]*)\)/g)].flatMap(([, names = '']) =>
    names.split(','),
  );
  const known = new Set<string>();
  const unknown: string[] = [];
  for (const [, series = '', matchers = ''] of expr.matchAll(SERIES)) {
    const metric = metricOf(series);
    if (metric === undefined) {
      unknown.push(series);
      continue;
    }
    const labels = labelsOf(series, metric);
    for (const label of labels) known.add(label);
    const used = [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label);
    unknown.push(...used.filter((label) => !labels.includes(label)).map((label) => `${series}{${label}}`));
  }
  if (known.size === 0) unknown.push(`no series in ${expr}`);
  return [...unknown, ...grouping.map((name) => name.trim()).filter((name) => !known.has(name))];
}

function dashboard(): { panels: Panel[]; [field: string]: unknown } {
  const text = objects.find(({ kind }) => kind === 'ConfigMap')?.data?.['dashboard.json'] ?? '{}';
  return JSON.parse(text) as ReturnType<typeof dashboard>;
}

function rules(): Rule[] {
  return objects.flatMap(({ spec }) => spec?.groups ?? []).flatMap((group) => group.rules);
}

test('docs/metrics.md is what the code declares (vitest --update writes it)', async () => {
  await expect(metricsPage([...declared.values()])).toMatchFileSnapshot(join(ROOT, 'docs/metrics.md'));
});

test('an expression with a wrong name, label or grouping would be found', () => {
  expect(unknownIn('sum by (verb) (rate(plumb_api_requests_total{code="429"}[5m]))')).toEqual([]);
  expect(unknownIn('plumb_api_request_total')).toContain('plumb_api_request_total');
  expect(unknownIn('plumb_api_requests_total{status="429"}')).toEqual(['plumb_api_requests_total{status}']);
  expect(unknownIn('sum by (kind) (plumb_api_requests_total)')).toEqual(['kind']);
  expect(unknownIn('gotk_reconcile_duration_seconds')).toContain('gotk_reconcile_duration_seconds');
  expect(unknownIn('up')).toEqual(['no series in up']);
});

describe('the dashboard', () => {
  test('is one that a current Grafana loads, and finds as a ConfigMap', () => {
    const { panels, ...rest } = dashboard();
    expect(rest).toMatchObject({ schemaVersion: 41, uid: 'plumb-agent', title: 'Plumb / Agent' });
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(panels.filter(({ gridPos }) => gridPos.x + gridPos.w > 24)).toEqual([]);
    expect(panels.filter(({ type, targets = [] }) => (type === 'row') !== (targets.length === 0))).toEqual([]);
    const [map] = objects.filter(({ kind }) => kind === 'ConfigMap');
    expect(map?.metadata).toMatchObject({ name: 'plumb-dashboard', labels: { grafana_dashboard: '1' } });
  });

  test('has no two panels at one place', () => {
    const places = dashboard().panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    expect(new Set(places).size).toBe(places.length);
  });

  test('asks only for what the code declares', () => {
    const exprs = dashboard().panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(exprs.length).toBeGreaterThan(15);
    expect(exprs.flatMap(unknownIn)).toEqual([]);
  });

  test('shows every metric', () => {
    const text = JSON.stringify(dashboard());
    expect([...declared.keys()].filter((name) => !text.includes(name))).toEqual([]);
  });
});

describe('the rules', () => {
  test('are groups of a PrometheusRule, each alert with what it means and how bad it is', () => {
    expect(objects.map(({ kind }) => kind).sort()).toEqual(['ConfigMap', 'PodMonitor', 'PrometheusRule']);
    const names = rules().map(({ alert, record }) => alert ?? record);
    expect(new Set(names).size).toBe(names.length);
    for (const { alert, labels, annotations } of rules().filter((rule) => rule.record === undefined)) {
      expect(alert).toMatch(/^Plumb[A-Z]\w+$/);
      expect(['critical', 'warning', 'info']).toContain(labels?.['severity']);
      expect(annotations?.['summary'], alert).toBeTruthy();
      expect(annotations?.['description'], alert).toBeTruthy();
    }
  });

  test('ask only for what the code declares', () => {
    expect(rules().flatMap(({ expr }) => unknownIn(expr))).toEqual([]);
  });

  test('speak only of labels their alert has', () => {
    const wrong = rules().flatMap(({ alert = '', expr, annotations = {} }) => {
      const grouping = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(', ') ?? [];
      const spoken = [
        ...Object.values(annotations)
          .join(' ')
          .matchAll(/\$labels\.(\w+)/g),
      ].map(([, name = '']) => name);
      return spoken.filter((name) => !grouping.includes(name)).map((name) => `${alert}: ${name}`);
    });
    expect(wrong).toEqual([]);
  });
});
