import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '@plumb/api';
import type { Cost, Spent } from './agent-process.ts';
import { costBetween, round } from './agent-process.ts';
import { configName, configOf, configPath } from './content.ts';
import type { Stage, Unit } from './stage.ts';
import { NAMESPACE, unitKey } from './stage.ts';

/** One measured run of a case. Seconds (milliseconds where the name says so), and what it cost. */
export interface Measurement extends Cost {
  case: string;
  units: number;
  times: Record<string, number>;
}

const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap' };

function valueOf(object: KubeObject): string | undefined {
  return (object['data'] as { value?: string } | undefined)?.value;
}

/** Creation of Kustomizations, `wait: true`, until all are Ready. */
export async function firstSync(stage: Stage, units: readonly Unit[]): Promise<Measurement> {
  await stage.follow();
  const revision = await stage.revision();
  const before = await stage.agent.spent();
  const began = performance.now();
  const ready = stage.allAt(revision, units.length);
  await stage.createUnits(units);
  await ready;
  const times = { 'all Ready s': since(began) };
  return { case: 'first sync', units: units.length, times, ...costBetween(before, await stage.agent.spent()) };
}

/** A commit that touches no file of any unit: until all report its revision. */
export async function idleRun(stage: Stage, units: number): Promise<Measurement> {
  const before = await stage.agent.spent();
  const revision = await stage.push({ 'units/0/README.md': `${Date.now()}` }, 'Say something');
  const began = performance.now();
  const reported = stage.allAt(revision, units);
  await stage.request();
  await reported;
  const times = { 'all report s': since(began) };
  return { case: 'commit elsewhere', units, times, ...costBetween(before, await stage.agent.spent()) };
}

/** One directory of N changes and the source is asked to look: until the new value is in the cluster, and until all report the revision. */
export async function oneChange(stage: Stage, units: number, trial: number): Promise<Measurement> {
  const unit = (trial * 97 + 31) % units;
  const value = `trial-${trial}-${Date.now()}`;
  const before = await stage.agent.spent();
  const revision = await stage.push({ [configPath(unit)]: configOf(unit, value) }, `Change ${unit}`);
  const began = performance.now();
  const inCluster = stage
    .watchUntil(CONFIG_MAP, (object) => valueOf(object) === value, {
      fieldSelector: `metadata.name=${configName(unit)}`,
    })
    .then(() => since(began));
  const reported = stage.allAt(revision, units).then(() => since(began));
  await stage.request();
  const times = { 'in the cluster s': await inCluster, 'all report s': await reported };
  return { case: 'one of N changes', units, times, ...costBetween(before, await stage.agent.spent()) };
}

/** What a case before left to be written is let through first. */
const CALM_DOWN = 10_000;

/** Nothing happens for a while. */
export async function atRest(stage: Stage, units: number, seconds: number): Promise<Measurement> {
  await sleep(CALM_DOWN);
  const before = await stage.agent.spent();
  await sleep(seconds * 1_000);
  const cost = costBetween(before, await stage.agent.spent());
  const times = {
    'requests a minute': round((cost.requests * 60) / seconds),
    '% of a core': round((cost.cpuSeconds * 100) / seconds),
  };
  return { case: 'at rest', units, times, ...cost };
}

/** One owned field of one object is changed by somebody else, until it is right again; many trials, one after the other. */
export async function drift(stage: Stage, units: number, trials: number): Promise<Measurement> {
  const before = await stage.agent.spent();
  const took: number[] = [];
  await withValues(stage, async (values) => {
    for (let trial = 0; trial < trials; trial++) {
      const name = configName((trial * 7) % units);
      const right = values.get(name) ?? '';
      const began = performance.now();
      await spoil(stage, name, `wrong-${trial}`);
      await values.becomes(name, right, began);
      took.push(performance.now() - began);
    }
  });
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  const times = { 'p50 ms': at(0.5), 'p99 ms': at(0.99), 'most ms': at(1) };
  return { case: 'drift of one field', units, times, ...costBetween(before, await stage.agent.spent()) };
}

/** A hundred objects are changed at once, until all are right again. */
export async function driftOfMany(stage: Stage, units: number): Promise<Measurement> {
  const before = await stage.agent.spent();
  const names = Array.from({ length: Math.min(100, units) }, (_, unit) => configName(unit));
  let took = 0;
  await withValues(stage, async (values) => {
    const right = new Map(names.map((name) => [name, values.get(name) ?? '']));
    const began = performance.now();
    await Promise.all(names.map((name) => spoil(stage, name, 'wrong')));
    await Promise.all(names.map((name) => values.becomes(name, right.get(name) ?? '', began)));
    took = since(began);
  });
  return {
    case: 'drift of 100',
    units,
    times: { 'all right s': took },
    ...costBetween(before, await stage.agent.spent()),
  };
}

