import { Compile, type Validator } from 'typebox/compile';
import type { Static, TSchema } from 'typebox';
import { gitRepository, type GitRepository } from './schema/git-repository.ts';
import { helmRelease, type HelmRelease } from './schema/helm-release.ts';
import { kustomization, type Kustomization } from './schema/kustomization.ts';
import { approval, type Approval } from './schema/gates/approval.ts';
import { change, type Change } from './schema/gates/change.ts';
import { changePlan, type ChangePlan } from './schema/gates/change-plan.ts';
import { lockdown, type Lockdown } from './schema/gates/lockdown.ts';
import { plan, type Plan } from './schema/gates/plan.ts';
import {
  clusterReleasePolicy,
  releasePolicy,
  type ClusterReleasePolicy,
  type ReleasePolicy,
} from './schema/gates/release-policy.ts';
import { unknownField, withDefaults, withoutEmptyText } from './defaults.ts';
import type { Json, JsonObject, KubeObject } from './object.ts';

/** What is wrong with one field: `spec.sourceRef.kind`, `is required`. */
export interface Problem {
  path: string;
  message: string;
}

export type Checked<Kind> = { ok: true; value: Kind } | { ok: false; problems: Problem[] };

type Fault = ReturnType<Validator['Errors']>[number];

/** `/spec/dependsOn/0/name` as people write it: `spec.dependsOn[0].name`. */
function fieldPath(pointer: string): string {
  const steps = pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  return steps.reduce((path, step) => {
    if (/^\d+$/.test(step)) return `${path}[${step}]`;
    return path === '' ? step : `${path}.${step}`;
  }, '');
}

function problemsOf(fault: Fault): Problem[] {
  const path = fieldPath(fault.instancePath);
  switch (fault.keyword) {
    case 'required':
      return fault.params.requiredProperties.map((name) => ({
        path: path === '' ? name : `${path}.${name}`,
        message: 'is required',
      }));
    case 'enum':
      return [{ path, message: `must be one of ${fault.params.allowedValues.join(', ')}` }];
    case 'const':
      return [{ path, message: `must be ${String(fault.params.allowedValue)}` }];
    case 'pattern':
      return [{ path, message: patternMessage(String(fault.params.pattern)) }];
    default:
      return [{ path, message: fault.message }];
  }
}

function patternMessage(pattern: string): string {
  if (pattern.endsWith('(ms|s|m|h))+$')) return 'must be a duration such as 1m30s';
  if (pattern.endsWith('(ms|s|m))+$')) return 'must be a duration such as 1m30s, in minutes at most';
  return `must match ${pattern}`;
}

function checker<const Schema extends TSchema & { properties: { spec: object } }>(
  schema: Schema,
): (value: unknown) => Checked<Static<Schema>> {
  const validator = Compile(schema);
  return (value) => {
    const filled = withDefaults(schema, value);
    if (validator.Check(filled)) return { ok: true, value: readBy(schema, filled as KubeObject) as Static<Schema> };
    return { ok: false, problems: validator.Errors(filled).flatMap(problemsOf) };
  };
}

function readBy({ properties }: { properties: { spec: object } }, object: KubeObject): KubeObject {
  return { ...object, spec: withoutEmptyText(properties.spec, object['spec']) as JsonObject };
}

/**
 * A GitRepository, Kustomization or HelmRelease from the API server as Flux reads it: without the optional texts of its spec that are empty, which the API
 * server keeps. Any other object is given back as it is.
 */
export function asRead(object: KubeObject): KubeObject {
  const schema = [gitRepository, kustomization, helmRelease].find(
    ({ properties }) => properties.kind.const === object.kind,
  );
  return schema === undefined || object['spec'] === undefined ? object : readBy(schema, object);
}

/**
 * Checks what came from the API server (or a file) and fills the defaults it would fill. Optional texts of the spec that are empty count as
 * not set, after the check: the API server keeps them. Unknown fields pass: a newer Flux
 * may have set them. The given value is left as it is.
 */
export const checkGitRepository: (value: unknown) => Checked<GitRepository> = checker(gitRepository);

/** As checkGitRepository. */
export const checkKustomization: (value: unknown) => Checked<Kustomization> = checker(kustomization);

/** As checkGitRepository. */
export const checkHelmRelease: (value: unknown) => Checked<HelmRelease> = checker(helmRelease);

/** As checkGitRepository, and so for the kinds below. */
export const checkReleasePolicy: (value: unknown) => Checked<ReleasePolicy> = checker(releasePolicy);
export const checkClusterReleasePolicy: (value: unknown) => Checked<ClusterReleasePolicy> =
  checker(clusterReleasePolicy);
export const checkChange: (value: unknown) => Checked<Change> = checker(change);
export const checkPlan: (value: unknown) => Checked<Plan> = checker(plan);
export const checkApproval: (value: unknown) => Checked<Approval> = checker(approval);
export const checkLockdown: (value: unknown) => Checked<Lockdown> = checker(lockdown);

const planValidator = Compile(changePlan);

/** The plan of a held change, as it was read from JSON. Fields that are not known pass. */
export function checkChangePlan(value: Json): Checked<ChangePlan> {
  if (planValidator.Check(value)) return { ok: true, value };
  return { ok: false, problems: planValidator.Errors(value).flatMap(problemsOf) };
}

/**
 * The path of the first field in the spec of a policy or lockdown that is not known here; null where all are. A newer Plumb may have set it, and it may
 * well hold changes: nobody may judge without it.
 */
export function unknownGateField({ kind, spec }: KubeObject): string | null {
  const schema = [releasePolicy, clusterReleasePolicy, lockdown].find(
    ({ properties }) => properties.kind.const === kind,
  );
  return schema === undefined ? null : unknownField(schema.properties.spec, spec, 'spec');
}
