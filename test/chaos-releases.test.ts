import { expect, test } from 'vitest';
import { releasesRound } from '../chaos/releases/round.ts';
import { OwnPlane } from './support/own-plane.ts';

const KILLS = 4;
/** Milliseconds: more than the round itself allows for its kills, for all to settle, and for a last look. What takes too long is then told by it. */
const LIMIT = 300_000;

test(
  'killed at random while releases change, the agent ends with each deployed as declared, and told no lie',
  async () => {
    const plane = await OwnPlane.start();
    try {
      const { counts, problems } = await releasesRound({ kubeconfig: plane.kubeconfig, seed: 2, times: KILLS });
      expect(problems).toEqual([]);
      const { 'kills of the agent': agent = 0, 'kills of the engine': engine = 0, changes } = counts;
      expect(agent + engine).toBe(KILLS);
      expect(changes).toBeGreaterThan(KILLS);
    } finally {
      await plane.close();
    }
  },
  LIMIT,
);
