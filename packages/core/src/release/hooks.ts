import { HELM_APPLY_MANAGER, type KubeObject, type UnitRef } from '@plumb/api';
import { isSameUnit, ownerOf } from '../owner.ts';
import type { TestOptions } from './options.ts';

/** When hooks run (helm pkg/release/v1/hook.go). */
export type HookEvent =
  | 'pre-install'
  | 'post-install'
  | 'pre-delete'
  | 'post-delete'
  | 'pre-upgrade'
  | 'post-upgrade'
  | 'pre-rollback'
  | 'post-rollback'
  | 'test';

export type HookDeletePolicy = 'hook-succeeded' | 'hook-failed' | 'before-hook-creation';

/** What is read of a hook, as the record of a release has it. */
export interface HookLike {
  readonly name?: string;
  readonly kind?: string;
  readonly weight?: number;
  readonly events?: readonly string[];
  readonly delete_policies?: readonly string[];
}

/** Helm's order of kinds (helm pkg/release/v1/util/kind_sorter.go, InstallOrder). */
const KINDS = [
  'PriorityClass',
  'Namespace',
  'NetworkPolicy',
  'ResourceQuota',
  'LimitRange',
  'PodSecurityPolicy',
  'PodDisruptionBudget',
  'ServiceAccount',
  'Secret',
  'SecretList',
  'ConfigMap',
  'StorageClass',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'CustomResourceDefinition',
  'ClusterRole',
  'ClusterRoleList',
  'ClusterRoleBinding',
  'ClusterRoleBindingList',
  'Role',
  'RoleList',
  'RoleBinding',
  'RoleBindingList',
  'Service',
  'DaemonSet',
  'Pod',
  'ReplicationController',
  'ReplicaSet',
  'Deployment',
  'HorizontalPodAutoscaler',
  'StatefulSet',
  'Job',
  'CronJob',
  'IngressClass',
  'Ingress',
  'APIService',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
] as const;

const RANK: ReadonlyMap<string, number> = new Map(KINDS.map((kind, index) => [kind, index]));

/**
 * The hooks of an event in the order they run in, one after the other: by weight, then by name, as Helm 4 has it
 * (pkg/action/hooks.go), then by kind, which is how Helm orders them before.
 */
export function hooksFor<Hook extends HookLike>(hooks: readonly Hook[], event: HookEvent): Hook[] {
  return hooks.filter((hook) => hook.events?.includes(event)).toSorted(compareHooks);
}

function compareHooks(a: HookLike, b: HookLike): number {
  return (a.weight ?? 0) - (b.weight ?? 0) || compareText(a.name, b.name) || compareKinds(a.kind, b.kind);
}

function compareKinds(a = '', b = ''): number {
  const unknown = KINDS.length;
  return (RANK.get(a) ?? unknown) - (RANK.get(b) ?? unknown) || compareText(a, b);
}

function compareText(a = '', b = ''): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The tests to run: those no filter excludes, and, where filters name any, only these (helm pkg/action/release_testing.go). */
export function testsFor<Hook extends HookLike>(hooks: readonly Hook[], filters: TestOptions['filters']): Hook[] {
  const excluded = new Set(filters.filter(({ exclude }) => exclude === true).map(({ name }) => name));
  const included = new Set(filters.filter(({ exclude }) => exclude !== true).map(({ name }) => name));
  return hooksFor(hooks, 'test').filter(
    ({ name = '' }) => !excluded.has(name) && (included.size === 0 || included.has(name)),
  );
}

/** Whether the objects of a hook are deleted at a moment. One that says nothing is deleted before it is created anew; a definition never is. */
export function deletesHook({ kind, delete_policies: policies = [] }: HookLike, policy: HookDeletePolicy): boolean {
  if (kind === 'CustomResourceDefinition') return false;
  return policies.length === 0 ? policy === 'before-hook-creation' : policies.includes(policy);
}

/** Who makes hooks: the agent, and Helm itself. */
const MAKERS: ReadonlySet<string> = new Set([HELM_APPLY_MANAGER, 'helm']);

/**
 * Whether an object was made by a hook of a release: what a chart releases, and what anybody else made, was not. Where hooks are not post-rendered they carry
 * no mark of their release.
 * @param isRecorded a record of the release has a hook of its name
 */
export function isMadeAsHook({ metadata }: KubeObject, unit: UnitRef, isRecorded: boolean): boolean {
  const { annotations = {}, managedFields = [] } = metadata;
  if (annotations['helm.sh/hook'] === undefined) return false;
  const owner = ownerOf({ metadata }, HELM_APPLY_MANAGER);
  if (owner !== null) return isSameUnit(owner, unit);
  return isRecorded && managedFields.some(({ manager }) => manager !== undefined && MAKERS.has(manager));
}
