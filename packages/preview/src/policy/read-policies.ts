import { expressionFlaw } from '@plumb/agent';
import { CLUSTER_RELEASE_POLICY, keyOf, LOCKDOWN, RELEASE_POLICY, userError, type KubeObject } from '@plumb/api';
import { lockdownFacts, policyFacts, policyId, type LockdownFacts, type PolicyFacts } from '@plumb/core';
import type { Engine } from '@plumb/engine';
import { isMeant } from '../given.ts';

/** A policy or lockdown that cannot be judged by. */
export interface PolicyFlaw {
  policy: string;
  flaw: string;
}

export interface GivenPolicies {
  policies: PolicyFacts[];
  lockdowns: LockdownFacts[];
  flaws: PolicyFlaw[];
}

/**
 * The policies and lockdowns among objects, checked as the API server and the agent check them.
 * @param namespace of a ReleasePolicy that names none
 */
export async function policiesAmong(
  objects: readonly KubeObject[],
  namespace: string,
  engine: Pick<Engine, 'celCheck'>,
): Promise<GivenPolicies> {
  const policies = objects.filter(isPolicy).map((object) => policyFacts(placed(object, namespace)));
  const lockdowns = objects.filter(isLockdown).map(declaredLockdown);
  const flaws: PolicyFlaw[] = [];
  const all = [
    ...policies.map((facts) => ({ id: policyId(facts), facts })),
    ...lockdowns.map((facts) => ({ id: lockdownId(facts), facts })),
  ];
  for (const { id, facts } of all) {
    const flaw = facts.flaw ?? (await expressionFlaw(facts, engine));
    if (flaw !== null) flaws.push({ policy: id, flaw });
  }
  refuseTwice(all.map(({ id }) => id));
  return { policies, lockdowns, flaws };
}

export function isPolicy(object: KubeObject): boolean {
  const { group, kind } = keyOf(object);
  return [RELEASE_POLICY, CLUSTER_RELEASE_POLICY].some((one) => one.group === group && one.kind === kind);
}

export function isLockdown(object: KubeObject): boolean {
  const { group, kind } = keyOf(object);
  return group === LOCKDOWN.group && kind === LOCKDOWN.kind;
}

export function lockdownId({ name }: Pick<LockdownFacts, 'name'>): string {
  return `Lockdown/${name}`;
}

/** One that is in no cluster yet was made before whoever approves. */
function declaredLockdown(object: KubeObject): LockdownFacts {
  const facts = lockdownFacts(object);
  return Number.isNaN(facts.at) ? { ...facts, at: 0 } : facts;
}

function placed(object: KubeObject, namespace: string): KubeObject {
  if (object.kind !== RELEASE_POLICY.kind || object.metadata.namespace !== undefined) return object;
  return { ...object, metadata: { ...object.metadata, namespace } };
}

function refuseTwice(ids: readonly string[]): void {
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw userError('invalid-spec', `${twice} is given twice`);
}

/** The labels that a namespace has by what is declared of it; null where nothing declares it. */
export function labelsAmong(
  objects: readonly KubeObject[],
  namespace: string,
): Readonly<Record<string, string>> | null {
  const named = { kind: 'Namespace', namespace: '', name: namespace };
  const found = objects.find((object) => keyOf(object).group === '' && isMeant(object, named));
  if (found === undefined) return null;
  // The API server sets this one itself.
  return { ...found.metadata.labels, 'kubernetes.io/metadata.name': namespace };
}
