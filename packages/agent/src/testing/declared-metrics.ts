import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface DeclaredMetric {
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels: string[];
}

const PACKAGES = join(import.meta.dirname, '../../..');
const CALL = /\bmetrics\.(counter|gauges?|histogram)\(/g;
const LITERAL = String.raw`'((?:[^'\\]|\\.)*)'`;
const DECLARATION = new RegExp(
  String.raw`\bmetrics\.(counter|gauges?|histogram)\(\s*${LITERAL},\s*${LITERAL}(?:,\s*\[([^\]]*)\])?`,
  'g',
);

/**
 * Every metric the sources declare, by name. Declarations are literals, so that this reads what the running agent serves.
 * @throws when a declaration is written so that it cannot be read
 */
export function declaredMetrics(): DeclaredMetric[] {
  const found = globSync('*/src/**/*.ts', { cwd: PACKAGES })
    .filter((path) => !path.endsWith('.test.ts') && !path.endsWith('testing/declared-metrics.ts'))
    .flatMap((path) => declarationsIn(path, readFileSync(join(PACKAGES, path), 'utf8')));
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function declarationsIn(path: string, source: string): DeclaredMetric[] {
  const metrics = [...source.matchAll(DECLARATION)].map(([, method = '', name = '', help = '', labels = '']) => ({
    name,
    type: (method === 'gauges' ? 'gauge' : method) as DeclaredMetric['type'],
    help,
    labels: [...labels.matchAll(/'(\w+)'/g)].map(([, label = '']) => label),
  }));
  const calls = [...source.matchAll(CALL)].length;
  if (calls !== metrics.length)
    throw new Error(`${path}: ${calls} metrics are declared, ${metrics.length} with literals`);
  return metrics;
}

/** The reference page of all metrics, as Markdown. */
export function metricsPage(metrics: readonly DeclaredMetric[]): string {
  const rows = metrics.map(({ name, type, help, labels }) => {
    return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`;
  });
  return [
    '# Metrics',
    '',
    'What `/metrics` of the agent serves, by default on port 8080, in the text format of Prometheus. Durations are in',
    'seconds. The names that begin with `gotk_` and `controller_runtime_` are those of Flux. A histogram has the series',
    '`_bucket`, `_sum` and `_count`. `deploy/monitoring` holds a Grafana dashboard, Prometheus rules and a PodMonitor for',
    'them (`kubectl apply -k deploy/monitoring`). This page is generated from the declarations in the code.',
    '',
    '| name | type | labels | what it tells |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
