import type { ExpressionResult } from '@plumb/core';
import type { Seen } from '../controllers/kustomization/decide.ts';
import { inputsOf } from '../controllers/kustomization/decide.ts';
import { AT, gitRepository, kustomization, REVISION } from './builders.ts';

export const MINUTE = 60_000;
export const source = gitRepository();

export const SETTINGS = {
  crossNamespaceRefs: true,
  externalArtifacts: false,
  dependencyInterval: 30_000,
  additiveReadyExpr: false,
};

/** What the expressions of a spec say: `results` by the id of a dependency. */
export function saying(
  results: Record<string, ExpressionResult> = {},
  more: { flaw?: string; trouble?: string } = {},
): Seen['expressions'] {
  return { flaw: null, trouble: null, ...more, result: ({ id }) => results[id] };
}

export function deliveredAt(at: number): Seen['delivered'] {
  return { inputs: inputsOf(kustomization(), source, []), revision: REVISION, originRevision: '', at };
}

/** What is seen of a unit that has delivered the current revision a minute ago, but for what a test says. */
export function seen(parts: Partial<Seen> = {}): Seen {
  return {
    object: kustomization(),
    now: AT,
    source,
    sources: { availability: 'listed', trouble: null },
    configs: [],
    dependency: () => undefined,
    helmReleases: { availability: 'pending', trouble: null },
    expressions: saying(),
    delivered: deliveredAt(AT - MINUTE),
    failed: null,
    settling: null,
    answering: null,
    awaiting: false,
    drifted: 0,
    driftEnded: false,
    driftRetryAt: 0,
    interval: 10 * MINUTE,
    settings: SETTINGS,
    ...parts,
  };
}
