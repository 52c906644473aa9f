import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ObjectKey } from '@plumb/api';
import { displayKey } from '@plumb/api';
import { auditedRequests, isWrite } from '../test/support/audit.ts';
import type { AuditedRequest } from '../test/support/audit.ts';
import type { OwnPlane } from '../test/support/own-plane.ts';
import { Chance } from './chance.ts';
import { Field } from './field.ts';
import { CONFIG_MAP, fieldsOf, filesOf, KINDS, Model, SECRET } from './model.ts';
import type { Round } from './round.ts';
import { keepEvidence, settle } from './round.ts';

const AGENT = 'plumb-agent';
const UNITS = 40;
const OBJECTS = 4;
/** Seconds. */
const SOURCE_INTERVAL = 5;
/** What a request that was under way may still do, in milliseconds. */
const LAST_WORK = 5_000;
/** How long after its return the API server's load is looked at. */
const AFTER = 60_000;
/** Requests in that time: the lists and watches that begin anew; of each unit a status and an Event or two; of each changed object what writes it. */
const ALLOWED = { once: 80, unit: 4, object: 3 };
/** Of one core, while there is nothing to do but to ask whether the API server is back. */
const BUSY = 0.1;
const AT_ONCE = 10_000;

/**
 * The API server is gone for a while, with commits landing meanwhile. Nothing is fetched that could not be used, its absence is told once, it is
 * not stampeded when it is back, nothing is written but what the commits changed, and all goes on as before.
 */
export async function awayRound(plane: OwnPlane, { seed, seconds }: { seed: number; seconds: number }): Promise<Round> {
  const agentKubeconfig = await plane.kubeconfigFor(AGENT);
  const field = await Field.start({
    kubeconfig: plane.kubeconfig,
    agentKubeconfig: () => agentKubeconfig,
    intervals: { source: `${SOURCE_INTERVAL}s`, unit: '30s' },
    recorded: false,
  });
  const chance = new Chance(seed);
  const model = new Model(field.target);
  let problems: string[] = ['it did not end'];
  try {
    problems = await begin(field, model, chance);
    const away = await outage(plane, field, { model, chance, seconds });
    problems.push(...away.problems);
    const from = performance.now();
    problems.push(...(await settle(field, model)));
    const settled = performance.now() - from;
    problems.push(
      ...(await intervalProblems(field)),
      ...(await driftProblems(field, { model, chance, changed: away.changed })),
    );
    await sleep(Math.max(0, AFTER - (performance.now() - from)));
    problems.push(...(await toldProblems(field)), ...(await field.stopAgents()));
    const load = loadProblems(await auditedRequests(plane.auditLog, [AGENT]), away);
    problems.push(...load.problems);
    const counts = {
      'seconds without an API server': seconds,
      commits: away.commits,
      'requests in the minute after': load.requests,
    };
    return { seed, counts, settled, problems, dir: field.dir };
  } finally {
    const keep = problems.length > 0;
    if (keep) await keepEvidence(field, problems);
    await field.close({ keep });
  }
}

/** Units with all they declare in place. @returns what is not */
export async function begin(field: Field, model: Model, chance: Chance, units = UNITS): Promise<string[]> {
  for (let index = 0; index < units; index += 1) {
    const unit = model.add(`unit-${index}`, chance.happens(0.3));
    for (let left = OBJECTS; left > 0; left -= 1) model.declare(unit, chance.one(KINDS));
  }
  await push(field, model);
  await field.createSource();
  for (const unit of model.units.values()) await field.createUnit(unit);
  field.agent.start();
  return settle(field, model);
}

function push(field: Field, model: Model): Promise<void> {
  return field.push(Object.fromEntries([...model.units.values()].flatMap((unit) => Object.entries(filesOf(unit)))));
}

interface Outage {
  /** When it began and ended, in milliseconds since the epoch. */
  gone: number;
  back: number;
  /** Objects that commits changed meanwhile, and people after it, as `<plural>/<name>`. */
  changed: Set<string>;
  commits: number;
  problems: string[];
}

async function outage(
  plane: OwnPlane,
  field: Field,
  { model, chance, seconds }: { model: Model; chance: Chance; seconds: number },
): Promise<Outage> {
  field.say('API server away');
  const gone = Date.now();
  await plane.stop();
  const until = performance.now() + seconds * 1_000;
  await sleep(Math.min(LAST_WORK, seconds * 500));
  const before = { connections: field.toGit.connections, cpu: await cpuSeconds(field), at: performance.now() };
  const changed = new Set<string>();
  let commits = 0;
  while (performance.now() < until) {
    for (const key of await commit(field, model, chance)) changed.add(idOf(key));
    commits += 1;
    await sleep(Math.max(0, Math.min(until - performance.now(), 1_000 + chance.below(9_000))));
  }
  const fetches = field.toGit.connections - before.connections;
  const busy = (((await cpuSeconds(field)) - before.cpu) * 1_000) / (performance.now() - before.at);
  const unreachable = await field.agent.metric('plumb_api_unreachable_seconds');
  field.say(`API server back; ${fetches} fetches, ${(busy * 100).toFixed(1)} % of a core`);
  await plane.again();
  const problems = [
    ...(fetches === 0 ? [] : [`${fetches} fetches that nobody could use`]),
    ...(busy <= BUSY ? [] : [`the agent took ${(busy * 100).toFixed(0)} % of a core while it waited`]),
    ...(unreachable >= seconds / 2 ? [] : [`its metrics say that the API server was away for ${unreachable} s`]),
  ];
  return { gone, back: Date.now(), changed, commits, problems };
}

