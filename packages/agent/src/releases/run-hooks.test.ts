import { keyId, type KubeObject, type ObjectKey } from '@plumb/api';
import { OWNERSHIPS } from '@plumb/core';
import { clusterWith, MemoryCluster } from '@plumb/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LiveObjects } from '../delivery/live.ts';
import { UnitMemory } from '../delivery/unit.ts';
import { helmRelease } from '../testing/builders.ts';
import type { ActionContext } from './context.ts';
import type { HookRecord, ReleaseRecord } from './record.ts';
import { runHooks } from './run-hooks.ts';

const KEY: ObjectKey = { group: 'batch', version: 'v1', kind: 'Job', namespace: 'shop', name: 'migrate' };
const COMPLETE = { type: 'Complete', status: 'True' };
const FAILED = { type: 'Failed', status: 'True', message: 'Job has reached the specified backoff limit' };

let cluster: MemoryCluster;
let live: LiveObjects;
let signal: AbortSignal;

beforeEach(async () => {
  cluster = new MemoryCluster();
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  signal = AbortSignal.timeout(20_000);
});
afterEach(() => live.close());

const hookOf = (ttl: number | null): HookRecord => ({
  name: KEY.name,
  kind: KEY.kind,
  path: 'cart/templates/migrate.yaml',
  events: ['pre-install'],
  last_run: { phase: '' },
  manifest: `apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations: {helm.sh/hook: pre-install}
spec:
${ttl === null ? '' : `  ttlSecondsAfterFinished: ${ttl}\n`}  template: {spec: {restartPolicy: Never}}
`,
});

const end = (...conditions: (typeof COMPLETE)[]): Promise<KubeObject> =>
  cluster.patch(KEY, { status: { conditions } }, { type: 'merge', subresource: 'status' });

/** What happens in the instant before the agent reads the Job for the first time. `unwatched`: events of Jobs never come. */
interface Play {
  /** What gates have seen there: a uid. Undefined: nobody is on guard. */
  seen?: string;
  ttl?: number | null;
  before: () => Promise<unknown>;
  /** No rule is about the release. */
  isUngoverned?: boolean;
  /** Hooks of a stored record run, as tests do. */
  isStored?: boolean;
  /** It has completed as soon as it is made. */
  completes?: boolean;
  unwatched?: boolean;
}

/** Runs a hook. @returns what its record says, and the error */
async function run({
  ttl = 0,
  before,
  unwatched = false,
  seen,
  completes = false,
  isUngoverned = false,
  isStored = false,
}: Play): Promise<{ phase: string; error: string; requests: string[] }> {
  let reads = 0;
  const requests: string[] = [];
  const played = clusterWith(cluster, {
    create: async (object, options) => {
      requests.push('create');
      const made = await cluster.create(object, options);
      return completes ? end(COMPLETE) : made;
    },
    delete: (key, options) => {
      requests.push('delete');
      return cluster.delete(key, options);
    },
    get: async (key, options) => {
      requests.push('get');
      // The first read is of what the hook's policy deletes before.
      reads += (await cluster.get(KEY)) === null ? 0 : 1;
      if (reads === 1) {
        reads += 1;
        await before();
      }
      return cluster.get(key, options);
    },
  });
  const silent = clusterWith(cluster, { resource: () => Promise.resolve(null) });
  live = new LiveObjects({
    cluster: unwatched ? silent : cluster,
    ownership: OWNERSHIPS.HelmRelease,
    onChange: () => undefined,
  });
  const hook = hookOf(ttl);
  const record = { name: 'cart', namespace: 'shop', version: 1, info: {}, hooks: [hook] } as ReleaseRecord;
  const unit = new UnitMemory({ kind: 'HelmRelease', namespace: 'shop', name: 'cart' }, 'h1');
  if (seen !== undefined) unit.remaking.set(keyId(KEY), seen);
  const context = {
    release: helmRelease(),
    unit,
    gates: {
      keeper: {
        isOnGuard: () => Promise.resolve(seen !== undefined),
        governs: () => Promise.resolve(!isUngoverned),
      },
    },
    cluster: played,
    live,
    clock: { now: () => performance.now(), time: () => 0 },
    hidesValues: true,
    job: { wait: <W>(waiting: Promise<W>) => waiting },
    signal,
    lasting: signal,
  } as unknown as ActionContext;
  const running = runHooks(
    { record, hooks: [hook], timeout: 10_000, save: () => Promise.resolve(), isStored },
    context,
  );
  const error = await running.then(
    () => '',
    (thrown: unknown) => (thrown as Error).message,
  );
  return { phase: hook.last_run.phase, error, requests };
}

