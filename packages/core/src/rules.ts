import {
  APPLY_MANAGER,
  DRIFT_DETECTION_RULE,
  FORCE_RULE,
  HELM_APPLY_MANAGER,
  HELM_RELEASE,
  KUSTOMIZATION,
  parseApiVersion,
  PRUNE_RULE,
  RECONCILE_RULE,
  RESOURCE_POLICY_ANNOTATION,
  SSA_RULE,
} from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import { ownDriftMode, type DriftMode } from './drift-mode.ts';
import type { ObjectRules } from './plan.ts';

/** What holds for an object that says nothing. Shared, so that keeping it per object costs no memory. */
export const DEFAULT_RULES: ObjectRules = Object.freeze({
  ssa: 'Override',
  force: false,
  prune: true,
  reconcile: true,
});

/** From the most careful on: where a label and an annotation disagree, the careful one holds. */
const SSA_BY_CARE = ['Ignore', 'IfNotPresent', 'Merge'] as const;

type Body = Pick<KubeObject, 'metadata'> & Partial<KubeObject>;

/**
 * What an object says of itself to units that apply with a field manager. Of Kustomizations: Flux's
 * `kustomize.toolkit.fluxcd.io/{ssa,force,prune,reconcile}`, from labels or annotations, values in any case. Of HelmReleases: `helm.sh/resource-policy`
 * and `helm.toolkit.fluxcd.io/driftDetection`. Of both: our own annotation about drift. Values that are not known leave the default.
 */
export function rulesOf(body: Body, manager: string = APPLY_MANAGER): ObjectRules {
  return manager === HELM_APPLY_MANAGER ? helmRules(body) : kustomizeRules(body);
}

/**
 * What holds for a declared object with these ignored fields. Of a HelmRelease the empty pointer means an object as a whole (helm-controller,
 * spec.driftDetection.ignore): whatever becomes of it is no drift.
 */
export function declaredRules(body: Body, ignored: readonly string[], manager: string): ObjectRules {
  const rules = rulesOf(body, manager);
  return manager === HELM_APPLY_MANAGER && ignored.includes('') ? { ...rules, drift: 'ignore' } : rules;
}

function says({ metadata: { labels, annotations } }: Body, rule: string, value: string): boolean {
  return [labels, annotations].some((map) => {
    const given = map?.[rule];
    return typeof given === 'string' && given.toLowerCase() === value.toLowerCase();
  });
}

function helmRules(body: Body): ObjectRules {
  const policy: unknown = body.metadata.annotations?.[RESOURCE_POLICY_ANNOTATION];
  const prune = typeof policy !== 'string' || policy.trim().toLowerCase() !== 'keep';
  const drift = says(body, DRIFT_DETECTION_RULE, 'disabled') ? 'ignore' : saidOfDrift(body);
  if (prune && drift === undefined) return DEFAULT_RULES;
  return { ...DEFAULT_RULES, prune, ...(drift === undefined ? {} : { drift }) };
}

function kustomizeRules(body: Body): ObjectRules {
  const ssa = SSA_BY_CARE.find((value) => says(body, SSA_RULE, value)) ?? DEFAULT_RULES.ssa;
  const force = says(body, FORCE_RULE, 'Enabled');
  const prune = !says(body, PRUNE_RULE, 'Disabled');
  const reconcile = !says(body, RECONCILE_RULE, 'Disabled');
  const drift = saidOfDrift(body);
  const isDefault = ssa === DEFAULT_RULES.ssa && !force && prune && reconcile && drift === undefined;
  return isDefault ? DEFAULT_RULES : { ssa, force, prune, reconcile, ...(drift === undefined ? {} : { drift }) };
}

/** Whether nothing is to be done to an object. */
export function asksToBeLeft({ reconcile, ssa }: ObjectRules): boolean {
  return !reconcile || ssa === 'Ignore';
}

/** Whether an object may be deleted once it is declared no more. */
export function allowsPruning(rules: ObjectRules): boolean {
  return rules.prune && !asksToBeLeft(rules);
}

/** What a unit says of drift is about its objects, not about itself as an object of another unit. */
function saidOfDrift(body: Body): DriftMode | undefined {
  const { group } = parseApiVersion(body.apiVersion ?? '');
  const isUnit = [KUSTOMIZATION, HELM_RELEASE].some((unit) => unit.kind === body.kind && unit.group === group);
  return isUnit ? undefined : ownDriftMode(body);
}
