import { gateAdmission, type JsonObject, type KubeObject } from '@plumb/api';

/** A ValidatingAdmissionPolicy, as far as it says whom the API server believes. What is not named here is not known to weaken nothing. */
interface PolicySpec {
  failurePolicy?: string;
  matchConditions?: readonly unknown[];
  matchConstraints?: MatchResources;
  validations?: readonly { expression: string }[];
  /** They judge nothing. */
  auditAnnotations?: unknown;
  variables?: unknown;
}

interface MatchResources {
  resourceRules?: readonly ResourceRule[];
  excludeResourceRules?: readonly unknown[];
  namespaceSelector?: JsonObject;
  objectSelector?: JsonObject;
  matchPolicy?: string;
}

interface ResourceRule {
  operations?: readonly string[];
  resources?: readonly string[];
  apiGroups?: readonly string[];
  apiVersions?: readonly string[];
  resourceNames?: readonly string[];
  scope?: string;
}

interface BindingSpec {
  policyName?: string;
  validationActions?: readonly string[];
  matchResources?: MatchResources;
}

/** The API server has a new policy in force this long after it was made, at the latest. Milliseconds. */
const IN_FORCE_AFTER = 3_000;

/**
 * Since when the API server vouches for who made an Approval (milliseconds since the epoch); or why it does not. The policy and its binding must be there as
 * `gateAdmission` gives them, and have been so since they were made: nobody can tell what held before an edit, or when it came.
 */
export function vouchedSince(
  resource: 'approvals' | 'lockdowns',
  objects: readonly KubeObject[],
): { since: number } | { flaw: string } {
  const name = `${resource}.plumb.dev`;
  const times: number[] = [];
  for (const wanted of gateAdmission().filter(({ metadata }) => metadata.name === name)) {
    const found = objects.find(({ kind, metadata }) => kind === wanted.kind && metadata.name === name);
    if (found === undefined) return { flaw: `there is no ${wanted.kind} ${name}` };
    const same =
      wanted.kind === 'ValidatingAdmissionPolicy' ? isSamePolicy(found, wanted) : isSameBinding(found, wanted);
    if (!same) return { flaw: `the ${wanted.kind} ${name} is not as it is shipped` };
    if (found.metadata.generation !== 1) {
      return { flaw: `the ${wanted.kind} ${name} was edited after it was made: delete it, and make it anew` };
    }
    times.push(Date.parse(found.metadata.creationTimestamp ?? ''));
  }
  return { since: Math.max(...times) + IN_FORCE_AFTER };
}

function isSamePolicy(found: KubeObject, wanted: KubeObject): boolean {
  const ours = wanted['spec'] as PolicySpec;
  const {
    failurePolicy,
    matchConditions,
    matchConstraints = {},
    validations = [],
    auditAnnotations: _audit,
    variables: _variables,
    ...rest
  } = (found['spec'] ?? {}) as PolicySpec;
  const { resourceRules = [], ...narrowing } = matchConstraints;
  const has = new Set(validations.map(({ expression }) => expression));
  const [rule = {}] = ours.matchConstraints?.resourceRules ?? [];
  return (
    failurePolicy === 'Fail' &&
    isEmpty(matchConditions) &&
    leavesNothingOut(narrowing) &&
    resourceRules.some((one) => covers(one, rule)) &&
    (ours.validations ?? []).every(({ expression }) => has.has(expression)) &&
    isEmpty(rest)
  );
}

function covers({ scope = '*', ...found }: ResourceRule, { scope: _any, ...wanted }: ResourceRule): boolean {
  const isAsWanted = Object.entries(found).every(([name, items]) => isEmpty(items) || Object.hasOwn(wanted, name));
  const hasAll = Object.entries(wanted).every(([name, items]) =>
    items.every((item) => found[name as keyof typeof found]?.includes(item) === true),
  );
  return scope === '*' && isAsWanted && hasAll;
}

function isSameBinding(found: KubeObject, wanted: KubeObject): boolean {
  const { policyName, validationActions = [], matchResources = {}, ...rest } = (found['spec'] ?? {}) as BindingSpec;
  return (
    policyName === (wanted['spec'] as BindingSpec).policyName &&
    validationActions.includes('Deny') &&
    leavesNothingOut(matchResources) &&
    isEmpty(rest)
  );
}

/** The API server fills in what leaves nothing out. */
function leavesNothingOut({ matchPolicy = 'Equivalent', ...rest }: MatchResources): boolean {
  return matchPolicy === 'Equivalent' && Object.values(rest).every(isEmpty);
}

function isEmpty(value: object | undefined): boolean {
  return value === undefined || Object.keys(value).length === 0;
}
