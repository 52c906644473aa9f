import type { ChangeAuthor } from '@plumb/api';
import type { ApprovalFacts, Authorship, ChangeFacts, LockdownFacts, ObjectFate, PolicyFacts } from '../facts.ts';
import type { GateInput } from '../judging.ts';

// Facts for tests, of which each changes what it is about.

export const NOW = Date.parse('2026-11-03T12:00:00Z');
export const DIGEST = 'sha256:aaaa';

/** A Kustomization shop/apps with one changed object, by Alice. */
export function change(parts: Partial<ChangeFacts> = {}): ChangeFacts {
  return {
    unit: { kind: 'Kustomization', namespace: 'shop', name: 'apps', labels: { app: 'cart' } },
    namespaceLabels: { env: 'prod' },
    cluster: 'own',
    source: { kind: 'GitRepository', namespace: 'shop', name: 'repo', revision: 'main@sha1:1' },
    cause: 'routine',
    digest: DIGEST,
    authors: knownAuthors([{ name: 'Alice Liddell', email: 'alice@example.com' }]),
    objects: [fate('ConfigMap', 'settings')],
    owned: 3,
    ...parts,
  };
}

/** What becomes of an object; `kind` may have a group: Deployment.apps. */
export function fate(
  kind: string,
  name: string,
  action: ObjectFate['action'] = 'change',
  namespace = 'shop',
): ObjectFate {
  const [first = '', ...group] = kind.split('.');
  return { key: { group: group.join('.'), version: 'v1', kind: first, namespace, name }, action };
}

export function approval(name: string, by: string, parts: Partial<ApprovalFacts> = {}): ApprovalFacts {
  const base = { groups: ['sre'], decision: 'Approve', digest: DIGEST, override: null, vouched: true } as const;
  return { name, by, ...base, at: NOW - 60_000, ...parts };
}

/** A ReleasePolicy shop/NAME. */
export function policy(name: string, spec: PolicyFacts['spec'], parts: Partial<PolicyFacts> = {}): PolicyFacts {
  return { kind: 'ReleasePolicy', namespace: 'shop', name, generation: 1, spec, flaw: null, ...parts };
}

export function clusterPolicy(name: string, spec: PolicyFacts['spec'], parts: Partial<PolicyFacts> = {}): PolicyFacts {
  return policy(name, spec, { kind: 'ClusterReleasePolicy', namespace: '', ...parts });
}

export function lockdown(name: string, spec: Partial<LockdownFacts['spec']> = {}): LockdownFacts {
  const base = { reason: 'incident', by: 'olga', until: new Date(NOW + 3_600_000).toISOString() };
  return { name, at: NOW - 3_600_000, generation: 1, spec: { ...base, ...spec }, flaw: null };
}

/** Everything that can be told is told, and nothing governs. */
export function input(parts: Partial<GateInput> = {}): GateInput {
  return {
    change: change(),
    policies: [],
    lockdowns: [],
    approvals: [],
    distrust: null,
    identities: () => null,
    findings: () => ({ broken: [] }),
    endorsements: () => undefined,
    earlier: [],
    now: NOW,
    clockTrouble: null,
    ...parts,
  };
}

/** Whose work a change is, where that is known. */
export function knownAuthors(authors: readonly ChangeAuthor[]): Authorship {
  return { authors, message: 'Change', verified: false };
}
