import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { auditedRequests, isWrite } from '../test/support/audit.ts';
import type { OwnPlane } from '../test/support/own-plane.ts';
import { TcpProxy } from '../test/support/tcp-proxy.ts';
import type { KillableAgent } from './agent.ts';
import { begin, commit, idOf } from './away.ts';
import { Chance } from './chance.ts';
import { Field } from './field.ts';
import { Model } from './model.ts';
import type { ReplicaNews } from './owners.ts';
import { ownership } from './owners.ts';
import { brokenStatuses } from './faithful.ts';
import type { Round } from './round.ts';
import { keepEvidence, settle } from './round.ts';

const UNITS = 24;
/** Milliseconds: longer than a lease of 15 s, so that one that is stopped or cut off loses it. */
const LOSES_LEASE = 16_000;
const AGREED_WITHIN = 60_000;
/** Milliseconds from a blow until all the others are agreed without the one it befell: a lease of 15 s has to end first. */
const TAKEN_OVER_WITHIN = 20_000;

/** What befalls a replica, and how it is undone. */
interface Blow {
  strike: (agent: KillableAgent, way: TcpProxy) => unknown;
  undo: (agent: KillableAgent, way: TcpProxy) => unknown;
  /** Milliseconds until it may be undone. */
  lasts: number;
}

const BLOWS: Readonly<Record<string, Blow>> = {
  killed: { strike: (agent) => agent.kill(), undo: (agent) => agent.start(), lasts: 0 },
  stopped: { strike: (agent) => agent.signal('SIGSTOP'), undo: (agent) => agent.signal('SIGCONT'), lasts: LOSES_LEASE },
  'cut off': { strike: (_agent, way) => way.cut(), undo: (_agent, way) => way.heal(), lasts: LOSES_LEASE },
};

/**
 * Replicas with the leases they have by default are killed, stopped and cut off, so many times, each by a commit that the others have to deliver.
 * By the audit log no unit is ever changed by one that does not own it (I13).
 */
export async function replicasRound(
  plane: OwnPlane,
  { seed, replicas, times }: { seed: number; replicas: number; times: number },
): Promise<Round> {
  const hosts = Array.from({ length: replicas }, (_, index) => `replica-${index + 1}`);
  const ways = await waysTo(plane, hosts);
  const field = await Field.start({
    kubeconfig: plane.kubeconfig,
    agentKubeconfig: (host) => kubeconfigOf(plane, host),
    replicas: hosts,
    intervals: { source: '2s', unit: '10m' },
  });
  const [chance, model] = [new Chance(seed), new Model(field.target)];
  let problems: string[] = ['it did not end'];
  const takeovers: Takeover[] = [];
  try {
    field.startAgents();
    await agreed(field, 0);
    problems = await begin(field, model, chance, UNITS);
    for (let time = 0; time < times; time += 1) {
      const agent = chance.one(field.agents);
      const [what, blow] = chance.one(Object.entries(BLOWS));
      const way = ways.get(agent.host);
      if (way === undefined) throw new Error(`${agent.host} has no way to the API server`);
      field.say(`${agent.host} ${what}`);
      const [from, struck] = [performance.now(), Date.now()];
      await blow.strike(agent, way);
      await commit(field, model, chance);
      takeovers.push({ host: agent.host, what, ms: (await takenOver(field, agent, struck)) - struck });
      problems.push(...(await settle(field, model)));
      await sleep(Math.max(0, blow.lasts - (performance.now() - from)));
      const since = Date.now();
      await blow.undo(agent, way);
      await agreed(field, since);
      await commit(field, model, chance);
      problems.push(...(await settle(field, model)));
    }
    const news = await newsOf(field);
    problems.push(...takeoverProblems(takeovers), ...(await field.stopAgents()));
    await field.history.stop();
    problems.push(...brokenStatuses(field.history.states()));
    problems.push(...(await ownershipProblems(plane, field, { model, hosts, news })));
    const counts = { [`blows to one of ${replicas} replicas`]: times };
    const settled = Math.max(...takeovers.map(({ ms }) => ms));
    return { seed, counts, settled, problems, dir: field.dir, settledWord: 'taken over within' };
  } finally {
    for (const way of ways.values()) way.heal();
    for (const agent of field.agents) agent.signal('SIGCONT');
    const keep = problems.length > 0;
    if (keep) await keepEvidence(field, problems);
    await field.close({ keep });
    for (const way of ways.values()) await way.close();
  }
}

