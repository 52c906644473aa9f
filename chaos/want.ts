import { setTimeout as sleep } from 'node:timers/promises';
import { Chance } from './chance.ts';
import type { Field } from './field.ts';
import type { Trouble } from './round.ts';

/** What an agent may be short of. */
export type Want = 'disk' | 'descriptors' | 'memory';

/** How long a shortage lasts at most, and the rest between two, in milliseconds. */
const LONGEST = 3_000;
const LONGEST_REST = 1_000;

/** One shortage, and its end. @returns whether there was one */
const MADE: Record<Want, (field: Field, chance: Chance) => Promise<boolean>> = {
  async disk({ agent }, chance) {
    await agent.limit('fsize', String(chance.one([0, 512, 8_192])));
    await sleep(chance.below(LONGEST));
    await agent.limit('fsize', 'unlimited');
    return true;
  },
  async descriptors({ agent }, chance) {
    await agent.limit('nofile', String(3 + chance.below(60)));
    await sleep(chance.below(LONGEST));
    await agent.limit('nofile', '4096');
    return true;
  },
  memory: ({ agent }) => agent.starveEngine(),
};

/** The agent runs short so many times while things change: of room on its disk, of file descriptors, or its engine of memory. */
export function wants(want: Want, times: number): Trouble {
  return {
    async make({ field, mutator, seed }) {
      const [chance, rests] = [new Chance(seed + 2), new Chance(seed + 1)];
      field.startAgents();
      await field.agent.started();
      let over = false;
      let [changes, made] = [0, 0];
      const changing = (async () => {
        for (; !over; changes += 1) {
          await mutator.step();
          await sleep(rests.below(200));
        }
      })();
      try {
        for (const until = performance.now() + times * 10_000; made < times && performance.now() < until;) {
          await sleep(chance.below(LONGEST_REST));
          if (await MADE[want](field, chance)) made += 1;
          if (!field.agent.isRunning) throw new Error('the agent ended by itself');
          field.say(`${made} times short of ${want}`);
        }
      } finally {
        over = true;
        await changing;
      }
      const problems = made === times ? [] : [`only ${made} times short of ${want}, not ${times}`];
      return { counts: { [`times short of ${want}`]: made, changes }, problems };
    },
  };
}
