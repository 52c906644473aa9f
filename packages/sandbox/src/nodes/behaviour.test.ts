import { describe, expect, test } from 'vitest';

import { type Behaviour, BEHAVIOUR_ANNOTATION, behaviourOf } from './behaviour.ts';
import type { Container, Pod, PodSpec } from './pod.ts';

const RUNS: Behaviour = { image: 'present', readyAfter: 0, ends: null, unknown: [] };

function behaviour(
  annotation: string | null,
  container: Partial<Container> = {},
  spec: Partial<PodSpec> = {},
): Behaviour {
  const main = { name: 'main', image: 'shop/cart:1.0.0', ...container };
  const annotations = annotation === null ? {} : { [BEHAVIOUR_ANNOTATION]: annotation };
  const pod: Pod = { metadata: { name: 'p', annotations }, spec: { containers: [main], ...spec } };
  return behaviourOf(pod, main);
}

describe('behaviourOf', () => {
  test.each<[string, Partial<Behaviour>]>([
    ['crash-loop', { ends: { after: 1000, code: 1 }, readyAfter: 'never' }],
    ['image-pull-error', { image: 'missing' }],
    ['slow-start=20s', { readyAfter: 20_000 }],
    ['slow-start=250ms', { readyAfter: 250 }],
    ['never-ready', { readyAfter: 'never' }],
    ['fail', { ends: { after: 1000, code: 1 } }],
    ['exit=3', { ends: { after: 1000, code: 3 } }],
    ['run=5s, exit=3', { ends: { after: 5000, code: 3 } }],
    ['run=5s', {}],
    ['', {}],
    ['dance', { unknown: ['dance'] }],
    ['slow-start=soon, exit=x', { unknown: ['slow-start=soon', 'exit=x'] }],
  ])('the annotation %j', (annotation, expected) => {
    expect(behaviour(annotation)).toEqual({ ...RUNS, ...expected });
  });

  test.each<[string, Partial<Behaviour>]>([
    ['shop/cart:1.0.0', {}],
    ['shop/cart', {}],
    ['registry:5000/crash/cart', {}],
    ['shop/cart:missing', { image: 'missing' }],
    ['shop/cart:1.4.0-missing', { image: 'missing' }],
    ['shop/cart:1.4.0-missing@sha256:00', { image: 'missing' }],
    ['shop/cart:slow', { readyAfter: 10_000 }],
    ['shop/cart:unready', { readyAfter: 'never' }],
    ['shop/cart:fail', { ends: { after: 1000, code: 1 } }],
  ])('the image %j', (image, expected) => {
    expect(behaviour(null, { image })).toEqual({ ...RUNS, ...expected });
  });

  test('the annotation wins over the tag', () => {
    expect(behaviour('slow-start=1s', { image: 'shop/cart:missing' })).toEqual({ ...RUNS, readyAfter: 1000 });
  });

  test.each([
    ['OnFailure', { after: 1000, code: 0 }],
    ['Never', { after: 1000, code: 0 }],
    ['Always', null],
  ] as const)('with restartPolicy %s', (restartPolicy, ends) => {
    expect(behaviour(null, {}, { restartPolicy }).ends).toEqual(ends);
  });

  test('how long a Job runs can be set alone', () => {
    expect(behaviour('run=10s', {}, { restartPolicy: 'Never' }).ends).toEqual({ after: 10_000, code: 0 });
  });

  test('probe delays add up to at most ten seconds', () => {
    const probes = { startupProbe: { initialDelaySeconds: 2 }, readinessProbe: { initialDelaySeconds: 3 } };
    expect(behaviour(null, probes).readyAfter).toBe(5000);
    expect(behaviour(null, { readinessProbe: { initialDelaySeconds: 600 } }).readyAfter).toBe(10_000);
  });
});
