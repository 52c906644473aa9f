import type { Cause } from '../plan.ts';

const USUAL_CAUSES: readonly Cause[] = ['routine', 'prune'];

/** Why a change is made, and whether somebody who may has broken the glass for it. */
export interface Occasion {
  cause: Cause;
  isEmergency: boolean;
}

/** Whether a rule is about changes of this cause. */
export function isGoverned(causes: readonly Cause[] | undefined, cause: Cause, usual = USUAL_CAUSES): boolean {
  return (causes ?? usual).includes(cause);
}

/** Whether a rule names emergencies in so many words: it is about every one then, and no glass breaks it. */
export function namesEmergency(causes: readonly Cause[] | undefined): boolean {
  return causes?.includes('emergency') === true;
}

/** Whether a rule is about a change: by its own cause, which an emergency keeps, or because it names emergencies. */
export function isAbout(
  causes: readonly Cause[] | undefined,
  { cause, isEmergency }: Occasion,
  usual = USUAL_CAUSES,
): boolean {
  return isGoverned(causes, cause, usual) || (isEmergency && namesEmergency(causes));
}

/** What runs is kept as it is, whatever is said of it by now. */
export function isKept(cause: Cause): boolean {
  return cause === 'drift' || cause === 'rebuild';
}
