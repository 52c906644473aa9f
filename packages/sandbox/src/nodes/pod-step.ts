import { behaviourOf } from './behaviour.ts';
import { type ContainerStep, stepContainer } from './container-step.ts';
import { type Container, type ContainerStatus, type Pod, type PodCondition, type PodStatus, timestamp } from './pod.ts';

/** Where a pod runs. */
export interface Placement {
  hostIP: string;
  podIP: string;
}

/** What the kubelet does about a pod now, and when it looks again if nothing happens before. */
export type PodStep =
  | { do: 'nothing'; wakeAt?: number }
  | { do: 'report'; status: PodStatus; wakeAt?: number }
  /** Its containers are gone: the object may go. */
  | { do: 'remove' };

/** The kubelet's part, pure: a pod bound to one of our nodes and the time give its next status. */
export function stepPod(pod: Pod, placement: Placement, now: number): PodStep {
  if (pod.metadata.deletionTimestamp !== undefined) {
    return pod.metadata.deletionGracePeriodSeconds === 0 ? { do: 'nothing' } : { do: 'remove' };
  }
  const old = pod.status ?? {};
  if (old.phase === 'Succeeded' || old.phase === 'Failed') return { do: 'nothing' };
  const main = pod.spec.containers.map((container) => step(pod, container, now));
  const init = (pod.spec.initContainers ?? []).map((container) => stepInit(pod, container, now));
  const wakes = main.flatMap(({ wakeAt }) => wakeAt ?? []);
  const wake = wakes.length === 0 ? {} : { wakeAt: Math.min(...wakes) };
  const statuses = main.map(({ status }) => status);
  const inits = init.map(({ status }) => status);
  if (isReported(pod, statuses, inits)) return { do: 'nothing', ...wake };
  const phase = phaseOf(pod, statuses);
  const { hostIP, podIP } = placement;
  const status: PodStatus = {
    phase,
    ...(pod.metadata.generation !== undefined && { observedGeneration: pod.metadata.generation }),
    hostIP,
    hostIPs: [{ ip: hostIP }],
    podIP: old.podIP ?? podIP,
    podIPs: old.podIPs ?? [{ ip: podIP }],
    startTime: old.startTime ?? timestamp(now),
    conditions: conditionsOf(pod, { phase, statuses, now }),
    containerStatuses: statuses,
    ...(inits.length > 0 && { initContainerStatuses: inits }),
  };
  return { do: 'report', status, ...wake };
}

function step(pod: Pod, container: Container, now: number): ContainerStep {
  const policy = pod.spec.restartPolicy ?? 'Always';
  const previous = pod.status?.containerStatuses?.find(({ name }) => name === container.name);
  const restarts = (code: number): boolean => policy === 'Always' || (policy === 'OnFailure' && code !== 0);
  return stepContainer(previous, { container, behaviour: behaviourOf(pod, container), restarts, now });
}

/** An init container has done its work at once; a sidecar (restartPolicy Always) runs. */
function stepInit(pod: Pod, container: Container, now: number): ContainerStep {
  const previous = pod.status?.initContainerStatuses?.find(({ name }) => name === container.name);
  const sidecar = container.restartPolicy === 'Always';
  const behaviour = {
    image: 'present',
    readyAfter: 0,
    ends: sidecar ? null : { after: 0, code: 0 },
    unknown: [],
  } as const;
  const { status } = stepContainer(previous, { container, behaviour, restarts: () => false, now });
  return { status: status === previous ? previous : { ...status, ready: true } };
}

/** Unchanged statuses come back as the very objects they were. */
function isReported(pod: Pod, statuses: readonly ContainerStatus[], inits: readonly ContainerStatus[]): boolean {
  const known = new Set([...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]);
  if (![...statuses, ...inits].every((status) => known.has(status))) return false;
  if ((pod.metadata.generation ?? 0) > (pod.status?.observedGeneration ?? 0)) return false;
  return find(pod, 'Ready')?.status === (isReady(pod, statuses) ? 'True' : 'False');
}

function isReady(pod: Pod, statuses: readonly ContainerStatus[]): boolean {
  const gates = pod.spec.readinessGates ?? [];
  return (
    statuses.every(({ ready }) => ready) && gates.every((gate) => find(pod, gate.conditionType)?.status === 'True')
  );
}

function phaseOf(pod: Pod, statuses: readonly ContainerStatus[]): string {
  const ends = statuses.flatMap(({ state }) => state?.terminated ?? []);
  if (ends.length === statuses.length) return ends.every(({ exitCode }) => exitCode === 0) ? 'Succeeded' : 'Failed';
  const neverStarted = statuses.some(({ state, lastState }) => state?.waiting && !lastState?.terminated);
  return neverStarted && pod.status?.phase !== 'Running' ? 'Pending' : 'Running';
}

interface Outcome {
  phase: string;
  statuses: readonly ContainerStatus[];
  now: number;
}

function conditionsOf(pod: Pod, { phase, statuses, now }: Outcome): PodCondition[] {
  const unready = statuses.filter(({ ready }) => !ready).map(({ name }) => name);
  const done = phase === 'Succeeded' ? { reason: 'PodCompleted' } : null;
  const notReady = { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
  const containers = verdict('ContainersReady', unready.length === 0, done ?? notReady);
  const gates = { reason: 'ReadinessGatesNotReady', message: 'the condition of a readiness gate is not True' };
  const ready = verdict('Ready', isReady(pod, statuses), done ?? (unready.length > 0 ? notReady : gates));
  const ours = [
    verdict('PodReadyToStartContainers', done === null, {}),
    verdict('Initialized', true, {}),
    ready,
    containers,
    verdict('PodScheduled', true, {}),
  ];
  const others = (pod.status?.conditions ?? []).filter(
    ({ type }) => !ours.some((condition) => condition.type === type),
  );
  return [...others, ...ours.map((condition) => dated(find(pod, condition.type), condition, now))];
}

function verdict(type: string, holds: boolean, otherwise: { reason?: string; message?: string }): PodCondition {
  return holds ? { type, status: 'True' } : { type, status: 'False', ...otherwise };
}

function dated(previous: PodCondition | undefined, condition: PodCondition, now: number): PodCondition {
  const kept = previous?.status === condition.status ? previous.lastTransitionTime : null;
  return { ...condition, lastProbeTime: null, lastTransitionTime: kept ?? timestamp(now) };
}

function find(pod: Pod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}
