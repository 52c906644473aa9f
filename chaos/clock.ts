import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject, ObjectKey } from '@plumb/api';
import { displayKey } from '@plumb/api';
import { Chance } from './chance.ts';
import { EVENT } from './claims.ts';
import type { Field } from './field.ts';
import type { DeclaredObject, Model } from './model.ts';
import { fieldsOf, KINDS } from './model.ts';
import type { Trouble } from './round.ts';
import { settle } from './round.ts';

const HOUR = 3_600_000;
const REPLICAS = ['replica-a', 'replica-b'];
/** Seconds. */
const INTERVALS = { source: 2, unit: 3 };
/** Milliseconds of rest in which runs at intervals are counted. */
const REST = 10_000;
/** Milliseconds that somebody insists on one object. */
const FIGHT = 12_000;
/** Milliseconds within which drift is put right; a few, on a machine that has other things to do. */
const AT_ONCE = 10_000;
const JOIN_WITHIN = 40_000;
/** Milliseconds an event may take on its way. */
const LATE = 10_000;
/** In FIGHT, five corrections are made at once, and those after 1, 2, 4 s more. A clock that counted would hold them all, or let them all go. */
const CORRECTIONS = { least: 6, most: 10 };

/** The time of day of two replicas is set an hour forward and back, each by itself, so many times while things change. */
export function clockJumps(times: number): Trouble {
  const intervals = { source: `${INTERVALS.source}s`, unit: `${INTERVALS.unit}s` };
  return {
    layout: { replicas: REPLICAS, intervals },
    async make({ field, model, mutator, seed }) {
      const chance = new Chance(seed + 2);
      const clocks = new Clocks(field, chance);
      field.startAgents();
      await agreed(field);
      const problems: string[] = [];
      let changes = 0;
      for (let jump = 0; jump < times; jump += 1) {
        const fresh = freshObject(model, chance);
        await mutator.end();
        problems.push(...(await settle(field, model)));
        clocks.jump();
        problems.push(...(await repairProblems(field, fresh)));
        for (let left = 4 + chance.below(6); left > 0; left -= 1, changes += 1) {
          await mutator.step();
          await sleep(chance.below(200));
        }
      }
      const [fought, neighbour] = [freshObject(model, chance), freshObject(model, chance)];
      await mutator.end();
      problems.push(...(await settle(field, model)));
      problems.push(...(await intervalProblems(field, model, clocks)));
      problems.push(...(await fightProblems(field, fought, clocks)), ...(await repairProblems(field, neighbour)));
      problems.push(...(await clocks.eventProblems()), ...(await leaseProblems(field)));
      return { counts: { 'jumps of the clock': clocks.jumps, changes }, problems };
    },
  };
}

/** What the replicas take for the time of day. */
class Clocks {
  readonly #field: Field;
  readonly #chance: Chance;
  /** Each setting, and when it was made: milliseconds since the epoch by the right clock. */
  readonly #set = REPLICAS.map((host) => ({ host, at: 0, shift: 0 }));
  jumps = 0;

  constructor(field: Field, chance: Chance) {
    this.#field = field;
    this.#chance = chance;
  }

  /** Sets each to another time than it has. */
  jump(): void {
    for (const agent of this.#field.agents) {
      const now = this.#set.findLast(({ host }) => host === agent.host)?.shift;
      const shift = this.#chance.one([-HOUR, 0, HOUR].filter((other) => other !== now));
      agent.setClock(shift);
      this.#set.push({ host: agent.host, at: Date.now(), shift });
      this.#field.say(`CLOCK of ${agent.host} ${shift / HOUR} h`);
    }
    this.jumps += 1;
  }

  /** Events say the time of the day that their teller had. */
  async eventProblems(): Promise<string[]> {
    const { items } = await this.#field.cluster.list(EVENT, { namespace: this.#field.namespace });
    const told = items.filter((event) => REPLICAS.includes(String(event['reportingInstance'])));
    if (!told.some((event) => Math.abs(skewOf(event)) > HOUR / 2)) return ['no event shows a clock that was set'];
    return told.flatMap((event) => {
      const skew = skewOf(event);
      const right = this.#around(event).some((shift) => Math.abs(shift - skew) <= LATE + 1_000);
      return right
        ? []
        : [`${event.metadata.name} says a time that is ${skew / HOUR} h off, and its teller's clock was not`];
    });
  }

  /** The settings of the teller's clock that an event may have been told under. */
  #around(event: KubeObject): number[] {
    const made = Date.parse(event.metadata.creationTimestamp ?? '');
    const own = this.#set.filter(({ host }) => host === event['reportingInstance']);
    return own
      .filter(({ at }, index) => at <= made + 2_000 && (own[index + 1]?.at ?? Infinity) >= made - LATE)
      .map(({ shift }) => shift);
  }
}