/** As the audit log names it: `<plural>/<name>`. */
export function idOf({ kind, name }: ObjectKey): string {
  return `${kind.toLowerCase()}s/${name}`;
}

/** A commit that changes one to five of the declared objects. @returns which */
export async function commit(field: Field, model: Model, chance: Chance): Promise<ObjectKey[]> {
  const all = [...model.declared()];
  const changed = Array.from({ length: 1 + chance.below(5) }, () => chance.one(all));
  for (const { unit, object } of changed) model.put(unit, object.key);
  await push(field, model);
  return changed.map(({ object }) => object.key);
}

/** Processor time of the agent so far (proc(5), in hundredths of a second). */
async function cpuSeconds({ agent }: Field): Promise<number> {
  const fields = (await readFile(`/proc/${agent.pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function loadProblems(
  all: readonly AuditedRequest[],
  { gone, back, changed }: Outage,
): { requests: number; problems: string[] } {
  // The server takes requests a moment before it is known to be ready.
  const since = all.filter(({ from }) => from > gone && from < back + AFTER);
  const allowed = ALLOWED.once + ALLOWED.unit * UNITS + ALLOWED.object * changed.size;
  const [usual, peak] = [peakOf(all.filter(({ from }) => from < gone)), peakOf(since)];
  const written = since.filter((one) => isWrite(one) && DECLARED.has(one.resource));
  const needless = written.filter(({ resource, name }) => !changed.has(`${resource}/${name}`));
  const problems = [
    ...(since.length <= allowed
      ? []
      : [`${since.length} requests in the minute after its return, at most ${allowed} are due`]),
    ...(peak <= usual ? [] : [`${peak} requests within one second, and no more than ${usual} before it was away`]),
    ...needless.map(({ verb, resource, name }) => `${verb} ${resource} ${name}, which no commit had changed`),
  ];
  return { requests: since.length, problems };
}

/** The most requests within one second. */
function peakOf(requests: readonly AuditedRequest[]): number {
  let first = 0;
  let most = 0;
  for (const [index, { from }] of requests.entries()) {
    while ((requests[first]?.from ?? from) <= from - 1_000) first += 1;
    most = Math.max(most, index - first + 1);
  }
  return most;
}

const DECLARED = new Set(KINDS.map(({ kind }) => `${kind.toLowerCase()}s`));

/** It was told once that the API server is away, and once that it is back; no run failed over it. */
async function toldProblems(field: Field): Promise<string[]> {
  const lines = await field.agent.lines();
  const times = (text: RegExp): number => lines.filter(({ msg }) => text.test(msg)).length;
  const [gone, back] = [times(/^the API server has not answered since/), times(/^the API server answers again/)];
  const told =
    gone === 1 && back === 1
      ? []
      : [`told ${gone} times that the API server is away, and ${back} times that it is back`];
  const failures = lines.filter(({ level, msg }) => level === 'error' && msg !== 'an event could not be written');
  return [...told, ...failures.map(({ msg, error }) => `the agent said: ${msg}: ${error}`)];
}

/** The source is looked at as often as before. */
async function intervalProblems(field: Field): Promise<string[]> {
  const before = field.toGit.connections;
  const intervals = 3;
  await sleep(intervals * SOURCE_INTERVAL * 1_000);
  const fetches = field.toGit.connections - before;
  return fetches >= intervals - 1 && fetches <= 2 * intervals
    ? []
    : [`${fetches} fetches within ${intervals} intervals`];
}

async function driftProblems(
  field: Field,
  { model, chance, changed }: { model: Model; chance: Chance; changed: Set<string> },
): Promise<string[]> {
  const { key, value } = chance.one(
    [...model.declared()]
      .map(({ object }) => object)
      .filter(({ key: { kind } }) => [CONFIG_MAP.kind, SECRET.kind].includes(kind)),
  );
  changed.add(idOf(key));
  await field.byHand.change(key, fieldsOf(key.kind, 'by-hand'));
  const right = JSON.stringify(fieldsOf(key.kind, value)['data']);
  for (const until = performance.now() + AT_ONCE; performance.now() < until;) {
    if (JSON.stringify((await field.cluster.get(key))?.['data']) === right) return [];
    await sleep(50);
  }
  return [`${displayKey(key)} was not put right within ${AT_ONCE} ms`];
}
