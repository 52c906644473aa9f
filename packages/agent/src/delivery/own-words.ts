import type { HelmRelease, Kustomization, KubeObject, Said } from '@plumb/api';
import { eventType, keyId, keyOf, ownMessages, say } from '@plumb/api';
import { unknownDriftMode } from '@plumb/core';
import type { EventRecord } from '../runtime/events.ts';
import type { Change } from './apply.ts';
import type { UnitMemory } from './unit.ts';

// What every unit tells and Flux has no words for.

/** Values of the annotation about drift that nobody knows, on the unit and on its objects, once each. Whoever wrote one meant something else than the default. */
export function unknownModeEvents(
  unit: Kustomization | HelmRelease,
  { bundle, toldModes }: Pick<UnitMemory, 'bundle' | 'toldModes'>,
): EventRecord[] {
  const own = unknownDriftMode(unit);
  const itself = own === null ? [] : [{ object: keyOf(unit as KubeObject), value: own }];
  return [...itself, ...(bundle?.unknownModes ?? [])].flatMap((unknown) => {
    const id = `${keyId(unknown.object)} ${unknown.value}`;
    if (toldModes.has(id)) return [];
    toldModes.add(id);
    const { level, reason, text: message } = say(ownMessages.unknownDriftMode, unknown);
    return [{ type: eventType(level), reason, message }];
  });
}

/** Objects that were deleted and made anew, for what could not be changed. */
export function recreatedEvents(changes: readonly Change[], event: (said: Said) => EventRecord): EventRecord[] {
  return changes.flatMap(({ key, recreated: fields }) =>
    fields === undefined ? [] : [event(say(ownMessages.recreated, { object: key, fields }))],
  );
}
