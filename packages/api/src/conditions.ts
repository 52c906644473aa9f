import type { ObjectMeta } from './object.ts';
import type { Reason } from './reasons.ts';
import type { Condition, ConditionStatus } from './schema/common.ts';
import { formatTime } from './time.ts';

/** Conditions that say something is wrong or under way: present only while True. */
const ONLY_WHEN_TRUE = [
  'Stalled',
  'Reconciling',
  'ArtifactOutdated',
  'BuildFailed',
  'FetchFailed',
  'IncludeUnavailable',
  'StorageOperationFailed',
] as const;

/** The condition types of Flux's sources, Kustomizations and HelmReleases. Drifted, which Flux has for HelmReleases alone, is for Kustomizations too. */
export type ConditionType =
  | (typeof ONLY_WHEN_TRUE)[number]
  | 'Ready'
  | 'Healthy'
  | 'Drifted'
  | 'Released'
  | 'TestSuccess'
  | 'Remediated'
  | 'ArtifactInStorage'
  | 'SourceVerified';

/** A condition to set. `observedGeneration` is the metadata.generation the run was for. */
export interface ConditionChange {
  type: ConditionType;
  status: ConditionStatus;
  reason: Reason;
  message: string;
  observedGeneration: number;
}

/** A condition to take away. */
export interface ConditionRemoval {
  type: ConditionType;
  remove: true;
}

const MAX_MESSAGE = 32_768;
const ELLIPSIS = '...';
const FIRST = ['Stalled', 'Reconciling', 'Ready'];
const transient: ReadonlySet<string> = new Set(ONLY_WHEN_TRUE);
const opposite: Readonly<Record<string, string>> = { Stalled: 'Reconciling', Reconciling: 'Stalled' };

/** The API server counts code points, so that a cut never falls inside one. */
function capped(message: string): string {
  if (message.length <= MAX_MESSAGE) return message;
  const points = [...message];
  if (points.length <= MAX_MESSAGE) return message;
  return points.slice(0, MAX_MESSAGE - ELLIPSIS.length).join('') + ELLIPSIS;
}

function rank(type: string): number {
  const place = FIRST.indexOf(type);
  return place < 0 ? FIRST.length : place;
}

function inOrder(a: Condition, b: Condition): number {
  return rank(a.type) - rank(b.type) || (a.type < b.type ? -1 : 1);
}

function apply(byType: Map<string, Condition>, change: ConditionChange, now: string): void {
  const { type, status } = change;
  if (transient.has(type) && status !== 'True') {
    byType.delete(type);
    return;
  }
  const before = byType.get(type);
  byType.set(type, {
    type,
    status,
    reason: change.reason,
    message: capped(change.message),
    observedGeneration: change.observedGeneration,
    lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
  });
  const other = opposite[type];
  if (other !== undefined) byType.delete(other);
}

/**
 * The list after the changes, in Flux's order: Stalled, Reconciling, Ready, then the others by name. Pure.
 * lastTransitionTime moves only with the status (metav1.Condition). Reconciling and Stalled never stand together: the
 * one set last takes the other's place. Conditions of types unknown here stay as they are.
 */
export function setConditions(
  list: readonly Condition[] | undefined,
  changes: readonly (ConditionChange | ConditionRemoval)[],
  now: Date,
): Condition[] {
  const byType = new Map<string, Condition>();
  for (const condition of list ?? []) {
    if (!transient.has(condition.type) || condition.status === 'True') byType.set(condition.type, condition);
  }
  if (byType.has('Stalled')) byType.delete('Reconciling');
  const moment = formatTime(now);
  for (const change of changes) {
    if ('remove' in change) byType.delete(change.type);
    else apply(byType, change, moment);
  }
  return [...byType.values()].toSorted(inOrder);
}

/** What is read of an object here, so that objects of any kind fit. */
interface WithStatus {
  metadata: ObjectMeta;
  status?: unknown;
}

function statusOf(object: WithStatus): { observedGeneration?: unknown; conditions?: readonly Condition[] } {
  return (object.status ?? {}) as { observedGeneration?: unknown; conditions?: readonly Condition[] };
}

/** An object's Ready condition; undefined before the first run. */
export function readyOf(object: WithStatus): Condition | undefined {
  return statusOf(object).conditions?.find((condition) => condition.type === 'Ready');
}

/** Whether an object is Ready at the generation it has now: what a dependency must be. */
export function isReady(object: WithStatus): boolean {
  return statusOf(object).observedGeneration === object.metadata.generation && readyOf(object)?.status === 'True';
}
