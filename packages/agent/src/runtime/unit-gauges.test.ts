import { expect, test } from 'vitest';
import { Metrics } from './metrics.ts';
import { measureUnits } from './unit-gauges.ts';

test('units of all kinds are told of together', () => {
  const metrics = new Metrics();
  const kind = (age: number, count: number) => ({
    queue: { age, depth: count },
    share: { size: count },
    controller: { driftLoops: count, leftDrifted: count },
    clusters: { observed: count },
  });
  measureUnits(metrics, [kind(2_000, 1), kind(500, 10)]);
  expect([...metrics.lines()].filter((line) => !line.startsWith('#'))).toEqual([
    'plumb_queue_age_seconds 2',
    'plumb_units_owned 11',
    'plumb_queue_depth 11',
    'plumb_drift_loops 11',
    'plumb_objects_drifted 11',
    'plumb_objects_observed 11',
  ]);
});
