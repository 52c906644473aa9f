import type { HelmRelease, HistorySnapshot, Kustomization } from '@plumb/api';
import { FINALIZER, kustomizationMessages as messages, REQUESTED_AT_ANNOTATION, say } from '@plumb/api';
import type { Dependable, ExpressionResult } from '@plumb/core';
import { describe, expect, test } from 'vitest';
import { AT, conditionOf, gitRepository, kustomization, REVISION } from '../../testing/builders.ts';
import { deliveredAt, MINUTE, saying, seen, SETTINGS, source } from '../../testing/seen.ts';
import type { Availability } from '../../runtime/on-demand-objects.ts';
import type { Seen, Step } from './decide.ts';
import { decide, inputsOf, isInForce } from './decide.ts';

const said = say(messages.applyFailed, { error: 'no' });

const failedAt = (retryAt: number, object = kustomization()) => ({
  said,
  inputs: inputsOf(object, source, []),
  retryAt,
  count: 1,
});
const settling = { startedAt: AT - 1_000, deadline: AT + MINUTE, targets: [], lookAgainAt: 0, failed: false };
const asked = (token: string, handled?: string): Kustomization =>
  kustomization({
    metadata: { annotations: { [REQUESTED_AT_ANNOTATION]: token } },
    ...(handled === undefined ? {} : { status: { lastHandledReconcileAt: handled } }),
  });
const going = (finalizers: string[]): Kustomization =>
  kustomization({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers } });

const unsourced = gitRepository(null);
const external = kustomization({ spec: { sourceRef: { kind: 'ExternalArtifact', name: 'shop' } } });
const cases: { name: string; seen: Partial<Seen>; step: Step['do']; more?: object }[] = [
  { name: 'an object that is gone is forgotten', seen: { object: undefined }, step: 'forget' },
  { name: 'one that goes is finalised', seen: { object: going([FINALIZER]) }, step: 'finalize' },
  {
    name: 'one that goes and holds no finalizer of ours is forgotten',
    seen: { object: going(['else']) },
    step: 'forget',
  },
  {
    name: 'a suspended one rests, whatever is due',
    seen: { object: kustomization({ spec: { suspend: true } }), drifted: 3 },
    step: 'rest',
  },
  {
    name: 'drift is put right though the source is gone',
    seen: { source: undefined, drifted: 1 },
    step: 'deliver',
    more: { cause: 'drift', source: undefined },
  },
  {
    name: 'drift is put right though the source offers nothing any more',
    seen: { source: unsourced, drifted: 1, awaiting: true },
    step: 'deliver',
    more: { cause: 'drift' },
  },
  {
    name: 'a labelled ConfigMap or Secret that changed is delivered with at once',
    seen: { configs: ['ConfigMap/shop/vars uid 8'] },
    step: 'deliver',
    more: { cause: 'routine' },
  },
  { name: 'without its source and without drift it waits', seen: { source: undefined }, step: 'await' },
  {
    name: 'a wait longer than the interval goes on',
    seen: {
      settling,
      delivered: deliveredAt(AT - 11 * MINUTE),
    },
    step: 'settle',
  },
  {
    name: 'a wait that was lost does not keep the interval from its run',
    seen: {
      settling: { ...settling, failed: true },
      delivered: deliveredAt(AT - 11 * MINUTE),
    },
    step: 'deliver',
    more: { cause: 'routine' },
  },
  { name: 'nothing is due: idle until the interval is over', seen: {}, step: 'idle', more: { after: 9 * MINUTE } },
  { name: 'never delivered: deliver', seen: { delivered: null }, step: 'deliver', more: { cause: 'routine' } },
  {
    name: 'the interval is over: deliver',
    seen: { now: AT + 9 * MINUTE },
    step: 'deliver',
    more: { cause: 'routine' },
  },
  {
    name: 'a new revision is delivered',
    seen: {
      source: gitRepository('main@sha1:2'),
    },
    step: 'deliver',
    more: { cause: 'routine' },
  },
  {
    name: 'a new spec is delivered',
    seen: {
      object: kustomization({ metadata: { generation: 2 } }),
    },
    step: 'deliver',
  },
  {
    name: 'a new request is a run of its own',
    seen: { object: asked('now') },
    step: 'deliver',
    more: { cause: 'routine' },
  },
  { name: 'an answered request is not', seen: { object: asked('now', 'now') }, step: 'idle' },
  { name: 'a request that is being answered is not', seen: { object: asked('now'), answering: 'now' }, step: 'idle' },
  {
    name: 'a request does not wait for a retry',
    seen: { object: asked('now'), failed: failedAt(AT + MINUTE) },
    step: 'deliver',
  },
  {
    name: 'a failure waits for its retry',
    seen: { failed: failedAt(AT + MINUTE) },
    step: 'idle',
    more: { after: MINUTE },
  },
  {
    name: 'and is tried again at its time',
    seen: { failed: failedAt(AT) },
    step: 'deliver',
    more: { cause: 'routine' },
  },
  {
    name: 'a failure does not hold back a new revision',
    seen: { failed: failedAt(AT + MINUTE), source: gitRepository('main@sha1:2') },
    step: 'deliver',
    more: { cause: 'routine' },
  },
  { name: 'drift is repaired at once', seen: { drifted: 1 }, step: 'deliver', more: { cause: 'drift' } },
  {
    name: 'drift is repaired while the head fails',
    seen: { drifted: 1, failed: failedAt(AT + MINUTE) },
    step: 'deliver',
    more: { cause: 'drift' },
  },
  {
    name: 'a repair that failed waits',
    seen: { drifted: 1, driftRetryAt: AT + 250 },
    step: 'idle',
    more: { after: 250 },
  },
  {
    name: "drift of what was never delivered is the first delivery's",
    seen: { drifted: 1, delivered: null },
    step: 'deliver',
    more: { cause: 'routine' },
  },
  { name: 'objects that are not healthy yet are looked at', seen: { settling }, step: 'settle' },
  { name: 'drift goes before that', seen: { settling, drifted: 1 }, step: 'deliver', more: { cause: 'drift' } },
  {
    name: 'a new revision overtakes the wait for health',
    seen: { settling, source: gitRepository('main@sha1:2') },
    step: 'deliver',
    more: { cause: 'routine' },
  },
  {
    name: 'without a source it waits',
    seen: { source: undefined, delivered: null },
    step: 'await',
    more: { after: 30_000 },
  },
  {
    name: 'once drift that was left is over, the status is to say so',
    seen: { driftEnded: true },
    step: 'deliver',
    more: { cause: 'drift' },
  },
  { name: 'without an artifact it waits', seen: { source: gitRepository(null), delivered: null }, step: 'await' },
  {
    name: 'once the wait is over the unit is delivered, though nothing is new',
    seen: { awaiting: true },
    step: 'deliver',
  },
];

