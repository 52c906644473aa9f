import { setTimeout as sleep } from 'node:timers/promises';
import { HELM_CHART, HELM_RELEASE } from '@plumb/api';
import { Chance } from '../chance.ts';
import { brokenStatuses } from '../faithful.ts';
import type { State } from '../history.ts';
import type { Counts, Round } from '../round.ts';
import { keepEvidence } from '../round.ts';
import { claimProblems, eventsOf, truthOf } from './claims.ts';
import { differences, look } from './converged.ts';
import { strangerProblems } from './faithful.ts';
import { ReleaseField } from './field.ts';
import { killWhileChanging } from './kill.ts';
import { Model } from './model.ts';
import { Mutator } from './mutate.ts';

/** Milliseconds after the last kill within which all must be as declared. */
const SETTLE_WITHIN = 120_000;
/** Milliseconds within which a restarted agent has looked at all, and what it wrote is seen. */
const ANSWERED_WITHIN = 30_000;
const WRITTEN_WITHIN = 500;

/** One round: releases, changes, drift and strangers by chance while the agent is killed; then rest, and a look at whether all is as declared. */
export async function releasesRound(options: { kubeconfig: string; seed: number; times: number }): Promise<Round> {
  const { kubeconfig, seed, times } = options;
  const field = await ReleaseField.start({ kubeconfig, seed });
  const model = new Model(field.namespace, field.targets);
  const mutator = new Mutator(field, model, new Chance(seed));
  let problems: string[] = ['it did not end'];
  try {
    const strangers = await mutator.begin();
    const counts: Counts = await killWhileChanging(field, mutator, { seed, times });
    const from = performance.now();
    field.say('rest');
    await mutator.end();
    const found = await settle(field, model);
    const settled = performance.now() - from;
    if (found.length === 0) found.push(...(await restart(field, model)));
    // Events are sent a moment after what they tell of.
    const code = await field.agent.stop();
    await field.history.stop();
    problems = [
      ...found,
      ...(code === 0 ? [] : [`the agent ended with ${code}`]),
      ...brokenStatuses(ownStates(field)),
      ...strangerProblems(field, strangers),
      ...claimProblems(await eventsOf(field), truthOf(field, model)),
    ];
    return { seed, counts, settled, problems, dir: field.dir };
  } finally {
    const keep = problems.length > 0;
    if (keep) await keepEvidence(field, problems);
    await field.close({ keep });
  }
}

function ownStates({ history }: ReleaseField): State[] {
  return [...history.states()].filter(({ object }) => object?.kind === HELM_RELEASE.kind);
}

/** An agent that is started anew when all is as declared writes to no object and to no record. @returns what it wrote to, or did not look at */
async function restart(field: ReleaseField, model: Model): Promise<string[]> {
  field.say('restart');
  await field.agent.kill();
  const before = field.history.sizes();
  field.agent.start();
  const names = [...model.releases.keys()];
  const tokens = new Map(await Promise.all(names.map(async (name) => [name, await field.request(name)] as const)));
  const waiting = async (): Promise<string[]> => {
    const { releases } = await look(field);
    return releases.flatMap(({ metadata: { name }, status }) => {
      const { lastHandledReconcileAt } = (status ?? {}) as { lastHandledReconcileAt?: string };
      return lastHandledReconcileAt === tokens.get(name) ? [] : [`${name} was not looked at after a restart`];
    });
  };
  const unanswered = await until(waiting, ANSWERED_WITHIN);
  await sleep(WRITTEN_WITHIN);
  const written = [...field.history.sizes()].filter(([id, size]) => !isFlux(id) && before.get(id) !== size);
  return [...unanswered, ...written.map(([id]) => `${id} was written after a restart, though nothing differed`)];
}

function isFlux(id: string): boolean {
  return id.startsWith(`${HELM_RELEASE.group}/`) || id.startsWith(`${HELM_CHART.group}/`);
}

/** Resolves when all is as declared, or has not become so. @returns what differs */
async function settle(field: ReleaseField, model: Model): Promise<string[]> {
  return until(async () => differences(await look(field), model), SETTLE_WITHIN);
}

/** Looks again and again until nothing is found, or the time is over. @returns what was found last */
async function until(look: () => Promise<string[]>, ms: number): Promise<string[]> {
  for (const end = performance.now() + ms; ; await sleep(200)) {
    const found = await look();
    if (found.length === 0 || performance.now() > end) return found;
  }
}
