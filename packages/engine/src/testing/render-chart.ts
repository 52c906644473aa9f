import type { Engine } from '../engine.ts';
import type { HelmRendered, HelmTemplateRequest, HelmTemplateResult } from '../helm.ts';

/** A chart, and what a test changes of the request. */
export type Asked = Partial<HelmTemplateRequest> & Pick<HelmTemplateRequest, 'chart'>;

/** Asks for a chart as the release `shop` in `apps`. */
export function askFor(engine: Engine, asked: Asked): Promise<HelmTemplateResult> {
  return engine.helmTemplate({
    values: '{}',
    release: { name: 'shop', namespace: 'apps', revision: 1, isUpgrade: false },
    kubeVersion: 'v1.37.2',
    apiVersions: ['v1', 'apps/v1', 'apps/v1/Deployment'],
    lookups: [],
    skipSchemaValidation: false,
    deadline: 20_000,
    ...asked,
  });
}

/** Renders a chart that looks nothing up, or nothing but what is answered. */
export async function renderChart(engine: Engine, asked: Asked): Promise<HelmRendered> {
  const result = await askFor(engine, asked);
  if ('needs' in result) throw new Error(`asks for ${JSON.stringify(result.needs)}`);
  return result;
}
