import { overrideOf } from './approvals.ts';
import { isKept } from './causes.ts';
import { evidenceOf } from './counting.ts';
import { policyId, type ApprovalFacts, type ChangeFacts, type PolicyFacts, type Requirement } from './facts.ts';
import { judgeDefaults } from './judge-limits.ts';
import { judgeLockdown, locking } from './judge-lockdown.ts';
import { judgePolicy } from './judge-policy.ts';
import { WHO } from './judge-policy-windows.ts';
import { earliest, type GateInput, type Judged } from './judging.ts';
import { judgeLost } from './lost.ts';
import { governs } from './select.ts';

/** Whether a change may be carried out now. */
export interface GateVerdict {
  state: 'open' | 'held' | 'rejected';
  /** Somebody who may has broken the glass for it. */
  isEmergency: boolean;
  requirements: readonly Requirement[];
  /** When a held one may open without anybody doing anything, in milliseconds since the epoch; null: never. */
  opensAt: number | null;
}

/** The policies that select a change. */
export function governing(policies: readonly PolicyFacts[], change: ChangeFacts): PolicyFacts[] {
  return policies.filter(
    (policy) =>
      (policy.namespace === '' || policy.namespace === change.unit.namespace) && governs(policy.spec.select, change),
  );
}

/** The verdict on a change. Pure: nothing but the input counts. */
export function judgeChange(input: GateInput): GateVerdict {
  const approvals = input.approvals.filter(({ digest }) => digest === input.change.digest).toSorted(byAge);
  const isBelieved = ({ vouched }: ApprovalFacts): boolean => vouched && input.distrust === null;
  // To forge a rejection opens nothing, to lose one does.
  const believed = approvals.filter((one) => isBelieved(one) || one.decision === 'Reject');
  const policies = sortedBy(governing(input.policies, input.change), policyId);
  const kept = isKept(input.change.cause);
  const isEmergency = !kept && policies.some((policy) => isBroken(policy, { ...input, approvals: believed }));
  const narrowed = { ...input, approvals: believed, isEmergency };
  const time = input.clockTrouble === null ? input.now : null;
  const lockdowns = sortedBy(locking(input.lockdowns, input.change, time, isEmergency), ({ name }) => name);
  const judged = [
    ...lockdowns.map((lockdown) => judgeLockdown(lockdown, narrowed)),
    ...policies.map((policy) => ofObject(judgePolicy(policy, narrowed), policy)),
    judgeDefaults(policies, narrowed),
  ];
  const requirements = judged.flatMap((one) => one.requirements);
  const { cause } = input.change;
  requirements.push(
    ...judgeLost({ ...narrowed, governing: policies, judged: [...requirements], occasion: { cause, isEmergency } }),
  );
  const rejections = kept ? [] : narrowed.approvals.filter(({ decision }) => decision === 'Reject');
  requirements.push(...rejections.map(rejected));
  if (requirements.some(isAskingPeople)) {
    requirements.push(
      ...distrusted(
        input.distrust,
        approvals.filter((one) => !believed.includes(one)),
      ),
    );
  }
  const opensAt = earliest(judged.map((one) => one.opensAt));
  return { state: stateOf(requirements), isEmergency, requirements, opensAt };
}

/** Whether somebody who may has broken the glass of a policy, and that still counts. */
function isBroken({ flaw, spec }: PolicyFacts, input: GateInput): boolean {
  return flaw === null && overrideOf(spec.breakGlass, input)?.isInTime === true;
}

function byAge(a: ApprovalFacts, b: ApprovalFacts): number {
  return a.at - b.at || (a.name < b.name ? -1 : 1);
}

/** In whichever order a watch brought them, the verdict reads the same. */
function sortedBy<Item>(items: readonly Item[], idOf: (item: Item) => string): Item[] {
  return items.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
}

/** A policy that is made anew begins to count its generations again. */
function ofObject({ requirements, opensAt }: Judged, { uid }: PolicyFacts): Judged {
  return uid === undefined
    ? { requirements, opensAt }
    : { requirements: requirements.map((one) => ({ ...one, uid })), opensAt };
}

function stateOf(requirements: readonly Requirement[]): GateVerdict['state'] {
  if (requirements.some(({ verdict }) => verdict === 'Denied')) return 'rejected';
  return requirements.some(({ verdict }) => verdict === 'Missing') ? 'held' : 'open';
}

/** Whether an approval could meet it. */
function isAskingPeople({ rule, verdict }: Requirement): boolean {
  return verdict === 'Missing' && (/^(approvals|limits|deleted|edited)\b/.test(rule) || rule === WHO);
}

/** Whoever approved is told why that does not count. */
function distrusted(why: string | null, approvals: readonly ApprovalFacts[]): Requirement[] {
  const base = { policy: 'approvals', generation: 0, rule: 'admission', verdict: 'Missing' } as const;
  if (why !== null) {
    return [{ ...base, message: `admission that vouches for approvals: ${why}`, evidence: [] }];
  }
  if (approvals.length === 0) return [];
  const names = approvals.map(({ name, by }) => `${name} by ${by}`).join(', ');
  const message = `new approvals in place of ${names}, made before the API server vouched for who makes them`;
  return [{ ...base, message, evidence: [] }];
}

function rejected(approval: ApprovalFacts): Requirement {
  const message = `${approval.by} rejected it`;
  const evidence = [evidenceOf(approval)];
  return {
    policy: 'approvals',
    generation: 0,
    rule: `rejected/${approval.name}`,
    verdict: 'Denied',
    message,
    evidence,
  };
}
