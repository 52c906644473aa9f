import { describe, expect, test } from 'vitest';

import { BEHAVIOUR_ANNOTATION } from './behaviour.ts';
import { restartDelay } from './container-step.ts';
import type { Pod, PodCondition, PodSpec, PodStatus } from './pod.ts';
import { type PodStep, stepPod } from './pod-step.ts';

const START = Date.parse('2026-06-01T12:00:00Z');
const PLACE = { hostIP: '10.240.0.1', podIP: '10.244.0.7' };

interface Shape {
  behaviour?: string;
  spec?: Partial<PodSpec>;
  metadata?: Partial<Pod['metadata']>;
  status?: PodStatus;
}

function podOf({ behaviour = '', spec, metadata, status }: Shape): Pod {
  return {
    metadata: { name: 'cart', namespace: 'shop', annotations: { [BEHAVIOUR_ANNOTATION]: behaviour }, ...metadata },
    spec: { nodeName: 'sandbox-1', containers: [{ name: 'main', image: 'shop/cart:1' }], ...spec },
    ...(status && { status }),
  };
}

/** One moment of a pod's life in a line: when, phase, whether Ready, what each container does, restarts, the next look. */
function line(at: number, step: PodStep): string {
  const wake = step.do !== 'remove' && step.wakeAt !== undefined ? ` wake ${(step.wakeAt - START) / 1000}s` : '';
  if (step.do !== 'report') return `${at / 1000}s ${step.do}${wake}`;
  const containers = (step.status.containerStatuses ?? []).map(({ state, restartCount }) => {
    const what = state?.running ? 'running' : (state?.waiting?.reason ?? `exit ${state?.terminated?.exitCode}`);
    return restartCount > 0 ? `${what}#${restartCount}` : what;
  });
  const ready = condition(step.status, 'Ready')?.status === 'True' ? 'ready' : 'unready';
  return `${at / 1000}s ${step.status.phase} ${ready} ${containers.join('+')}${wake}`;
}

function condition(status: PodStatus, type: string): PodCondition | undefined {
  return status.conditions?.find((entry) => entry.type === type);
}

/** Lives a pod through `times`, each step's status becoming the next one's start. */
function live(shape: Shape, times: readonly number[]): string[] {
  let pod = podOf(shape);
  return times.map((at) => {
    const step = stepPod(pod, PLACE, START + at);
    const told = line(at, step);
    if (step.do === 'report') pod = { ...pod, status: step.status };
    return told;
  });
}

const TWO = {
  containers: [
    { name: 'a', image: 'x:1' },
    { name: 'b', image: 'x:missing' },
  ],
};
const JOB: Partial<PodSpec> = { restartPolicy: 'Never' };