test.each(cases)('$name', ({ seen: parts, step, more = {} }) => {
  expect(decide(seen(parts))).toMatchObject({ do: step, ...more });
});

describe('a spec that cannot be carried out is refused by name', () => {
  const flaws: { name: string; object: Kustomization; settings?: Seen['settings']; reason: string; says: string }[] = [
    {
      name: 'an interval that is none',
      object: kustomization({ spec: { interval: 'soon' } }),
      reason: 'InvalidSpec',
      says: 'spec.interval',
    },
    {
      name: 'an ignore rule whose target is no selector',
      object: kustomization({ spec: { ignore: [{ paths: ['/spec/replicas'], target: { kind: '(' } }] } }),
      reason: 'InvalidSpec',
      says: 'spec.ignore[0].target.kind',
    },
    {
      name: 'a foreign source where that is forbidden',
      object: kustomization({ spec: { sourceRef: { kind: 'GitRepository', name: 'shop', namespace: 'other' } } }),
      settings: { ...SETTINGS, crossNamespaceRefs: false },
      reason: 'AccessDenied',
      says: "can't access 'GitRepository/other/shop', cross-namespace references have been blocked",
    },
    {
      name: 'an ExternalArtifact where there is no leave for it',
      object: external,
      reason: 'AccessDenied',
      says: "can't access 'ExternalArtifact/shop/shop', ExternalArtifact feature gate is disabled",
    },
    {
      name: 'one of another namespace, by the reason that comes first',
      object: kustomization({ spec: { sourceRef: { kind: 'ExternalArtifact', name: 'shop', namespace: 'other' } } }),
      settings: { ...SETTINGS, crossNamespaceRefs: false },
      reason: 'AccessDenied',
      says: 'cross-namespace references have been blocked',
    },
  ];
  test.each(flaws)('$name', ({ object, settings, reason, says }) => {
    const step = decide(seen({ object, ...(settings === undefined ? {} : { settings }) }));
    expect(step).toMatchObject({ do: 'refuse', said: { reason, text: expect.stringContaining(says) as string } });
  });
});

