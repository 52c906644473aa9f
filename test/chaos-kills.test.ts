import { expect, inject, test } from 'vitest';
import { kills } from '../chaos/kill.ts';
import { runRound } from '../chaos/round.ts';

const KILLS = 6;

test(
  'killed at random while Git and the cluster change, the agent ends with the cluster as Git says, and told no lie',
  { timeout: 300_000 },
  async () => {
    const { counts, problems } = await runRound({ kubeconfig: inject('kubeconfig'), seed: 11, trouble: kills(KILLS) });
    expect(problems).toEqual([]);
    const { 'kills of the agent': agent = 0, 'kills of the engine': engine = 0, changes } = counts;
    expect(agent + engine).toBe(KILLS);
    expect(changes).toBeGreaterThan(KILLS);
  },
);
