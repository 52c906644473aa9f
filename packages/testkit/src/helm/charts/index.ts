import { APP_CHARTS } from './apps.ts';
import { BASIC_CHARTS } from './basics.ts';
import { CLUSTER_CHARTS } from './cluster.ts';
import type { SampleCharts } from './sample-chart.ts';
import { SUBCHART_CHARTS } from './subcharts.ts';
import { TEMPLATE_CHARTS } from './templates.ts';
import { VALUE_CHARTS } from './values.ts';

/** Charts by topic, and by what each shows. */
export const SAMPLE_CHARTS: Readonly<Record<string, SampleCharts>> = {
  apps: APP_CHARTS,
  manifests: BASIC_CHARTS,
  templates: TEMPLATE_CHARTS,
  subcharts: SUBCHART_CHARTS,
  values: VALUE_CHARTS,
  surroundings: CLUSTER_CHARTS,
};
