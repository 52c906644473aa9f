import { evidenceOf, isConsent } from './approvals.ts';
import { policyId, type ApprovalFacts, type PolicyFacts, type Requirement } from './facts.ts';

/** What was found of a change before. */
export interface Earlier extends Pick<Requirement, 'policy' | 'rule' | 'verdict'> {
  evidence?: readonly string[];
}

interface Input {
  earlier: readonly Earlier[];
  policies: readonly PolicyFacts[];
  approvals: readonly ApprovalFacts[];
  distrust: string | null;
}

const RULE = 'deleted';
const UNSEEN = 'deleted/unseen';

/** A policy that held this very change and is gone opens nothing: somebody has to say so, and after it went. */
export function judgeLost({ earlier, policies, approvals, distrust }: Input): Requirement[] {
  const present = new Set(policies.map(policyId));
  const held = earlier
    .filter(({ verdict, rule }) => verdict === 'Missing' || verdict === 'Denied' || rule === RULE)
    .map(({ policy }) => policy);
  const lost = [...new Set(held)].filter((policy) => /^(Cluster)?ReleasePolicy\//.test(policy) && !present.has(policy));
  return lost.toSorted().map((policy): Requirement => {
    const before = earlier.find((one) => one.policy === policy && one.rule === RULE);
    const base = { policy, generation: 0, rule: RULE };
    const isTold = ({ name }: ApprovalFacts): boolean =>
      before?.evidence?.some((text) => text.startsWith(`Approval/${name} by `)) === true;
    // What is told of one that waits are the approvals that were there already; of one that was let go, the one that did it.
    const isLettingGo = (one: ApprovalFacts): boolean =>
      isConsent(one) && before !== undefined && isTold(one) === (before.verdict === 'Met');
    const approval = approvals.find(isLettingGo);
    if (approval !== undefined) {
      return { ...base, verdict: 'Met', message: 'let go by an approval', evidence: [evidenceOf(approval)] };
    }
    const evidence = before?.verdict === 'Missing' ? (before.evidence ?? []) : approvals.map(evidenceOf);
    const message = `an approval, for ${policy} held it and was deleted`;
    // Which approvals were there already cannot be told yet.
    if (before === undefined && distrust !== null)
      return { ...base, rule: UNSEEN, verdict: 'Missing', message, evidence: [] };
    return { ...base, verdict: 'Missing', message, evidence };
  });
}
