import type { HealthCheckExpr, KubeObject } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import type { Health } from '../health.ts';
import type { ExpressionResult } from './expressions.ts';
import {
  entryFor,
  expressionsOf,
  healthBeforeExpressions,
  healthByExpressions,
  healthExpressionsFlaw,
  readyExpressionsFlaw,
} from './expressions.ts';

const entry = (parts: Partial<HealthCheckExpr> = {}): HealthCheckExpr => ({
  apiVersion: 'shop.example/v1',
  kind: 'Till',
  current: 'c',
  ...parts,
});

describe('which entry judges a kind', () => {
  const own = entry({ current: 'own' });
  const group = entry({ current: 'group', kind: '' });
  const core = entry({ apiVersion: 'v1', kind: 'ConfigMap', current: 'core' });
  const batch: HealthCheckExpr = { apiVersion: 'batch/v1', current: 'batch' };
  const till = { group: 'shop.example', kind: 'Till' };

  test.each([
    ['its own', [core, own], till, 'own'],
    ['its own rather than one for all of the group, wherever it stands', [group, own], till, 'own'],
    ['one for all kinds of its group', [core, group], { group: 'shop.example', kind: 'Shelf' }, 'group'],
    ['none of another group', [core, group], { group: 'other.example', kind: 'Till' }, undefined],
    ['none of another kind', [own], { group: 'shop.example', kind: 'Shelf' }, undefined],
    ['that of the group without a name', [core], { group: '', kind: 'ConfigMap' }, 'core'],
    ['one of another version', [entry({ apiVersion: 'shop.example/v2' })], till, 'c'],
    ['none for a Job that it does not name', [batch], { group: 'batch', kind: 'Job' }, undefined],
    ['one for a CronJob beside it', [batch], { group: 'batch', kind: 'CronJob' }, 'batch'],
    ['one for a Job that it names', [{ ...batch, kind: 'Job' }], { group: 'batch', kind: 'Job' }, 'batch'],
  ])('%s', (_name, entries, kind, current) => {
    expect(entryFor(entries, kind)?.current).toBe(current);
  });
});

describe('the verdict', () => {
  const yes = { value: true };
  const no = { value: false };
  const bad = { error: 'no such key: x' };
  const all = entry({ inProgress: 'i', failed: 'f' });

  test('asks the expressions in their order', () => {
    expect(expressionsOf(all)).toEqual(['i', 'f', 'c']);
    expect(expressionsOf(entry({ inProgress: '', failed: 'f' }))).toEqual(['f', 'c']);
  });

  test.each<[string, HealthCheckExpr, ExpressionResult[], Health]>([
    ['is that of the first that is true', all, [yes, yes, yes], { status: 'InProgress', message: '' }],
    ['failed goes before current', all, [no, yes, yes], { status: 'Failed', message: '' }],
    ['current', all, [no, no, yes], { status: 'Current', message: '' }],
    ['in progress where none is true', all, [no, no, no], { status: 'InProgress', message: '' }],
    [
      'unknown where one fails before any is true',
      all,
      [no, bad, yes],
      { status: 'Unknown', message: 'no such key: x' },
    ],
    ['and not where one fails after that', all, [yes, bad, bad], { status: 'InProgress', message: '' }],
    ['an entry with current alone', entry(), [yes], { status: 'Current', message: '' }],
    ['an entry without inProgress', entry({ failed: 'f' }), [yes, yes], { status: 'Failed', message: '' }],
  ])('%s', (_name, one, results, health) => {
    expect(healthByExpressions(one, results)).toEqual(health);
  });
});

describe('before the expressions', () => {
  const object = (generation: number | undefined, status?: unknown): KubeObject => ({
    apiVersion: 'shop.example/v1',
    kind: 'Till',
    metadata: { name: 'a', ...(generation === undefined ? {} : { generation }) },
    ...(status === undefined ? {} : { status: status as never }),
  });

  test.each([
    ['an object without a status', object(2), null],
    ['a status that says nothing of generations', object(2, {}), null],
    ['a controller that has seen the spec', object(2, { observedGeneration: 2 }), null],
    ['one that has not', object(2, { observedGeneration: 1 }), { status: 'InProgress', message: '' }],
    ['an object that has no generation', object(undefined, { observedGeneration: 1 }), null],
    [
      'something else in its place',
      object(2, { observedGeneration: '2' }),
      { status: 'Unknown', message: '.status.observedGeneration is not an integer' },
    ],
  ])('%s', (_name, one, health) => {
    expect(healthBeforeExpressions(one)).toEqual(health);
  });
});

describe('a flaw', () => {
  const errorOf = (text: string): string | null => (text.startsWith('bad') ? `cannot parse ${text}` : null);
  const failing = 'failed to create custom status evaluator for healthchecks';

  test.each<[string, HealthCheckExpr[], string | null]>([
    ['is none', [entry(), entry({ kind: 'Shelf', failed: 'f', inProgress: 'i' })], null],
    [
      'names the entry and the expression',
      [entry(), entry({ kind: 'Shelf', current: 'bad1' })],
      `${failing}[1]: failed to parse the expression Current: cannot parse bad1`,
    ],
    [
      'is told of current first',
      [entry({ current: 'bad1', failed: 'bad2', inProgress: 'bad3' })],
      `${failing}[0]: failed to parse the expression Current: cannot parse bad1`,
    ],
    [
      'then of failed',
      [entry({ failed: 'bad2', inProgress: 'bad3' })],
      `${failing}[0]: failed to parse the expression Failed: cannot parse bad2`,
    ],
    [
      'then of inProgress',
      [entry({ inProgress: 'bad3' })],
      `${failing}[0]: failed to parse the expression InProgress: cannot parse bad3`,
    ],
    ['is an expression that is empty', [entry({ current: '' })], `${failing}[0]: expression Current not specified`],
    [
      'is a kind with two entries',
      [entry(), entry({ apiVersion: 'shop.example/v2' })],
      'duplicate custom health check for GroupKind Till.shop.example at healthchecks[1]',
    ],
    [
      'is a kind of the group without a name with two entries',
      [entry({ apiVersion: 'v1', kind: 'Pod' }), entry({ apiVersion: 'v1', kind: 'Pod' })],
      'duplicate custom health check for GroupKind Pod at healthchecks[1]',
    ],
    [
      'is a group with two entries for all its kinds',
      [
        { apiVersion: 'a.example/v1', current: 'c' },
        { apiVersion: 'a.example/v1', kind: '', current: 'c' },
      ],
      'duplicate custom health check for GroupKind .a.example at healthchecks[1]',
    ],
  ])('%s', (_name, entries, flaw) => {
    expect(healthExpressionsFlaw(entries, errorOf)).toBe(flaw);
  });

  test('of a readyExpr names the dependency', () => {
    expect(readyExpressionsFlaw([{ name: 'a' }, { name: 'b', readyExpr: 'ok' }], errorOf)).toBeNull();
    expect(
      readyExpressionsFlaw(
        [
          { name: 'a', readyExpr: '' },
          { name: 'b', readyExpr: 'bad' },
        ],
        errorOf,
      ),
    ).toBe('terminal error: failed to evaluate dependency b: cannot parse bad');
  });
});
