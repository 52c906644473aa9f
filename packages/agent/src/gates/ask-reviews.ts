import type { ApprovalRule, ReviewRule } from '@plumb/api';
import {
  isAbout,
  lockdownRules,
  policyId,
  whenRule,
  type Cause,
  type Endorsements,
  type Findings,
  type LockdownFacts,
  type PolicyFacts,
} from '@plumb/core';
import type { RevisionRange } from '@plumb/sources';
import { findingKey } from './content.ts';
import type { Reviews, SourceCommits } from './reviews.ts';

export interface ReviewRequest {
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
  commits: () => Promise<SourceCommits>;
  /** Told of an answer that was not waited for. */
  onLate: () => void;
}

/** What reviewers said of a change, by policy and rule: of those rules alone that ask for it and are about the change. */
export async function askReviews(
  request: ReviewRequest,
  reviews: Pick<Reviews, 'ask'>,
): Promise<Map<string, Endorsements>> {
  const { source, range, hasRemoteBases, onLate } = request;
  const commits = hasRemoteBases
    ? () => Promise.resolve({ unknown: 'it is made of remote bases too' })
    : request.commits;
  const told = rulesOf(request).map(async ({ policy, namespace, name, rule }) => {
    const key = findingKey(policy, `approvals/${name}`);
    const id = JSON.stringify([key, rule, source, range, hasRemoteBases]);
    return [key, await reviews.ask({ rule, namespace, id, commits, onLate })] as const;
  });
  return new Map(await Promise.all(told));
}

interface Asking {
  policy: string;
  namespace: string;
  name: string;
  rule: ReviewRule;
}

/** Whether it is an emergency shows only when the approvals are looked at. */
function rulesOf({ policies, lockdowns, cause, findings }: ReviewRequest): Asking[] {
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
    rules.flatMap((rule) => {
      const { name, reviews } = rule;
      return reviews === undefined || !isNeeded(policy, rule, findings)
        ? []
        : [{ policy, namespace, name, rule: reviews }];
    }),
  );
}

function isNeeded(policy: string, rule: ApprovalRule, findings: ReadonlyMap<string, Findings>): boolean {
  if (rule.when === undefined) return true;
  const found = findings.get(findingKey(policy, whenRule(rule)));
  return found === undefined || !('broken' in found) || found.broken.length === 0;
}
