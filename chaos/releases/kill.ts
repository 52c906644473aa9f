import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '@plumb/api';
import { Chance } from '../chance.ts';
import { strike } from '../kill.ts';
import type { Kills } from '../kill.ts';
import type { Counts } from '../round.ts';
import type { ReleaseField } from './field.ts';
import type { Moment } from './moments.ts';
import { MOMENTS } from './moments.ts';
import type { Mutator } from './mutate.ts';

/** Milliseconds from the start of the process, or from when it acts, until a kill that waits for no moment. */
const LONGEST_START = 1_500;
const LONGEST_LIFE = 2_500;
/** Milliseconds that a moment is waited for, and from it to the kill. */
const LONGEST_WAIT = 4_000;
const LONGEST_WAIT_FOR_RARE = 20_000;
const LONGEST_DELAY = 60;
const LONGEST_PAUSE = 300;
/** Milliseconds between two things that happen. */
const LONGEST_REST = 600;
/** How often what was declared gets time to come to something first: else it would be cut short before it fails, and is remedied, more often than not. */
const IN_PEACE = 0.4;
const AT_A_MOMENT = 0.75;
const WHILE_STARTING = 0.2;
const ENGINE_SHARE = 0.2;
const ENDS: readonly Moment[] = ['a release is in force', 'a release failed'];
/** They take an upgrade that fails, or one that succeeds, to come to pass. */
const RARE: ReadonlySet<Moment> = new Set(['a rollback begins', 'a test is run']);
/** How often each moment is waited for. Rollbacks and tests are soon over. */
const WEIGHTS: Readonly<Record<Moment, number>> = {
  'a record is stored': 2,
  'a rollback begins': 6,
  'a hook is made': 2,
  'a test is run': 3,
  'a hook is deleted': 1,
  'an object is applied': 2,
  'an object is deleted': 1,
  'a release is in force': 2,
  'a release failed': 2,
  'an uninstall begins': 2,
  'a record is deleted': 1,
  'a status is written': 1,
};

/** The agent and its engine are killed so many times while releases change, each by its own chance. @returns what was done, and in the middle of what */
export async function killWhileChanging(
  field: ReleaseField,
  mutator: Mutator,
  { seed, times }: { seed: number; times: number },
): Promise<Counts> {
  const rests = new Chance(seed + 1);
  let over = false;
  let changes = 0;
  const killing = killOften(field, new Chance(seed + 2), times).finally(() => (over = true));
  const changing = (async () => {
    for (; !over; changes++) {
      await mutator.step();
      if (rests.happens(IN_PEACE)) await comes(rests.one(ENDS), field);
      await sleep(rests.below(LONGEST_REST));
    }
  })();
  const [{ done, amid }] = await Promise.all([killing, changing]);
  const amidst = Object.fromEntries(Object.entries(amid).map(([phase, count]) => [`amid ${phase}`, count]));
  return { 'kills of the agent': done.agent, 'kills of the engine': done.engine, ...amidst, changes };
}

async function killOften(
  field: ReleaseField,
  chance: Chance,
  times: number,
): Promise<{ done: Kills; amid: Record<string, number> }> {
  const { agent } = field;
  const done = { agent: 0, engine: 0 };
  const amid: Record<string, number> = {
    install: 0,
    upgrade: 0,
    hook: 0,
    test: 0,
    rollback: 0,
    uninstall: 0,
    correction: 0,
  };
  const say = (text: string): void => field.say(text);
  agent.start();
  while (done.agent + done.engine < times) {
    const starting = chance.happens(WHILE_STARTING);
    const moment = chance.happens(AT_A_MOMENT) ? chance.weighted(WEIGHTS) : null;
    const [delay, life] = [chance.below(LONGEST_DELAY), chance.below(starting ? LONGEST_START : LONGEST_LIFE)];
    const engine = chance.happens(ENGINE_SHARE);
    const pause = chance.happens(0.5) ? 0 : chance.below(LONGEST_PAUSE);
    if (!starting) await agent.started();
    if (moment === null || starting) await sleep(life);
    else {
      await comes(moment, field);
      await sleep(delay);
    }
    const phases = field.underway();
    const killed = await strike({ agent, say }, { engine, pause });
    if (killed === null) continue;
    done[killed] += 1;
    say(`  ${moment ?? 'by time'}, amid ${[...phases].join(' ') || 'nothing'}`);
    for (const phase of phases) amid[phase] = (amid[phase] ?? 0) + 1;
  }
  return { done, amid };
}

/** Resolves when a write of this kind is seen, or none is for a while. */
async function comes(moment: Moment, { history }: ReleaseField): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const holds: (write: { now: KubeObject | null; before: KubeObject | null }) => boolean = MOMENTS[moment];
  const end = history.listen((now, before) => {
    if (holds({ now, before })) resolve();
  });
  const late = setTimeout(resolve, RARE.has(moment) ? LONGEST_WAIT_FOR_RARE : LONGEST_WAIT);
  await promise;
  clearTimeout(late);
  end();
}
