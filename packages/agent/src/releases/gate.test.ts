import { keyId, type Change, type KubeObject, type ReleaseSnapshot } from '@plumb/api';
import type { Bundle } from '@plumb/render';
import { MemoryCluster } from '@plumb/testkit';
import { describe, expect, test } from 'vitest';
import type { GateRequest } from '../gates/gate-request.ts';
import { helmRelease } from '../testing/builders.ts';
import type { ActionContext } from './context.ts';
import { isWhatRuns, passReleaseGate, rollbackChange, type ReleaseChange } from './gate.ts';
import type { ReleaseRecord } from './record.ts';
import { contentOf, vouchFor } from './vouched.ts';

const EMPTY = { digest: 'b', objects: [] } as unknown as Bundle;

const definition = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: widgets.example.com
spec:
  group: example.com
`;
const pod = (image: string): string => `apiVersion: v1
kind: Pod
metadata:
  name: probe
spec:
  containers: [{ name: a, image: ${image} }]
`;

/** What gates are asked of a change of a release. */
async function asked(
  wanted: Partial<ReleaseChange['wanted']>,
  more: Partial<ReleaseChange> = {},
  objects: readonly KubeObject[] = [],
  {
    inForce = EMPTY,
    replacing = new Set<string>(),
    onHeed = () => undefined,
    isGoverned = true,
  }: {
    inForce?: Bundle;
    replacing?: Set<string>;
    onHeed?: (request: unknown) => void;
    isGoverned?: boolean;
  } = {},
): Promise<GateRequest> {
  const release = helmRelease({ spec: { targetNamespace: 'staging' } });
  const cluster = new MemoryCluster();
  for (const object of objects) await cluster.create(object);
  const requests: GateRequest[] = [];
  const keeper = {
    isOnGuard: () => Promise.resolve(true),
    governs: () => Promise.resolve(isGoverned),
    passLockdowns: (request: unknown) => Promise.resolve(onHeed(request)),
    pass: (request: GateRequest) => {
      requests.push(request);
      return Promise.resolve(null);
    },
  };
  const ref = { kind: 'HelmRelease', namespace: 'shop', name: 'cart' };
  const unit = { ref, bundle: inForce, replacing, remaking: new Map() };
  const context = { gates: { keeper }, release, cluster, unit, secrets: [], parallel: 2 };
  const change: ReleaseChange = {
    cause: 'routine',
    wanted: { bundle: EMPTY, hooks: [], crds: [], ...wanted },
    owned: [],
    hooks: { running: [], recorded: [] },
    ...more,
  };
  await passReleaseGate(change, context as unknown as ActionContext);
  expect(requests).toHaveLength(1);
  return requests[0] as GateRequest;
}

test('definitions that a chart brings are a change, though nothing else of it is another', async () => {
  const request = await asked({ crds: [{ path: 'crds/widgets.yaml', text: definition }] });
  expect(request.objects).toMatchObject([
    { key: { kind: 'CustomResourceDefinition', name: 'widgets.example.com', namespace: '' }, action: 'change' },
  ]);
  expect(await request.contents()).toMatchObject([
    { path: 'crds/widgets.yaml', body: { metadata: { name: 'widgets.example.com' }, spec: { group: 'example.com' } } },
  ]);
  expect(request.cause).toBe('routine');
});

test('what tests run is judged with the release, whether they run by now or not', async () => {
  const hooks = [{ path: 'templates/test.yaml', manifest: pod('evil.example/a'), events: ['test'] as const }];
  const request = await asked({ hooks } as unknown as Partial<ReleaseChange['wanted']>);
  expect(request.objects).toMatchObject([{ key: { kind: 'Pod', name: 'probe' }, action: 'create' }]);
  expect(await request.contents()).toMatchObject([{ path: 'templates/test.yaml' }]);
});

test('a change that leaves every object as it is writes a record, and heeds lockdowns', async () => {
  const heeded: unknown[] = [];
  await asked({}, {}, [], { onHeed: (request) => heeded.push(request) });
  expect(heeded).toMatchObject([{ cause: 'routine', objects: [] }]);
  await asked({ crds: [{ path: 'crds/widgets.yaml', text: definition }] }, {}, [], {
    onHeed: (request) => heeded.push(request),
  });
  expect(heeded).toHaveLength(1);
});

describe('brought back', () => {
  const record: ReleaseRecord = { name: 'cart', namespace: 'shop', version: 1, info: { status: 'superseded' } };
  const other = { ...record, manifest: 'kind: Pod' };
  const causeWhere = async (known: ReleaseRecord | null, governs: boolean): Promise<unknown[]> => {
    const unit = { vouched: new Map<string, string>() };
    if (known !== null) vouchFor(unit, known, contentOf(known));
    const keeper = { governs: () => Promise.resolve(governs) };
    const context = { unit, gates: { keeper }, release: helmRelease(), cluster: new MemoryCluster() };
    const change = await rollbackChange(
      { record, from: record },
      { owned: [], hooks: { running: [], recorded: [] } },
      context as unknown as ActionContext,
    );
    return [change.cause, change.isDeclared];
  };

  test.each<[string, ReleaseRecord | null, boolean, string]>([
    ['to what came through the gates is one', record, true, 'rollback'],
    ['to anything, where no policy governs the release, is one', other, false, 'rollback'],
    ['to what others edited is judged as any change', other, true, 'routine'],
    ['to what others made is judged as any change', { ...record, version: 2 }, true, 'routine'],
    ['to anything, where nothing is known of the release, is one', null, true, 'rollback'],
  ])('a rollback %s', async (_what, known, governs, cause) => {
    expect(await causeWhere(known, governs)).toEqual([cause, false]);
  });
});

describe('a change whose end was not written', () => {
  const change = { spec: { cause: 'routine', revision: '2.0.0' }, status: { decidedAt: '2026-01-01T00:00:00Z' } };
  const runs = { chartVersion: '2.0.0', action: 'upgrade', lastDeployed: '2026-01-01T00:00:00Z' };

  test.each<[string, object, object | null, boolean]>([
    ['is what was deployed since it passed', {}, runs, true],
    ['is not what was deployed before', {}, { ...runs, lastDeployed: '2025-12-31T23:59:59Z' }, false],
    ['is not another version', {}, { ...runs, chartVersion: '1.0.0' }, false],
    ['is not what was rolled back to', {}, { ...runs, action: 'rollback' }, false],
    ['is what was rolled back to where it says so', { cause: 'rollback' }, { ...runs, action: 'rollback' }, true],
    ['is not what runs where nothing does', {}, null, false],
    ['is done where nothing has drifted any more', { cause: 'drift' }, null, true],
  ])('%s', (_what, spec, now, expected) => {
    const told = { ...change, spec: { ...change.spec, ...spec } } as unknown as Change;
    expect(isWhatRuns(told, now as ReleaseSnapshot | null)).toBe(expected);
  });

  test('is not what runs when it never passed', () => {
    expect(isWhatRuns({ ...change, status: {} } as unknown as Change, runs as ReleaseSnapshot)).toBe(false);
  });
});

const namespace = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

test('the namespace that is made for it is part of it, where it is not there', async () => {
  const first = await asked({}, { makesNamespace: true });
  const key = { group: '', version: 'v1', kind: 'Namespace', namespace: '', name: 'staging' };
  expect(first.objects).toEqual([{ key, action: 'create' }]);
  expect(await first.contents()).toMatchObject([{ key, body: { metadata: { name: 'staging' } } }]);
  const second = await asked({}, { makesNamespace: true }, [namespace('staging')]);
  expect(second.objects).toEqual([]);
  expect(second.bundleDigest).toBe(first.bundleDigest);
  expect((await asked({}, {})).bundleDigest).not.toBe(first.bundleDigest);
});

test('what asks to stay is not deleted when its release goes, and is no deletion', async () => {
  const named = (name: string, policy?: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'staging', ...(policy && { annotations: { 'helm.sh/resource-policy': policy } }) },
  });
  const owned = ['stays', 'goes', 'gone'].map((name) => ({
    group: '',
    version: 'v1',
    kind: 'ConfigMap',
    namespace: 'staging',
    name,
  }));
  const there = [namespace('staging'), named('stays', 'keep'), named('goes')];
  const request = await asked({}, { cause: 'prune', wanted: null, owned }, there);
  expect(request.objects.map(({ key, action }) => `${action} ${key.name}`)).toEqual(['delete goes', 'delete gone']);
  expect(request.leaving.join(' ')).not.toContain('stays');
});

describe('what a hook takes the place of', () => {
  const OWNED = { 'helm.toolkit.fluxcd.io/name': 'cart', 'helm.toolkit.fluxcd.io/namespace': 'shop' };
  const HOOK = { 'helm.sh/hook': 'pre-upgrade' };
  const live = (kind: string, metadata: object = {}): KubeObject => ({
    apiVersion: kind === 'Job' ? 'batch/v1' : 'v1',
    kind,
    metadata: { name: 'data', namespace: 'staging', ...metadata },
  });
  const hook = (kind: string, more: object = {}): object => ({
    path: 'templates/hook.yaml',
    kind,
    manifest: `apiVersion: ${kind === 'Job' ? 'batch/v1' : 'v1'}\nkind: ${kind}\nmetadata:\n  name: data\n`,
    events: ['pre-upgrade'],
    deletePolicies: [],
    ...more,
  });
  const running = ['pre-upgrade', 'post-upgrade'] as const;

  interface Told {
    fates: string[];
    remade?: string[];
  }

  test.each<[what: string, hook: object, there: KubeObject, told: Told]>([
    [
      'is deleted, where somebody else made it',
      hook('PersistentVolumeClaim'),
      live('PersistentVolumeClaim'),
      { fates: ['create', 'delete'] },
    ],
    [
      'is deleted, where the release has it, but not as a hook',
      hook('ConfigMap', { deletePolicies: ['hook-failed'] }),
      live('ConfigMap', { labels: OWNED }),
      { fates: ['create', 'delete'] },
    ],
    [
      'comes back, where a hook of the release made it',
      hook('Job'),
      live('Job', { labels: OWNED, annotations: HOOK }),
      { fates: ['create'], remade: ['data'] },
    ],
    [
      'stays, where the hook deletes nothing before',
      hook('Job', { deletePolicies: ['hook-succeeded'] }),
      live('Job'),
      { fates: ['create'] },
    ],
    ['stays, where the hook does not run', hook('Job', { events: ['pre-delete'] }), live('Job'), { fates: ['create'] }],
  ])('%s', async (_what, one, there, { fates, remade = [] }) => {
    const wanted = { hooks: [one] } as unknown as Partial<ReleaseChange['wanted']>;
    const request = await asked(wanted, { hooks: { running, recorded: [] } }, [namespace('staging'), there]);
    expect(request.objects.map(({ action }) => action)).toEqual(fates);
    expect(request.remade.map(({ name }) => name)).toEqual(remade);
    expect(request.leaving).toHaveLength(fates.length - 1);
  });

  test.each([
    ['Job', ['create']],
    ['PersistentVolumeClaim', ['create', 'delete']],
  ])(
    'is no matter of gates where no rule is about the release, unless all limits protect it: %s',
    async (kind, fates) => {
      const wanted = { hooks: [hook(kind)] } as unknown as Partial<ReleaseChange['wanted']>;
      const there = [namespace('staging'), live(kind)];
      const hooks = { running, recorded: [] };
      const request = await asked(wanted, { hooks }, there, { isGoverned: false });
      expect(request.objects.map(({ action }) => action)).toEqual(fates);
    },
  );

  test('is deleted by hooks of an uninstall too', async () => {
    const recorded = [
      {
        kind: 'ConfigMap',
        manifest: 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: data\n',
        events: ['pre-delete'],
        last_run: { phase: '' as const },
      },
    ];
    const change = { cause: 'prune', wanted: null, hooks: { running: ['pre-delete'], recorded } } as const;
    const request = await asked({}, change, [namespace('staging'), live('ConfigMap')]);
    expect(request.objects.map(({ action }) => action)).toEqual(['create', 'delete']);
    expect(await request.contents()).toMatchObject([{ key: { name: 'data' } }]);
  });
});

describe('what is guarded', () => {
  const kept = { key: { group: '', version: 'v1', kind: 'PersistentVolumeClaim', namespace: 'staging', name: 'data' } };
  const bundle = { digest: 'b', objects: [{ ...kept, digest: 'd', origin: { path: 'a.yaml' } }] } as unknown as Bundle;

  test('is all that is declared, though nothing of it is another', async () => {
    const request = await asked({ bundle }, { owned: [kept.key] }, [namespace('staging')], { inForce: bundle });
    expect(request.objects).toEqual([]);
    expect(request.declared).toEqual([kept.key]);
  });

  test('and turned out to be changed only by deleting it is asked for, whatever else is changed', async () => {
    const replacing = new Set([keyId(kept.key)]);
    const request = await asked({ bundle }, { owned: [kept.key] }, [namespace('staging')], {
      inForce: bundle,
      replacing,
    });
    expect(request.objects.map(({ action }) => action)).toEqual(['change', 'delete']);
    expect(request.leaving).toEqual([`replaces ${keyId(kept.key)}`]);
  });
});