describe('the Job of a hook that is gone when it is read', () => {
  const gone = (): Promise<unknown> => cluster.delete(KEY);
  test.each<[what: string, play: Play, phase: string, error: RegExp]>([
    ['completed', { before: () => end(COMPLETE).then(gone) }, 'Succeeded', /^$/],
    ['completed, without a time to live', { ttl: null, before: () => end(COMPLETE).then(gone) }, 'Succeeded', /^$/],
    ['failed', { before: () => end(FAILED).then(gone) }, 'Failed', /reached the specified backoff limit/],
    ['ran when it was deleted', { before: gone }, 'Failed', /it was deleted while it ran/],
    ['was not seen to go, and has a time to live', { before: gone, unwatched: true }, 'Succeeded', /^$/],
    [
      'was not seen to go, and has no time to live',
      { ttl: null, before: gone, unwatched: true },
      'Failed',
      /it was deleted while it ran/,
    ],
  ])('%s', async (_what, play, phase, error) => {
    const ended = await run(play);
    expect(ended.phase).toBe(phase);
    expect(ended.error).toMatch(error);
  });
});

describe('what stands where a hook makes its Job', () => {
  const labels = { 'helm.toolkit.fluxcd.io/name': 'cart', 'helm.toolkit.fluxcd.io/namespace': 'shop' };
  const there = (metadata: object = {}, fieldManager = 'kubectl'): Promise<KubeObject> =>
    cluster.create(
      {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: KEY.name, namespace: KEY.namespace, ...metadata },
        spec: {},
        status: { conditions: [COMPLETE] },
      },
      { fieldManager },
    );
  const before = (): Promise<void> => Promise.resolve();

  test.each<[what: string, metadata: object, seen: 'it' | 'another' | null, goes: boolean]>([
    ['goes where nobody is on guard', {}, null, true],
    ['goes as gates have seen it', {}, 'it', true],
    ['stays where gates have seen another one', {}, 'another', false],
    ['stays where the release has it, but not as a hook', { labels }, 'another', false],
    ['goes where a hook of the release made it', { labels, annotations: { 'helm.sh/hook': 'test' } }, 'another', true],
  ])('%s', async (_what, metadata, seen, goes) => {
    const { uid = '' } = (await there(metadata)).metadata;
    const ended = await run({
      before,
      completes: true,
      ...(seen !== null && { seen: seen === 'it' ? uid : 'another' }),
    });
    const now = await cluster.get(KEY);
    expect(now?.metadata.uid === uid).toBe(!goes);
    expect(ended.error).toMatch(goes ? /^$/ : /one is there that no hook of the release made/);
  });

  const HOOK = { annotations: { 'helm.sh/hook': 'test' } };
  const as = (fieldManager: string, metadata: object): Promise<KubeObject> => there(metadata, fieldManager);

  test.each<[what: string, made: () => Promise<KubeObject>, isStored: boolean, goes: boolean]>([
    [
      'goes, of a record that nobody tells whether it ran, where we made it as a hook',
      () => as('helm-controller', HOOK),
      true,
      true,
    ],
    ['goes so where Helm did', () => as('helm', HOOK), true, true],
    ['stays where it is no hook', () => as('helm-controller', {}), true, false],
    ['stays where somebody else made it', () => as('kubectl', HOOK), true, false],
    ['stays where the record is new, and gates have not seen it', () => as('helm-controller', HOOK), false, false],
  ])('%s', async (_what, made, isStored, goes) => {
    const { uid = '' } = (await made()).metadata;
    const ended = await run({ before, completes: true, seen: 'another', isStored });
    expect((await cluster.get(KEY))?.metadata.uid === uid).toBe(!goes);
    expect(ended.phase).toBe(goes ? 'Succeeded' : 'Failed');
  });

  test('is not read before it goes where no rule is about the release', async () => {
    const { uid } = (await there()).metadata;
    const ended = await run({ before, completes: true, seen: 'another', isUngoverned: true });
    expect(ended.requests.slice(0, 3)).toEqual(['delete', 'get', 'create']);
    expect(ended.error).toBe('');
    expect((await cluster.get(KEY))?.metadata.uid).not.toBe(uid);
  });
});