/** The agent is stopped and another is started on the same disk, until it has seen to every unit once. */
export async function restart(stage: Stage, units: number, name: string): Promise<Measurement> {
  const began = performance.now();
  await stage.restartAgent();
  await stage.agent.untilSettled(units);
  const after = await stage.agent.spent();
  const nothing = {
    usage: { own: 0, children: 0, peakRss: 0, rss: 0, childrenPeakRss: 0 },
    held: 0,
    requests: new Map<string, number>(),
  };
  return { case: name, units, times: { 'settled s': since(began) }, ...costBetween(nothing, after) };
}

/** One Kustomization of many ConfigMaps: first apply, then a run that changes nothing. */
export async function large(stage: Stage, objects: number): Promise<Measurement[]> {
  await stage.follow();
  const revision = await stage.revision();
  const before = await stage.agent.spent();
  const began = performance.now();
  const ready = stage.allAt(revision, 1);
  await stage.createUnits([{ name: 'large', path: './large' }]);
  await ready;
  const first = {
    case: `first apply of ${objects}`,
    units: 1,
    times: { 'Ready s': since(began) },
    ...costBetween(before, await stage.agent.spent()),
  };
  const again = await stage.agent.spent();
  const restarted = performance.now();
  const token = await stage.request(unitKey('large'));
  await stage.handled('large', token);
  const times = { 'handled s': since(restarted) };
  const second = {
    case: `no-change run of ${objects}`,
    units: 1,
    times,
    ...costBetween(again, await stage.agent.spent()),
  };
  return [first, second];
}

/**
 * Many small commits in a row, each as soon as the one before it is in the cluster: lag and memory must not grow. What a commit costs tells the same
 * of machines that do other work meanwhile.
 */
export async function commits(stage: Stage, units: number, count: number): Promise<Measurement> {
  const before = await stage.agent.spent();
  const lags: number[] = [];
  const marks: Spent[] = [before];
  const tenth = Math.max(1, Math.floor(count / 10));
  await withValues(stage, async (values) => {
    for (let index = 0; index < count; index++) {
      const unit = index % units;
      const value = `commit-${index}`;
      await stage.push({ [configPath(unit)]: configOf(unit, value) }, value);
      const began = performance.now();
      await stage.request();
      await values.becomes(configName(unit), value, began);
      lags.push(performance.now() - began);
      if ((index + 1) % tenth === 0) marks.push(await stage.agent.spent());
    }
  });
  const [afterFirst = before, beforeLast = before, last = before] = [marks[1], marks.at(-2), marks.at(-1)];
  const perCommit = (from: Spent, to: Spent): number => round((costBetween(from, to).cpuSeconds * 1_000) / tenth);
  const times = {
    'first tenth ms': Math.round(median(lags.slice(0, tenth))),
    'last tenth ms': Math.round(median(lags.slice(-tenth))),
    'CPU ms each of first tenth': perCommit(before, afterFirst),
    'CPU ms each of last tenth': perCommit(beforeLast, last),
    'RSS after first tenth MiB': Math.round(afterFirst.usage.rss),
    'RSS at last MiB': Math.round(last.usage.rss),
  };
  return { case: `${count} commits`, units, times, ...costBetween(before, await stage.agent.spent()) };
}

/** What the agent holds in memory after some quiet seconds. */
export async function idle(stage: Stage, name: string, seconds: number): Promise<Measurement> {
  const before = await stage.agent.spent();
  await sleep(seconds * 1_000);
  const after = await stage.agent.spent();
  return { case: name, units: 0, times: { 'RSS MiB': Math.round(after.usage.rss) }, ...costBetween(before, after) };
}

async function spoil(stage: Stage, name: string, value: string): Promise<void> {
  const key = { ...CONFIG_MAP, namespace: NAMESPACE, name };
  await stage.cluster.patch(key, { data: { value } }, { type: 'merge', fieldManager: 'by-hand' });
}

/** The values of all ConfigMaps, kept current by one watch of the bench's own. */
interface Values {
  get(name: string): string | undefined;
  /** Resolves when a change seen after `since` leaves this value. */
  becomes(name: string, value: string, since: number): Promise<void>;
}

async function withValues(stage: Stage, work: (values: Values) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const current = new Map<string, { value: string; at: number }>();
  const waiting = new Set<() => void>();
  const listed = Promise.withResolvers<void>();
  const note = (object: KubeObject): void => {
    current.set(object.metadata.name, { value: valueOf(object) ?? '', at: performance.now() });
    for (const look of waiting) look();
  };
  const following = stage.follows(CONFIG_MAP, note, () => listed.resolve(), stop.signal);
  await listed.promise;
  const becomes = (name: string, value: string, after: number): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        const seen = current.get(name);
        if (seen?.value !== value || seen.at < after) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  try {
    await work({ get: (name) => current.get(name)?.value, becomes });
  } finally {
    stop.abort();
    await following;
  }
}

function since(began: number): number {
  return round((performance.now() - began) / 1_000);
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}
