import { DRIFT_ANNOTATION } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import type { DriftMode } from './drift-mode.ts';
import { driftModeFor, ownDriftMode, unitDriftMode, unknownDriftMode } from './drift-mode.ts';
import { DEFAULT_RULES, rulesOf } from './rules.ts';

const object = (value?: unknown) => ({
  metadata: { name: 'x', ...(value === undefined ? {} : { annotations: { [DRIFT_ANNOTATION]: value as string } }) },
});

describe('what an object says of drift', () => {
  test.each<[value: unknown, mode: DriftMode | undefined, unknown: string | null]>([
    [undefined, undefined, null],
    ['warn', 'warn', null],
    ['Warn', 'warn', null],
    ['IGNORE', 'ignore', null],
    ['correct', 'correct', null],
    ['', 'correct', ''],
    ['warning', 'correct', 'warning'],
    [7, undefined, null],
  ])('%j', (value, mode, unknown) => {
    expect(ownDriftMode(object(value))).toBe(mode);
    expect(unknownDriftMode(object(value))).toBe(unknown);
    expect(rulesOf(object(value)).drift).toBe(mode);
  });

  test('nothing leaves the shared rules', () => {
    expect(rulesOf(object())).toBe(DEFAULT_RULES);
  });

  test('as a unit is not about itself', () => {
    const unit = { apiVersion: 'kustomize.toolkit.fluxcd.io/v1', kind: 'Kustomization', ...object('warn') };
    expect(rulesOf(unit)).toBe(DEFAULT_RULES);
    expect(unitDriftMode(unit)).toBe('warn');
    expect(unitDriftMode(object())).toBe('correct');
  });

  test('as a label counts for nothing', () => {
    expect(rulesOf({ metadata: { name: 'x', labels: { [DRIFT_ANNOTATION]: 'warn' } } })).toBe(DEFAULT_RULES);
  });
});

describe('what a HelmRelease says of drift', () => {
  test.each<[mode: string | undefined, own: string | undefined, holds: DriftMode]>([
    [undefined, undefined, 'ignore'],
    ['disabled', undefined, 'ignore'],
    ['warn', undefined, 'warn'],
    ['enabled', undefined, 'correct'],
    [undefined, 'correct', 'correct'],
    ['enabled', 'ignore', 'ignore'],
    ['disabled', 'Warn', 'warn'],
    ['warn', 'nonsense', 'correct'],
  ])('mode %s, annotated %s: %s', (mode, own, holds) => {
    const spec = mode === undefined ? {} : { driftDetection: { mode } };
    expect(unitDriftMode({ kind: 'HelmRelease', spec, ...object(own) })).toBe(holds);
  });

  test('where it says how, but not whether: it is not looked for, as in Flux', () => {
    expect(unitDriftMode({ kind: 'HelmRelease', spec: { driftDetection: { ignore: [] } }, ...object() })).toBe(
      'ignore',
    );
  });

  test('a Kustomization has no such field', () => {
    expect(unitDriftMode({ kind: 'Kustomization', spec: { driftDetection: { mode: 'warn' } }, ...object() })).toBe(
      'correct',
    );
  });
});

test.each<[DriftMode | undefined, DriftMode | undefined, DriftMode, DriftMode]>([
  [undefined, undefined, 'correct', 'correct'],
  [undefined, undefined, 'warn', 'warn'],
  [undefined, 'ignore', 'warn', 'ignore'],
  ['correct', 'ignore', 'warn', 'correct'],
  ['warn', undefined, 'correct', 'warn'],
])('declared %s, live %s, unit %s: %s', (declared, live, unit, holds) => {
  const rules = (drift: DriftMode | undefined) => ({ ...DEFAULT_RULES, ...(drift === undefined ? {} : { drift }) });
  expect(driftModeFor(rules(declared), live === undefined ? undefined : rules(live), unit)).toBe(holds);
});
