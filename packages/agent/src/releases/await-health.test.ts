import type { HelmRelease, KubeObject, ObjectKey, PlumbError } from '@plumb/api';
import { keyId } from '@plumb/api';
import type { ExpressionResult, Health, Observed } from '@plumb/core';
import { beforeEach, describe, expect, test } from 'vitest';
import { UnitMemory } from '../delivery/unit.ts';
import { helmRelease } from '../testing/builders.ts';
import { awaitHealth, type HealthWait } from './await-health.ts';
import type { ActionContext } from './context.ts';

const MINUTE = 60_000;

const key = (name: string, kind = 'Deployment', group = 'apps'): ObjectKey => ({
  group,
  version: 'v1',
  kind,
  namespace: 'shop',
  name,
});
const WEB = key('web');
const MIGRATE = key('migrate', 'Job', 'batch');
const TILL = key('till', 'Till', 'shop.example');

let live: Map<string, Observed>;
let unit: UnitMemory;
let now: number;
/** How long the wait was to wait each time. */
let waits: number[];
/** What happens while it waits. */
let meanwhile: (ms: number) => void;
/** What the engine says of expressions; it may be out of order. */
let results: ExpressionResult[] | Error;
let stop: AbortController;

beforeEach(() => {
  live = new Map();
  unit = new UnitMemory({ kind: 'HelmRelease', namespace: 'shop', name: 'cart' }, 'h1');
  now = 0;
  waits = [];
  meanwhile = (ms) => void (now += ms);
  results = [];
  stop = new AbortController();
});

function show(of: ObjectKey, status: Health['status'], message = '', version = 1): void {
  const observed = { uid: of.name, resourceVersion: String(version), health: { status, message } } as Observed;
  live.set(keyId(of), observed);
}

function waiting(
  keys: readonly ObjectKey[],
  { wait = {}, spec = {} }: { wait?: Partial<HealthWait>; spec?: Partial<HelmRelease['spec']> } = {},
): Promise<void> {
  const context = {
    release: helmRelease({ spec }),
    unit,
    live: { get: (id: string) => live.get(id) },
    cluster: { get: (of: ObjectKey) => Promise.resolve(objectOf(of)), list: () => Promise.resolve({ items: [] }) },
    expressions: { evaluate: async () => given(results) },
    clock: { now: () => now },
    parallel: 1,
    signal: stop.signal,
    job: {
      waitForNudge: (ms: number) => {
        waits.push(ms);
        if (waits.length > 20) throw new Error('it waits for ever');
        meanwhile(ms);
        return Promise.resolve();
      },
    },
  } as unknown as ActionContext;
  return awaitHealth({ keys, timeout: 5 * MINUTE, jobs: true, hidesValues: false, ...wait }, context);
}

function given(answer: ExpressionResult[] | Error): ExpressionResult[] {
  if (answer instanceof Error) throw answer;
  return answer;
}

/** As the server would show it. */
function objectOf(of: ObjectKey): KubeObject | null {
  const seen = live.get(keyId(of));
  if (seen === undefined) return null;
  const { uid, resourceVersion } = seen;
  const metadata = { name: of.name, namespace: of.namespace, uid, resourceVersion, generation: 1 };
  return { apiVersion: `${of.group}/v1`, kind: of.kind, metadata, status: { observedGeneration: 1 } };
}

const failure = (wait: Promise<void>): Promise<PlumbError> =>
  wait.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error as PlumbError,
  );

describe('waiting for health', () => {
  test('ends at once where all is well, or nothing is there to wait for', async () => {
    await waiting([]);
    show(WEB, 'Current');
    await waiting([WEB]);
    expect(waits).toEqual([]);
  });

  test('goes on until the watch has told of all', async () => {
    show(WEB, 'InProgress');
    meanwhile = () => {
      now += 1_000;
      if (waits.length === 1) show(MIGRATE, 'InProgress', '', 2);
      if (waits.length === 2) show(WEB, 'Current', '', 2);
      if (waits.length === 3) show(MIGRATE, 'Current', '', 3);
    };
    await waiting([WEB, MIGRATE]);
    expect(waits).toEqual([300_000, 299_000, 298_000]);
  });

  test('is known while it lasts, and no longer', async () => {
    show(WEB, 'InProgress');
    meanwhile = () => {
      expect(unit.settling).toMatchObject({ startedAt: 0, deadline: 5 * MINUTE, targets: [{ key: WEB }] });
      show(WEB, 'Current', '', 2);
    };
    await waiting([WEB]);
    expect(waits).toHaveLength(1);
    expect(unit.settling).toBeNull();
  });

  test('ends when what is not ready can only fail', async () => {
    show(WEB, 'Failed', 'Progress deadline exceeded');
    show(MIGRATE, 'InProgress');
    meanwhile = () => show(MIGRATE, 'Current', '', 2);
    const error = await failure(waiting([WEB, MIGRATE]));
    expect(error).toMatchObject({ code: 'health-failed', fault: 'user', policy: 'retry' });
    expect(error.message).toBe(
      "failed early due to stalled resources: [Deployment/shop/web status: 'Failed': Progress deadline exceeded]",
    );
    expect(unit.settling).toBeNull();
  });

  test('ends when the time is over', async () => {
    show(WEB, 'InProgress', 'Available: 0/1');
    expect((await failure(waiting([WEB, TILL]))).message).toBe(
      "timeout waiting for: [Deployment/shop/web status: 'InProgress': Available: 0/1, " +
        "Till/shop/till status: 'NotFound': object not found]: not ready within 5m0s",
    );
    expect(waits).toEqual([300_000]);
  });

  test('that was in vain leaves word of what was not healthy', async () => {
    show(WEB, 'InProgress');
    show(MIGRATE, 'Current');
    await failure(waiting([WEB, MIGRATE, TILL]));
    expect([...unit.missed]).toEqual([keyId(WEB), keyId(TILL)]);
  });

  test('looks once more when the time is over', async () => {
    show(WEB, 'InProgress');
    meanwhile = (ms) => {
      now += ms;
      show(WEB, 'Current', '', 2);
    };
    await expect(waiting([WEB])).resolves.toBeUndefined();
  });

  test('ends when the work is to end', async () => {
    show(WEB, 'InProgress');
    meanwhile = () => stop.abort(new Error('something newer'));
    expect(await failure(waiting([WEB]))).toMatchObject({ code: 'cancelled', message: 'the wait was cut short' });
    expect(unit.settling).toBeNull();
  });
});