describe('expressions', () => {
  test('that cannot be used stall the unit, in the words of Flux', () => {
    const step = decide(seen({ expressions: saying({}, { flaw: 'the expression is none' }), drifted: 1 }));
    expect(step).toMatchObject({
      do: 'refuse',
      said: {
        reason: 'InvalidCELExpression',
        text: 'Reconciliation failed terminally due to configuration error: the expression is none',
      },
    });
  });

  test('that could not be evaluated are waited for, and what was delivered is kept meanwhile', () => {
    const expressions = saying({}, { trouble: 'the helper ended' });
    expect(decide(seen({ expressions, delivered: null }))).toMatchObject({
      do: 'await',
      said: {
        reason: 'ReconciliationFailed',
        text: 'the CEL expressions of the spec could not be evaluated: the helper ended',
      },
    });
    expect(decide(seen({ expressions, awaiting: true, drifted: 1 }))).toMatchObject({ do: 'deliver', cause: 'drift' });
    expect(decide(seen({ expressions }))).toMatchObject({ do: 'idle' });
  });
});

describe('dependencies', () => {
  const dependant = kustomization({ spec: { dependsOn: [{ name: 'base' }] } });
  const base = (status: Kustomization['status'], dependsOn?: { name: string }[]): Kustomization =>
    kustomization({
      metadata: { name: 'base' },
      spec: dependsOn === undefined ? {} : { dependsOn },
      ...(status && { status }),
    });
  const ready = {
    observedGeneration: 1,
    lastAppliedRevision: REVISION,
    conditions: [conditionOf('Ready', 'True', 'ReconciliationSucceeded')],
  };
  const lookup = (found: Kustomization | undefined) => (id: string) =>
    id === 'shop/base' ? found : id === 'shop/apps' ? dependant : undefined;

  const waits: { name: string; found: Kustomization | undefined; says: string }[] = [
    { name: 'one that is missing', found: undefined, says: "dependency 'shop/base' not found" },
    { name: 'one nobody has looked at', found: base(undefined), says: "dependency 'shop/base' is not ready" },
    {
      name: 'one at an older revision',
      found: base({ ...ready, lastAppliedRevision: 'main@sha1:0' }),
      says: "dependency 'shop/base' revision is not up to date",
    },
    {
      name: 'one that waits for us',
      found: base(ready, [{ name: 'apps' }]),
      says: 'dependency cycle: shop/apps -> shop/base -> shop/apps',
    },
  ];
  test.each(waits)('$name is waited for', ({ found, says }) => {
    const step = decide(seen({ object: dependant, delivered: null, dependency: lookup(found) }));
    expect(step).toMatchObject({ do: 'await', said: { reason: 'DependencyNotReady', text: says } });
  });

  test('one that is ready lets us go on', () => {
    expect(decide(seen({ object: dependant, delivered: null, dependency: lookup(base(ready)) }))).toMatchObject({
      do: 'deliver',
    });
  });

  const judged = (readyExpr: string): Kustomization =>
    kustomization({ spec: { dependsOn: [{ name: 'base', readyExpr }] } });
  const ruling: {
    name: string;
    status: Kustomization['status'];
    result?: ExpressionResult;
    additive?: boolean;
    says: string | null;
  }[] = [
    {
      name: 'its expression holds, whatever its conditions say',
      status: undefined,
      result: { value: true },
      says: null,
    },
    {
      name: 'its expression does not hold',
      status: ready,
      result: { value: false },
      says: "dependency 'shop/base' is not ready according to readyExpr eval",
    },
    { name: 'its expression fails', status: ready, result: { error: 'no such key: x' }, says: 'no such key: x' },
    {
      name: 'its expression was not evaluated yet',
      status: ready,
      says: "dependency 'shop/base' is not ready according to readyExpr eval",
    },
    {
      name: 'its expression holds and the usual rule, which counts too, does not',
      status: undefined,
      result: { value: true },
      additive: true,
      says: "dependency 'shop/base' is not ready",
    },
    {
      name: 'its expression does not hold and the usual rule, which counts too, does',
      status: ready,
      result: { value: false },
      additive: true,
      says: "dependency 'shop/base' is not ready according to readyExpr eval",
    },
    { name: 'both hold', status: ready, result: { value: true }, additive: true, says: null },
  ];
  test.each(ruling)('with a readyExpr: $name', ({ status, result, additive, says }) => {
    const step = decide(
      seen({
        object: judged('dep.a == self.b'),
        delivered: null,
        dependency: lookup(base(status)),
        expressions: saying(result === undefined ? {} : { 'shop/base': result }),
        settings: { ...SETTINGS, additiveReadyExpr: additive === true },
      }),
    );
    const waits = { do: 'await', said: { reason: 'DependencyNotReady', text: says } };
    expect(step).toMatchObject(says === null ? { do: 'deliver' } : waits);
  });

  const release = (status?: HelmRelease['status']): Dependable => ({
    apiVersion: 'helm.toolkit.fluxcd.io/v2',
    kind: 'HelmRelease',
    metadata: { name: 'db', namespace: 'shop', generation: 1 },
    spec: { interval: '1m' },
    ...(status && { status }),
  });
  const { observedGeneration, conditions } = ready;
  const releases: {
    name: string;
    found?: Dependable;
    availability: Availability;
    trouble?: string;
    says: string | null;
  }[] = [
    { name: 'is ready', found: release({ observedGeneration, conditions }), availability: 'listed', says: null },
    {
      name: 'is not ready',
      found: release(),
      availability: 'listed',
      says: "dependency 'HelmRelease/shop/db' is not ready",
    },
    { name: 'is not there', availability: 'listed', says: "dependency 'HelmRelease/shop/db' not found" },
    {
      name: 'is of a kind that is not served',
      availability: 'not-served',
      says: "dependency 'HelmRelease/shop/db' not found: the cluster serves no kind HelmRelease in helm.toolkit.fluxcd.io/v2",
    },
    {
      name: 'is not listed yet',
      availability: 'pending',
      says: "dependency 'HelmRelease/shop/db' cannot be read: no answer yet",
    },
    {
      name: 'may not be listed',
      availability: 'pending',
      trouble: 'helmreleases is forbidden',
      says: "dependency 'HelmRelease/shop/db' cannot be read: helmreleases is forbidden",
    },
  ];
  test.each(releases)('a HelmRelease that $name', ({ found, availability, trouble = null, says }) => {
    const step = decide(
      seen({
        object: kustomization({ spec: { dependsOn: [{ kind: 'HelmRelease', name: 'db' }] } }),
        delivered: null,
        dependency: (id) => (id === 'HelmRelease/shop/db' ? found : undefined),
        helmReleases: { availability, trouble },
      }),
    );
    const waits = { do: 'await', said: { reason: 'DependencyNotReady', text: says }, after: 30_000 };
    expect(step).toMatchObject(says === null ? { do: 'deliver' } : waits);
  });

  test('what was delivered is kept as it is while a dependency is waited for', () => {
    const step = decide(seen({ object: dependant, awaiting: true, drifted: 1 }));
    expect(step).toMatchObject({ do: 'deliver', cause: 'drift' });
  });
});

const snapshot = (digest: string, lastReconciledStatus: string): HistorySnapshot => ({
  digest,
  lastReconciledStatus,
  firstReconciled: '2026-01-01T00:00:00Z',
  lastReconciled: '2026-01-01T00:00:00Z',
  lastReconciledDuration: '1s',
  totalReconciliations: 1,
});
const well = (digest: string): HistorySnapshot => snapshot(digest, 'ReconciliationSucceeded');
const unhealthy = (digest: string): HistorySnapshot => snapshot(digest, 'HealthCheckFailed');

test.each<[what: string, history: HistorySnapshot[], inForce: boolean]>([
  ['nothing was delivered yet', [], false],
  ['it was delivered last', [well('a'), well('b')], true],
  ['it was delivered, and failed after that', [unhealthy('a'), well('a')], true],
  ['it only ever failed', [unhealthy('a')], false],
  ['another was delivered since', [well('b'), well('a')], false],
  ['another was tried since, and may have come halfway', [unhealthy('b'), well('a')], false],
])('a bundle is in force when %s: %#', (_what, history, inForce) => {
  expect(isInForce(kustomization({ status: { history } }), 'a')).toBe(inForce);
});
