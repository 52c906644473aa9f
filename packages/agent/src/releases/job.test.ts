import { describe, expect, test } from 'vitest';
import { Job } from './job.ts';

const NEVER = new AbortController().signal;
const LONG = 60_000;

/** Whether a promise is settled by now, whatever of its own it still had to do. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe('a job', () => {
  test('is settled when it ends, and not before where it waits for nothing', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const job = new Job(() => promise);
    const settled = job.settled();
    expect([await isSettled(settled), job.isSettled, job.hasEnded]).toEqual([false, false, false]);
    resolve('done');
    await settled;
    expect([job.isSettled, job.hasEnded, await job.ended]).toEqual([true, true, 'done']);
  });

  test('is settled as soon as it waits through itself, and from then on', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const job = new Job((self) => self.wait(promise));
    await job.settled();
    expect([job.isSettled, job.hasEnded]).toEqual([true, false]);
    await job.settled();
    resolve('done');
    expect(await job.ended).toBe('done');
  });

  test('that fails is settled, and tells whoever asks', async () => {
    const job = new Job(() => Promise.reject(new Error('no')));
    await job.settled();
    expect(job.hasEnded).toBe(true);
    await expect(job.ended).rejects.toThrow('no');
  });

  test('that fails unasked disturbs nobody', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    const job = new Job(() => Promise.reject(new Error('no')));
    await job.settled();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  test('hears why it is cancelled', async () => {
    const job = new Job(
      (_self, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    );
    job.cancel(new Error('something newer'));
    await expect(job.ended).rejects.toThrow('something newer');
  });

  test('gives back what it waited for, and throws what that failed with', async () => {
    expect(await new Job((self) => self.wait(Promise.resolve(7))).ended).toBe(7);
    await expect(new Job((self) => self.wait(Promise.reject(new Error('no')))).ended).rejects.toThrow('no');
  });
});

describe('a nudge', () => {
  const waiting = (ms: number, signal: AbortSignal) => new Job((self) => self.waitForNudge(ms, signal));

  test('ends a wait, during which nobody need wait for the job', async () => {
    const job = waiting(LONG, NEVER);
    await job.settled();
    expect(job.hasEnded).toBe(false);
    job.nudge();
    await job.ended;
  });

  test('that came while nobody waited for it is not lost', async () => {
    const { promise: busy, resolve: free } = Promise.withResolvers<void>();
    const job = new Job(async (self) => {
      await busy;
      await self.waitForNudge(LONG, NEVER);
    });
    job.nudge();
    free();
    await expect(job.ended).resolves.toBeUndefined();
  });

  test('counts once', async () => {
    const job = new Job(async (self) => {
      await self.waitForNudge(LONG, NEVER);
      await self.waitForNudge(LONG, NEVER);
    });
    job.nudge();
    job.nudge();
    expect(await isSettled(job.ended)).toBe(false);
    job.nudge();
    await job.ended;
  });

  test('is waited for however long it may take', async () => {
    const job = waiting(2 ** 40, NEVER);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(job.hasEnded).toBe(false);
    job.nudge();
    await job.ended;
  });

  test('is not waited for longer than it may be', async () => {
    await expect(waiting(1, NEVER).ended).resolves.toBeUndefined();
  });

  test('is not waited for once the work is to end', async () => {
    const controller = new AbortController();
    const job = waiting(LONG, controller.signal);
    await job.settled();
    controller.abort();
    await job.ended;
    await expect(waiting(LONG, controller.signal).ended).resolves.toBeUndefined();
  });
});
