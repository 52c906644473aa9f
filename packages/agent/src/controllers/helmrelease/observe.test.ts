import type { KubeObject, ObjectKey, Source } from '@plumb/api';
import { keyId } from '@plumb/api';
import { DEFAULT_RULES } from '@plumb/core';
import { describe, expect, test } from 'vitest';
import { Job } from '../../releases/job.ts';
import type { TaskEnd } from '../../releases/task.ts';
import type { StoredEntry } from '../../releases/stored-releases.ts';
import type { FluxObjects } from '../../runtime/flux-objects.ts';
import { AT, chartSource, helmRelease, kustomization, snapshot } from '../../testing/builders.ts';
import { SETTINGS } from '../../testing/seen.ts';
import { reconciledAt, WANTED } from '../../testing/seen-release.ts';
import { inputsOf } from './decide.ts';
import { ReleaseMemory } from './memory.ts';
import { dependencyVersion, findDependency, observeRelease, type Eyes } from './observe.ts';

const ID = 'shop/cart';
const KEY: ObjectKey = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'settings' };

function objectsOf(...objects: object[]): FluxObjects {
  const all = objects as KubeObject[];
  const find = (id: string) => all.find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === id);
  return { get: find, version: (id: string) => find(id)?.metadata.resourceVersion ?? '' } as unknown as FluxObjects;
}

const entry = (version: number, status = 'deployed'): StoredEntry => ({
  version,
  status,
  resourceVersion: '1',
  isOurs: true,
  writtenAt: AT,
});

function eyes(parts: Partial<Eyes> & { object?: object | null; source?: Source; entries?: StoredEntry[] } = {}): Eyes {
  const { object = helmRelease(), source, entries, ...rest } = parts;
  const storage = { entries: () => entries } as unknown as Eyes['storage'];
  return {
    helmReleases: object === null ? objectsOf() : objectsOf(object),
    kustomizations: objectsOf(kustomization()),
    sources: { get: () => source, access: () => ({ availability: 'listed', trouble: null }) },
    configs: { versionOf: () => undefined },
    storage,
    now: AT,
    random: 0.5,
    settings: { ...SETTINGS, jitterPercent: 0 },
    ...rest,
  };
}

const memory = (): ReleaseMemory => new ReleaseMemory({ kind: 'HelmRelease', namespace: 'shop', name: 'cart' }, 'h1');

test('an object that is gone has nothing to be done with', () => {
  expect(observeRelease(ID, memory(), eyes({ object: null }))).toMatchObject({
    object: undefined,
    source: undefined,
    inputs: '',
    drifted: 0,
    isStorageNews: false,
    changed: false,
  });
});

test('what is known of a release is handed on', () => {
  const known = memory();
  known.reconciled = reconciledAt(AT - 5);
  known.unit.awaitingSince = 3;
  known.unit.answering = 'token';
  known.unit.driftFailed = { count: 1, retryAt: 9 };
  const source = chartSource();
  const seen = observeRelease(ID, known, eyes({ source }));
  expect(seen).toMatchObject({
    source,
    inputs: inputsOf(helmRelease(), source, []),
    reconciled: { at: AT - 5 },
    awaiting: true,
    answering: 'token',
    driftRetryAt: 9,
    underway: null,
    isBusy: false,
    interval: 600_000,
  });
});

test('the interval is spread by as much as is asked for, and by the same for a release', () => {
  const known = memory();
  const settings = { ...SETTINGS, jitterPercent: 10 };
  const first = observeRelease(ID, known, eyes({ settings, random: 1 })).interval;
  expect(first).toBe(660_000);
  expect(observeRelease(ID, known, eyes({ settings, random: 0 })).interval).toBe(first);
});

test('only what is watched of what it refers to counts among the inputs', () => {
  const object = helmRelease({
    spec: {
      valuesFrom: [
        { kind: 'Secret', name: 'passwords' },
        { kind: 'ConfigMap', name: 'settings' },
      ],
      kubeConfig: { secretRef: { name: 'prod' } },
    },
  });
  const versionOf: Eyes['configs']['versionOf'] = ({ kind, name }) => (kind === 'Secret' ? `${name} 7` : undefined);
  const { inputs } = observeRelease(ID, memory(), eyes({ object, configs: { versionOf } }));
  expect(inputs.split('\n').slice(1)).toEqual(['Secret/shop/passwords passwords 7', 'Secret/shop/prod prod 7']);
});

describe('an action', () => {
  test('that waits is under way, one that ended is not', async () => {
    const known = memory();
    const { promise, resolve } = Promise.withResolvers<TaskEnd>();
    known.job = new Job(() => promise);
    known.underway = { inputs: 'then', done: [], startedAt: 0 } as unknown as NonNullable<ReleaseMemory['underway']>;
    expect(observeRelease(ID, known, eyes())).toMatchObject({ isBusy: true, underway: 'then' });
    resolve({} as TaskEnd);
    await known.job.ended;
    expect(observeRelease(ID, known, eyes())).toMatchObject({ isBusy: false, underway: 'then' });
  });
});

