import type { Behaviour } from './behaviour.ts';
import { type Container, type ContainerState, type ContainerStatus, timestamp } from './pod.ts';

/** A container's next status, and when to look again (milliseconds since the epoch) if time alone will change it. */
export interface ContainerStep {
  status: ContainerStatus;
  wakeAt?: number;
}

export interface ContainerInput {
  container: Container;
  behaviour: Behaviour;
  /** Whether an exit with this code is the end of it, or the kubelet starts it again. */
  restarts: (code: number) => boolean;
  now: number;
}

/** How long the kubelet waits before restart number `count` + 1: 10 s doubling to 5 minutes. */
export function restartDelay(count: number): number {
  return Math.min(10_000 * 2 ** count, 300_000);
}

/** What a container's status becomes. Where nothing changes, the status given is handed back itself. */
export function stepContainer(previous: ContainerStatus | undefined, input: ContainerInput): ContainerStep {
  const { state, restartCount, wakeAt } = nextState(previous, input);
  const readiness = state.running ? readinessOf(Date.parse(state.running.startedAt), input) : { ready: false };
  const wakes = [wakeAt, readiness.wakeAt].filter((at) => at !== undefined);
  const wake = wakes.length === 0 ? {} : { wakeAt: Math.min(...wakes) };
  if (previous !== undefined && state === previous.state && readiness.ready === previous.ready) {
    return { status: previous, ...wake };
  }
  return { status: statusOf(previous, input.container, { state, restartCount, ready: readiness.ready }), ...wake };
}

interface NextState {
  state: ContainerState;
  restartCount: number;
  wakeAt?: number;
}

function nextState(previous: ContainerStatus | undefined, input: ContainerInput): NextState {
  const state = previous?.state;
  if (previous === undefined || state === undefined) return firstState(input);
  const { restartCount, lastState } = previous;
  if (state.terminated) return { state, restartCount };
  if (state.running) return runningState(state, restartCount, input);
  const ended = lastState?.terminated?.finishedAt;
  if (ended !== undefined) {
    const again = Date.parse(ended) + restartDelay(restartCount);
    return input.now < again ? { state, restartCount, wakeAt: again } : start(restartCount + 1, input);
  }
  const first = firstState(input);
  return first.state.waiting && first.state.waiting.reason === state.waiting?.reason ? { state, restartCount } : first;
}

/** A container that never ran: it starts, or says why it cannot. */
function firstState(input: ContainerInput): NextState {
  const waiting = refusal(input);
  return waiting === null ? start(0, input) : { state: { waiting }, restartCount: 0 };
}

function start(restartCount: number, input: ContainerInput): NextState {
  return runningState({ running: { startedAt: timestamp(input.now) } }, restartCount, input);
}

function runningState(
  state: ContainerState,
  restartCount: number,
  { behaviour, restarts, now }: ContainerInput,
): NextState {
  if (behaviour.ends === null || !state.running) return { state, restartCount };
  const { after, code } = behaviour.ends;
  const end = Date.parse(state.running.startedAt) + after;
  if (now < end) return { state, restartCount, wakeAt: end };
  const terminated = {
    exitCode: code,
    reason: code === 0 ? 'Completed' : 'Error',
    startedAt: state.running.startedAt,
    finishedAt: timestamp(now),
  };
  if (!restarts(code)) return { state: { terminated }, restartCount };
  const waiting = {
    reason: 'CrashLoopBackOff',
    message: `back-off ${restartDelay(restartCount) / 1000}s restarting failed container`,
  };
  return { state: { waiting, terminated }, restartCount, wakeAt: now + restartDelay(restartCount) };
}

/** Why a container cannot start. */
function refusal({ container, behaviour }: ContainerInput): { reason: string; message: string } | null {
  if (behaviour.unknown.length > 0) {
    const words = behaviour.unknown.map((word) => `"${word}"`).join(', ');
    return { reason: 'CreateContainerConfigError', message: `the sandbox knows no behaviour ${words}` };
  }
  if (behaviour.image === 'missing') {
    return { reason: 'ImagePullBackOff', message: `Back-off pulling image "${container.image ?? ''}"` };
  }
  return null;
}

function readinessOf(startedAt: number, { behaviour, now }: ContainerInput): { ready: boolean; wakeAt?: number } {
  if (behaviour.readyAfter === 'never') return { ready: false };
  const at = startedAt + behaviour.readyAfter;
  return now >= at ? { ready: true } : { ready: false, wakeAt: at };
}

interface Change {
  state: ContainerState;
  restartCount: number;
  ready: boolean;
}

function statusOf(previous: ContainerStatus | undefined, container: Container, change: Change): ContainerStatus {
  const image = container.image ?? '';
  const { waiting, terminated } = change.state;
  // A container that waits to be restarted shows its end as the last state.
  const crashed = waiting !== undefined && terminated !== undefined;
  const lastState = crashed ? { terminated } : previous?.lastState;
  return {
    name: container.name,
    image,
    imageID: waiting && !crashed ? '' : `sandbox://${image}`,
    ...(lastState && { lastState }),
    state: crashed ? { waiting } : change.state,
    ready: change.ready,
    started: change.state.running !== undefined,
    restartCount: change.restartCount,
  };
}
