import type { Kustomization, KustomizationSpec } from './schema/kustomization.ts';

/** Fields by path; each answers null when its value can be served, else the value that cannot be ('' for any). */
type Pending<Spec> = Readonly<Record<string, (spec: Spec) => string | null>>;

/** A value that asks for nothing: the same as leaving the field out. */
function asksNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function whenSet<Spec>(pick: (spec: Spec) => unknown): (spec: Spec) => string | null {
  return (spec) => (asksNothing(pick(spec)) ? null : '');
}

export const kustomizationPending: Pending<KustomizationSpec> = {
  'spec.kubeConfig': whenSet((spec) => spec.kubeConfig),
};

function named<Spec>(pending: Pending<Spec>, spec: Spec): string[] {
  return Object.entries(pending).flatMap(([path, unmet]) => {
    const value = unmet(spec);
    if (value === null) return [];
    return value === '' ? [path] : [`${path} (${value})`];
  });
}

/**
 * The fields of an object whose work this version cannot do, as paths (`spec.kubeConfig`), with the value in brackets where only
 * some values are missing. Empty when all can be done.
 */
export function notImplemented({ spec }: Kustomization): string[] {
  return named(kustomizationPending, spec);
}
