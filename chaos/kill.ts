import { setTimeout as sleep } from 'node:timers/promises';
import type { Chance } from './chance.ts';
import type { Field } from './field.ts';

/** Milliseconds until a kill, from the start of the process or from when it acts. */
const LONGEST_START = 1_200;
const LONGEST_LIFE = 2_000;
const LONGEST_PAUSE = 400;
const WHILE_STARTING = 0.3;
const ENGINE_SHARE = 0.3;

export interface Kills {
  agent: number;
  engine: number;
}

/** Kills the agent or its engine at random moments, and starts the agent again, until it was done this often. */
export async function killOften(field: Field, chance: Chance, times: number): Promise<Kills> {
  const { agent } = field;
  const kills = { agent: 0, engine: 0 };
  agent.start();
  while (kills.agent + kills.engine < times) {
    const starting = chance.happens(WHILE_STARTING);
    const life = chance.below(starting ? LONGEST_START : LONGEST_LIFE);
    const engine = chance.happens(ENGINE_SHARE);
    const pause = chance.happens(0.5) ? 0 : chance.below(LONGEST_PAUSE);
    if (!starting) await agent.started();
    await sleep(life);
    if (!agent.isRunning) throw new Error('the agent ended by itself');
    if (engine) {
      const killed = await agent.killEngine();
      if (killed) kills.engine += 1;
      field.say(killed ? 'KILL engine' : 'no engine ran');
      continue;
    }
    await agent.kill();
    kills.agent += 1;
    field.say('KILL agent');
    await sleep(pause);
    agent.start();
  }
  return kills;
}
