import type { ObjectDiff } from '@plumb/agent';
import type { HelmRelease, HelmReleaseStatus, KubeObject } from '@plumb/api';
import { MemoryCluster } from '@plumb/memory-cluster';
import { chartOf, type ChartFiles } from '@plumb/testkit';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { ReleaseDiff } from './diff-release.ts';
import { object, ReleaseBench, releaseOf, valuesSecret } from './testing/release-bench.ts';

const bench = new ReleaseBench();
afterAll(() => bench.engine.close());

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = new MemoryCluster();
  await cluster.create(object('Namespace', 'shop', {}, ''));
});

const map = (name: string, data = 'a: "{{ .Values.a }}"', annotations = ''): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}${annotations === '' ? '' : `, annotations: {${annotations}}`}}\ndata: {${data}}\n`;
const FILES: ChartFiles = { 'values.yaml': 'a: chart\n', 'templates/map.yaml': map('map') };
const hook = (name: string, events: string): string =>
  `apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: ${name}\n  annotations: {helm.sh/hook: "${events}", helm.sh/hook-weight: "3"}\nspec: {template: {spec: {containers: []}}}\n`;
const CRD = (text: string): string =>
  JSON.stringify({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'odds.example.com', annotations: { text } },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { kind: 'Odd', plural: 'odds' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  });

interface Given {
  files?: ChartFiles;
  release?: HelmRelease;
  given?: readonly KubeObject[];
}

async function diff({ files = FILES, release = releaseOf(), given = [] }: Given = {}): Promise<ReleaseDiff> {
  const declared = await bench.declare(chartOf(files), { release, cluster, given });
  return bench.diff(declared, cluster, await bench.room({ cluster }));
}

const named = (diffs: readonly ObjectDiff[]): string[] =>
  diffs.map(({ key, change, message }) => `${key.kind}/${key.name} ${change}${message === '' ? '' : `: ${message}`}`);

/** Brings a release into the cluster. @returns its status */
async function installed(
  { files = FILES, release = releaseOf(), given = [] }: Given = {},
  more: Parameters<ReleaseBench['install']>[2] = {},
): Promise<HelmReleaseStatus> {
  const built = await bench.build(chartOf(files), { release, cluster, given });
  return bench.install(cluster, built, more);
}

describe('a release that is not there', () => {
  test('would be installed, with its hooks, and nothing is written', async () => {
    const files = {
      ...FILES,
      'templates/hooks.yaml': [
        hook('before', 'pre-install,pre-upgrade'),
        hook('after', 'post-install'),
        hook('never', 'pre-delete'),
      ].join('---\n'),
    };
    cluster.clearRequests();
    const { outlook, objects, hooks, acts } = await diff({ files });
    expect(outlook).toEqual({ text: 'would install release shop/cart.v1 with chart web@1.2.3', details: [] });
    expect(named(objects)).toEqual(['ConfigMap/map created']);
    expect(hooks).toEqual([
      {
        event: 'pre-install',
        key: expect.objectContaining({ kind: 'Job', namespace: 'shop', name: 'before' }) as object,
        weight: 3,
      },
      { event: 'post-install', key: expect.objectContaining({ name: 'after' }) as object, weight: 3 },
    ]);
    expect(acts).toBe(true);
    const written = cluster.requests.filter(
      ({ verb, dryRun }) => !['get', 'list', 'discover'].includes(verb) && !dryRun,
    );
    expect(written).toEqual([]);
  });

  test('would run no hooks where they are left out, and its tests where they are on', async () => {
    const files = {
      ...FILES,
      'templates/hooks.yaml': [hook('before', 'pre-install'), hook('one', 'test'), hook('two', 'test')].join('---\n'),
    };
    const spec = { install: { disableHooks: true }, test: { enable: true, filters: [{ name: 'two' }] } };
    const { hooks } = await diff({ files, release: releaseOf(spec) });
    expect(hooks.map(({ event, key }) => `${event} ${key.name}`)).toEqual(['test two']);
  });

  test('brings its namespace, and its definitions', async () => {
    const spec = { targetNamespace: 'fresh', install: { createNamespace: true } };
    const files = {
      ...FILES,
      'crds/odd.yaml': CRD('a'),
      'templates/odd.yaml': 'apiVersion: example.com/v1\nkind: Odd\nmetadata: {name: odd}\n',
    };
    const { objects, outlook } = await diff({ files, release: releaseOf(spec) });
    expect(outlook.text).toBe('would install release fresh/fresh-cart.v1 with chart web@1.2.3');
    expect(named(objects)).toEqual([
      'CustomResourceDefinition/odds.example.com created',
      'Namespace/fresh created',
      'ConfigMap/map untried: its namespace comes with this change',
      'Odd/odd untried: its kind comes with this change',
    ]);
  });

  test('would fail without its namespace, and where others own what it has', async () => {
    expect(named((await diff({ release: releaseOf({ targetNamespace: 'nowhere' }) })).objects)).toEqual([
      expect.stringMatching(/^ConfigMap\/map failed: .*"nowhere" not found/),
    ]);
    await cluster.create(object('ConfigMap', 'map', { data: { a: 'theirs' } }));
    expect(named((await diff()).objects)).toEqual(['ConfigMap/map changed']);
    const careful = await diff({ release: releaseOf({ install: { disableTakeOwnership: true } }) });
    expect(named(careful.objects)).toEqual([
      expect.stringMatching(/^ConfigMap\/map failed: unable to continue with install: .*cannot be imported/),
    ]);
  });
});

describe('a release that is as declared', () => {
  test('would stay as it is', async () => {
    const status = await installed();
    const { outlook, objects, left, acts } = await diff({ release: releaseOf({}, { status }) });
    expect({ objects, left, acts }).toEqual({ objects: [], left: [], acts: false });
    expect(outlook.text).toBe('release shop/cart.v1 is as declared (drift detection: disabled)');
  });

  test('would be put right where others changed it, only if it is to be', async () => {
    const status = await installed();
    await cluster.apply(object('ConfigMap', 'map', { data: { a: 'theirs' } }), {
      fieldManager: 'kubectl',
      force: true,
    });
    const asItIs = await diff({ release: releaseOf({}, { status }) });
    expect([named(asItIs.objects), named(asItIs.left), asItIs.acts]).toEqual([[], ['ConfigMap/map changed'], false]);
    const driftDetection = { mode: 'enabled' };
    const put = await diff({ release: releaseOf({ driftDetection }, { status }) });
    expect([named(put.objects), named(put.left), put.acts]).toEqual([['ConfigMap/map changed'], [], true]);
    expect(put.outlook.text).toBe('would put right what others changed of release shop/cart.v1, which is as declared');
    const ignore = [{ paths: ['/data/a'] }];
    expect(
      (await diff({ release: releaseOf({ driftDetection: { ...driftDetection, ignore } }, { status }) })).acts,
    ).toBe(false);
  });

  test('though others made it, would be taken over', async () => {
    await installed();
    const { outlook, acts } = await diff();
    expect(outlook.text).toMatch(/^would take over release shop\/cart\.v1: .*made by others: taken over as it is$/);
    expect(acts).toBe(false);
  });

  test('but untested, would be tested', async () => {
    const files = { ...FILES, 'templates/hooks.yaml': hook('one', 'test') };
    const status = await installed({ files });
    const { outlook, hooks, acts } = await diff({ files, release: releaseOf({ test: { enable: true } }, { status }) });
    expect(outlook.text).toBe('would test release shop/cart.v1: release has not been tested');
    expect([hooks.map(({ event, key }) => `${event} ${key.name}`), acts]).toEqual([['test one'], true]);
  });
});

describe('a release that is not as declared', () => {
  test('would be upgraded: the fields, what is gone, what is new of its chart and its values', async () => {
    const before = {
      ...FILES,
      'templates/old.yaml': map('old'),
      'templates/kept.yaml': map('kept', 'a: b', 'helm.sh/resource-policy: keep'),
    };
    const status = await installed({ files: before });
    const files = {
      ...FILES,
      'Chart.yaml': 'apiVersion: v2\nname: web\nversion: 1.3.0\n',
      'templates/new.yaml': map('new'),
      'templates/hooks.yaml': hook('migrate', 'pre-upgrade'),
    };
    const release = releaseOf({ values: { a: 'new', more: { x: 1 } } }, { status });
    const { outlook, objects, hooks } = await diff({ files, release });
    expect(outlook).toEqual({
      text: 'would upgrade release shop/cart.v1 to v2 with chart web@1.3.0: release chart changed',
      details: ['chart: web@1.3.0, before web@1.2.3', 'values that differ: a, more'],
    });
    expect(named(objects)).toEqual(['ConfigMap/map changed', 'ConfigMap/new created', 'ConfigMap/old deleted']);
    expect(objects[0]?.fields).toEqual([{ path: 'data.a', before: 'chart', after: 'new' }]);
    expect(hooks.map(({ key }) => key.name)).toEqual(['migrate']);
  });

  test('would be upgraded though no object changes', async () => {
    const status = await installed();
    const { outlook, objects, acts } = await diff({ release: releaseOf({ values: { unused: 1 } }, { status }) });
    expect([outlook.text, outlook.details]).toEqual([
      'would upgrade release shop/cart.v1 to v2 with chart web@1.2.3: release config values changed',
      ['values that differ: unused'],
    ]);
    expect([objects, acts]).toEqual([[], true]);
  });

  test('names few of many values', async () => {
    const values = Object.fromEntries(Array.from({ length: 14 }, (_, index) => [`v${index + 10}`, index]));
    const status = await installed();
    const { outlook } = await diff({ release: releaseOf({ values }, { status }) });
    expect(outlook.details[0]).toMatch(/^values that differ: v10, .*, v19 and 4 more$/);
  });

  test('says so where it waits for others, and is suspended', async () => {
    const spec = {
      suspend: true,
      dependsOn: [{ name: 'db' }, { kind: 'Kustomization', name: 'infra', namespace: 'flux-system' }],
    };
    expect((await diff({ release: releaseOf(spec) })).outlook.details).toEqual([
      'it is suspended: nothing of this is done until it is resumed',
      'first waits for HelmRelease/shop/db',
      'first waits for Kustomization/flux-system/infra',
    ]);
  });

  test('keeps the values of before where it is to', async () => {
    const status = await installed({ release: releaseOf({ values: { a: 'old', b: 'old' } }) });
    const spec = { values: { b: 'new' }, upgrade: { preserveValues: true } };
    const { objects, outlook } = await diff({ release: releaseOf(spec, { status }) });
    expect([named(objects), outlook.details]).toEqual([[], ['values that differ: b']]);
  });
});

describe('definitions of a chart', () => {
  const before = { ...FILES, 'crds/odd.yaml': CRD('old') };
  const files = { ...FILES, 'crds/odd.yaml': CRD('new') };
  const upgrading = async (crds: string): Promise<ReleaseDiff> => {
    const status = await installed({ files: before });
    await cluster.create(JSON.parse(CRD('old')) as KubeObject);
    return diff({ files, release: releaseOf({ values: { a: 'x' }, upgrade: { crds } }, { status }) });
  };

  test('are replaced where they are to be', async () => {
    const { objects } = await upgrading('CreateReplace');
    expect(named(objects)).toEqual(['CustomResourceDefinition/odds.example.com changed', 'ConfigMap/map changed']);
  });

  test('stay as they are by default, and that is told', async () => {
    const { objects, notes } = await upgrading('Create');
    expect(named(objects)).toEqual(['ConfigMap/map changed']);
    expect(notes).toEqual([
      'CustomResourceDefinition/odds.example.com is not what the chart has, and stays as it is (spec.upgrade.crds: Create)',
    ]);
  });

  test('are left out where they are skipped', async () => {
    const { objects, notes } = await upgrading('Skip');
    expect([named(objects), notes]).toEqual([['ConfigMap/map changed'], []]);
  });
});

describe('a release that moves', () => {
  test('is uninstalled where it was, then installed', async () => {
    const files = {
      ...FILES,
      'templates/own.yaml': map('{{ .Release.Name }}-own'),
      'templates/hooks.yaml': hook('bye', 'pre-delete'),
    };
    const status = await installed({ files });
    const { outlook, objects, hooks } = await diff({
      files,
      release: releaseOf({ releaseName: 'basket' }, { status }),
    });
    expect(outlook.text).toBe(
      'would uninstall release shop/cart.v1: release name changed; then would install release shop/basket.v1 with chart web@1.2.3',
    );
    expect(named(objects)).toEqual([
      'ConfigMap/cart-own deleted',
      'ConfigMap/basket-own created',
      'ConfigMap/map recreated: the release it belongs to is uninstalled first',
    ]);
    expect(hooks.map(({ event, key }) => `${event} ${key.name}`)).toEqual(['pre-delete bye']);
  });
});

describe('a release that failed', () => {
  const failed = async (spec: object): Promise<{ spec: object; status: HelmReleaseStatus }> => {
    const first = await installed();
    const second = await installed(
      { release: releaseOf({ values: { a: 'broken' } }) },
      { version: 2, status: 'failed' },
    );
    const [newest] = second.history ?? [];
    const history = [...(newest === undefined ? [] : [newest]), ...(first.history ?? [])];
    const attempted = { lastAttemptedReleaseAction: 'upgrade', upgradeFailures: 1, failures: 1 } as const;
    return { spec: { values: { a: 'broken' }, ...spec }, status: { ...second, history, ...attempted } };
  };

  test('would be rolled back where retries are left', async () => {
    const { spec, status } = await failed({ upgrade: { remediation: { retries: 3 } } });
    const { outlook, objects } = await diff({ release: releaseOf(spec, { status }) });
    expect(outlook.text).toBe('would roll release shop/cart.v2 back to v1, as v3: upgrade failed');
    expect(objects.map(({ key, fields }) => [key.name, fields])).toEqual([
      ['map', [{ path: 'data.a', before: 'broken', after: 'chart' }]],
    ]);
  });

  test('would be uninstalled where that is the remedy', async () => {
    const { spec, status } = await failed({ upgrade: { remediation: { retries: 3, strategy: 'uninstall' } } });
    const { outlook, objects } = await diff({ release: releaseOf(spec, { status }) });
    expect(outlook.text).toBe('would uninstall release shop/cart.v2: upgrade failed');
    expect(named(objects)).toEqual(['ConfigMap/map deleted']);
  });

  test('and is given up, waits, and shows what the next try would bring', async () => {
    const { spec, status } = await failed({ values: { a: 'broken', b: 1 } });
    const lastDeployed = new Date().toISOString();
    const [newest, ...older] = status.history ?? [];
    const history = newest === undefined ? [] : [{ ...newest, lastDeployed }, ...older];
    const release = releaseOf(spec, { status: { ...status, history } });
    const { lastAttemptedConfigDigest: _any, ...rest } = release.status ?? {};
    const { outlook, objects, acts } = await diff({ release: { ...release, status: rest } });
    expect(outlook.text).toMatch(/^would wait .* before it tries again: Failed to upgrade after 1 attempt\(s\)$/);
    expect([named(objects), acts]).toEqual([[], false]);
  });

  test('in mid-action would be unlocked first', async () => {
    const status = await installed({}, { status: 'pending-install' });
    const { outlook } = await diff({ release: releaseOf({}, { status }) });
    expect(outlook.text).toBe(
      "would unlock release shop/cart.v1, unless somebody is at work on it: release with status 'pending-install', and whoever worked on it did not finish; then would upgrade release shop/cart.v1 to v2 with chart web@1.2.3: release conditions have changed since last failure",
    );
  });
});

test('nothing is shown of Secrets: of values, of what is there, and of what refuses', async () => {
  const files = {
    'templates/map.yaml': map('map', 'a: "{{ .Values.token | upper }}", b: "{{ .Values.plain }}"'),
    'templates/secret.yaml':
      'apiVersion: v1\nkind: Secret\nmetadata: {name: own}\nstringData: {a: "{{ .Values.token }}"}\n',
    'templates/lost.yaml':
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: lost, namespace: "{{ .Values.token }}"}\n',
  };
  const valuesFrom = [{ kind: 'Secret', name: 'values' }];
  const spec = { valuesFrom, values: { plain: 'seen' } };
  const old = { ...files, 'templates/lost.yaml': '' };
  const status = await installed({
    files: old,
    release: releaseOf(spec),
    given: [valuesSecret({ token: 'old-token' })],
  });
  const release = releaseOf({ ...spec, values: { plain: 'now' } }, { status });
  const { outlook, objects } = await diff({ files, release, given: [valuesSecret({ token: 'new-token' })] });
  expect(JSON.stringify({ outlook, objects })).not.toMatch(/old-token|new-token|OLD-TOKEN|NEW-TOKEN/);
  expect(JSON.stringify({ outlook, objects })).not.toContain(btoa('new-token'));
  expect(outlook.details).toEqual(['values that differ: plain, token']);
  expect(objects.find(({ key }) => key.name === 'map')?.fields).toEqual([
    { path: 'data.a', before: '*** (before)', after: '*** (after)' },
    { path: 'data.b', before: 'seen', after: 'now' },
  ]);
  expect(named(objects)).toContainEqual(expect.stringMatching(/^ConfigMap\/lost failed: /));
});

describe('nothing is shown of what is made of Secrets', () => {
  const files = { 'templates/map.yaml': map('map', 'a: "{{ .Values.token | upper }}", b: "{{ .Values.b }}"') };
  const spec = { valuesFrom: [{ kind: 'Secret', name: 'values' }], values: { b: 'one' } };
  const given = [valuesSecret({ token: 's3cr3t-token' })];
  const masked = { path: 'data.a', before: '*** (before)', after: '*** (after)' };

  test('of what others changed', async () => {
    const status = await installed({ files, release: releaseOf(spec), given });
    await cluster.apply(object('ConfigMap', 'map', { data: { a: 'theirs', b: 'two' } }), {
      fieldManager: 'x',
      force: true,
    });
    const { left } = await diff({ files, given, release: releaseOf(spec, { status }) });
    expect(left[0]?.fields).toEqual([masked, { path: 'data.b', before: 'two', after: 'one' }]);
  });

  test('of what a rollback would bring back', async () => {
    const first = await installed({ files, release: releaseOf(spec), given: [valuesSecret({ token: 'old-token' })] });
    const next = { ...spec, upgrade: { remediation: { retries: 3 } } };
    const second = await installed({ files, release: releaseOf(next), given }, { version: 2, status: 'failed' });
    const history = [...(second.history ?? []), ...(first.history ?? [])];
    const attempted = { lastAttemptedReleaseAction: 'upgrade', upgradeFailures: 1, failures: 1 } as const;
    const status = { ...second, history, ...attempted };
    const { outlook, objects } = await diff({ files, given, release: releaseOf(next, { status }) });
    expect(outlook.text).toMatch(/^would roll release/);
    expect(objects[0]?.fields).toEqual([masked]);
  });
});

test('a release that goes to another cluster is compared with none', async () => {
  const release = releaseOf({ kubeConfig: { secretRef: { name: 'other' } } });
  await expect(diff({ release })).rejects.toThrow(
    'HelmRelease shop/cart delivers to another cluster (spec.kubeConfig), and diff compares with the one it is given: put the HelmRelease without spec.kubeConfig into a file (--helmrelease-file)',
  );
});
