import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installGates } from './support/gates.ts';
import { MINUTE, SHORTLY, WindowBench } from './support/window-bench.ts';
import { World } from './support/world.ts';

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-windows-'));
  const world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.close();
});

afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

interface Turn {
  /** When the window opens in local time, on Sundays, for an hour. */
  cron: string;
  words: string;
  /** When it opens on the day on which the clocks change, and when a week later. */
  opens: string;
  next: string;
}

/** In the gap a start is read by the clock before it; what comes twice starts the first time. */
const ZONES: Record<string, Turn[]> = {
  'America/Los_Angeles': [
    { cron: '30 2 * * SUN', words: 'Sun 02:30–03:30', opens: '2027-03-14T10:30:00Z', next: '2027-03-21T09:30:00Z' },
    { cron: '30 1 * * SUN', words: 'Sun 01:30–02:30', opens: '2027-11-07T08:30:00Z', next: '2027-11-14T09:30:00Z' },
  ],
  'Europe/Berlin': [
    { cron: '30 2 * * SUN', words: 'Sun 02:30–03:30', opens: '2027-03-28T01:30:00Z', next: '2027-04-04T00:30:00Z' },
    { cron: '30 2 * * SUN', words: 'Sun 02:30–03:30', opens: '2027-10-31T00:30:00Z', next: '2027-11-07T01:30:00Z' },
  ],
  'Australia/Lord_Howe': [
    { cron: '45 1 * * SUN', words: 'Sun 01:45–02:45', opens: '2027-04-03T14:45:00Z', next: '2027-04-10T15:15:00Z' },
    { cron: '15 2 * * SUN', words: 'Sun 02:15–03:15', opens: '2027-10-02T15:45:00Z', next: '2027-10-09T15:15:00Z' },
  ],
};

describe.concurrent('a window opens by the clock of its zone, also in the night in which that is changed', () => {
  test.each(Object.entries(ZONES))(
    '%s',
    async (timeZone, turns) => {
      const bench = await WindowBench.start(dir);
      for (const { cron, words, opens, next } of turns) {
        const opening = Date.parse(opens);
        await bench.policy({ windows: [{ type: 'Allow', timeZone, cron, duration: '1h' }] });
        await bench.time.set(opening - 10 * MINUTE);
        const revision = await bench.declare();
        await bench.held(revision, `waits for the window ${words} ${timeZone}, opens ${opens}`);
        await bench.time.set(opening - SHORTLY);
        await bench.time.wake('apps');
        expect(await bench.opened(revision)).toBeGreaterThanOrEqual(opening);
        await bench.time.set(opening + 60 * MINUTE);
        const late = await bench.declare();
        await bench.held(late, `waits for the window ${words} ${timeZone}, opens ${next}`);
      }
      await bench.close();
    },
    180_000,
  );
});
