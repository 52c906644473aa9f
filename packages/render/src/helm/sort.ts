import type { HelmHook } from '@plumb/engine';
import type { ChartObject } from './chart-objects.ts';
import { printObject } from './manifest.ts';

/** The order in which Helm installs kinds (pkg/release/v1/util). Others follow by their names. */
const INSTALL_ORDER = new Map(
  `PriorityClass Namespace NetworkPolicy ResourceQuota LimitRange PodSecurityPolicy PodDisruptionBudget ServiceAccount Secret SecretList
  ConfigMap StorageClass PersistentVolume PersistentVolumeClaim CustomResourceDefinition ClusterRole ClusterRoleList ClusterRoleBinding
  ClusterRoleBindingList Role RoleList RoleBinding RoleBindingList Service DaemonSet Pod ReplicationController ReplicaSet Deployment
  HorizontalPodAutoscaler StatefulSet Job CronJob IngressClass Ingress APIService MutatingWebhookConfiguration ValidatingWebhookConfiguration`
    .split(/\s+/)
    .map((kind, index) => [kind, index] as const),
);

const EVENTS = new Map(
  `pre-install post-install pre-delete post-delete pre-upgrade post-upgrade pre-rollback post-rollback test`
    .split(' ')
    .map((event) => [event, event] as const),
).set('test-success', 'test');

const HOOK = 'helm.sh/hook';
const WEIGHT = 'helm.sh/hook-weight';
const DELETE_POLICY = 'helm.sh/hook-delete-policy';
const OUTPUT_LOG_POLICY = 'helm.sh/hook-output-log-policy';

export interface Sorted {
  hooks: HelmHook[];
  manifests: ChartObject[];
}

/**
 * Tells hooks from what is released, by their annotations, and brings both in Helm's order. Patches may have made one of the other.
 * @param untouched hooks that stay as they are
 */
export function sortObjects(objects: readonly ChartObject[], untouched: readonly HelmHook[]): Sorted {
  const manifests = objects.filter(({ body }) => !isHook(body));
  const hooks = [...untouched, ...objects.flatMap(hookOf)];
  return {
    hooks: inOrder(hooks, ({ kind }) => kind),
    manifests: inOrder(manifests, ({ body }) => body.kind),
  };
}

export function isHook({ metadata }: ChartObject['body']): boolean {
  return metadata.annotations?.[HOOK] !== undefined;
}

/** A hook of an event that Helm does not know runs never, and is left out. */
function hookOf({ path, body }: ChartObject): HelmHook[] {
  const named = body.metadata.annotations?.[HOOK];
  if (named === undefined) return [];
  const events = listed(named).map((event) => EVENTS.get(event));
  if (!events.every((event) => event !== undefined)) return [];
  const { name, annotations = {} } = body.metadata;
  const policies = (annotation: string): string[] => {
    const value = annotations[annotation];
    return value === undefined ? [] : listed(value);
  };
  return [
    {
      name,
      kind: body.kind,
      path,
      manifest: printObject(body),
      events,
      weight: weightOf(annotations[WEIGHT]),
      deletePolicies: policies(DELETE_POLICY),
      outputLogPolicies: policies(OUTPUT_LOG_POLICY),
    },
  ];
}

function listed(value: string): string[] {
  return value.split(',').map((part) => part.trim().toLowerCase());
}

function weightOf(value: string | undefined): number {
  const weight = value !== undefined && /^[-+]?\d+$/.test(value) ? Number(value) : 0;
  return Number.isSafeInteger(weight) ? weight : 0;
}

/** By kind; within one by the path of the template, and as they are in it. */
function inOrder<T extends { path: string }>(items: readonly T[], kindOf: (item: T) => string): T[] {
  return items
    .toSorted((a, b) => compared(a.path, b.path))
    .toSorted((a, b) => {
      const [first, second] = [kindOf(a), kindOf(b)];
      return placeOf(first) - placeOf(second) || compared(first, second);
    });
}

function placeOf(kind: string): number {
  return INSTALL_ORDER.get(kind) ?? INSTALL_ORDER.size;
}

function compared(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
