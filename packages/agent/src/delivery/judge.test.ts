import { join } from 'node:path';
import { keyId, keyOf, OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL, PlumbError } from '@plumb/api';
import type { HealthCheckExpr, Kustomization, KubeObject } from '@plumb/api';
import type { Health, Observed } from '@plumb/core';
import { observe } from '@plumb/core';
import type { Engine } from '@plumb/engine';
import { createEngine, EngineError } from '@plumb/engine';
import { MemoryCluster } from '@plumb/testkit';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { kustomization } from '../testing/builders.ts';
import { Expressions } from './expressions.ts';
import { usesSecrets } from './hide-secrets.ts';
import type { JudgeContext } from './judge.ts';
import { judge } from './judge.ts';
import { UnitMemory } from './unit.ts';

const engine = createEngine({ path: join(import.meta.dirname, '../../../../build/engine'), slots: 1 });
afterAll(() => engine.close());

const MAPS: HealthCheckExpr = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  current: "data.state == 'open'",
  failed: "data.state == 'broken'",
};
const SECRETS: HealthCheckExpr = { apiVersion: 'v1', kind: 'Secret', current: 'int(data.pin) > 0' };
const LABELS = { [OWNER_NAME_LABEL]: 'apps', [OWNER_NAMESPACE_LABEL]: 'shop' };

let cluster: MemoryCluster;
let unit: UnitMemory;
let live: Map<string, Observed>;
let evaluated: number[];
let failures: EngineError[];

/** The real engine, but for what a test lets fail; it notes how many inputs each call has. */
const counting: Pick<Engine, 'celCheck' | 'celEval'> = {
  celCheck: (request) => engine.celCheck(request),
  celEval: (request) => {
    evaluated.push(request.inputs.length);
    const failure = failures.shift();
    return failure === undefined ? engine.celEval(request) : Promise.reject(failure);
  },
};

beforeEach(async () => {
  cluster = new MemoryCluster();
  unit = new UnitMemory({ kind: 'Kustomization', namespace: 'shop', name: 'apps' }, 'u1');
  live = new Map();
  evaluated = [];
  failures = [];
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
});

const reads = (): string[] => cluster.requests.map(({ verb }) => verb).filter((verb) => verb !== 'create');

async function make(name: string, data: Record<string, string>, kind = 'ConfigMap'): Promise<KubeObject> {
  const object = await cluster.create({
    apiVersion: 'v1',
    kind,
    metadata: { name, namespace: 'shop', labels: LABELS },
    data,
  });
  live.set(keyId(keyOf(object)), observe(object, 'm'));
  return object;
}

async function run(again = false, more: Partial<JudgeContext> = {}): Promise<void> {
  const { signal } = new AbortController();
  const base = { cluster, unit, live: { get: (id: string) => live.get(id) }, expressions: new Expressions(counting) };
  await judge({ ...base, own: true, hidesValues: false, parallel: 4, signal, ...more }, again);
}

function healthOf(object: KubeObject): Health | null {
  const id = keyId(keyOf(object));
  const seen = live.get(id);
  return seen === undefined ? null : unit.verdicts.healthOf(id, seen);
}

const wait = (...objects: readonly KubeObject[]): void => unit.verdicts.begin([MAPS, SECRETS], objects.map(keyOf));

test('each object is read once and judged by its own entry, all in one call', async () => {
  const open = await make('a', { state: 'open' });
  const shut = await make('b', { state: 'shut' });
  const broken = await make('c', { state: 'broken' });
  wait(open, shut, broken);
  await run();
  expect([open, shut, broken].map((object) => healthOf(object)?.status)).toEqual(['Current', 'InProgress', 'Failed']);
  expect(reads()).toEqual(['get', 'get', 'get']);
  expect(evaluated).toEqual([6]);
  await run();
  expect(reads()).toHaveLength(3);
  expect(evaluated).toHaveLength(1);
});

test('what the watch has brought is not read', async () => {
  const open = await make('a', { state: 'open' });
  wait(open);
  const id = keyId(keyOf(open));
  unit.verdicts.note({ id, before: undefined, after: live.get(id), object: open });
  await run();
  expect(healthOf(open)?.status).toBe('Current');
  expect(reads()).toEqual([]);
});

