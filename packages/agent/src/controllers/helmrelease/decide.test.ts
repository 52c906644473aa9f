import type { HelmRelease } from '@plumb/api';
import { FINALIZER, ownMessages, REQUESTED_AT_ANNOTATION, say } from '@plumb/api';
import type { Dependable, ExpressionResult } from '@plumb/core';
import { describe, expect, test } from 'vitest';
import { AT, chartSource, conditionOf, helmRelease, kustomization } from '../../testing/builders.ts';
import { MINUTE, saying, SETTINGS } from '../../testing/seen.ts';
import { failedRun, reconciledAt, seenRelease } from '../../testing/seen-release.ts';
import type { Seen, Step } from './decide.ts';
import { decide, inputsOf } from './decide.ts';

const going = (finalizers: string[], spec: Partial<HelmRelease['spec']> = {}): HelmRelease =>
  helmRelease({ spec, metadata: { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers } });
const asked = (token: string, handled?: string): HelmRelease =>
  helmRelease({
    metadata: { annotations: { [REQUESTED_AT_ANNOTATION]: token } },
    ...(handled === undefined ? {} : { status: { lastHandledReconcileAt: handled } }),
  });
const suspended = helmRelease({ spec: { suspend: true } });
const unreadable = helmRelease({ spec: { driftDetection: { ignore: [{ paths: ['/data'], target: { kind: '(' } }] } } });
const before = inputsOf(helmRelease(), chartSource('1.3.0'), []);
const now = inputsOf(helmRelease(), chartSource(), []);

type Case = { name: string; seen: Partial<Seen>; step: Step['do']; more?: object };

describe('an object', () => {
  test.each<Case>([
    { name: 'that is gone is forgotten', seen: { object: undefined }, step: 'forget' },
    { name: 'that goes is uninstalled', seen: { object: going([FINALIZER]) }, step: 'finalize' },
    {
      name: 'that goes though it is suspended, too',
      seen: { object: going([FINALIZER], { suspend: true }) },
      step: 'finalize',
    },
    {
      name: 'that goes and holds no finalizer of ours is forgotten',
      seen: { object: going(['else']) },
      step: 'forget',
    },
    {
      name: 'that is suspended rests, whatever is due',
      seen: { object: suspended, drifted: 3, isStorageNews: true },
      step: 'rest',
    },
    {
      name: 'that is suspended lets what it does be ended',
      seen: { object: suspended, underway: now, isBusy: true },
      step: 'wait',
    },
    { name: 'that is suspended does not go on', seen: { object: suspended, underway: now }, step: 'rest' },
    {
      name: 'that is suspended takes in what ended meanwhile',
      seen: { object: suspended, underway: now, hasEnded: true },
      step: 'absorb',
    },
    {
      name: 'that cannot be carried out any more, too, before it is refused',
      seen: { object: unreadable, underway: now, hasEnded: true },
      step: 'absorb',
    },
    { name: 'that cannot be carried out is refused', seen: { object: unreadable, underway: now }, step: 'refuse' },
  ])('$name', ({ seen, step }) => {
    expect(decide(seenRelease(seen)).do).toBe(step);
  });
});

describe('what is due', () => {
  test.each<Case>([
    { name: 'nothing: idle until the interval is over', seen: {}, step: 'idle', more: { after: 9 * MINUTE } },
    { name: 'what never came to rest', seen: { reconciled: null }, step: 'reconcile', more: { isFresh: true } },
    { name: 'the interval is over', seen: { now: AT + 9 * MINUTE }, step: 'reconcile' },
    { name: 'the interval is not quite over', seen: { now: AT + 9 * MINUTE - 1 }, step: 'idle', more: { after: 1 } },
    { name: 'a new version of the chart', seen: { source: chartSource('1.5.0') }, step: 'reconcile' },
    { name: 'a new spec', seen: { object: helmRelease({ metadata: { generation: 2 } }) }, step: 'reconcile' },
    {
      name: 'another object of the same name',
      seen: { object: helmRelease({ metadata: { uid: 'h2' } }) },
      step: 'reconcile',
    },
    {
      name: 'a ConfigMap that is watched changed',
      seen: { inputs: `${now}\nConfigMap/shop/values u 8` },
      step: 'reconcile',
    },
    { name: 'somebody else stored a record', seen: { isStorageNews: true }, step: 'reconcile' },
    { name: 'a wait for others ended', seen: { awaiting: true }, step: 'reconcile' },
    { name: 'a request', seen: { object: asked('now') }, step: 'reconcile' },
    { name: 'a request that was answered is none', seen: { object: asked('now', 'now') }, step: 'idle' },
    {
      name: 'a request that is being answered is none',
      seen: { object: asked('now'), answering: 'now' },
      step: 'idle',
    },
    { name: 'objects that others changed', seen: { drifted: 2 }, step: 'reconcile' },
    {
      name: 'not before drift may be looked at again',
      seen: { drifted: 2, driftRetryAt: AT + 5 },
      step: 'idle',
      more: { after: 5 },
    },
  ])('$name', ({ seen, step, more = {} }) => {
    expect(decide(seenRelease(seen))).toMatchObject({ do: step, ...more });
  });
});

