import { setTimeout as sleep } from 'node:timers/promises';
import { HELM_RELEASE } from '@plumb/api';
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

/** Resolves when all is as declared, or has not become so. @returns what differs */
async function settle(field: ReleaseField, model: Model): Promise<string[]> {
  for (const until = performance.now() + SETTLE_WITHIN; ; await sleep(200)) {
    const found = differences(await look(field), model);
    if (found.length === 0 || performance.now() > until) return found;
  }
}
