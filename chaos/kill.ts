import { setTimeout as sleep } from 'node:timers/promises';
import type { KillableAgent } from './agent.ts';
import { Chance } from './chance.ts';
import type { Field } from './field.ts';
import type { Trouble } from './round.ts';

/** Milliseconds until a kill, from the start of the process or from when it acts. */
const LONGEST_START = 1_200;
const LONGEST_LIFE = 2_000;
const LONGEST_PAUSE = 400;
const WHILE_STARTING = 0.3;
const ENGINE_SHARE = 0.3;
/** Milliseconds between two things that happen. */
const LONGEST_REST = 200;

export interface Kills {
  agent: number;
  engine: number;
}

/** The agent and its engine are killed so many times while things change, each by its own chance. */
export function kills(times: number): Trouble {
  return {
    async make({ field, mutator, seed }) {
      const rests = new Chance(seed + 1);
      let over = false;
      const killing = killOften(field, new Chance(seed + 2), times).finally(() => (over = true));
      let changes = 0;
      const changing = (async () => {
        for (; !over; changes++) {
          await mutator.step();
          await sleep(rests.below(LONGEST_REST));
        }
      })();
      const [{ agent, engine }] = await Promise.all([killing, changing]);
      return { counts: { 'kills of the agent': agent, 'kills of the engine': engine, changes }, problems: [] };
    },
  };
}

/** Kills the agent or its engine at random moments, and starts the agent again, until it was done this often. */
async function killOften(field: Field, chance: Chance, times: number): Promise<Kills> {
  const { agent } = field;
  const done = { agent: 0, engine: 0 };
  agent.start();
  while (done.agent + done.engine < times) {
    const starting = chance.happens(WHILE_STARTING);
    const life = chance.below(starting ? LONGEST_START : LONGEST_LIFE);
    const engine = chance.happens(ENGINE_SHARE);
    const pause = chance.happens(0.5) ? 0 : chance.below(LONGEST_PAUSE);
    if (!starting) await agent.started();
    await sleep(life);
    const killed = await strike({ agent, say: (text) => field.say(text) }, { engine, pause });
    if (killed !== null) done[killed] += 1;
  }
  return done;
}

/** Kills the agent, and starts it again after a pause in milliseconds, or its engine. @returns what was killed; null where no engine ran */
export async function strike(
  { agent, say }: { agent: KillableAgent; say: (text: string) => void },
  { engine, pause }: { engine: boolean; pause: number },
): Promise<keyof Kills | null> {
  if (!agent.isRunning) throw new Error('the agent ended by itself');
  if (engine) {
    const killed = await agent.killEngine();
    say(killed ? 'KILL engine' : 'no engine ran');
    return killed ? 'engine' : null;
  }
  await agent.kill();
  say('KILL agent');
  await sleep(pause);
  agent.start();
  return 'agent';
}
