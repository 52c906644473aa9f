import { join } from 'node:path';
import type { Kustomization } from '@plumb/api';
import type { Dependable } from '@plumb/core';
import { dependenciesOf } from '@plumb/core';
import type { Engine } from '@plumb/engine';
import { createEngine, EngineError } from '@plumb/engine';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { kustomization } from '../testing/builders.ts';
import { Expressions } from './expressions.ts';
import { SpecExpressions } from './spec-expressions.ts';

const engine = createEngine({ path: join(import.meta.dirname, '../../../../build/engine'), slots: 1 });
afterAll(() => engine.close());

let calls: string[];
let failure: EngineError | null;
const counted = <T>(name: string, call: () => Promise<T>): Promise<T> => {
  calls.push(name);
  return failure === null ? call() : Promise.reject(failure);
};
const counting: Pick<Engine, 'celCheck' | 'celEval'> = {
  celCheck: (request) => counted('check', () => engine.celCheck(request)),
  celEval: (request) => counted('eval', () => engine.celEval(request)),
};

let expressions: SpecExpressions;
let others: Map<string, { object: Dependable; version: string }>;
beforeEach(() => {
  calls = [];
  failure = null;
  expressions = new SpecExpressions();
  others = new Map();
});

function there(id: string, version: string, object: Dependable = kustomization({ metadata: { name: 'base' } })): void {
  others.set(id, { object, version });
}

async function refresh(unit: Kustomization, version = '1', signal = new AbortController().signal): Promise<void> {
  await expressions.refresh(unit, version, {
    expressions: new Expressions(counting),
    find: (id) => others.get(id)?.object,
    version: (id) => others.get(id)?.version ?? '',
    signal,
  });
}

const results = (unit: Kustomization): unknown[] => dependenciesOf(unit).map((one) => expressions.result(one));
const dependant = (...readyExprs: string[]): Kustomization =>
  kustomization({
    metadata: { labels: { version: '2' } },
    spec: { dependsOn: readyExprs.map((readyExpr) => ({ name: 'base', readyExpr })) },
  });

test('a spec without expressions asks nothing', async () => {
  await refresh(kustomization({ spec: { dependsOn: [{ name: 'base' }] } }));
  expect(calls).toEqual([]);
  expect(expressions).toMatchObject({ flaw: null, trouble: null });
});

test('a readyExpr is evaluated over both objects as they are', async () => {
  const base = kustomization({
    metadata: { name: 'base', labels: { version: '2' } },
    status: { conditions: [{ type: 'Ready', status: 'True', reason: 'R', message: '', lastTransitionTime: '' }] },
  });
  there('shop/base', '1', base);
  const unit = dependant(
    'dep.metadata.labels.version == self.metadata.labels.version',
    "dep.status.conditions.exists(e, e.type == 'Ready' && e.status == 'False')",
    'self.status.observedGeneration > 1',
    "dep.kind == 'Kustomization' && self.spec.interval == '10m'",
  );
  await refresh(unit);
  expect(results(unit)).toEqual([
    { value: true },
    { value: false },
    {
      error:
        "failed to evaluate the CEL expression 'self.status.observedGeneration > 1': no such key: observedGeneration",
    },
    { value: true },
  ]);
  expect(calls).toEqual(['check', 'eval']);
});

test.each([
  ['its own', 'shop', { value: true }],
  [
    'another',
    'data',
    { error: `failed to evaluate the CEL expression 'dep.spec.values.pin == "1234"': no such key: values` },
  ],
])('the values of a release are to be seen from %s namespace as far as they may', async (_name, namespace, result) => {
  const release = { metadata: { name: 'db', namespace }, spec: { interval: '1m', values: { pin: '1234' } } };
  there(`HelmRelease/${namespace}/db`, '1', {
    apiVersion: 'helm.toolkit.fluxcd.io/v2',
    kind: 'HelmRelease',
    ...release,
  } as Dependable);
  const [all, some] = ['dep.spec.values.pin == "1234"', "dep.spec.interval == '1m'"];
  const entry = { kind: 'HelmRelease' as const, name: 'db', namespace };
  const unit = kustomization({
    spec: {
      dependsOn: [
        { ...entry, readyExpr: all },
        { ...entry, readyExpr: some },
      ],
    },
  });
  await refresh(unit);
  expect(results(unit)).toEqual([result, { value: true }]);
});

test('nothing is asked twice until one of the objects has changed', async () => {
  there('shop/base', '1');
  const unit = dependant("dep.metadata.name == 'base'");
  await refresh(unit);
  await refresh(unit);
  expect(calls).toEqual(['check', 'eval']);
  there('shop/base', '2');
  await refresh(unit);
  await refresh(unit, '2');
  expect(calls).toEqual(['check', 'eval', 'eval', 'eval']);
  await refresh(dependant("dep.metadata.name == 'other'"), '2');
  expect(calls.slice(4)).toEqual(['check', 'eval']);
  expect(results(unit)).toEqual([undefined]);
});

test('a dependency that is not there has no result, and loses the one it had', async () => {
  const unit = dependant('true');
  await refresh(unit);
  expect(results(unit)).toEqual([undefined]);
  expect(expressions.judges('shop/base')).toBe(true);
  there('shop/base', '1');
  await refresh(unit);
  expect(results(unit)).toEqual([{ value: true }]);
  others.clear();
  await refresh(unit);
  expect(results(unit)).toEqual([undefined]);
});

test('a flaw is found before anything is evaluated, that of health first, and is gone when it is mended', async () => {
  there('shop/base', '1');
  const healthCheckExprs = [{ apiVersion: 'a.example/v1', kind: 'A', current: 'status.' }];
  const unit = dependant('nobody.knows == 1');
  await refresh({ ...unit, spec: { ...unit.spec, healthCheckExprs } });
  expect(expressions.flaw).toMatch(/^failed to create custom status evaluator for healthchecks\[0\]: failed to parse/);
  await refresh(unit);
  expect(expressions.flaw).toMatch(
    /^terminal error: failed to evaluate dependency base: failed to parse the CEL expression 'nobody\.knows == 1'/,
  );
  expect(calls).not.toContain('eval');
  await refresh(dependant('true'));
  expect(expressions.flaw).toBeNull();
});

test('an engine that does not answer is no flaw, and is asked again the next time', async () => {
  there('shop/base', '1');
  const unit = dependant('true');
  failure = new EngineError('timeout', 'cel.check took longer than 10000 ms');
  await refresh(unit);
  expect(expressions).toMatchObject({ flaw: null, trouble: 'cel.check took longer than 10000 ms' });
  failure = null;
  await refresh(unit);
  expect(expressions.trouble).toBeNull();
  expect(results(unit)).toEqual([{ value: true }]);
});

test('work that has to end is no trouble', async () => {
  await expect(refresh(dependant('true'), '1', AbortSignal.abort())).rejects.toThrow('abort');
  expect(expressions.trouble).toBeNull();
});