describe('what is waited for', () => {
  test.each<{ what: string; wait: Partial<HealthWait>; spec: Partial<HelmRelease['spec']>; kinds: string[] }>([
    { what: 'is everything', wait: {}, spec: {}, kinds: ['Deployment', 'Job', 'Till'] },
    { what: 'is no Job without waitForJobs', wait: { jobs: false }, spec: {}, kinds: ['Deployment', 'Till'] },
    {
      what: 'is with legacy what Helm 3 knew',
      wait: {},
      spec: { waitStrategy: { name: 'legacy' } },
      kinds: ['Deployment', 'Job'],
    },
    {
      what: 'is with legacy no Job either without waitForJobs',
      wait: { jobs: false },
      spec: { waitStrategy: { name: 'legacy' } },
      kinds: ['Deployment'],
    },
    {
      what: 'is with poller everything',
      wait: {},
      spec: { waitStrategy: { name: 'poller' } },
      kinds: ['Deployment', 'Job', 'Till'],
    },
  ])('$what', async ({ wait, spec, kinds }) => {
    let waited: string[] = [];
    meanwhile = () => {
      waited = unit.settling?.targets.map(({ key: { kind } }) => kind) ?? [];
      stop.abort();
    };
    await failure(waiting([WEB, MIGRATE, TILL], { wait, spec }));
    expect(waited).toEqual(kinds);
  });

  test('an old Job of a custom group is an object like others', async () => {
    const odd = key('odd', 'Job', 'shop.example');
    meanwhile = () => stop.abort();
    await failure(waiting([odd], { wait: { jobs: false } }));
    expect(waits).toHaveLength(1);
  });
});

describe('expressions', () => {
  const spec: Partial<HelmRelease['spec']> = {
    healthCheckExprs: [{ apiVersion: 'shop.example/v1', kind: 'Till', current: 'status.open' }],
  };

  test('say what is ready', async () => {
    show(TILL, 'Current');
    results = [{ value: false }];
    meanwhile = () => {
      results = [{ value: true }];
      show(TILL, 'Current', '', 2);
    };
    await waiting([TILL], { spec });
    expect(waits).toEqual([300_000]);
  });

  test('mean nothing with legacy, which knew none', async () => {
    show(WEB, 'Current');
    results = [{ value: false }];
    const healthCheckExprs = [{ apiVersion: 'apps/v1', kind: 'Deployment', current: 'false' }];
    await waiting([WEB], { spec: { healthCheckExprs, waitStrategy: { name: 'legacy' } } });
    expect(waits).toEqual([]);
  });

  test('are asked again soon where the engine gave no answer', async () => {
    show(TILL, 'Current');
    results = new Error('out of order');
    meanwhile = (ms) => {
      now += ms;
      if (waits.length === 2) results = [{ value: true }];
    };
    await waiting([TILL], { spec });
    expect(waits).toEqual([5_000, 5_000]);
  });

  test('that fail are told, but for what may be a secret', async () => {
    show(TILL, 'Current');
    results = [{ error: 'no such key: open' }];
    expect((await failure(waiting([TILL], { spec }))).message).toBe(
      "timeout waiting for: [Till/shop/till status: 'Unknown': no such key: open]: not ready within 5m0s",
    );
    show(TILL, 'Current', '', 2);
    const hidden = await failure(waiting([TILL], { spec, wait: { hidesValues: true } }));
    expect(hidden.message).not.toContain('no such key');
    expect(hidden.message).toContain('it may hold a secret');
  });
});
