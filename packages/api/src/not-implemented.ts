import type { GitRepository, GitRepositorySpec } from './schema/git-repository.ts';
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

function otherThan<Spec>(done: string, pick: (spec: Spec) => string | undefined): (spec: Spec) => string | null {
  return (spec) => {
    const value = pick(spec) ?? '';
    return value === '' || value === done ? null : value;
  };
}

export const gitRepositoryPending: Pending<GitRepositorySpec> = {
  'spec.url': (spec) => (spec.url.startsWith('ssh://') ? 'ssh' : null),
  'spec.provider': otherThan('generic', (spec) => spec.provider),
  'spec.serviceAccountName': whenSet((spec) => spec.serviceAccountName),
  'spec.proxySecretRef': whenSet((spec) => spec.proxySecretRef),
  'spec.verify': whenSet((spec) => spec.verify),
  'spec.sparseCheckout': whenSet((spec) => spec.sparseCheckout),
  'spec.recurseSubmodules': whenSet((spec) => spec.recurseSubmodules),
  'spec.include': whenSet((spec) => spec.include),
};

export const kustomizationPending: Pending<KustomizationSpec> = {
  'spec.sourceRef.kind': otherThan('GitRepository', (spec) => spec.sourceRef.kind),
  'spec.ignoreMissingComponents': whenSet((spec) => spec.ignoreMissingComponents),
  'spec.buildMetadata': whenSet((spec) => spec.buildMetadata),
  'spec.postBuild': whenSet((spec) => spec.postBuild),
  'spec.decryption': whenSet((spec) => spec.decryption),
  'spec.force': whenSet((spec) => spec.force),
  'spec.ignore': whenSet((spec) => spec.ignore),
  'spec.kubeConfig': whenSet((spec) => spec.kubeConfig),
  'spec.healthCheckExprs': whenSet((spec) => spec.healthCheckExprs),
  'spec.dependsOn[].readyExpr': whenSet((spec) => spec.dependsOn?.find((dependency) => dependency.readyExpr)),
};

function named<Spec>(pending: Pending<Spec>, spec: Spec): string[] {
  return Object.entries(pending).flatMap(([path, unmet]) => {
    const value = unmet(spec);
    if (value === null) return [];
    return value === '' ? [path] : [`${path} (${value})`];
  });
}

/**
 * The fields of an object whose work this version cannot do, as paths (`spec.decryption`), with the value where only
 * some values are missing (`spec.provider (aws)`). Empty when all can be done.
 */
export function notImplemented(object: GitRepository | Kustomization): string[] {
  if (object.kind === 'GitRepository') return named(gitRepositoryPending, object.spec);
  return named(kustomizationPending, object.spec);
}
