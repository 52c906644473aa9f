import type { ApprovalRule } from '@plumb/api';
import {
  isAbout,
  lockdownRules,
  policyId,
  whenRule,
  type Cause,
  type Elsewhere,
  type Findings,
  type LockdownFacts,
  type PolicyFacts,
} from '@plumb/core';
import type { RevisionRange } from '@plumb/sources';
import { findingKey } from './content.ts';
import type { Beside } from './gate-request.ts';
import type { Reviews, SourceCommits } from './reviews.ts';
import type { Signatures, SignaturesOf } from './signatures.ts';

export interface ElsewhereRequest {
  /** Those that are about the change. */
  policies: readonly PolicyFacts[];
  lockdowns: readonly LockdownFacts[];
  cause: Cause;
  /** What conditions of rules came to. */
  findings: ReadonlyMap<string, Findings>;
  source: { kind: string; namespace: string; name: string };
  range: RevisionRange;
  /** It is made of what stands outside its source too, whose commits nobody looks up. */
  hasRemoteBases: boolean;
  /** The last time somebody asked for the unit to be reconciled: tags are looked at anew then. */
  asked: string;
  /** Who else had a hand in it: of what they did there is no review. */
  beside: () => Promise<Beside>;
  commits: () => Promise<SourceCommits>;
  signed: SignaturesOf;
  /** Told of an answer that was not waited for. */
  onLate: () => void;
}

interface Askable {
  reviews: Pick<Reviews, 'ask'>;
  signatures: Pick<Signatures, 'ask'>;
}

/** What was said of a change outside of the cluster, by policy and rule: of those rules alone that ask for it and are about the change. */
export async function askElsewhere(request: ElsewhereRequest, ask: Askable): Promise<Map<string, Elsewhere>> {
  const told = rulesOf(request).map(async (asking) => {
    const key = findingKey(asking.policy, `approvals/${asking.rule.name}`);
    return [key, await askOne(key, asking, { request, ask })] as const;
  });
  return new Map(await Promise.all(told));
}

async function askOne(
  key: string,
  { namespace, rule: { reviews, signed } }: Asking,
  { request, ask }: { request: ElsewhereRequest; ask: Askable },
): Promise<Elsewhere> {
  const { source, range, hasRemoteBases, asked, onLate } = request;
  const unknown = hasRemoteBases ? 'it is made of remote bases too' : besideCommits(await request.beside());
  const commits = unknown === null ? request.commits : () => Promise.resolve({ unknown });
  const about = { namespace, commits, onLate };
  const idOf = (...by: unknown[]): string => JSON.stringify([key, source, range, unknown, ...by]);
  const [reviewed, found] = await Promise.all([
    reviews && ask.reviews.ask({ ...about, rule: reviews, id: idOf(reviews) }),
    signed && ask.signatures.ask({ ...about, rule: signed, id: idOf(signed, asked), signed: request.signed }),
  ]);
  return { ...(reviewed && { reviews: reviewed }), ...(found && { signed: found }) };
}

function besideCommits(beside: Beside): string | null {
  if (beside === null) return null;
  if ('unknown' in beside) return beside.unknown;
  const what = beside.isAll === true ? 'it is' : 'its unit is';
  return `${what} made of commits of what brings it, of which reviews and signatures do not count`;
}

interface Asking {
  policy: string;
  namespace: string;
  rule: ApprovalRule;
}

/** Whether it is an emergency shows only when the approvals are looked at. */
function rulesOf({ policies, lockdowns, cause, findings }: ElsewhereRequest): Asking[] {
  const occasion = { cause, isEmergency: true };
  const all = [
    ...policies
      .filter(({ flaw }) => flaw === null)
      .map((facts) => ({
        policy: policyId(facts),
        namespace: facts.namespace,
        rules: (facts.spec.approvals ?? []).filter(({ causes }) => isAbout(causes, occasion)),
      })),
    ...lockdowns
      .filter(({ flaw }) => flaw === null)
      .map(({ name, spec }) => ({
        policy: `Lockdown/${name}`,
        namespace: '',
        rules: lockdownRules(spec, occasion).approvals,
      })),
  ];
  return all.flatMap(({ policy, namespace, rules }) =>
    rules
      .filter(({ reviews, signed }) => reviews !== undefined || signed !== undefined)
      .filter((rule) => isNeeded(policy, rule, findings))
      .map((rule) => ({ policy, namespace, rule })),
  );
}

function isNeeded(policy: string, rule: ApprovalRule, findings: ReadonlyMap<string, Findings>): boolean {
  if (rule.when === undefined) return true;
  const found = findings.get(findingKey(policy, whenRule(rule)));
  return found === undefined || !('broken' in found) || found.broken.length === 0;
}
