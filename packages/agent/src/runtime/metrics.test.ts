import { describe, expect, test } from 'vitest';
import type { KubeObject } from '@plumb/api';
import { conditionOf, kustomization } from '../testing/builders.ts';
import { Metrics } from './metrics.ts';
import { tellReadiness } from './readiness.ts';

const samples = (metrics: Metrics): string[] => [...metrics.lines()].filter((line) => !line.startsWith('#'));

describe('the page', () => {
  test('names help and type before the series, and escapes what a label holds', () => {
    const metrics = new Metrics();
    const count = metrics.counter('fetches_total', 'Fetches.', ['host']);
    count({ host: 'a"b\\c\nd' });
    count({ host: 'a"b\\c\nd' }, 2);
    expect([...metrics.lines()]).toEqual([
      '# HELP fetches_total Fetches.',
      '# TYPE fetches_total counter',
      String.raw`fetches_total{host="a\"b\\c\nd"} 3`,
    ]);
    expect(metrics.total('fetches_total')).toBe(3);
  });

  test('has cumulative buckets, sum and count of a histogram', () => {
    const metrics = new Metrics();
    const observe = metrics.histogram('took_seconds', 'Time.', ['kind']);
    observe({ kind: 'a' }, 0.02);
    observe({ kind: 'a' }, 1_000);
    const lines = samples(metrics);
    expect(lines).toContain('took_seconds_bucket{kind="a",le="0.005"} 0');
    expect(lines).toContain('took_seconds_bucket{kind="a",le="0.025"} 1');
    expect(lines).toContain('took_seconds_bucket{kind="a",le="900"} 1');
    expect(lines.slice(-3)).toEqual([
      'took_seconds_bucket{kind="a",le="+Inf"} 2',
      'took_seconds_sum{kind="a"} 1000.02',
      'took_seconds_count{kind="a"} 2',
    ]);
  });

  test('forgets the series of an object that is gone, and no other', () => {
    const metrics = new Metrics();
    const count = metrics.counter('drift_total', 'Drift.', ['namespace', 'name']);
    count({ namespace: 'a', name: 'one' });
    count({ namespace: 'a', name: 'two' });
    metrics.forget({ namespace: 'a', name: 'one' });
    expect(samples(metrics)).toEqual(['drift_total{namespace="a",name="two"} 1']);
  });
});

describe('plumb_resource_ready', () => {
  const ready = [conditionOf('Ready', 'True', 'ReconciliationSucceeded')];
  test.each([
    ['is 1 for what is Ready at its generation', { status: { observedGeneration: 1, conditions: ready } }, 'false', 1],
    ['is 0 for what nobody has looked at', {}, 'false', 0],
    [
      'is 0 while a newer generation waits',
      { metadata: { generation: 2 }, status: { observedGeneration: 1 } },
      'false',
      0,
    ],
    ['says what is suspended', { spec: { suspend: true } }, 'true', 0],
  ])('%s', (_name, parts, suspended, value) => {
    const objects = new Map([['shop/apps', kustomization(parts) as KubeObject]]);
    const metrics = new Metrics();
    tellReadiness(metrics, [{ ids: () => objects.keys(), get: (id) => objects.get(id) }], () => true);
    expect(samples(metrics)).toEqual([
      `plumb_resource_ready{kind="Kustomization",namespace="shop",name="apps",suspended="${suspended}"} ${value}`,
    ]);
  });
});
