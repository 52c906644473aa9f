import type { ApprovalRule } from '@plumb/api';
import { isConsent, ofOthers } from './approvals.ts';
import { isAbout, isGoverned } from './causes.ts';
import { evidenceOf } from './counting.ts';
import type { ApprovalFacts, ChangeFacts, PolicyFacts, Requirement } from './facts.ts';
import { occasionOf, type Judged, type Judging, type RuleContext } from './judging.ts';
import { beyondAlways, beyondLimits, DEFAULT_LIMITS } from './limits.ts';
import { describePeople, isOneOf } from './people.ts';
import { isCertain } from './select.ts';

export function judgeLimits({ spec }: PolicyFacts, { policy, generation, among, input }: RuleContext): Requirement[] {
  const { limits } = spec;
  if (limits === undefined) return [];
  const isMeant = isAbout(limits.causes, occasionOf(input));
  const people = limits.approvers ?? approversOf(spec.approvals);
  const isForOthers = limits.approvers === undefined && spec.approvals?.some(({ notAuthor }) => notAuthor === true);
  const approvals = isForOthers === true ? ofOthers(among.approvals, among) : among.approvals;
  const beyond = isMeant ? beyondLimits(limits, input.change) : beyondAlways(limits, input.change);
  return beyond.map((what, index) =>
    judgeBeyond(what, { policy, generation, rule: `limits/${index}`, people, approvals }),
  );
}

/** Whoever may approve by one of the rules; nobody named: everybody. */
function approversOf(rules: readonly ApprovalRule[] = []): { users: string[]; groups: string[] } {
  return { users: rules.flatMap(({ users = [] }) => users), groups: rules.flatMap(({ groups = [] }) => groups) };
}

function judgeBeyond(
  what: string,
  context: Pick<Requirement, 'policy' | 'generation' | 'rule'> & {
    people: { users?: string[]; groups?: string[] };
    approvals: readonly ApprovalFacts[];
  },
): Requirement {
  const { policy, generation, rule, people, approvals } = context;
  const approval = approvals.find((one) => isConsent(one) && isOneOf(people, one));
  if (approval !== undefined) {
    return {
      policy,
      generation,
      rule,
      verdict: 'Met',
      message: `${what} is approved`,
      evidence: [evidenceOf(approval)],
    };
  }
  const message = `an approval by ${describePeople(people)} of ${what}`;
  return { policy, generation, rule, verdict: 'Missing', message, evidence: [] };
}

/** Whether a unit has the limits that every one has by default. `policies`: those that govern the change. */
export function areDefaultsOn(policies: readonly PolicyFacts[], change: ChangeFacts): boolean {
  return !policies.some(
    ({ kind, flaw, spec }) =>
      kind === 'ClusterReleasePolicy' &&
      flaw === null &&
      spec.limits?.defaults === 'Off' &&
      isCertain(spec.select, change),
  );
}

export function judgeDefaults(policies: readonly PolicyFacts[], input: Judging): Judged {
  const { change } = input;
  if (!areDefaultsOn(policies, change)) return { requirements: [], opensAt: null };
  const judge = isGoverned(undefined, change.cause) ? beyondLimits : beyondAlways;
  const requirements = judge(DEFAULT_LIMITS, change).map((what, index) =>
    judgeBeyond(what, {
      policy: 'default-limits',
      generation: 0,
      rule: `limits/${index}`,
      people: {},
      approvals: input.approvals,
    }),
  );
  return { requirements, opensAt: null };
}
