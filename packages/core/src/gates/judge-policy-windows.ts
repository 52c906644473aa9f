import { formatTime, type PolicyWindow } from '@plumb/api';
import { isConsent } from './approvals.ts';
import { isGoverned, namesEmergency, type Occasion } from './causes.ts';
import type { ApprovalInput } from './counting.ts';
import { describeWindow } from './describe-window.ts';
import { judgeWindows } from './judge-windows.ts';
import type { Judged, RuleContext } from './judging.ts';
import { describePeople, isOneOf } from './people.ts';
import { compileWindow, type Window } from './window.ts';

/** The rule of a window that waits for an approval by one of those who may pass in it. */
export const WHO = 'windows/who';

/** The windows that a broken glass skips, and those that it does not: one group never makes up for the other. */
export function windowGroups(
  windows: readonly PolicyWindow[],
  { cause, isEmergency, isBroken }: Occasion & { isBroken: boolean },
): Record<'usual' | 'firm', PolicyWindow[]> {
  const own = windows.filter(({ causes }) => isGoverned(causes, cause));
  const named = windows.filter(({ causes }) => namesEmergency(causes));
  const added = isEmergency ? named.filter((window) => !own.includes(window)) : [];
  if (!isBroken) return { usual: own, firm: added };
  return {
    usual: own.filter((window) => !named.includes(window)),
    firm: [...own.filter((window) => named.includes(window)), ...added],
  };
}

/** Windows that were compiled, for as long as their policy is kept. */
const compiled = new WeakMap<PolicyWindow, Window>();

function windowOf(spec: PolicyWindow): Window {
  const known = compiled.get(spec);
  if (known !== undefined) return known;
  const window = compileWindow(spec);
  compiled.set(spec, window);
  return window;
}

export function judgeWindowsOf(
  own: readonly PolicyWindow[],
  { policy, generation, among, input }: RuleContext,
): Judged {
  if (own.length === 0) return { requirements: [], opensAt: null };
  const base = { policy, generation, rule: 'windows', evidence: [] };
  const counting = own.filter((window) => isOfUse(window, among));
  const allows = own.filter(({ type }) => type === 'Allow');
  if (allows.length > 0 && !counting.some(({ type }) => type === 'Allow')) {
    const people = [...new Set(allows.map(({ who }) => describePeople(who)))].join(' or ');
    const message = `an approval by ${people}: only their changes pass in ${allows.map(describeWindow).join(', ')}`;
    return { requirements: [{ ...base, rule: WHO, verdict: 'Missing', message }], opensAt: null };
  }
  if (input.clockTrouble !== null) {
    const message = `a trusted clock, to tell whether a window is open: ${input.clockTrouble}`;
    return { requirements: [{ ...base, verdict: 'Missing', message }], opensAt: null };
  }
  const judged = judgeWindows(
    counting.map((spec) => ({ spec, window: windowOf(spec) })),
    input.now,
  );
  const by = judged.by === null ? '' : describeWindow(judged.by);
  if (judged.open)
    return { requirements: [{ ...base, verdict: 'Met', message: by === '' ? 'open' : `open: ${by}` }], opensAt: null };
  const opens = judged.opensAt === null ? 'which never comes' : `opens ${formatTime(new Date(judged.opensAt))}`;
  const isDeny = judged.by?.type === 'Deny';
  const message = isDeny ? `the end of the closed time ${by}, ${opens}` : `the window ${by}, ${opens}`;
  return { requirements: [{ ...base, verdict: 'Missing', message }], opensAt: judged.opensAt };
}

/** An Allow window that lets this change pass, or a Deny window that stops it. */
function isOfUse({ type, who }: PolicyWindow, among: ApprovalInput): boolean {
  if (who === undefined) return true;
  return isTheirs(who, among) === (type === 'Allow');
}

/** Who wrote a commit anybody may claim: only an approval, which the API server vouches for, makes a change somebody's. */
function isTheirs(who: NonNullable<PolicyWindow['who']>, { approvals }: ApprovalInput): boolean {
  return approvals.some((one) => isConsent(one) && isOneOf(who, one));
}