describe('a failure', () => {
  const failed = failedRun(AT + MINUTE);
  const told = { ...failed, said: say(ownMessages.gated, { why: 'waits for approval' }) };
  test.each<Case>([
    { name: 'waits for its retry', seen: { failed }, step: 'idle', more: { after: MINUTE } },
    { name: 'is tried again in time', seen: { failed: failedRun(AT) }, step: 'reconcile' },
    { name: 'holds back the interval', seen: { failed, now: AT + 30_000, reconciled: reconciledAt(0) }, step: 'idle' },
    {
      name: 'does not hold back the repair of what is in force',
      seen: { failed: told, drifted: 1 },
      step: 'repair',
      more: { after: MINUTE },
    },
    {
      name: 'of that repair itself waits for its retry',
      seen: { failed: { ...told, holdsDrift: true }, drifted: 1 },
      step: 'idle',
    },
    {
      name: 'is looked at no sooner than drift may be',
      seen: { failed: told, drifted: 1, driftRetryAt: AT + 5 },
      step: 'idle',
      more: { after: 5 },
    },
    { name: 'does not hold back other inputs', seen: { failed, source: chartSource('1.5.0') }, step: 'reconcile' },
    { name: 'does not hold back a request', seen: { failed, object: asked('now') }, step: 'reconcile' },
    { name: 'does not hold back what others stored', seen: { failed, isStorageNews: true }, step: 'reconcile' },
    {
      name: 'that spent its retries does not hold back what changed since',
      seen: { failed, changed: true },
      step: 'reconcile',
    },
  ])('$name', ({ seen, step, more = {} }) => {
    expect(decide(seenRelease(seen))).toMatchObject({ do: step, ...more });
  });
});

describe('a reconciliation under way', () => {
  test.each<Case>([
    { name: 'goes on, though nothing is due', seen: { underway: now }, step: 'reconcile', more: { isFresh: false } },
    { name: 'waits for its action', seen: { underway: now, isBusy: true }, step: 'wait' },
    { name: 'begins anew for other inputs', seen: { underway: before }, step: 'reconcile', more: { isFresh: true } },
    { name: 'has an action for something else cut short', seen: { underway: before, isBusy: true }, step: 'cancel' },
    {
      name: 'has its action ended where what is newer cannot be done yet',
      seen: { underway: before, isBusy: true, source: chartSource(null) },
      step: 'wait',
    },
    {
      name: 'waits for a source that is gone',
      seen: { underway: before, source: undefined },
      step: 'idle',
      more: { after: 30_000 },
    },
    {
      name: 'is told when it ends, though its source is gone',
      seen: { underway: before, source: undefined, hasEnded: true },
      step: 'absorb',
      more: { flaw: null },
    },
    {
      name: 'is given up for a spec that cannot be carried out',
      seen: { underway: before, object: helmRelease({ spec: { interval: 'soon' } }) },
      step: 'refuse',
    },
  ])('$name', ({ seen, step, more = {} }) => {
    expect(decide(seenRelease(seen))).toMatchObject({ do: step, ...more });
  });
});

const ours = (generation: number, revision: string): string => `uid ${generation} ${revision} sha256:a`;
test.each([
  ['the object itself', [ours(1, '1.0.0')], [ours(2, '1.1.0')], 'HelmRelease/shop/cart'],
  ['its chart', [ours(1, '1.0.0')], [ours(1, '1.1.0')], 'HelmChart/shop/cart'],
  [
    'a Secret that changed',
    [ours(1, '1.0.0'), 'ConfigMap/shop/a 1', 'Secret/shop/b 2'],
    [ours(1, '1.0.0'), 'ConfigMap/shop/a 1', 'Secret/shop/b 3'],
    'Secret/shop/b',
  ],
  ['a ConfigMap that went', [ours(1, '1.0.0'), 'ConfigMap/shop/a 1'], [ours(1, '1.0.0')], 'ConfigMap/shop/a'],
])('what cuts an action short is named: %s', (_what, before, inputs, trigger) => {
  const seen = seenRelease({ underway: before.join('\n'), inputs: inputs.join('\n'), isBusy: true });
  expect(decide(seen)).toEqual({ do: 'cancel', trigger });
});

