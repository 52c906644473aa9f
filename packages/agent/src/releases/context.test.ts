import { systemError } from '@plumb/api';
import { expect, test } from 'vitest';
import { failureOf } from './context.ts';

const REFUSAL = systemError('api-invalid', 'Invalid value: "hunter2-hunter2": must be a port');

test('a failure does not repeat what values came from Secrets', () => {
  const { message } = failureOf(REFUSAL, { signal: new AbortController().signal, secrets: ['hunter2-hunter2'] });
  expect(message).toBe('Invalid value: "***": must be a port');
});

test('one that was ended before its time says so', () => {
  const { code, message } = failureOf(REFUSAL, { signal: AbortSignal.abort(), secrets: [] });
  expect([code, message]).toEqual(['cancelled', 'it was cut short']);
});
