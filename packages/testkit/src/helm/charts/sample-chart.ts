import type { ChartFiles } from '../pack-chart.ts';

/** A chart written for tests, and how it is rendered. */
export interface SampleChart {
  files: ChartFiles;
  /** A values file of the user's. */
  values?: string;
  isUpgrade?: boolean;
  kubeVersion?: string;
  /** What the cluster has beyond Kubernetes' own. */
  apiVersions?: readonly string[];
}

/** By what each shows. */
export type SampleCharts = Readonly<Record<string, SampleChart>>;

/** A Chart.yaml. */
export function chartYaml(name: string, more = ''): string {
  return `apiVersion: v2\nname: ${name}\nversion: 0.1.0\n${more}`;
}

/** The files of a chart in the folder of another. */
export function within(folder: string, files: ChartFiles): ChartFiles {
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [`${folder}/${path}`, content]));
}

/** A ConfigMap whose data are these lines of a template. */
export function configMap(name: string, data: string): string {
  const lines = data
    .trim()
    .split('\n')
    .map((line) => `  ${line}`);
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n${lines.join('\n')}\n`;
}
