import { formatTime, type ApprovalRule, type LockdownCheck } from '@plumb/api';
import type { Cause } from '../plan.ts';
import { isAbout, type Occasion } from './causes.ts';
import type { ChangeFacts, LockdownFacts } from './facts.ts';
import { askApprovals, judgeFindings } from './judge-rules.ts';
import { approvalInput, earliest, occasionOf, type GateInput, type Judged, type Judging } from './judging.ts';
import { governs } from './select.ts';

/** What keeps running as it is goes on in a lockdown. */
const LOCKED_CAUSES: readonly Cause[] = ['routine', 'emergency', 'rollback', 'prune'];

const NOTHING_SAID = {
  policies: [],
  approvals: [],
  distrust: null,
  identities: () => null,
  findings: () => undefined,
  endorsements: () => undefined,
  earlier: [],
} as const;

/** The lockdowns that are in force for a change. Without a time that can be believed none has ended, and one whose end cannot be read never does. */
export function locking(
  lockdowns: readonly LockdownFacts[],
  change: ChangeFacts,
  now: number | null,
  isEmergency: boolean,
): LockdownFacts[] {
  return lockdowns.filter(
    ({ spec }) =>
      (now === null || !(Date.parse(spec.until) <= now)) &&
      isAbout(spec.causes, { cause: change.cause, isEmergency }, LOCKED_CAUSES) &&
      governs(spec.select, change),
  );
}

/** What a lockdown asks for. What it is about is what its rules are about; what none of them is about stands still. */
export function lockdownRules(
  { approvals = [], checks = [] }: LockdownFacts['spec'],
  occasion: Occasion,
): { approvals: ApprovalRule[]; checks: LockdownCheck[] } {
  const isOwn = ({ causes }: { causes?: Cause[] }): boolean => isAbout(causes, occasion, [occasion.cause]);
  return { approvals: approvals.filter(isOwn), checks: checks.filter(isOwn) };
}

/**
 * What lockdowns say of work on a unit that nobody can approve and no rule can judge, since it changes nothing of what is declared: the tests of a release,
 * for one. Those that stop all stop it too; those that ask for approvals or checks instead leave it alone.
 */
export function judgeStandstill(input: Pick<GateInput, 'change' | 'lockdowns' | 'now' | 'clockTrouble'>): Judged {
  const { change, lockdowns, now, clockTrouble } = input;
  const judging: Judging = { ...NOTHING_SAID, ...input, isEmergency: false };
  const inForce = locking(lockdowns, change, clockTrouble === null ? now : null, false);
  const judged = inForce.filter((one) => stopsAll(one, judging)).map((one) => judgeLockdown(one, judging));
  return {
    requirements: judged.flatMap(({ requirements }) => requirements),
    opensAt: earliest(judged.map(({ opensAt }) => opensAt)),
  };
}

function stopsAll({ spec, flaw }: Pick<LockdownFacts, 'spec' | 'flaw'>, input: Judging): boolean {
  const { approvals, checks } = lockdownRules(spec, occasionOf(input));
  return flaw !== null || approvals.length + checks.length === 0;
}

/** What a lockdown that is in force says of a change. */
export function judgeLockdown({ name, at, generation, spec, flaw }: LockdownFacts, { ...input }: Judging): Judged {
  const policy = `Lockdown/${name}`;
  const base = { policy, generation, verdict: 'Missing', evidence: [] } as const;
  if (flaw !== null) {
    const message = `a fix or the deletion of ${policy}, which is invalid: ${flaw}`;
    return { requirements: [{ ...base, rule: 'spec', message }], opensAt: null };
  }
  const until = Date.parse(spec.until);
  const opensAt = input.clockTrouble === null ? until : null;
  const rules = lockdownRules(spec, occasionOf(input));
  if (stopsAll({ spec, flaw }, input)) {
    const end = formatTime(new Date(until));
    const message = `the end of lockdown ${name} by ${spec.by} (${spec.reason}), ${end} at the latest`;
    return { requirements: [{ ...base, rule: 'freeze', message }], opensAt };
  }
  // What was approved before says nothing of what made somebody lock down.
  input.approvals = input.approvals.filter((one) => one.at >= at);
  const among = { ...approvalInput(input, spec.identitiesRef, ''), from: at };
  const context = { policy, generation, among, input };
  const requirements = [
    ...rules.checks.map((check) => judgeFindings({ rule: `checks/${check.name}`, action: 'Deny' }, context)),
    ...rules.approvals.flatMap((rule) => askApprovals(rule, context)),
  ];
  const isMet = requirements.every(({ verdict }) => verdict === 'Met');
  return { requirements, opensAt: isMet ? null : opensAt };
}