/** Milliseconds from when the API server made an event until when it says that it happened. */
function skewOf(event: KubeObject): number {
  return Date.parse(String(event['firstTimestamp'])) - Date.parse(event.metadata.creationTimestamp ?? '');
}

async function agreed(field: Field): Promise<void> {
  for (const until = performance.now() + JOIN_WITHIN; performance.now() < until;) {
    const lines = await Promise.all(field.agents.map((agent) => agent.lines()));
    if (lines.every((said) => said.some(({ members }) => members?.length === REPLICAS.length))) return;
    await sleep(200);
  }
  throw new Error(`the replicas did not agree within ${JOIN_WITHIN} ms`);
}

/** An object that nobody has spoilt yet: its budget of corrections is whole. */
function freshObject(model: Model, chance: Chance): DeclaredObject {
  return model.declare(chance.one([...model.units.values()]), chance.one(KINDS));
}

/** Drift is put right at once. */
async function repairProblems(field: Field, { key, value }: DeclaredObject): Promise<string[]> {
  await field.byHand.change(key, fieldsOf(key.kind, `by-hand-${field.log.length}`));
  for (const until = performance.now() + AT_ONCE; performance.now() < until;) {
    if (await isRight(field, key, value)) return [];
    await sleep(50);
  }
  return [`${displayKey(key)} was not put right within ${AT_ONCE} ms`];
}

async function isRight(field: Field, key: ObjectKey, value: number): Promise<boolean> {
  const object = await field.cluster.get(key);
  const fields = fieldsOf(key.kind, value);
  return Object.entries(fields).every(([name, part]) => isDeepStrictEqual(object?.[name], part));
}

/** Intervals go on as they were, neither faster nor slower, when the clock is set in the middle. */
async function intervalProblems(field: Field, model: Model, clocks: Clocks): Promise<string[]> {
  const before = await runs(field);
  await sleep(REST / 2);
  clocks.jump();
  await sleep(REST / 2);
  const after = await runs(field);
  const units = model.units.size;
  const rows = [
    { what: 'fetches', done: after.connections - before.connections, due: REST / 1_000 / INTERVALS.source },
    { what: 'runs of the source', done: after.sources - before.sources, due: REST / 1_000 / INTERVALS.source },
    { what: 'runs of the units', done: after.units - before.units, due: (units * REST) / 1_000 / INTERVALS.unit },
  ];
  for (const { what, done, due } of rows) field.say(`${done} ${what} in ${REST} ms, ${due} due`);
  return rows.flatMap(({ what, done, due }) =>
    done >= due / 2 && done <= due * 2 ? [] : [`${done} ${what} in ${REST} ms of rest, and ${due} were due`],
  );
}

async function runs(field: Field): Promise<{ connections: number; sources: number; units: number }> {
  const total = async (controller: string): Promise<number> => {
    const series = `controller_runtime_reconcile_total{controller="${controller}"`;
    const counts = await Promise.all(field.agents.map((agent) => agent.metric(series)));
    return counts.reduce((sum, count) => sum + count, 0);
  };
  const [sources, units] = [await total('gitrepository'), await total('kustomization')];
  return { connections: field.toGit.connections, sources, units };
}

/** Somebody insists on one object while the clock is set: the budget of its corrections holds. */
async function fightProblems(field: Field, { key, value }: DeclaredObject, clocks: Clocks): Promise<string[]> {
  const problems: string[] = [];
  const began = performance.now();
  let corrections = -1;
  let jumps = 0;
  while (performance.now() - began < FIGHT) {
    if (await isRight(field, key, value)) {
      corrections += 1;
      await field.byHand.change(key, fieldsOf(key.kind, `insists-${corrections}`));
    }
    if ((performance.now() - began) / FIGHT > (jumps + 1) / 3) {
      clocks.jump();
      jumps += 1;
    }
    await sleep(50);
  }
  field.say(`${corrections} corrections of ${displayKey(key)} in ${FIGHT} ms`);
  if (corrections < CORRECTIONS.least || corrections > CORRECTIONS.most)
    problems.push(`${displayKey(key)} was put right ${corrections} times in ${FIGHT} ms of insisting`);
  const { items } = await field.cluster.list(EVENT, { namespace: field.namespace });
  const about = items.filter(({ message }) => String(message).startsWith(displayKey(key)));
  const told = about.some(({ reason }) => reason === 'DriftLoop');
  return told ? problems : [...problems, `nobody said that ${displayKey(key)} is fought over`];
}

/** A lease is counted by a clock that nobody sets. */
async function leaseProblems(field: Field): Promise<string[]> {
  const lines = (await Promise.all(field.agents.map((agent) => agent.lines()))).flat();
  const lost = lines.filter(({ msg }) => /^(the lease of|a replica has left)/.test(msg));
  return lost.map(({ msg }) => `a replica said: ${msg}`);
}
