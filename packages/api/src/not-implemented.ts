import type { Kustomization, KustomizationSpec } from './schema/kustomization.ts';

/** Fields by path; each answers null when its value can be served, else the value that cannot be. */
type Pending<Spec> = Readonly<Record<string, (spec: Spec) => string | null>>;

export const kustomizationPending: Pending<KustomizationSpec> = {};

function named<Spec>(pending: Pending<Spec>, spec: Spec): string[] {
  return Object.entries(pending).flatMap(([path, unmet]) => {
    const value = unmet(spec);
    return value === null ? [] : [`${path} (${value})`];
  });
}

/**
 * The fields of an object whose work this version cannot do, as paths (`spec.kubeConfig`), with the value in brackets where only
 * some values are missing. Empty when all can be done.
 */
export function notImplemented({ spec }: Kustomization): string[] {
  return named(kustomizationPending, spec);
}
