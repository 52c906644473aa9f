import type { Cost } from './agent-process.ts';
import { costBetween, round } from './agent-process.ts';
import type { Stage } from './stage.ts';
import { configName } from './stage.ts';

/** One measured run of a case. Seconds, and what it cost. */
export interface Measurement extends Cost {
  case: string;
  units: number;
  seconds: Record<string, number>;
}

const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap' };

/** Creation of N Kustomizations of four objects each, `wait: true`, until all are Ready. */
export async function firstSync(stage: Stage, units: number): Promise<Measurement> {
  await stage.follow();
  const revision = await stage.revision();
  const before = await stage.agent.spent();
  const began = performance.now();
  const ready = stage.allAt(revision, units);
  await stage.createUnits(units);
  await ready;
  const seconds = { allReady: since(began) };
  return { case: 'first-sync', units, seconds, ...costBetween(before, await stage.agent.spent()) };
}

/** One directory of N changes and the source is asked to look: until the new value is in the cluster, and until all report the revision. */
export async function oneChange(stage: Stage, units: number, trial: number): Promise<Measurement> {
  const unit = (trial * 97 + 31) % units;
  const value = `trial-${trial}-${Date.now()}`;
  const before = await stage.agent.spent();
  const revision = await stage.change(unit, value);
  const name = configName(unit);
  const began = performance.now();
  const inCluster = stage
    .watchUntil(CONFIG_MAP, (object) => (object['data'] as { value?: string }).value === value, {
      fieldSelector: `metadata.name=${name}`,
    })
    .then(() => since(began));
  const reported = stage.allAt(revision, units).then(() => since(began));
  await stage.request();
  const seconds = { inCluster: await inCluster, allReported: await reported };
  return { case: 'one-change', units, seconds, ...costBetween(before, await stage.agent.spent()) };
}

function since(began: number): number {
  return round((performance.now() - began) / 1_000);
}