describe('drift', () => {
  const drifting = (mode: 'enabled' | 'warn' | 'disabled') =>
    observeRelease(ID, withObject(), eyes({ object: helmRelease({ spec: { driftDetection: { mode } } }) })).drifted;

  /** One object of the release was changed, and another is not known to be as it was applied. */
  function withObject(): ReleaseMemory {
    const known = memory();
    const other = { ...KEY, name: 'unknown' };
    const objects = [KEY, other].map((key) => ({ key, rules: DEFAULT_RULES }));
    known.unit.bundle = { objects } as unknown as NonNullable<ReleaseMemory['unit']['bundle']>;
    const applied = { desiredDigest: 'd', ownedHash: 'o', uid: 'x', resourceVersion: '1' };
    known.unit.applied.set(keyId(KEY), applied);
    known.unit.drifted.set(keyId(KEY), 'unread');
    return known;
  }

  test.each([
    ['enabled', 2],
    ['warn', 2],
    ['disabled', 0],
  ] as const)('is looked for where that is asked: %s', (mode, count) => {
    expect(drifting(mode)).toBe(count);
  });

  test('is looked for where an annotation asks', () => {
    const object = helmRelease({ metadata: { annotations: { 'plumb.dev/drift': 'warn' } } });
    expect(observeRelease(ID, withObject(), eyes({ object })).drifted).toBe(2);
  });
});

describe('a record in storage', () => {
  const looked = (mark: string): ReleaseMemory => {
    const known = memory();
    known.known = { last: null, snapshot: null, content: null, mark };
    known.reconciled = { inputs: '', wanted: WANTED, at: 0 };
    return known;
  };

  test.each<[string, ReleaseMemory, StoredEntry[] | undefined, boolean]>([
    ['that was never looked at', memory(), [entry(1)], false],
    ['of which nobody knows', looked('1 deployed 1'), undefined, false],
    ['as it was', looked('2 deployed 1'), [entry(2), entry(1, 'superseded')], false],
    ['that is new', looked('1 deployed 1'), [entry(2), entry(1, 'superseded')], true],
    ['that changed', looked('1 deployed 1'), [entry(1, 'uninstalling')], true],
    ['that was changed in place', looked('1 deployed 0'), [entry(1)], true],
    ['that is gone', looked('1 deployed 1'), [], true],
    ['that never was', looked(''), [], false],
  ])('%s', (_name, known, entries, isNews) => {
    const { isStorageNews } = observeRelease(ID, known, eyes(entries === undefined ? {} : { entries }));
    expect(isStorageNews).toBe(isNews);
  });

  test('of another cluster is nobody to be told of', () => {
    const object = helmRelease({ spec: { kubeConfig: { secretRef: { name: 'prod' } } } });
    expect(observeRelease(ID, looked('1 deployed 1'), eyes({ object, entries: [entry(2)] })).isStorageNews).toBe(false);
  });

  test('is where the release was while it moves away', () => {
    const asked: string[] = [];
    const storage = {
      entries: (namespace: string, name: string) => {
        asked.push(`${namespace}/${name}`);
        return [];
      },
    } as unknown as Eyes['storage'];
    const status = { history: [snapshot(1, { name: 'old' })], storageNamespace: 'records' };
    const object = helmRelease({ spec: { releaseName: 'new' }, status });
    const known = looked('');
    known.reconciled = { inputs: '', wanted: { ...WANTED, releaseName: 'new' }, at: 0 };
    observeRelease(ID, known, eyes({ object, storage }));
    observeRelease(ID, looked(''), eyes({ object: helmRelease({ spec: { storageNamespace: 'helm' } }), storage }));
    expect(asked).toEqual(['records/old', 'helm/cart']);
  });
});

test('what changed is of interest once the retries are spent', () => {
  const known = memory();
  known.changed = true;
  expect(observeRelease(ID, known, eyes()).changed).toBe(false);
  known.isExhausted = true;
  expect(observeRelease(ID, known, eyes()).changed).toBe(true);
});

test('dependencies are found among both kinds of units', () => {
  const dependables = { kustomizations: objectsOf(kustomization()), helmReleases: objectsOf(helmRelease()) };
  expect(findDependency('shop/apps', dependables)).toMatchObject({ kind: 'Kustomization' });
  expect(findDependency('HelmRelease/shop/cart', dependables)).toMatchObject({ kind: 'HelmRelease' });
  expect(findDependency('shop/cart', dependables)).toBeUndefined();
  expect(dependencyVersion('HelmRelease/shop/cart', dependables)).toBe('1');
  expect(dependencyVersion('HelmRelease/shop/apps', dependables)).toBe('');
});
