import { parseApiVersion } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import { conditionsOf, valueAt } from '../fields.ts';
import type { Health } from '../health.ts';
import {
  alwaysReady,
  definitionHealth,
  disruptionBudgetHealth,
  serviceHealth,
  volumeClaimHealth,
} from './cluster-objects.ts';
import { jobHealth, podHealth } from './pods.ts';
import { current, failed, inProgress } from './verdict.ts';
import type { HealthRule } from './verdict.ts';
import { daemonSetHealth, deploymentHealth, replicaSetHealth, statefulSetHealth } from './workloads.ts';

/** Kinds with a rule of their own, by `group/kind`. */
const RULES: ReadonlyMap<string, HealthRule> = new Map([
  ['/ConfigMap', alwaysReady],
  ['/Secret', alwaysReady],
  ['/Pod', podHealth],
  ['/PersistentVolumeClaim', volumeClaimHealth],
  ['/Service', serviceHealth],
  ['apps/DaemonSet', daemonSetHealth],
  ['apps/Deployment', deploymentHealth],
  ['apps/ReplicaSet', replicaSetHealth],
  ['apps/StatefulSet', statefulSetHealth],
  ['batch/CronJob', alwaysReady],
  ['batch/Job', jobHealth],
  ['policy/PodDisruptionBudget', disruptionBudgetHealth],
  ['apiextensions.k8s.io/CustomResourceDefinition', definitionHealth],
]);

/** What kstatus asks of every object before its kind's own rule. */
function genericHealth(object: KubeObject): Health | undefined {
  if ((object.metadata.deletionTimestamp ?? '') !== '') {
    return { status: 'Terminating', message: 'Resource scheduled for deletion' };
  }
  const { generation } = object.metadata;
  const observed = valueAt(object, ['status', 'observedGeneration']);
  const known = typeof observed === 'number' || typeof observed === 'bigint';
  if (generation !== undefined && known && String(observed) !== String(generation)) {
    return inProgress(`${object.kind} generation is ${generation}, but latest observed generation is ${observed}`);
  }
  for (const { type, status, message } of conditionsOf(object)) {
    if (status !== 'True') continue;
    if (type === 'Reconciling') return inProgress(message);
    if (type === 'Stalled') return failed(message);
  }
  return undefined;
}

function readyCondition(object: KubeObject): Health | undefined {
  for (const { type, status, message } of conditionsOf(object)) {
    if (type !== 'Ready') continue;
    if (status === 'True') return current('Resource is Ready');
    if (status === 'False' || status === 'Unknown') return inProgress(message);
  }
  return undefined;
}

/**
 * The health of a live object by kstatus's rules (cli-utils pkg/kstatus/status) with Flux's rule for Jobs: the generic
 * rules, then the kind's own, then a Ready condition, else Current. Pure: what kstatus decides by the clock (how long a
 * pod may stay unschedulable) stays InProgress. Never throws; a field of a wrong type reads as absent.
 */
export function healthOf(object: KubeObject): Health {
  const generic = genericHealth(object);
  if (generic !== undefined) return generic;
  const { group } = parseApiVersion(object.apiVersion);
  const rule = RULES.get(`${group === 'extensions' ? 'apps' : group}/${object.kind}`);
  return rule?.(object) ?? readyCondition(object) ?? current('Resource is current');
}
