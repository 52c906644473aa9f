import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { contextOf } from './context.ts';

const OWN = { root: '/clone', program: '/clone/plumb', run: () => Promise.resolve(0) };

/** A process as far as commands look at it. */
function processWith(constrained: number) {
  return Object.assign(new EventEmitter(), {
    constrainedMemory: () => constrained,
    cwd: () => '/here',
    env: { HOME: '/me' },
    stdout: process.stdout,
    stderr: process.stderr,
  }) as unknown as EventEmitter & Parameters<typeof contextOf>[0];
}

test.each([
  { what: 'the bound of the cgroup', constrained: 536_870_912, limit: 536_870_912 },
  { what: 'none where the cgroup has none', constrained: 2 ** 64, limit: null },
])('commands get folder, environment and streams of the process, and of memory $what', ({ constrained, limit }) => {
  expect(contextOf(processWith(constrained), OWN)).toEqual({
    ...OWN,
    folder: '/here',
    memoryLimit: limit,
    environment: { HOME: '/me' },
    stdout: process.stdout,
    stderr: process.stderr,
    untilStopped: expect.any(Function),
  });
});

test.each(['SIGINT', 'SIGTERM'])('commands are told to stop by %s', async (signal) => {
  const world = processWith(0);
  const stopped = contextOf(world, OWN).untilStopped();
  world.emit(signal);
  await expect(stopped).resolves.toBeUndefined();
});
