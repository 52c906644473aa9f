import { CLUSTER_RELEASE_POLICY, gateAdmission, gateCrds, LOCKDOWN } from '@plumb/api';
import type { JsonObject, KubeObject } from '@plumb/api';
import { costBetween, round } from './agent-process.ts';
import type { Measurement } from './cases.ts';
import * as cases from './cases.ts';
import { configOf, configPath, unitList } from './content.ts';
import type { Files, Stage } from './stage.ts';

const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap' };
const POLICIES = 20;
/** Lockdowns that are made, one after the other, each amid a change of all units. */
const LOCKDOWNS = 20;
/** After this long without a write nothing is under way any more. Milliseconds. */
const QUIET = 1_500;
/** The user that the stage connects as. */
const ADMINISTRATOR = 'plumb-admin';

/** Policies as a platform team has them, all of which let these changes pass: half by expressions, half by everything else. */
function policies(): KubeObject[] {
  return Array.from({ length: POLICIES }, (_, index): KubeObject => {
    const spec: JsonObject =
      index % 2 === 0
        ? {
            checks: [
              { name: 'few', expression: `object.kind != 'Deployment' || object.spec.replicas <= ${index + 3}` },
              { name: 'small', over: 'Change', expression: `change.counts.delete <= ${index}` },
            ],
          }
        : {
            forbid: [{ name: 'keys', pattern: `AKIA[0-9A-Z]{${16 + index}}` }],
            images: { registries: ['docker.io'] },
            limits: { maxDeletes: index },
            approvals: [{ name: 'large', when: `change.counts.delete > ${index}` }],
            windows: [{ type: 'Allow', timeZone: 'Europe/Berlin', cron: '0 0 * * *', duration: '25h' }],
          };
    const { group, version, kind } = CLUSTER_RELEASE_POLICY;
    return { apiVersion: `${group}/${version}`, kind, metadata: { name: `policy-${index}` }, spec };
  });
}

const allFiles = (units: number, value: string): Files =>
  Object.fromEntries(Array.from({ length: units }, (_, unit) => [configPath(unit), configOf(unit, value)]));

/** A commit that changes every unit, without gates and with them; one that changes none; and a lockdown amid the first. */
export async function gatesCases(stage: Stage, units: number, interval: string): Promise<Measurement[]> {
  const measured: Measurement[] = [await cases.firstSync(stage, unitList(units, interval))];
  const measure = async (name: string, work: () => Promise<Record<string, number>>): Promise<Measurement> => {
    const before = await stage.agent.spent();
    const times = await work();
    const measurement = { case: name, units, times, ...costBetween(before, await stage.agent.spent()) };
    measured.push(measurement);
    return measurement;
  };
  const changeAll = (value: string) => async (): Promise<Record<string, number>> => {
    const revision = await stage.push(allFiles(units, value), `Change all: ${value}`);
    const began = performance.now();
    const reported = stage.allAt(revision, units);
    await stage.request();
    await reported;
    return { 'all report s': round((performance.now() - began) / 1_000) };
  };
  // What is done for the first time costs more.
  await measure('all change, first', changeAll('warm'));
  const without = await measure('all change, no gates', changeAll('without'));
  const apply = (object: KubeObject): Promise<KubeObject> =>
    stage.cluster.apply(object, { fieldManager: 'bench', force: true });
  for (const object of [...gateCrds(), ...gateAdmission()]) await apply(object);
  await stage.cluster.discover({ refresh: true });
  for (const object of policies()) await apply(object);
  await measure('all change, policies new', changeAll('new'));
  const judged = await measure(`all change, ${POLICIES} policies`, changeAll('judged'));
  judged.times['CPU ms more a unit'] = round(((judged.cpuSeconds - without.cpuSeconds) * 1_000) / units);
  measured.push(await cases.idleRun(stage, units));
  await measure(`${LOCKDOWNS} lockdowns, each amid a change of all`, () => lockdowns(stage, units));
  return measured;
}

/** How long after a lockdown was made objects were still written, over many of them. */
async function lockdowns(stage: Stage, units: number): Promise<Record<string, number>> {
  const rounds: Round[] = [];
  for (let round = 0; round < LOCKDOWNS; round++) rounds.push(await lockAmid(stage, units, `locked-${round}`));
  const lasts = rounds.map(({ last }) => last).toSorted((a, b) => a - b);
  const at = (share: number): number => Math.round(lasts[Math.ceil(share * lasts.length) - 1] ?? 0);
  const sum = (of: (round: Round) => number): number => rounds.reduce((all, round) => all + of(round), 0);
  return {
    'written before': sum(({ before }) => before),
    'written after': sum(({ after }) => after),
    'last write ms after p50': at(0.5),
    'last write ms after p99': at(0.99),
    'made in ms': Math.round(sum(({ made }) => made) / rounds.length),
  };
}

interface Round {
  /** Objects that were written before the lockdown was made, and after it. */
  before: number;
  after: number;
  /** Milliseconds from when the API server had made it to the last write. */
  last: number;
  /** Milliseconds that it took to make it. */
  made: number;
}

/** Locks down while a commit is on its way to every unit, and lets go again. */
async function lockAmid(stage: Stage, units: number, value: string): Promise<Round> {
  const writes: number[] = [];
  const over = new AbortController();
  const begun = Promise.withResolvers<void>();
  const following = stage.follows(
    CONFIG_MAP,
    (object) => {
      if ((object['data'] as { value?: string } | undefined)?.value !== value) return;
      writes.push(performance.now());
      if (writes.length >= units / 20) begun.resolve();
    },
    () => undefined,
    over.signal,
  );
  await stage.push(allFiles(units, value), 'Change all, and be locked');
  await stage.request();
  await begun.promise;
  const at = performance.now();
  const { group, version, kind } = LOCKDOWN;
  const until = `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`;
  await stage.cluster.create({
    apiVersion: `${group}/${version}`,
    kind,
    metadata: { name: value },
    spec: { reason: 'a benchmark', by: ADMINISTRATOR, until },
  });
  const made = performance.now();
  do await new Promise((resolve) => setTimeout(resolve, QUIET));
  while (performance.now() - (writes.at(-1) ?? 0) < QUIET);
  over.abort();
  await following.catch(() => undefined);
  await stage.cluster.delete({ ...LOCKDOWN, namespace: '', name: value });
  const late = writes.filter((time) => time > made);
  return {
    before: writes.length - late.length,
    after: late.length,
    last: late.length === 0 ? 0 : (late.at(-1) ?? 0) - made,
    made: made - at,
  };
}
