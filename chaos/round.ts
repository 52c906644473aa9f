import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '@plumb/api';
import { claimProblems, EVENT } from './claims.ts';
import { Chance } from './chance.ts';
import { differences } from './converged.ts';
import { brokenStatuses, inventoryProblems, strangerProblems } from './faithful.ts';
import type { Layout } from './field.ts';
import { Field } from './field.ts';
import { Model } from './model.ts';
import { Mutator } from './mutate.ts';

/** Milliseconds after the trouble within which all must be as Git says; drift that was insisted on is put right slowly. */
const SETTLE_WITHIN = 60_000;

/** What was done in a round, by its name: `kills of the agent`. */
export type Counts = Readonly<Record<string, number>>;

export interface Round {
  seed: number;
  counts: Counts;
  /** Milliseconds from the end of the trouble until the cluster equalled Git. */
  settled: number;
  /** What that time is, where it is another. */
  settledWord?: string;
  /** What was wrong; empty when all was well. */
  problems: string[];
  /** Where the logs are; they are removed when all was well. */
  dir: string;
}

/** What an agent has to live through. */
export interface Trouble {
  /** Milliseconds after it within which all must be as Git says, where that may take longer than a minute. */
  settlesWithin?: number;
  layout?: Omit<Layout, 'kubeconfig'>;
  /** Makes it, from the first units on. Agents are not started yet. @returns what was done, and what was wrong already */
  make(stage: {
    field: Field;
    model: Model;
    mutator: Mutator;
    seed: number;
  }): Promise<{ counts: Counts; problems: string[] }>;
}

/**
 * One round: units, commits, drift and strangers by chance while there is trouble; then rest, and a look at whether the cluster equals Git and
 * every rule was kept all the way.
 */
export async function runRound(options: { kubeconfig: string; seed: number; trouble: Trouble }): Promise<Round> {
  const { kubeconfig, seed, trouble } = options;
  const field = await Field.start({ kubeconfig, ...trouble.layout });
  const model = new Model(field.target);
  const mutator = new Mutator(field, model, new Chance(seed));
  let problems: string[] = ['it did not end'];
  try {
    const strangers = await mutator.begin();
    const made = await trouble.make({ field, model, mutator, seed });
    const from = performance.now();
    field.say('rest');
    await mutator.end();
    const found = await settle(field, model, trouble.settlesWithin);
    const settled = performance.now() - from;
    problems = [...made.problems, ...found, ...(await inspect(field, model, strangers))];
    return { seed, counts: made.counts, settled, problems, dir: field.dir };
  } finally {
    const keep = problems.length > 0;
    if (keep) await keepEvidence(field, problems);
    await field.close({ keep });
  }
}

/** Resolves when the cluster equals Git, or has not become it. @returns what differs */
export async function settle(field: Field, model: Model, within = SETTLE_WITHIN): Promise<string[]> {
  const revision = [...field.revisions].at(-1) ?? '';
  const until = performance.now() + within;
  for (;;) {
    const found = await differences(field, model, revision);
    if (found.length === 0 || performance.now() > until) return found;
    await sleep(100);
  }
}

async function inspect(field: Field, model: Model, strangers: readonly KubeObject[]): Promise<string[]> {
  // Events are sent a moment after what they tell of.
  const ended = await field.stopAgents();
  await field.history.stop();
  return [
    ...ended,
    ...brokenStatuses(field.history.states()),
    ...strangerProblems(field, strangers),
    ...inventoryProblems(field, model),
    ...(await claimProblems(field, model)),
  ];
}

/** What is needed to find out why: what was done when, each state of each object, and what was told. */
export async function keepEvidence(
  field: Pick<Field, 'cluster' | 'namespace' | 'history' | 'dir' | 'log'>,
  problems: readonly string[],
): Promise<void> {
  await writeFile(join(field.dir, 'round.log'), `${[...field.log, ...problems].join('\n')}\n`);
  await writeFile(join(field.dir, 'history.jsonl'), [...field.history.lines()].join(''));
  const { items } = await field.cluster.list(EVENT, { namespace: field.namespace });
  await writeFile(join(field.dir, 'events.jsonl'), items.map((event) => `${JSON.stringify(event)}\n`).join(''));
}
