import { isOpen, nextChange } from './window.ts';
import type { Window, WindowSpec } from './window.ts';

export interface DeclaredWindow {
  spec: WindowSpec;
  window: Window;
}

export interface WindowVerdict {
  open: boolean;
  /** While closed, the next moment at which it is open, epoch milliseconds; null while open, and when none is in sight. */
  opensAt: number | null;
  /** While open, when it closes, epoch milliseconds; null while closed, and when no end is in sight. */
  until: number | null;
  /** What decides: the Deny that is open (longest), else the Allow that is open (longest) or will be at `opensAt`; null without any. */
  by: WindowSpec | null;
}

/** How far ahead is looked, in time as of nextChange, and in changes: windows of minutes that never meet are not followed for years. */
const HORIZON = 5 * 366 * 86_400_000;
const MAX_CHANGES = 2000;

/**
 * Whether several windows together let changes pass. An open Deny wins. With an Allow among them one must be open; with only Denies
 * it is open unless one of them is. Without windows it is open.
 * @param at epoch milliseconds
 */
export function judgeWindows(windows: readonly DeclaredWindow[], at: number): WindowVerdict {
  const denies = windows.filter(({ spec }) => spec.type === 'Deny');
  const allows = windows.filter(({ spec }) => spec.type === 'Allow');
  const denying = longestOpen(denies, at);
  const allowing = longestOpen(allows, at);
  if (denying === null && (allowing !== null || allows.length === 0)) {
    return { open: true, opensAt: null, until: closesAt(denies, allows, at), by: allowing?.spec ?? null };
  }
  const opensAt = nextOpening(denies, allows, at);
  const by = denying ?? (opensAt === null ? null : longestOpen(allows, opensAt)) ?? soonest(allows, at);
  return { open: false, opensAt, until: null, by: by?.spec ?? null };
}

/** From closed to closed: past the end of every Deny that is open, then to the next start of an Allow. */
function nextOpening(denies: readonly DeclaredWindow[], allows: readonly DeclaredWindow[], at: number): number | null {
  let moment: number | null = at;
  for (let changes = 0; changes < MAX_CHANGES && moment !== null && moment - at <= HORIZON; changes++) {
    const denying = longestOpen(denies, moment);
    if (denying !== null) moment = nextChange(denying.window, moment);
    else if (allows.length === 0 || longestOpen(allows, moment) !== null) return moment;
    else moment = earliestChange(allows, moment);
  }
  return null;
}

/** When the first Deny opens, or the last of a chain of Allows closes. After too many changes that is at least how long it stays open. */
function closesAt(denies: readonly DeclaredWindow[], allows: readonly DeclaredWindow[], at: number): number | null {
  const denied = earliestChange(denies, at);
  if (allows.length === 0) return denied;
  let moment = at;
  for (let changes = 0; changes < MAX_CHANGES && (denied === null || moment < denied); changes++) {
    const allowing = longestOpen(allows, moment);
    if (allowing === null) return moment;
    const next = nextChange(allowing.window, moment);
    if (next === null || next - at > HORIZON) return denied;
    moment = next;
  }
  return denied === null ? moment : Math.min(moment, denied);
}

/** Of those that are open the one that stays so for longest; the first of equals. */
function longestOpen(windows: readonly DeclaredWindow[], at: number): DeclaredWindow | null {
  const open = windows.filter(({ window }) => isOpen(window, at));
  return first(open, (declared) => -(nextChange(declared.window, at) ?? Infinity));
}

/** The one that changes first; the first of equals. */
function soonest(windows: readonly DeclaredWindow[], at: number): DeclaredWindow | null {
  return first(windows, ({ window }) => nextChange(window, at) ?? Infinity);
}

function earliestChange(windows: readonly DeclaredWindow[], at: number): number | null {
  const next = soonest(windows, at);
  return next === null ? null : nextChange(next.window, at);
}

function first(windows: readonly DeclaredWindow[], rank: (declared: DeclaredWindow) => number): DeclaredWindow | null {
  let best = windows[0] ?? null;
  for (const other of windows.slice(1)) if (best !== null && rank(other) < rank(best)) best = other;
  return best;
}
