import { FORCE_RULE, KUSTOMIZATION, parseApiVersion, PRUNE_RULE, RECONCILE_RULE, SSA_RULE } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import { ownDriftMode } from './drift-mode.ts';
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

/**
 * Per-object rules of Flux's `kustomize.toolkit.fluxcd.io/{ssa,force,prune,reconcile}`, from labels or annotations, values
 * in any case, and of our own annotation about drift. Values Flux does not know leave the default.
 */
export function rulesOf(body: Pick<KubeObject, 'metadata'> & Partial<KubeObject>): ObjectRules {
  const { labels, annotations } = body.metadata;
  const says = (rule: string, value: string): boolean =>
    [labels, annotations].some((map) => {
      const given = map?.[rule];
      return typeof given === 'string' && given.toLowerCase() === value.toLowerCase();
    });
  const ssa = SSA_BY_CARE.find((value) => says(SSA_RULE, value)) ?? DEFAULT_RULES.ssa;
  const force = says(FORCE_RULE, 'Enabled');
  const prune = !says(PRUNE_RULE, 'Disabled');
  const reconcile = !says(RECONCILE_RULE, 'Disabled');
  const drift = isUnit(body) ? undefined : ownDriftMode(body);
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
function isUnit({ apiVersion = '', kind }: Partial<KubeObject>): boolean {
  return kind === KUSTOMIZATION.kind && parseApiVersion(apiVersion).group === KUSTOMIZATION.group;
}
