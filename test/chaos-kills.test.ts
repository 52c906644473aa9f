import { expect, inject, test } from 'vitest';
import { runRound } from '../chaos/round.ts';

const KILLS = 6;

test('killed at random while Git and the cluster change, the agent ends with the cluster as Git says, and told no lie', async () => {
  const { kills, steps, problems } = await runRound({ kubeconfig: inject('kubeconfig'), seed: 11, kills: KILLS });
  expect(problems).toEqual([]);
  expect(kills.agent + kills.engine).toBe(KILLS);
  expect(steps).toBeGreaterThan(KILLS);
});