test('many objects of a unit are read by one list, and judged by few calls', async () => {
  const objects = await Promise.all(Array.from({ length: 150 }, (_, at) => make(`m${at}`, { state: 'open' })));
  wait(...objects);
  await run();
  expect(objects.every((object) => healthOf(object)?.status === 'Current')).toBe(true);
  expect(reads().filter((verb) => verb === 'get')).toHaveLength(0);
  expect(evaluated.length).toBeLessThanOrEqual(4);
});

test('an expression that fails leaves the health unknown, and says why', async () => {
  const object = await make('a', { other: 'x' });
  wait(object);
  await run();
  expect(healthOf(object)).toEqual({
    status: 'Unknown',
    message: "failed to evaluate the CEL expression 'data.state == 'broken'': no such key: state",
  });
  await run(true);
  expect(evaluated).toHaveLength(1);
});

test('but nothing that may be a secret is said: of a Secret, and of what secrets were put into', async () => {
  const hidden = {
    status: 'Unknown',
    message: 'an expression failed; what it says is not shown, it may hold a secret',
  };
  const object = await make('a', { pin: 'aHVudGVyMg==' }, 'Secret');
  wait(object);
  await run();
  expect(healthOf(object)).toEqual(hidden);
  const specs: Partial<Kustomization['spec']>[] = [
    { postBuild: { substituteFrom: [{ kind: 'Secret', name: 'tokens' }] } },
    { decryption: { provider: 'sops' } },
  ];
  for (const [at, spec] of specs.entries()) {
    const map = await make(`m${at}`, { other: 'hunter2' });
    wait(map);
    await run(false, { hidesValues: usesSecrets(kustomization({ spec }), null) });
    expect(healthOf(map)).toEqual(hidden);
  }
});

test('an object that may not be read is told, and tried again later', async () => {
  const object = await make('a', { state: 'open' });
  const other = await make('b', { state: 'open' });
  wait(object, other);
  const forbidden = new PlumbError('api-forbidden', 'configmaps "a" is forbidden', { fault: 'user', policy: 'retry' });
  cluster.faults.fail(forbidden, 1, ({ name }) => name === 'a');
  await run();
  expect(healthOf(object)).toEqual({ status: 'Unknown', message: 'configmaps "a" is forbidden' });
  expect(healthOf(other)?.status).toBe('Current');
  await run();
  expect(healthOf(object)?.status).toBe('Unknown');
  await run(true);
  expect(healthOf(object)?.status).toBe('Current');
});

test('an object that is gone by then is left to its watch', async () => {
  const object = await make('a', { state: 'open' });
  wait(object);
  await cluster.delete(keyOf(object));
  await run();
  expect(healthOf(object)?.status).toBe('InProgress');
  expect(evaluated).toEqual([]);
});

test('a helper that ends is asked once more; one that ends again is told, and asked again later', async () => {
  const object = await make('a', { state: 'open' });
  wait(object);
  const ended = new EngineError('crashed', 'the helper ended (SIGKILL)');
  failures = [ended];
  await run();
  expect(healthOf(object)?.status).toBe('Current');
  const next = await make('b', { state: 'open' });
  wait(next);
  failures = [ended, ended];
  await run();
  expect(healthOf(next)).toEqual({ status: 'Unknown', message: 'the helper ended (SIGKILL)' });
  await run(true);
  expect(healthOf(next)?.status).toBe('Current');
});

test('an engine that fails is spared the rest: all of it is asked again later', async () => {
  const objects = await Promise.all(Array.from({ length: 150 }, (_, at) => make(`m${at}`, { state: 'open' })));
  wait(...objects);
  failures = [new EngineError('timeout', 'cel.eval took longer than 10000 ms')];
  await run();
  expect(evaluated).toHaveLength(1);
  expect(objects.map((object) => healthOf(object)?.message)).toEqual(
    objects.map(() => 'cel.eval took longer than 10000 ms'),
  );
  await run(true);
  expect(objects.every((object) => healthOf(object)?.status === 'Current')).toBe(true);
});

test('when the work has to end, nothing is told', async () => {
  const object = await make('a', { state: 'open' });
  wait(object);
  await expect(run(false, { signal: AbortSignal.abort() })).rejects.toThrow('abort');
  expect(healthOf(object)?.status).toBe('InProgress');
});
