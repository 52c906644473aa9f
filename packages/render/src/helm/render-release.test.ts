import { packChart } from '@plumb/testkit';
import type { ChartFiles } from '@plumb/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import { testEngine } from '../testing/memory-artifact.ts';
import { objectsOf, renderChart } from './testing/render-chart.ts';

const engine = testEngine();
afterAll(() => engine.close());

const chart = (files: ChartFiles): Uint8Array =>
  packChart({ 'Chart.yaml': 'apiVersion: v2\nname: web\nversion: 1.2.3\n', ...files });
const configMap = (name: string, more = ''): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${more}`;
const job = (name: string, hook: string): string =>
  `apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: ${name}\n  annotations: {helm.sh/hook: "${hook}", helm.sh/hook-weight: "-5"}\nspec: {}\n`;
const owner = { 'helm.toolkit.fluxcd.io/name': 'shop', 'helm.toolkit.fluxcd.io/namespace': 'apps' };

describe('a release', () => {
  test('holds the objects of its chart in their namespaces, with the marks of Helm and of the owner', async () => {
    const release = await renderChart(
      engine,
      chart({
        'templates/a.yaml': `# only a comment\n---\n${configMap('a')}`,
        'templates/ns.yaml': 'apiVersion: v1\nkind: Namespace\nmetadata: {name: extra, namespace: wrong}\n',
        'templates/NOTES.txt': 'hello {{ .Release.Name }}',
      }),
    );
    expect(release.notes).toBe('hello shop');
    expect(release.chart).toMatchObject({ name: 'web', version: '1.2.3' });
    const marks = {
      labels: { ...owner, 'app.kubernetes.io/managed-by': 'Helm' },
      annotations: { 'meta.helm.sh/release-name': 'shop', 'meta.helm.sh/release-namespace': 'apps' },
    };
    expect(objectsOf(release)).toEqual({
      'Namespace//extra': { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'extra', ...marks } },
      'ConfigMap/apps/a': {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'a', namespace: 'apps', ...marks },
      },
    });
    expect(release.bundle.objects.map(({ origin }) => origin.path)).toEqual([
      'web/templates/ns.yaml',
      'web/templates/a.yaml',
    ]);
  });

  test('is recorded with the labels of its owner, without what is set as objects are applied', async () => {
    const { manifest, hooks } = await renderChart(
      engine,
      chart({
        'templates/a.yaml': configMap('a', 'data: {x: yes, y: "010"}\n'),
        'templates/job.yaml': job('migrate', 'pre-install, pre-upgrade'),
      }),
    );
    const labels = `  labels:\n    helm.toolkit.fluxcd.io/name: shop\n    helm.toolkit.fluxcd.io/namespace: apps\n`;
    expect(manifest).toBe(
      `---\n# Source: web/templates/a.yaml\napiVersion: v1\ndata:\n  x: 'yes'\n  'y': '010'\nkind: ConfigMap\nmetadata:\n${labels}  name: a\n`,
    );
    expect(hooks).toEqual([
      {
        name: 'migrate',
        kind: 'Job',
        path: 'web/templates/job.yaml',
        manifest: `apiVersion: batch/v1\nkind: Job\nmetadata:\n  annotations:\n    helm.sh/hook: pre-install, pre-upgrade\n    helm.sh/hook-weight: '-5'\n${labels}  name: migrate\nspec: {}\n`,
        events: ['pre-install', 'pre-upgrade'],
        weight: -5,
        deletePolicies: [],
        outputLogPolicies: [],
      },
    ]);
  });
});
