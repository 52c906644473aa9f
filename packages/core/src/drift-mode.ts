import { DRIFT_ANNOTATION } from '@plumb/api';
import type { HelmRelease, ObjectMeta } from '@plumb/api';
import type { ObjectRules } from './plan.ts';

/** What is done about drift: put right, told and left, or left without a word. */
export type DriftMode = 'correct' | 'warn' | 'ignore';

export const DRIFT_MODES = ['correct', 'warn', 'ignore'] as const satisfies readonly DriftMode[];

type Annotated = { readonly metadata: Pick<ObjectMeta, 'annotations'> };

/** What an object says of drift itself, in any case of letters; a value nobody knows means the default. Undefined: it says nothing. */
export function ownDriftMode(object: Annotated): DriftMode | undefined {
  const given = valueOf(object);
  return given === undefined ? undefined : (knownMode(given) ?? 'correct');
}

/** A unit's own object. */
type Unit = Annotated & { readonly kind?: string; readonly spec?: object };

/** spec.driftDetection.mode of a HelmRelease. */
const DETECTION = { enabled: 'correct', warn: 'warn', disabled: 'ignore' } as const;

/** What a unit says of drift, for those of its objects that say nothing. */
export function unitDriftMode(unit: Unit): DriftMode {
  const own = ownDriftMode(unit);
  if (own !== undefined || unit.kind !== 'HelmRelease') return own ?? 'correct';
  const { driftDetection } = (unit.spec ?? {}) as Pick<HelmRelease['spec'], 'driftDetection'>;
  return DETECTION[driftDetection?.mode ?? 'disabled'];
}

/** The value of the annotation where it is none of the modes; else null. */
export function unknownDriftMode(object: Annotated): string | null {
  const given = valueOf(object);
  return given === undefined || knownMode(given) !== undefined ? null : given;
}

/** What holds for an object: what it declares, what is said on the live one, or what its unit says. */
export function driftModeFor(declared: ObjectRules, live: ObjectRules | undefined, unit: DriftMode): DriftMode {
  return declared.drift ?? live?.drift ?? unit;
}

function valueOf({ metadata }: Annotated): string | undefined {
  const given: unknown = metadata.annotations?.[DRIFT_ANNOTATION];
  return typeof given === 'string' ? given : undefined;
}

function knownMode(given: string): DriftMode | undefined {
  return DRIFT_MODES.find((mode) => mode === given.toLowerCase());
}
