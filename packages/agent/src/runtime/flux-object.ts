import type { ConditionChange, KubeObject, Said } from '@plumb/api';
import { DRIFT_ANNOTATION, parseDuration, readyOf, REQUESTED_AT_ANNOTATION } from '@plumb/api';

/** The part of metadata that says whether somebody wants something new of an object. */
type Identified = Pick<KubeObject, 'metadata'>;

/** The token of the last request to look at an object. */
export function requestedAt({ metadata }: Identified): string | undefined {
  return metadata.annotations?.[REQUESTED_AT_ANNOTATION];
}

/** What an object says of drift; it needs no new generation to be acted upon. */
function driftMode({ metadata }: Identified): string | undefined {
  return metadata.annotations?.[DRIFT_ANNOTATION];
}

/** Whether a change of an object wakes its controller. Status changes are our own and wake nobody. */
export function isNews(before: Identified, after: Identified): boolean {
  return (
    before.metadata.uid !== after.metadata.uid ||
    before.metadata.generation !== after.metadata.generation ||
    before.metadata.deletionTimestamp !== after.metadata.deletionTimestamp ||
    requestedAt(before) !== requestedAt(after) ||
    driftMode(before) !== driftMode(after)
  );
}

/**
 * spec.interval in milliseconds; 0 when it is no duration. A spec the API server let through before its schema was in force may hold
 * anything: decide names it, so this must not throw.
 */
export function intervalOf({ spec }: { spec: { interval: string } }): number {
  try {
    return parseDuration(spec.interval);
  } catch {
    return 0;
  }
}

/** A condition that says this, for the generation the object has now. */
export function conditionOf(
  { metadata }: Identified,
  type: ConditionChange['type'],
  status: ConditionChange['status'],
  { reason, text }: Said,
): ConditionChange {
  return { type, status, reason, message: text, observedGeneration: metadata.generation ?? 0 };
}

/** Whether Ready says this failure already: the same one is not told again at each try. */
export function isTold(object: Parameters<typeof readyOf>[0], said: Said): boolean {
  const ready = readyOf(object);
  return ready?.status === 'False' && ready.reason === said.reason && ready.message === said.text;
}
