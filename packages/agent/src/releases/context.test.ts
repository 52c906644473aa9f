import { systemError } from '@plumb/api';
import { asPlumbError } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { failureOf, inTime, Superseded, tidyingOf } from './context.ts';

const REFUSAL = systemError('api-invalid', 'Invalid value: "hunter2-hunter2": must be a port');

test('a failure does not repeat what values came from Secrets', () => {
  const { message } = failureOf(REFUSAL, { signal: new AbortController().signal, secrets: ['hunter2-hunter2'] });
  expect(message).toBe('Invalid value: "***": must be a port');
});

test('one that was ended before its time says so', () => {
  const { code, message } = failureOf(REFUSAL, { signal: AbortSignal.abort(), secrets: [] });
  expect([code, message]).toEqual(['cancelled', 'it was cut short']);
});

test('one that something newer cut short names it', () => {
  const signal = AbortSignal.abort(new Superseded('HelmChart/shop/cart'));
  const { code, message } = failureOf(REFUSAL, { signal, secrets: [] });
  expect([code, message]).toEqual(['cancelled', 'New reconciliation triggered by HelmChart/shop/cart']);
});

describe('a step in a time of its own', () => {
  const STEP = { what: 'applying the objects', timeout: 20 };
  const cancelled = systemError('cancelled', 'patch configmaps: cancelled');
  /** Ends with the signal that it is given, as requests do. */
  const untilAborted = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });

  test.each([
    ['throws', () => Promise.reject(cancelled)],
    ['says', () => Promise.resolve({ error: cancelled })],
  ])('that is over is told as such, whatever its last request %s', async (_how, end) => {
    const signal = new AbortController().signal;
    const ended = inTime(STEP, { signal }, async (within) => {
      await untilAborted(within);
      return end();
    });
    const error = await ended.then((done) => done.error, asPlumbError);
    expect(error).toMatchObject({ code: 'timeout', message: 'applying the objects did not end within 20ms' });
  });

  test('tells its own failure while there is time, and that of whoever ends it', async () => {
    const signal = new AbortController().signal;
    const long = { ...STEP, timeout: 60_000 };
    await expect(inTime(long, { signal }, () => Promise.reject(REFUSAL))).rejects.toBe(REFUSAL);
    const ended = inTime(long, { signal: AbortSignal.abort() }, () => Promise.resolve({ error: cancelled }));
    expect(await ended).toEqual({ error: cancelled });
  });
});

test('what a failed try left is deleted unless something stops that', () => {
  const over = (reason: unknown): AbortSignal => AbortSignal.abort(reason);
  const { signal } = new AbortController();
  const { signal: lasting } = new AbortController();
  const newer = over(new Superseded('HelmChart/shop/cart'));
  expect(tidyingOf({ signal, lasting })).toBe(signal);
  expect(tidyingOf({ signal: newer, lasting })).toBe(lasting);
  expect(tidyingOf({ signal: over(systemError('cancelled', 'changes are locked down')), lasting })).toBeNull();
  expect(tidyingOf({ signal, lasting: over('stop') })).toBeNull();
});
