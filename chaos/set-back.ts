import { setTimeout as sleep } from 'node:timers/promises';
import type { OwnPlane } from '../test/support/own-plane.ts';
import { begin, commit } from './away.ts';
import { Chance } from './chance.ts';
import { Field } from './field.ts';
import { Model } from './model.ts';
import type { Round } from './round.ts';
import { keepEvidence, settle } from './round.ts';

const UNITS = 10;

/** etcd is set back so many times to a state that some commits have changed since; all that was delivered is delivered again. */
export async function setBackRound(plane: OwnPlane, { seed, times }: { seed: number; times: number }): Promise<Round> {
  const field = await Field.start({
    kubeconfig: plane.kubeconfig,
    intervals: { source: '5s', unit: '30s' },
    recorded: false,
  });
  const [chance, model] = [new Chance(seed), new Model(field.target)];
  let problems: string[] = ['it did not end'];
  let commits = 0;
  let longest = 0;
  try {
    problems = await begin(field, model, chance, UNITS);
    for (let time = 0; time < times; time += 1) {
      await plane.stop();
      await plane.snapshot();
      await plane.again();
      for (let left = 1 + chance.below(4); left > 0; left -= 1, commits += 1) {
        await commit(field, model, chance);
        await sleep(chance.happens(0.5) ? chance.below(6_000) : 0);
      }
      if (chance.happens(0.7)) problems.push(...(await settle(field, model)));
      field.say('SET BACK');
      await plane.stop();
      await plane.restore();
      await plane.again();
      const from = performance.now();
      problems.push(...(await settle(field, model)));
      longest = Math.max(longest, performance.now() - from);
    }
    problems.push(...(await field.stopAgents()));
    return { seed, counts: { 'times set back': times, commits }, settled: longest, problems, dir: field.dir };
  } finally {
    const keep = problems.length > 0;
    if (keep) await keepEvidence(field, problems);
    await field.close({ keep });
  }
}
