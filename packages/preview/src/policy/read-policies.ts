import { expressionFlaw } from '@plumb/agent';
import { CLUSTER_RELEASE_POLICY, keyOf, RELEASE_POLICY, userError, type KubeObject } from '@plumb/api';
import { policyFacts, policyId, type PolicyFacts } from '@plumb/core';
import type { Engine } from '@plumb/engine';
import { isMeant } from '../given.ts';

/** A policy that cannot be judged by. */
export interface PolicyFlaw {
  policy: string;
  flaw: string;
}

export interface GivenPolicies {
  policies: PolicyFacts[];
  flaws: PolicyFlaw[];
}

/**
 * The policies among objects, checked as the API server and the agent check them.
 * @param namespace of a ReleasePolicy that names none
 */
export async function policiesAmong(
  objects: readonly KubeObject[],
  namespace: string,
  engine: Pick<Engine, 'celCheck'>,
): Promise<GivenPolicies> {
  const policies = objects.filter(isPolicy).map((object) => policyFacts(placed(object, namespace)));
  const flaws: PolicyFlaw[] = [];
  for (const facts of policies) {
    const flaw = facts.flaw ?? (await expressionFlaw(facts, engine));
    if (flaw !== null) flaws.push({ policy: policyId(facts), flaw });
  }
  refuseTwice(policies);
  return { policies, flaws };
}

export function isPolicy(object: KubeObject): boolean {
  const { group, kind } = keyOf(object);
  return [RELEASE_POLICY, CLUSTER_RELEASE_POLICY].some((one) => one.group === group && one.kind === kind);
}

function placed(object: KubeObject, namespace: string): KubeObject {
  if (object.kind !== RELEASE_POLICY.kind || object.metadata.namespace !== undefined) return object;
  return { ...object, metadata: { ...object.metadata, namespace } };
}

function refuseTwice(policies: readonly PolicyFacts[]): void {
  const ids = policies.map(policyId);
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
