import { PlumbError } from '@plumb/api';
import type { Call } from './transport.ts';

export function cancelled(call: Pick<Call, 'verb' | 'resource'>): PlumbError {
  return new PlumbError('cancelled', `${call.verb} ${call.resource}: cancelled`, { fault: 'system', policy: 'retry' });
}

export function timedOut(call: Call, timeout: number): PlumbError {
  const message = `${call.verb} ${call.resource}: no answer from the API server within ${timeout / 1_000} s`;
  return new PlumbError('timeout', message, { fault: 'system', policy: 'retry' });
}

export function unavailable(call: Call, cause: Error): PlumbError {
  const message = `${call.verb} ${call.resource}: ${cause.message}`;
  return new PlumbError('api-unavailable', message, { fault: 'system', policy: 'retry', cause });
}
