import { isDeepStrictEqual } from 'node:util';
import type { GitRepository, GitRepositoryStatus, JsonObject } from '@plumb/api';
import type { FoundInclude } from './includes.ts';

const FIELDS = [
  'observedIgnore',
  'observedRecurseSubmodules',
  'observedInclude',
  'observedSparseCheckout',
  'includedArtifacts',
  'sourceVerificationMode',
] as const;

/** The fields of a status that say what the artifact was made with; a field that asks for nothing is left out. */
export type Observed = Pick<GitRepositoryStatus, (typeof FIELDS)[number]>;

export function observedOf({ spec }: GitRepository, includes: readonly FoundInclude[]): Observed {
  const observed: Observed = {};
  if (spec.ignore !== undefined) observed.observedIgnore = spec.ignore;
  if (spec.recurseSubmodules === true) observed.observedRecurseSubmodules = true;
  if (spec.sparseCheckout?.length) observed.observedSparseCheckout = spec.sparseCheckout;
  if (spec.include?.length && includes.length > 0) {
    observed.observedInclude = spec.include;
    observed.includedArtifacts = includes.map(({ artifact }) => artifact);
  }
  return observed;
}

/** Whether an artifact that was made with one is good for the other. Included artifacts count by what is in them. */
export function sameObserved(status: GitRepositoryStatus | undefined, observed: Observed): boolean {
  const key = (from: Observed | undefined): unknown[] => [
    from?.observedIgnore,
    from?.observedRecurseSubmodules,
    from?.observedInclude,
    from?.observedSparseCheckout,
    from?.includedArtifacts?.map(({ revision, digest }) => [revision, digest]),
  ];
  return isDeepStrictEqual(key(status), key(observed));
}

export function withoutObserved(status: JsonObject): JsonObject {
  const rest = { ...status };
  for (const field of FIELDS) delete rest[field];
  return rest;
}