/** What a step says. */
const textOf = (step: Step): unknown => ('said' in step ? [step.do, step.said.reason, step.said.text] : step.do);

describe('a mistake in the object', () => {
  const external = helmRelease({ spec: { chartRef: { kind: 'ExternalArtifact', name: 'cart' } } });
  const elsewhere = helmRelease({ spec: { chartRef: { kind: 'HelmChart', name: 'cart', namespace: 'charts' } } });
  const both = helmRelease({ spec: { chart: { spec: { chart: 'cart', sourceRef: { kind: 'Bucket', name: 'b' } } } } });
  const target = { kind: '(' };
  test.each<[string, Partial<Seen>, unknown]>([
    [
      'a field',
      { object: helmRelease({ spec: { interval: '1d' } }) },
      ['InvalidSpec', 'spec.interval must be a duration such as 1m30s'],
    ],
    ['two charts', { object: both }, ['InvalidSpec', 'spec either chart or chartRef must be set']],
    [
      'a rule of what to ignore',
      { object: helmRelease({ spec: { driftDetection: { ignore: [{ paths: ['/spec'], target }] } } }) },
      ['InvalidSpec', expect.stringMatching(/^spec\.driftDetection\.ignore\[0\]\.target\.kind /)],
    ],
    [
      'an expression',
      { expressions: saying({}, { flaw: 'failed to parse' }) },
      ['InvalidCELExpression', 'Reconciliation failed terminally due to configuration error: failed to parse'],
    ],
    [
      'a chart of another namespace, where that is forbidden',
      { object: elsewhere, settings: { ...SETTINGS, crossNamespaceRefs: false } },
      ['AccessDenied', "can't access 'HelmChart/charts/cart', cross-namespace references have been blocked"],
    ],
    [
      'an ExternalArtifact, where that is forbidden',
      { object: external },
      [
        'AccessDenied',
        "can't access 'ExternalArtifact/shop/cart', ExternalArtifact feature gate is disabled (--external-artifacts)",
      ],
    ],
  ])('stalls: %s', (_name, seen, said) => {
    expect(textOf(decide(seenRelease(seen)))).toEqual(['refuse', ...(said as unknown[])]);
  });

  test.each<[string, Partial<Seen>]>([
    ['another namespace', { object: elsewhere }],
    ['an ExternalArtifact', { object: external, settings: { ...SETTINGS, externalArtifacts: true } }],
  ])('is none where it is allowed: %s', (_name, seen) => {
    expect(decide(seenRelease({ ...seen, reconciled: null })).do).toBe('reconcile');
  });
});

describe('what comes first', () => {
  test.each<[string, Partial<Seen>, unknown]>([
    [
      'a source that is not there',
      { source: undefined },
      ['ArtifactFailed', 'could not get Source object: HelmChart/shop/cart not found'],
    ],
    [
      'a source that nobody could look for yet',
      { source: undefined, access: { availability: 'pending', trouble: 'forbidden' } },
      ['ArtifactFailed', 'could not get Source object: HelmChart/shop/cart cannot be looked up: forbidden'],
    ],
    [
      'a source without an artifact',
      { source: chartSource(null) },
      ['SourceNotReady', "HelmChart 'shop/cart' is not ready: does not have an artifact"],
    ],
    [
      'expressions that nobody could evaluate',
      { expressions: saying({}, { trouble: 'the helper ended' }) },
      ['ReconciliationFailed', 'the CEL expressions of the spec could not be evaluated: the helper ended'],
    ],
  ])('is waited for: %s', (_name, seen, said) => {
    const step = decide(seenRelease({ reconciled: null, ...seen }));
    expect(textOf(step)).toEqual(['await', ...(said as unknown[])]);
    expect(step).toMatchObject({ after: 30_000 });
  });

  test('is not waited for while nothing is due', () => {
    expect(decide(seenRelease({ access: { availability: 'listed', trouble: null } })).do).toBe('idle');
  });
});

