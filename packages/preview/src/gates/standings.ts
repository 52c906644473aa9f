import type { ChangeRequirement, KubeObject, Lockdown } from '@plumb/api';
import {
  governing,
  lockdownFacts,
  locking,
  policyId,
  type ChangeFacts,
  type LockdownFacts,
  type PolicyFacts,
} from '@plumb/core';
import { lockdownRulesOf, rulesOf, type Rule } from './rules.ts';

/** One rule that governs a unit. */
export interface RuleStanding extends Rule {
  /** What came of it for the change that is open: several of limits, none where the rule is not about such a change. */
  verdicts: ChangeRequirement[];
}

export interface PolicyStanding {
  policy: string;
  /** Why it cannot be judged by; null when it can. */
  flaw: string | null;
  /** It governs only changes that touch what it names, and none of it is known to be touched. */
  maybe: boolean;
  rules: RuleStanding[];
}

export interface LockdownStanding {
  lockdown: Lockdown;
  /** Why it cannot be read; null when it can. */
  flaw: string | null;
  rules: RuleStanding[];
}

/** The policies that govern a unit, with what came of their rules. */
export function policyStandings(
  policies: readonly PolicyFacts[],
  facts: ChangeFacts,
  verdicts: readonly ChangeRequirement[],
): PolicyStanding[] {
  return policies.flatMap((policy) => {
    const own = verdicts.filter((one) => one.policy === policyId(policy));
    const { touches, ...select } = policy.spec.select ?? {};
    const [governed] = governing([{ ...policy, spec: { ...policy.spec, select } }], facts);
    if (own.length === 0 && governed === undefined) return [];
    const rules = policy.flaw === null ? rulesOf(policy.spec) : [SOUND];
    return [
      {
        policy: policyId(policy),
        flaw: policy.flaw,
        maybe: own.length === 0 && touches !== undefined,
        rules: withVerdicts(rules, own),
      },
    ];
  });
}

/** The lockdowns that are in force for a unit. Why a change is made that is an emergency now is not recorded: their causes are told, and choose none. */
export function lockdownStandings(
  objects: readonly KubeObject[],
  known: { facts: ChangeFacts; verdicts: readonly ChangeRequirement[]; now: number | null },
): LockdownStanding[] {
  const { facts, verdicts, now } = known;
  return objects.flatMap((object) => {
    const lockdown = lockdownFacts(object);
    if (locking([ofAll(lockdown, facts)], facts, now, false).length === 0) return [];
    const own = verdicts.filter(({ policy }) => policy === `Lockdown/${lockdown.name}`);
    const rules = lockdown.flaw === null ? lockdownRulesOf(lockdown.spec) : [SOUND];
    return [{ lockdown: object as unknown as Lockdown, flaw: lockdown.flaw, rules: withVerdicts(rules, own) }];
  });
}

const SOUND: Rule = { name: 'spec', text: 'must be sound' };

function ofAll(lockdown: LockdownFacts, { cause }: ChangeFacts): LockdownFacts {
  const { touches: _, ...select } = lockdown.spec.select ?? {};
  return { ...lockdown, spec: { ...lockdown.spec, select, causes: [cause] } };
}

/** Each rule with its verdicts, and behind them what no rule that is there said: what held by a rule that an edit took away. */
function withVerdicts(rules: readonly Rule[], verdicts: readonly ChangeRequirement[]): RuleStanding[] {
  const declared = rules.map((rule) => ({ ...rule, verdicts: verdicts.filter((one) => isAbout(one, rule)) }));
  const beside = verdicts.filter((one) => !rules.some((rule) => isAbout(one, rule)));
  return [...declared, ...beside.map((one) => ({ name: one.rule, text: '', verdicts: [one] }))];
}

/** Of limits each one that a change is beyond has a number of its own, and whose change may pass in a window is judged by itself. */
function isAbout({ rule }: ChangeRequirement, { name }: Rule): boolean {
  return rule === name || (['limits', 'windows'].includes(name) && rule.startsWith(`${name}/`));
}
