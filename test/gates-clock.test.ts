import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installGates, Person } from './support/gates.ts';
import { MINUTE, SECOND, SHORTLY, WindowBench } from './support/window-bench.ts';
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

describe('the founding case: one named person, Tuesdays from noon to six in the evening, Pacific time', () => {
  const NOON = Date.parse('2026-12-01T20:00:00Z');
  const WINDOW = 'Tue 12:00–18:00 America/Los_Angeles';
  let bench: WindowBench;
  let alice: Person;
  let bob: Person;
  let revision: string;

  beforeAll(async () => {
    bench = await WindowBench.start(dir);
    alice = await Person.named('alice', ['sre'], { dir });
    bob = await Person.named('bob', ['sre'], { dir });
    await bench.policy({
      windows: [
        {
          type: 'Allow',
          timeZone: 'America/Los_Angeles',
          cron: '0 12 * * TUE',
          duration: '6h',
          who: { users: ['alice'] },
        },
      ],
    });
  });
  afterAll(async () => {
    for (const { cluster } of [alice, bob]) await cluster.close();
    await bench.close();
  });

  test('on Tuesday noon nothing passes that is not hers', async () => {
    await bench.time.set(NOON + 10 * MINUTE);
    revision = await bench.declare();
    const change = await bench.held(
      revision,
      `waits for an approval by user alice: only their changes pass in ${WINDOW}`,
    );
    await bob.says('Approve', change);
    await bench.time.wake('apps');
    await bench.held(revision, /^waits for an approval by user alice/);
    expect(await bench.value()).toBe('1');
  });

  test('what is hers does not pass before noon, and passes at noon', async () => {
    await bench.time.set(NOON - 10 * MINUTE);
    await alice.says('Approve', await bench.held(revision, /alice/));
    const change = await bench.held(revision, `waits for the window ${WINDOW}, opens 2026-12-01T20:00:00Z`);
    expect(change.status?.phase).toBe('Approved');
    expect(await bench.value()).toBe('1');
    await bench.time.set(NOON - SHORTLY);
    await bench.time.wake('apps');
    expect(await bench.opened(revision)).toBeGreaterThanOrEqual(NOON);
  });

  test('at six in the evening what is hers waits for the next Tuesday', async () => {
    await bench.time.set(NOON + 6 * 60 * MINUTE);
    const late = await bench.declare();
    await alice.says('Approve', await bench.held(late, /alice/));
    await bench.held(late, `waits for the window ${WINDOW}, opens 2026-12-08T20:00:00Z`);
    expect(await bench.value()).toBe('2');
  });
});

describe('G9: no clock opens a window early', () => {
  const OPENS = Date.parse('2026-12-02T12:00:00Z');
  const APART =
    /^waits for a trusted clock, to tell whether a window is open: those of the agent and of the API server are \d+ s apart$/;
  const CLOSED = 'waits for the window daily 12:00–13:00 UTC, opens 2026-12-02T12:00:00Z';
  let bench: WindowBench;
  let revision: string;

  beforeAll(async () => {
    bench = await WindowBench.start(dir);
    await bench.policy({ windows: [{ type: 'Allow', timeZone: 'UTC', cron: '0 12 * * *', duration: '1h' }] });
    await bench.time.set(OPENS - 30 * MINUTE);
    revision = await bench.declare();
    await bench.held(revision, CLOSED);
  });
  afterAll(() => bench.close());

  test.each<[string, number, number]>([
    ['of the agent that jumps into it', OPENS - 30 * MINUTE, 40 * MINUTE],
    ['of the API server that jumps into it', OPENS + 10 * MINUTE, -40 * MINUTE],
    ['of the agent that jumps back out of it', OPENS + 10 * MINUTE, -30 * 24 * 60 * MINUTE],
    ['of the agent that is a little more than a minute ahead', OPENS + 10 * MINUTE, 65 * SECOND],
    ['of the agent that is a little more than a minute behind', OPENS + 10 * MINUTE, -65 * SECOND],
  ])('not one %s', async (_what, moment, apart) => {
    await bench.time.set(moment, { apart });
    await bench.time.wake('apps');
    await bench.held(revision, APART);
    await bench.time.set(OPENS - 30 * MINUTE);
    await bench.time.wake('apps');
    await bench.held(revision, CLOSED);
    expect(await bench.value()).toBe('1');
  });

  test('not one of the agent that is less than a minute ahead: the API server has the say', async () => {
    await bench.time.set(OPENS - SHORTLY, { apart: 50 * SECOND });
    await bench.time.wake('apps');
    expect(await bench.opened(revision)).toBeGreaterThanOrEqual(OPENS + 50 * SECOND);
  });

  test('and one that goes back closes it again', async () => {
    await bench.time.set(OPENS - 5 * MINUTE);
    const late = await bench.declare();
    await bench.held(late, CLOSED);
    expect(await bench.value()).toBe('2');
  });
});
