import { asPlumbError } from '@plumb/api';
import type { GateVerdict } from '@plumb/core';
import type { GateRequest } from './gate-request.ts';

// Nobody can approve anything in a namespace that is being deleted.

/** Only what goes with the namespace, and nobody said that it must not. */
export function isGoingAnyway(
  { ref, clusterName, objects }: Pick<GateRequest, 'ref' | 'clusterName' | 'objects'>,
  { state, requirements }: Pick<GateVerdict, 'state' | 'requirements'>,
): boolean {
  const isLocked = requirements.some(({ policy, verdict }) => verdict === 'Missing' && policy.startsWith('Lockdown/'));
  const isWithin = clusterName === 'own' && objects.every(({ key }) => key.namespace === ref.namespace);
  return isWithin && state !== 'rejected' && !isLocked;
}

/** The API server makes nothing in a namespace that is being deleted. */
export function isEnding(thrown: unknown): boolean {
  const { code, message } = asPlumbError(thrown);
  return code === 'api-forbidden' && message.includes('because it is being terminated');
}
