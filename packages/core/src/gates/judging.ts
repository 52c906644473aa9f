import type { Occasion } from './causes.ts';
import type { ApprovalInput } from './counting.ts';
import type {
  ApprovalFacts,
  ChangeFacts,
  Elsewhere,
  Findings,
  Identity,
  LockdownFacts,
  PolicyFacts,
  Requirement,
} from './facts.ts';
import { referredNamespace } from './facts.ts';
import type { Earlier } from './lost.ts';

/** All that a verdict is made from: the same input, the same verdict. */
export interface GateInput {
  change: ChangeFacts;
  policies: readonly PolicyFacts[];
  lockdowns: readonly LockdownFacts[];
  /** Approvals of any change; only those of this digest count. */
  approvals: readonly ApprovalFacts[];
  /** Why no approval can be believed; null when they can. Rejections always are. */
  distrust: string | null;
  /** The mapping of authors to users that a ConfigMap holds; null where it cannot be read. */
  identities: (reference: { namespace: string; name: string }) => readonly Identity[] | null;
  /** What rules over the content found, by policy and rule; undefined where they were not evaluated. */
  findings: (policy: string, rule: string) => Findings | undefined;
  /** What was said of the change elsewhere, by policy and rule of approvals; undefined where the rule asks nobody there. */
  endorsements: (policy: string, rule: string) => Elsewhere | undefined;
  /** What was found of this very change before, as its record has it. */
  earlier: readonly Earlier[];
  /** Milliseconds since the epoch. */
  now: number;
  /** Why `now` cannot be believed; null when it can. Nothing opens by the time then, and no lockdown ends. */
  clockTrouble: string | null;
}

/** What the rules of a policy or lockdown are judged by. */
export interface Judging extends GateInput {
  isEmergency: boolean;
}

export function occasionOf({ change, isEmergency }: Judging): Occasion {
  return { cause: change.cause, isEmergency };
}

/** What the rules of a policy or lockdown came to. */
export interface Judged {
  requirements: Requirement[];
  opensAt: number | null;
}

/** What one rule of a policy or lockdown is judged by. */
export interface RuleContext {
  policy: string;
  generation: number;
  among: ApprovalInput;
  input: Judging;
}

export function earliest(moments: readonly (number | null)[]): number | null {
  const known = moments.filter((at) => at !== null);
  return known.length === 0 ? null : Math.min(...known);
}

export function approvalInput(
  input: Judging,
  reference: { namespace?: string; name: string } | undefined,
  namespace: string,
): ApprovalInput {
  const { change, approvals, now, clockTrouble } = input;
  const base = { change, approvals, now, clockTrouble };
  if (reference === undefined) return { ...base, identities: null, identitiesName: null };
  const place = { name: reference.name, namespace: referredNamespace(reference, namespace) };
  const identitiesName = `ConfigMap ${place.namespace}/${place.name}`;
  return { ...base, identities: input.identities(place), identitiesName };
}
