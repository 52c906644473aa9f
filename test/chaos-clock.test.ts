import { expect, inject, test } from 'vitest';
import { clockJumps } from '../chaos/clock.ts';
import { runRound } from '../chaos/round.ts';

test(
  'two replicas whose clocks are set an hour forward and back go on as before, and say the time of the day',
  { timeout: 240_000 },
  async () => {
    const { problems, counts } = await runRound({
      kubeconfig: inject('kubeconfig'),
      seed: 21,
      trouble: clockJumps(2),
    });
    expect(problems).toEqual([]);
    expect(counts['jumps of the clock']).toBeGreaterThan(2);
  },
);
