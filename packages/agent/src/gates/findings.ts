import { locking, type Findings } from '@plumb/core';
import { findingKey, readContent, readsContent } from './content.ts';
import { evaluateExpressions, type ExpressionRequest } from './expressions.ts';

/**
 * What rules over the content find in a change, by `findingKey`: the same for whoever judges one, in a cluster or before it gets there.
 * @param request `policies`: those that govern the change; `lockdowns`: all
 */
export async function contentFindings(request: ExpressionRequest): Promise<Map<string, Findings>> {
  const { change, contents } = request;
  const policies = request.policies.filter(({ flaw }) => flaw === null);
  const lockdowns = locking(request.lockdowns, change, null, true).filter(({ flaw }) => flaw === null);
  const found = new Map<string, Findings>();
  if (policies.some((policy) => readsContent(policy, change))) {
    for (const [key, value] of await readContent(policies, change, await contents())) found.set(key, value);
  }
  const expressions = await evaluateExpressions({ ...request, policies, lockdowns });
  for (const [key, value] of expressions) found.set(key, value);
  return found;
}

/** How `judgeChange` asks for what was found. */
export function findingsIn(found: ReadonlyMap<string, Findings>) {
  return (policy: string, rule: string): Findings | undefined => found.get(findingKey(policy, rule));
}