describe('stepPod', () => {
  test.each<[string, Shape, number[], string[]]>([
    ['a plain pod is ready at once and then left alone', {}, [0, 60_000], ['0s Running ready running', '60s nothing']],
    [
      'a slow one takes two reports',
      { behaviour: 'slow-start=20s' },
      [0, 19_000, 20_000, 30_000],
      ['0s Running unready running wake 20s', '19s nothing wake 20s', '20s Running ready running', '30s nothing'],
    ],
    [
      'a probe delay holds readiness back',
      { spec: { containers: [{ name: 'main', image: 'x:1', readinessProbe: { initialDelaySeconds: 3 } }] } },
      [0, 3000],
      ['0s Running unready running wake 3s', '3s Running ready running'],
    ],
    [
      'one that is never ready stays so',
      { behaviour: 'never-ready' },
      [0, 600_000],
      ['0s Running unready running', '600s nothing'],
    ],
    [
      'a crash loop waits longer each time',
      { behaviour: 'crash-loop' },
      [0, 1000, 11_000, 12_000, 31_000, 32_000],
      [
        '0s Running unready running wake 1s',
        '1s Running unready CrashLoopBackOff wake 11s',
        '11s Running unready running#1 wake 12s',
        '12s Running unready CrashLoopBackOff#1 wake 32s',
        '31s nothing wake 32s',
        '32s Running unready running#2 wake 33s',
      ],
    ],
    [
      'an image that is missing keeps it pending',
      { behaviour: 'image-pull-error' },
      [0, 600_000],
      ['0s Pending unready ImagePullBackOff', '600s nothing'],
    ],
    [
      'an unknown word keeps it pending',
      { behaviour: 'dance' },
      [0, 60_000],
      ['0s Pending unready CreateContainerConfigError', '60s nothing'],
    ],
    [
      'one bad container of two',
      { spec: TWO, metadata: { annotations: {} } },
      [0, 60_000],
      ['0s Pending unready running+ImagePullBackOff', '60s nothing'],
    ],
    [
      'a Job ends well',
      { spec: JOB },
      [0, 1000, 9000],
      ['0s Running ready running wake 1s', '1s Succeeded unready exit 0', '9s nothing'],
    ],
    [
      'a Job fails',
      { spec: JOB, behaviour: 'fail' },
      [0, 1000],
      ['0s Running ready running wake 1s', '1s Failed unready exit 1'],
    ],
    [
      'a Job that retries in place succeeds never, but lives',
      { spec: { restartPolicy: 'OnFailure' }, behaviour: 'exit=3' },
      [0, 1000],
      ['0s Running ready running wake 1s', '1s Running unready CrashLoopBackOff wake 11s'],
    ],
    [
      'a deleted pod goes',
      { metadata: { deletionTimestamp: '2026-06-01T12:00:30Z', deletionGracePeriodSeconds: 30 } },
      [0],
      ['0s remove'],
    ],
    [
      'one that waits for its finalizers only is left alone',
      { metadata: { deletionTimestamp: '2026-06-01T12:00:00Z', deletionGracePeriodSeconds: 0 } },
      [0],
      ['0s nothing'],
    ],
  ])('%s', (_behaviour, shape, times, expected) => {
    expect(live(shape, times)).toEqual(expected);
  });

  test('the first report says where the pod runs and since when, and keeps conditions of others', () => {
    const gate = { type: 'shop.example.com/warm', status: 'True' } as const;
    const step = stepPod(podOf({ metadata: { generation: 2 }, status: { conditions: [gate] } }), PLACE, START);
    expect(step).toMatchObject({
      do: 'report',
      status: {
        phase: 'Running',
        observedGeneration: 2,
        hostIP: '10.240.0.1',
        podIPs: [{ ip: '10.244.0.7' }],
        startTime: '2026-06-01T12:00:00Z',
        conditions: [
          gate,
          ...Array.from({ length: 5 }, () => ({ status: 'True', lastTransitionTime: '2026-06-01T12:00:00Z' })),
        ],
      },
    });
  });

  test('a readiness gate holds Ready back until its condition is True', () => {
    const spec = { readinessGates: [{ conditionType: 'warm' }] };
    const first = stepPod(podOf({ spec }), PLACE, START);
    if (first.do !== 'report') throw new Error('no report');
    expect(condition(first.status, 'Ready')).toMatchObject({ status: 'False', reason: 'ReadinessGatesNotReady' });
    const conditions = [...(first.status.conditions ?? []), { type: 'warm', status: 'True' } as const];
    const second = stepPod(podOf({ spec, status: { ...first.status, conditions } }), PLACE, START + 5000);
    expect(second).toMatchObject({ do: 'report' });
  });

  test('a condition keeps the time it last changed', () => {
    const first = stepPod(podOf({ behaviour: 'slow-start=5s' }), PLACE, START);
    if (first.do !== 'report') throw new Error('no report');
    const second = stepPod(podOf({ behaviour: 'slow-start=5s', status: first.status }), PLACE, START + 5000);
    if (second.do !== 'report') throw new Error('no report');
    expect(condition(second.status, 'Ready')?.lastTransitionTime).toBe('2026-06-01T12:00:05Z');
    expect(condition(second.status, 'Initialized')?.lastTransitionTime).toBe('2026-06-01T12:00:00Z');
  });

  test('init containers are done, sidecars run', () => {
    const initContainers = [{ name: 'migrate' }, { name: 'proxy', restartPolicy: 'Always' as const }];
    const step = stepPod(podOf({ spec: { initContainers } }), PLACE, START);
    expect(step).toMatchObject({
      status: {
        initContainerStatuses: [{ state: { terminated: { exitCode: 0 } } }, { state: { running: {} }, ready: true }],
      },
    });
  });
});

test('restarts are put off by ten seconds, then twice as long each time, up to five minutes', () => {
  expect([0, 1, 2, 3, 4, 5, 50].map(restartDelay)).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
});
