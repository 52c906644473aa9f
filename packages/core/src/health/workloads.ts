import { conditionsOf, intAt, textAt } from '../fields.ts';
import { current, failed, inProgress } from './verdict.ts';
import type { HealthRule } from './verdict.ts';

/** What the Deployment controller reads as "no deadline": it then never sets the Progressing condition. */
const NO_DEADLINE = 2 ** 31 - 1;

/** A count that must reach another, and the words for it until it does: `Ready: 1/3`. */
type Step = readonly [label: string, have: number, want: number];

function firstShort(steps: readonly Step[]): string | undefined {
  const short = steps.find(([, have, want]) => want > have);
  return short === undefined ? undefined : `${short[0]}: ${short[1]}/${short[2]}`;
}

export const deploymentHealth: HealthRule = (object) => {
  const conditions = conditionsOf(object);
  const progressing = conditions.filter((condition) => condition.type === 'Progressing');
  if (progressing.some((condition) => condition.reason === 'ProgressDeadlineExceeded')) {
    return failed('Progress deadline exceeded');
  }
  const want = intAt(object, ['spec', 'replicas'], 1);
  const have = intAt(object, ['status', 'replicas'], 0);
  const updated = intAt(object, ['status', 'updatedReplicas'], 0);
  const short = firstShort([
    ['Replicas', have, want],
    ['Updated', updated, want],
  ]);
  if (short !== undefined) return inProgress(short);
  if (have > want) return inProgress(`Pending termination: ${have - want}`);
  const unavailable = firstShort([
    ['Available', intAt(object, ['status', 'availableReplicas'], 0), updated],
    ['Ready', intAt(object, ['status', 'readyReplicas'], 0), want],
  ]);
  if (unavailable !== undefined) return inProgress(unavailable);
  const rolledOut =
    intAt(object, ['spec', 'progressDeadlineSeconds'], NO_DEADLINE) === NO_DEADLINE ||
    progressing.some((condition) => condition.status === 'True' && condition.reason === 'NewReplicaSetAvailable');
  if (!rolledOut) return inProgress('ReplicaSet not Available');
  const available = conditions.some((condition) => condition.type === 'Available' && condition.status === 'True');
  return available ? current(`Deployment is available. Replicas: ${have}`) : inProgress('Deployment not Available');
};

export const replicaSetHealth: HealthRule = (object) => {
  const broken = conditionsOf(object).some(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  if (broken) return inProgress('Replica Failure condition. Check Pods');
  const want = intAt(object, ['spec', 'replicas'], 1);
  const have = intAt(object, ['status', 'replicas'], 0);
  const short = firstShort([
    ['Labelled', intAt(object, ['status', 'fullyLabeledReplicas'], 0), want],
    ['Available', intAt(object, ['status', 'availableReplicas'], 0), want],
    ['Ready', intAt(object, ['status', 'readyReplicas'], 0), want],
  ]);
  if (short !== undefined) return inProgress(short);
  if (have > want) return inProgress(`Pending termination: ${have - want}`);
  return current(`ReplicaSet is available. Replicas: ${have}`);
};

/** The controller sets no conditions on a StatefulSet, so a rollout that has failed cannot be told from a slow one. */
export const statefulSetHealth: HealthRule = (object) => {
  if (textAt(object, ['spec', 'updateStrategy', 'type'], '') === 'OnDelete') {
    return current('StatefulSet is using the ondelete update strategy');
  }
  const want = intAt(object, ['spec', 'replicas'], 1);
  const have = intAt(object, ['status', 'replicas'], 0);
  const updated = intAt(object, ['status', 'updatedReplicas'], 0);
  const partition = intAt(object, ['spec', 'updateStrategy', 'rollingUpdate', 'partition'], -1);
  const short = firstShort([
    ['Replicas', have, want],
    ['Ready', intAt(object, ['status', 'readyReplicas'], 0), want],
  ]);
  if (short !== undefined) return inProgress(short);
  if (have > want) return inProgress(`Pending termination: ${have - want}`);
  if (partition !== -1) {
    const partial = firstShort([['updated', updated, want - partition]]);
    return partial === undefined ? current(`Partition rollout complete. updated: ${updated}`) : inProgress(partial);
  }
  const old = firstShort([['current', intAt(object, ['status', 'currentReplicas'], 0), want]]);
  if (old !== undefined) return inProgress(old);
  if (textAt(object, ['status', 'currentRevision'], '') !== textAt(object, ['status', 'updateRevision'], '')) {
    return inProgress('Waiting for updated revision to match current');
  }
  return current(`All replicas scheduled as expected. Replicas: ${have}`);
};

/** Unlike the other workloads a DaemonSet has no count of its own to go by, so both generations must be there. */
export const daemonSetHealth: HealthRule = (object) => {
  if (object.metadata.generation === undefined) return inProgress('DaemonSet metadata.generation not found');
  if (intAt(object, ['status', 'observedGeneration'], -1) === -1) {
    return inProgress('DaemonSet status.observedGeneration not found');
  }
  const want = intAt(object, ['status', 'desiredNumberScheduled'], -1);
  if (want === -1) return inProgress('Missing .status.desiredNumberScheduled');
  const short = firstShort([
    ['Current', intAt(object, ['status', 'currentNumberScheduled'], 0), want],
    ['Updated', intAt(object, ['status', 'updatedNumberScheduled'], 0), want],
    ['Available', intAt(object, ['status', 'numberAvailable'], 0), want],
    ['Ready', intAt(object, ['status', 'numberReady'], 0), want],
  ]);
  return short === undefined ? current(`All replicas scheduled as expected. Replicas: ${want}`) : inProgress(short);
};
