import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '@plumb/api';
import { claimProblems, EVENT } from './claims.ts';
import { Chance } from './chance.ts';
import { differences } from './converged.ts';
import { inventoryProblems, strangerProblems } from './faithful.ts';
import { Field } from './field.ts';
import type { Kills } from './kill.ts';
import { killOften } from './kill.ts';
import { Model } from './model.ts';
import { Mutator } from './mutate.ts';

/** Milliseconds between two things that happen. */
const LONGEST_REST = 200;
/** Milliseconds after the last kill within which all must be as Git says; drift that was insisted on is put right slowly. */
const SETTLE_WITHIN = 60_000;

export interface Round {
  seed: number;
  kills: Kills;
  /** Commits, changes by hand and the like. */
  steps: number;
  /** Milliseconds from the end of the disturbance until the cluster equalled Git. */
  settled: number;
  /** What was wrong; empty when all was well. */
  problems: string[];
  /** Where the logs are; they are removed when all was well. */
  dir: string;
}

/**
 * One round: units, commits, drift and strangers by chance while the agent and its engine are killed so many times; then rest, and a look at
 * whether the cluster equals Git and every rule was kept all the way.
 */
export async function runRound(options: { kubeconfig: string; seed: number; kills: number }): Promise<Round> {
  const { kubeconfig, seed } = options;
  const field = await Field.start(kubeconfig);
  const model = new Model(field.target);
  const mutator = new Mutator(field, model, new Chance(seed));
  let problems: string[] = ['it did not end'];
  try {
    const strangers = await mutator.begin();
    const { kills, steps } = await disturb(field, mutator, { seed, kills: options.kills });
    const from = performance.now();
    problems = await settle(field, model, mutator);
    const settled = performance.now() - from;
    problems.push(...(await inspect(field, model, strangers)));
    return { seed, kills, steps, settled, problems, dir: field.dir };
  } finally {
    const keep = problems.length > 0;
    if (keep) await keepEvidence(field, problems);
    await field.close({ keep });
  }
}

/** Kills and changes go on side by side, each by its own chance. */
async function disturb(
  field: Field,
  mutator: Mutator,
  { seed, kills }: { seed: number; kills: number },
): Promise<{ kills: Kills; steps: number }> {
  const rests = new Chance(seed + 1);
  let over = false;
  const killing = killOften(field, new Chance(seed + 2), kills).finally(() => (over = true));
  let steps = 0;
  const changing = (async () => {
    for (; !over; steps++) {
      await mutator.step();
      await sleep(rests.below(LONGEST_REST));
    }
  })();
  const [done] = await Promise.all([killing, changing]);
  return { kills: done, steps };
}

async function settle(field: Field, model: Model, mutator: Mutator): Promise<string[]> {
  field.say('rest');
  await mutator.end();
  const revision = [...field.revisions].at(-1) ?? '';
  const until = performance.now() + SETTLE_WITHIN;
  for (;;) {
    const found = await differences(field, model, revision);
    if (found.length === 0 || performance.now() > until) return found;
    await sleep(100);
  }
}

async function inspect(field: Field, model: Model, strangers: readonly KubeObject[]): Promise<string[]> {
  // Events are sent a moment after what they tell of.
  const code = await field.agent.stop();
  const ended = code === 0 ? [] : [`the agent ended with ${code}`];
  await field.history.stop();
  return [
    ...ended,
    ...strangerProblems(field, strangers),
    ...inventoryProblems(field, model),
    ...(await claimProblems(field, model)),
  ];
}

/** What is needed to find out why: what was done when, each state of each object, and what was told. */
async function keepEvidence(field: Field, problems: readonly string[]): Promise<void> {
  await writeFile(join(field.dir, 'round.log'), `${[...field.log, ...problems].join('\n')}\n`);
  await writeFile(join(field.dir, 'history.jsonl'), [...field.history.lines()].join(''));
  const { items } = await field.cluster.list(EVENT, { namespace: field.namespace });
  await writeFile(join(field.dir, 'events.jsonl'), items.map((event) => `${JSON.stringify(event)}\n`).join(''));
}
