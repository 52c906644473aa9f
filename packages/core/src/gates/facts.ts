import type { ChangeAuthor, ObjectKey, PolicySpec, LockdownSpec } from '@plumb/api';
import type { Cause } from '../plan.ts';

/** What becomes of one object. */
export interface ObjectFate {
  key: ObjectKey;
  action: 'create' | 'change' | 'delete';
}

/**
 * Whose work a change is: all who wrote or committed anything in it that was not there before, and what its newest commit says. `verified` is whether
 * that is signed as its source demands, `signer` by which key. Or why it cannot be known who they are: never are fewer people told than there are.
 */
export type Authorship =
  | { authors: readonly ChangeAuthor[]; message: string; verified: boolean; signer?: string }
  | { unknown: string; message?: string; verified?: boolean; signer?: string };

/** What gates are told of a change. */
export interface ChangeFacts {
  unit: {
    kind: 'Kustomization' | 'HelmRelease';
    namespace: string;
    name: string;
    labels: Readonly<Record<string, string>>;
  };
  /** Null while they are not known. */
  namespaceLabels: Readonly<Record<string, string>> | null;
  /** `own`, or the name of the Secret or ConfigMap that leads to the cluster. */
  cluster: string;
  source: { kind: string; namespace: string; name: string; revision: string };
  cause: Cause;
  /** Names exactly this change (`changeDigest`). */
  digest: string;
  authors: Authorship;
  objects: readonly ObjectFate[];
  /** How many objects the unit has now. */
  owned: number;
}

/** A policy, as one of a cluster or of a namespace. `namespace` is empty for one of the cluster. */
export interface PolicyFacts {
  kind: 'ReleasePolicy' | 'ClusterReleasePolicy';
  namespace: string;
  name: string;
  generation: number;
  /** Left out where it is no object of a cluster. */
  uid?: string;
  spec: PolicySpec;
  /** Why it cannot be judged by; null when it can. Then it holds what it selects. */
  flaw: string | null;
}

export interface LockdownFacts {
  name: string;
  /** When it was made, in milliseconds since the epoch. */
  at: number;
  generation: number;
  spec: LockdownSpec;
  /** Why it cannot be read; null when it can. Then it stops what it selects. */
  flaw: string | null;
}

/** What somebody says of a change. */
export interface ApprovalFacts {
  name: string;
  by: string;
  groups: readonly string[];
  decision: 'Approve' | 'Reject';
  digest: string;
  /** Why it overrides; null when it does not. */
  override: string | null;
  /** When it was made, in milliseconds since the epoch. */
  at: number;
  /** Whether the API server vouched for who made it, when it was made. */
  vouched: boolean;
}

/** What a rule that is evaluated apart found. */
export type Findings =
  /** Texts to tell, none when it holds. Then by what, and, where only for a time, in which: milliseconds since the epoch. */
  | {
      broken: readonly string[];
      evidence?: readonly string[];
      during?: { from: number; to: number; of: string };
    }
  /** What is waited for, as it stands behind "waits for". */
  | { waits: string }
  /** Why it could not be judged. */
  | { trouble: string };

/** A verdict on one rule. */
export interface Requirement {
  /** Kind/namespace/name or Kind/name of the policy or lockdown, or `default-limits`. */
  policy: string;
  generation: number;
  /** `approvals/two-people`. */
  rule: string;
  verdict: 'Met' | 'Missing' | 'Denied' | 'Warned' | 'Overridden';
  /** Of one that is Missing: what is waited for, as it stands behind "waits for". Else a sentence. */
  message: string;
  evidence: readonly string[];
  /** That of the policy. */
  uid?: string;
}

/** What somebody said of a part of a change outside of the cluster. */
export interface Endorsement {
  /** Who: `github:alice`. */
  by: string;
  /** What says so, as `review by github:alice of pull request 12 of shop/apps`. */
  evidence: string;
  /** When, in milliseconds since the epoch. */
  at: number;
  /** Other names of the same person, in the same form. */
  aliases?: readonly string[];
  /** Whether nobody but whoever said so says when. */
  isOwnTime?: boolean;
  /** The authors it is judged by; by default all of the change. */
  authors?: readonly ChangeAuthor[];
}

/** A part of a change that is endorsed by itself. */
export interface EndorsedPart {
  /** What has to be endorsed, as it stands behind "waits for 1 more": `review of pull request 12 of shop/apps`. */
  wanted: string;
  /** Everybody who endorsed it. */
  by: readonly Endorsement[];
  /** What else was found, and why it does not count. */
  notes?: readonly string[];
}

/** The parts that a change is made of, which together are all of it; or why they cannot be told. */
export type Endorsements = { parts: readonly EndorsedPart[] } | { trouble: string };

/**
 * The key that made a signature, when its maker says that was (milliseconds since the epoch), and whose it is: for each place where the key stands, the names
 * that stand there with it. Or why it does not count.
 */
export type SignedAs =
  | { fingerprint: string; holders: readonly (readonly string[])[]; at: number }
  | { problem: string };

/** What is signed of the commit that is to be applied. */
export interface SignedFacts {
  commit: string;
  /** Tags of exactly this commit that a rule asks for. */
  tags: readonly { name: string; signed: SignedAs }[];
  /** Tags like these that were not looked at. */
  left: number;
  /** The commit itself, and the end of its message; null where no rule asks for it. */
  head: { end: string; signed: SignedAs } | null;
  /** Whose work the change is, but for those who only put it together (`contributorsOf`). */
  authors: readonly ChangeAuthor[];
}

/** What was said of a change outside of the cluster, as far as a rule of approvals asks for it. */
export interface Elsewhere {
  reviews?: Endorsements;
  signed?: SignedFacts | { trouble: string };
}

/** A person, for the mapping of authors to users: all are in the form of `spelling`. */
export interface Identity {
  users: readonly string[];
  git: readonly string[];
  /** Their accounts at forges, as `github:alice`. */
  logins: readonly string[];
}

/** The namespace that a policy's reference leads to: its own, and where it stands above namespaces (`''`) the one that the reference names. */
export function referredNamespace(reference: { namespace?: string }, own: string): string {
  return own === '' ? (reference.namespace ?? '') : own;
}

export function policyId({ kind, namespace, name }: Pick<PolicyFacts, 'kind' | 'namespace' | 'name'>): string {
  return namespace === '' ? `${kind}/${name}` : `${kind}/${namespace}/${name}`;
}
