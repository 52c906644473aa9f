import type { Cause } from '../plan.ts';
import { overrideOf } from './approvals.ts';
import { isAbout, namesEmergency } from './causes.ts';
import { evidenceOf, type ApprovalInput } from './counting.ts';
import { policyId, type PolicyFacts, type Requirement } from './facts.ts';
import { judgeExternal } from './judge-external.ts';
import { judgeLimits } from './judge-limits.ts';
import { judgeWindowsOf, windowGroups } from './judge-policy-windows.ts';
import { askApprovals, judgeContent } from './judge-rules.ts';
import { approvalInput, earliest, occasionOf, type Judged, type Judging } from './judging.ts';

/** What a policy says of a change that it selects. */
export function judgePolicy(facts: PolicyFacts, input: Judging): Judged {
  const { spec, generation, namespace, flaw } = facts;
  const policy = policyId(facts);
  if (flaw !== null) {
    const message = `a fix of ${policy}, which is invalid: ${flaw}`;
    return {
      requirements: [{ policy, generation, rule: 'spec', verdict: 'Missing', message, evidence: [] }],
      opensAt: null,
    };
  }
  const among = approvalInput(input, spec.identitiesRef, namespace);
  const context = { policy, generation, among, input };
  const breaking = overrideOf(spec.breakGlass, among);
  const skip = (one: Requirement, causes?: readonly Cause[]): Requirement =>
    breaking === null || namesEmergency(causes) ? one : overridden(one, breaking, among);
  const approvals = (spec.approvals ?? [])
    .filter(({ causes }) => isAbout(causes, occasionOf(input)))
    .flatMap((rule) => askApprovals(rule, context).map((one) => skip(one, rule.causes)));
  const external = (spec.external ?? [])
    .filter(({ causes }) => isAbout(causes, occasionOf(input)))
    .map((rule) => {
      const { requirements, opensAt } = judgeExternal([rule], { policy, generation, ...input });
      const isOver = breaking !== null && !namesEmergency(rule.causes);
      return { requirements: requirements.map((one) => skip(one, rule.causes)), opensAt: isOver ? null : opensAt };
    });
  const groups = windowGroups(spec.windows ?? [], { ...occasionOf(input), isBroken: breaking !== null });
  const usual = judgeWindowsOf(groups.usual, context);
  const firm = judgeWindowsOf(groups.firm, context);
  const windows = [...usual.requirements.map((one) => skip(one)), ...firm.requirements];
  const own = [...judgeContent(facts, context), ...judgeLimits(facts, context)];
  return {
    requirements: [...own, ...approvals, ...external.flatMap(({ requirements }) => requirements), ...windows],
    opensAt: earliest([
      ...external.map(({ opensAt }) => opensAt),
      breaking === null ? usual.opensAt : null,
      firm.opensAt,
    ]),
  };
}

function overridden(
  requirement: Requirement,
  { approval, isInTime }: NonNullable<ReturnType<typeof overrideOf>>,
  { clockTrouble }: ApprovalInput,
): Requirement {
  if (requirement.verdict !== 'Missing') return requirement;
  if (!isInTime) {
    const why = `the override by ${approval.by} counts once the clock is trusted: ${clockTrouble}`;
    return { ...requirement, message: `${requirement.message} (${why})` };
  }
  const message = `overridden by ${approval.by}: ${approval.override ?? ''}`;
  return { ...requirement, verdict: 'Overridden', message, evidence: [evidenceOf(approval)] };
}