describe('dependencies', () => {
  const ready = (object: Dependable, observed = 1): Dependable => ({
    ...object,
    status: { observedGeneration: observed, conditions: [conditionOf('Ready', 'True', 'Done')] },
  });
  const database = helmRelease({ metadata: { name: 'database' } }) as unknown as Dependable;
  const apps = kustomization() as unknown as Dependable;
  const wanting = (dependency: object): HelmRelease =>
    helmRelease({ spec: { dependsOn: [{ name: 'database', ...dependency }] } as Partial<HelmRelease['spec']> });
  const seeing = (object: HelmRelease, found: Record<string, Dependable>, more: Partial<Seen> = {}): Step =>
    decide(seenRelease({ object, reconciled: null, dependency: (id) => found[id], ...more }));

  test.each<[string, object, Record<string, Dependable>, string | null]>([
    ['that is not there', {}, {}, "unable to get 'shop/database' dependency: not found"],
    ['that is not ready', {}, { 'HelmRelease/shop/database': database }, "dependency 'shop/database' is not ready"],
    [
      'that has not seen its spec',
      {},
      { 'HelmRelease/shop/database': ready(database, 0) },
      "dependency 'shop/database' is not ready",
    ],
    ['that is ready', {}, { 'HelmRelease/shop/database': ready(database) }, null],
    ['of another namespace', { namespace: 'data' }, {}, "unable to get 'data/database' dependency: not found"],
    [
      'that is a Kustomization',
      { kind: 'Kustomization', name: 'apps' },
      { 'shop/apps': apps },
      "dependency 'shop/apps' is not ready",
    ],
    [
      'that is a Kustomization that is ready',
      { kind: 'Kustomization', name: 'apps' },
      { 'shop/apps': ready(apps) },
      null,
    ],
  ])('one %s', (_name, dependency, found, text) => {
    const step = seeing(wanting(dependency), found);
    expect(textOf(step)).toEqual(text === null ? 'reconcile' : ['await', 'DependencyNotReady', text]);
  });

  test.each<[string, ExpressionResult | undefined, boolean, string | null]>([
    ['nothing yet', undefined, true, "dependency 'shop/database' is not ready according to readyExpr eval"],
    ['no', { value: false }, true, "dependency 'shop/database' is not ready according to readyExpr eval"],
    ['that it cannot say', { error: 'no such key' }, true, 'no such key'],
    ['yes', { value: true }, false, null],
  ])('an expression decides instead of the usual rule: it says %s', (_name, result, isReady, text) => {
    const found = { 'HelmRelease/shop/database': isReady ? ready(database) : database };
    const results: Record<string, ExpressionResult> =
      result === undefined ? {} : { 'HelmRelease/shop/database': result };
    const step = seeing(wanting({ readyExpr: 'x' }), found, { expressions: saying(results) });
    expect(textOf(step)).toEqual(text === null ? 'reconcile' : ['await', 'DependencyNotReady', text]);
  });

  test('an expression decides beside the usual rule where that is asked for', () => {
    const settings = { ...SETTINGS, additiveReadyExpr: true };
    const expressions = saying({ 'HelmRelease/shop/database': { value: true } });
    const object = wanting({ readyExpr: 'x' });
    expect(seeing(object, { 'HelmRelease/shop/database': database }, { settings, expressions }).do).toBe('await');
    expect(seeing(object, { 'HelmRelease/shop/database': ready(database) }, { settings, expressions }).do).toBe(
      'reconcile',
    );
  });

  test('a cycle is named', () => {
    const other = helmRelease({ metadata: { name: 'database' }, spec: { dependsOn: [{ name: 'cart' }] } });
    const found = {
      'HelmRelease/shop/database': other as unknown as Dependable,
      'HelmRelease/shop/cart': wanting({}) as unknown as Dependable,
    };
    expect(textOf(seeing(wanting({}), found))).toEqual([
      'await',
      'DependencyNotReady',
      'dependency cycle: HelmRelease/shop/cart -> HelmRelease/shop/database -> HelmRelease/shop/cart',
    ]);
  });
});

test('inputs are named by object, generation, artifact and what is watched, and by nothing else', () => {
  const name = (object: HelmRelease, source = chartSource(), configs: string[] = []): string =>
    inputsOf(object, source, configs);
  const same = name(helmRelease());
  expect(
    name(helmRelease({ metadata: { resourceVersion: '9', annotations: { a: 'b' } }, status: { failures: 3 } })),
  ).toBe(same);
  const others = [
    name(helmRelease({ metadata: { generation: 2 } })),
    name(helmRelease({ metadata: { uid: 'h2' } })),
    name(helmRelease(), chartSource('1.5.0')),
    name(
      helmRelease(),
      chartSource('1.4.0', { status: { artifact: { revision: '1.4.0', digest: 'sha256:2', url: 'u' } } }),
    ),
    name(helmRelease(), chartSource(), ['Secret/shop/a u 1']),
    inputsOf(helmRelease(), undefined, []),
  ];
  expect(new Set([same, ...others]).size).toBe(others.length + 1);
});