/** What befell a replica, and how long it took until the others were agreed on its share. */
export interface Takeover {
  host: string;
  what: string;
  ms: number;
}

export function takeoverProblems(takeovers: readonly Takeover[]): string[] {
  const late = takeovers.filter(({ ms }) => ms > TAKEN_OVER_WITHIN);
  return late.map(
    ({ host, what, ms }) =>
      `${host} was ${what} and taken over after ${(ms / 1_000).toFixed(1)} s, later than ${TAKEN_OVER_WITHIN / 1_000} s`,
  );
}

function kubeconfigOf({ dir }: OwnPlane, host: string): string {
  return join(dir, `${host}.kubeconfig`);
}

/** A way to the API server for each replica, which can be cut; each is a user of its own. */
async function waysTo(plane: OwnPlane, hosts: readonly string[]): Promise<Map<string, TcpProxy>> {
  const ways = new Map<string, TcpProxy>();
  for (const host of hosts) {
    const direct = await readFile(await plane.kubeconfigFor(host), 'utf8');
    const way = await TcpProxy.to(plane.port);
    const through = direct.replace(`127.0.0.1:${plane.port}`, `127.0.0.1:${way.port}`);
    await writeFile(kubeconfigOf(plane, host), through, { mode: 0o600 });
    ways.set(host, way);
  }
  return ways;
}

/** The lines that say something of the replicas, and what they mean. */
const SAYS: readonly { line: RegExp; event: string }[] = [
  { line: /^this replica has joined/, event: 'joined' },
  { line: /^all replicas are agreed/, event: 'agreed' },
  { line: /^the lease of this replica is lost/, event: 'lease-lost' },
];

async function newsOf(field: Field): Promise<ReplicaNews[]> {
  const all = await Promise.all(field.agents.map(async (agent) => ({ name: agent.host, lines: await agent.lines() })));
  return all.flatMap(({ name, lines }) =>
    lines.flatMap(({ msg, ts = '', member = '', members = [] }) => {
      const event = SAYS.find(({ line }) => line.test(msg))?.event;
      return event === undefined ? [] : [{ name, event, at: Date.parse(ts), member, members }];
    }),
  );
}

/** Resolves when every replica is agreed that all are there, and has been since a moment. */
async function agreed(field: Field, since: number): Promise<void> {
  await lastOfThem(field, field.agents, (last) => {
    const isAgreed = last.every(({ event, members }) => event === 'agreed' && members.length === field.agents.length);
    return isAgreed && last.some(({ at }) => at >= since);
  });
}

/** Resolves when all others are agreed without one since a moment. @returns since when, in milliseconds since the epoch */
async function takenOver(field: Field, gone: KillableAgent, since: number): Promise<number> {
  const others = field.agents.filter((agent) => agent !== gone);
  const last = await lastOfThem(field, others, (all) =>
    all.every(({ event, at, members }) => event === 'agreed' && at >= since && !members.includes(gone.host)),
  );
  return Math.max(...last.map(({ at }) => at));
}

/** The last that each of these said, as soon as it is as wanted. */
async function lastOfThem(
  field: Field,
  agents: readonly KillableAgent[],
  isWanted: (last: readonly ReplicaNews[]) => boolean,
): Promise<ReplicaNews[]> {
  for (const until = performance.now() + AGREED_WITHIN; performance.now() < until; await sleep(200)) {
    const news = await newsOf(field);
    const last = agents.flatMap(({ host }) => news.findLast(({ name }) => name === host) ?? []);
    if (last.length === agents.length && isWanted(last)) return last;
  }
  throw new Error(`the replicas did not agree within ${AGREED_WITHIN} ms`);
}

async function ownershipProblems(
  plane: OwnPlane,
  field: Field,
  { model, hosts, news }: { model: Model; hosts: readonly string[]; news: readonly ReplicaNews[] },
): Promise<string[]> {
  const requests = await auditedRequests(plane.auditLog, hosts);
  const here = new Set([field.namespace, field.target]);
  const writes = requests.filter((request) => isWrite(request) && here.has(request.namespace));
  const source = field.sourceKey.name;
  const units = [...model.units.values()].map(({ name, objects }) => {
    return { name, objects: [...objects.values()].map(({ key }) => idOf(key)) };
  });
  const { problems } = ownership({ namespace: field.namespace, source, units }, writes, news);
  return problems;
}
