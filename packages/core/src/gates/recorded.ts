import { concerned } from './concerned.ts';
import { governing, judgeChange, type GateVerdict } from './evaluate.ts';
import {
  policyId,
  type ApprovalFacts,
  type ChangeFacts,
  type Elsewhere,
  type Findings,
  type Identity,
  type LockdownFacts,
  type PolicyFacts,
} from './facts.ts';
import { locking } from './judge-lockdown.ts';
import type { GateInput } from './judging.ts';
import type { Earlier } from './lost.ts';

/** A rule that was asked about, and what was answered. */
interface Told<Answer> {
  policy: string;
  rule: string;
  told: Answer;
}

/** All that a verdict was made from, beside the change: plain JSON. */
export interface GateRecord {
  /** Those that govern the change, and those that held it before. */
  policies: readonly PolicyFacts[];
  /** Those that may be in force for it. */
  lockdowns: readonly LockdownFacts[];
  /** Of this very change. */
  approvals: readonly ApprovalFacts[];
  distrust: string | null;
  /** Of each ConfigMap that was asked for the people who have to do with the change; null where it could not be read. */
  identities: readonly { namespace: string; name: string; people: readonly Identity[] | null }[];
  findings: readonly Told<Findings>[];
  endorsements: readonly Told<Elsewhere>[];
  earlier: readonly Earlier[];
  /** Milliseconds since the epoch. */
  now: number;
  clockTrouble: string | null;
}

/** The verdict on a change, and what it was made from. */
export function judgeRecorded(input: GateInput): { verdict: GateVerdict; record: GateRecord } {
  const findings = new Noted(input.findings);
  const endorsements = new Noted(input.endorsements);
  const people = new Map<string, { namespace: string; name: string; people: readonly Identity[] | null }>();
  const verdict = judgeChange({
    ...input,
    findings: findings.ask,
    endorsements: endorsements.ask,
    identities: ({ namespace, name }) => {
      const found = input.identities({ namespace, name });
      people.set(`${namespace}/${name}`, { namespace, name, people: found });
      return found;
    },
  });
  const { change, policies, lockdowns, earlier, distrust, now, clockTrouble } = input;
  const held = new Set(earlier.map(({ policy }) => policy));
  const governed = new Set(governing(policies, change));
  const approvals = input.approvals.filter(({ digest }) => digest === change.digest);
  const elsewhere = endorsements.answers.map(({ told }) => told);
  const naming = { authors: change.authors, approvals, elsewhere };
  const record = {
    policies: policies.filter((policy) => governed.has(policy) || held.has(policyId(policy))),
    lockdowns: locking(lockdowns, change, clockTrouble === null ? now : null, true),
    approvals,
    distrust,
    identities: [...people.values()].map((one) => {
      return { ...one, people: one.people === null ? null : concerned(one.people, naming) };
    }),
    findings: findings.answers,
    endorsements: endorsements.answers,
    earlier,
    now,
    clockTrouble,
  };
  return { verdict, record };
}

/** The verdict on a change by what was recorded of another judgement of it: the same. */
export function replay(change: ChangeFacts, record: GateRecord): GateVerdict {
  const { identities, findings, endorsements } = record;
  return judgeChange({
    ...record,
    change,
    findings: (policy, rule) => toldIn(findings, policy, rule),
    endorsements: (policy, rule) => toldIn(endorsements, policy, rule),
    identities: ({ namespace, name }) =>
      identities.find((one) => one.namespace === namespace && one.name === name)?.people ?? null,
  });
}

function toldIn<Answer>(all: readonly Told<Answer>[], policy: string, rule: string): Answer | undefined {
  return all.find((one) => one.policy === policy && one.rule === rule)?.told;
}

/** Keeps what is answered. That nothing is known is what a record without an answer says. */
class Noted<Answer> {
  readonly #answers = new Map<string, Told<Answer>>();
  readonly ask: (policy: string, rule: string) => Answer | undefined;

  constructor(answer: (policy: string, rule: string) => Answer | undefined) {
    this.ask = (policy, rule) => {
      const told = answer(policy, rule);
      if (told !== undefined) this.#answers.set(JSON.stringify([policy, rule]), { policy, rule, told });
      return told;
    };
  }

  get answers(): Told<Answer>[] {
    return [...this.#answers.values()];
  }
}
