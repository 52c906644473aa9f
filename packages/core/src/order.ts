import type { ObjectKey } from '@plumb/api';
import type { Stage } from './plan.ts';

export type StageName = Stage['name'];

/** A kind of one group, whatever its version. */
export interface GroupKind {
  readonly group: string;
  readonly kind: string;
}

/** The part of a key that apply order depends on. */
type Ordered = Pick<ObjectKey, 'group' | 'kind' | 'namespace' | 'name'>;

/** Flux's reconcile order (fluxcd/pkg ssa/sort.go): what others refer to comes first. */
const FIRST = [
  'CustomResourceDefinition',
  'Namespace',
  'ClusterRole',
  'ClusterClass',
  'RuntimeClass',
  'PriorityClass',
  'StorageClass',
  'VolumeSnapshotClass',
  'IngressClass',
  'GatewayClass',
  'ClusterRoleBinding',
  'ResourceQuota',
  'ServiceAccount',
  'Role',
  'RoleBinding',
  'ConfigMap',
  'Secret',
  'Service',
  'LimitRange',
  'Deployment',
  'StatefulSet',
  'CronJob',
  'PodDisruptionBudget',
] as const;

/** Webhooks come last: once there, they may refuse what follows them. */
const LAST = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'] as const;

const RANK: ReadonlyMap<string, number> = new Map([
  ...FIRST.map((kind, index) => [kind, index - FIRST.length] as const),
  ...LAST.map((kind, index) => [kind, index + 1] as const),
]);

const DEFINITIONS: ReadonlySet<string> = new Set(['CustomResourceDefinition', 'Namespace', 'ClusterRole']);

const STAGE_NAMES: readonly StageName[] = ['definitions', 'classes', 'custom', 'rest'];

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Orders objects for apply: by Flux's list of kinds, then group, kind, namespace, name. Zero only for one identity. */
export function compareForApply(a: Ordered, b: Ordered): number {
  return (
    (RANK.get(a.kind) ?? 0) - (RANK.get(b.kind) ?? 0) ||
    compareText(a.group, b.group) ||
    compareText(a.kind, b.kind) ||
    compareText(a.namespace, b.namespace) ||
    compareText(a.name, b.name)
  );
}

/** The reverse of apply order: what refers to others goes before what it refers to. */
export function compareForPrune(a: Ordered, b: Ordered): number {
  return compareForApply(b, a);
}

/** The steps to delete objects in: kind after kind, each kind before those it refers to. Objects of one kind do not depend on each other. */
export function pruneSteps(keys: readonly ObjectKey[]): ObjectKey[][] {
  const byKind = Map.groupBy(keys.toSorted(compareForPrune), ({ group, kind }) => `${group}/${kind}`);
  return [...byKind.values()];
}

/** The stage an object is applied in. `customKinds` are the kinds of `--custom-apply-stage-kinds`. */
export function stageOf(kind: GroupKind, customKinds: readonly GroupKind[] = []): StageName {
  if (DEFINITIONS.has(kind.kind)) return 'definitions';
  if (kind.kind.endsWith('Class')) return 'classes';
  return customKinds.some((custom) => custom.kind === kind.kind && custom.group === kind.group) ? 'custom' : 'rest';
}

/** Splits items into Flux's stages, each in apply order; stages without items are left out. */
export function stagesOf<T extends { readonly key: ObjectKey }>(
  items: readonly T[],
  customKinds: readonly GroupKind[] = [],
): { name: StageName; items: T[] }[] {
  const byStage = Map.groupBy(items, (item) => stageOf(item.key, customKinds));
  return STAGE_NAMES.flatMap((name) => {
    const members = byStage.get(name);
    return members === undefined ? [] : [{ name, items: members.sort((a, b) => compareForApply(a.key, b.key)) }];
  });
}
