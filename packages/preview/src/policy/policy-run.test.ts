import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clusterPolicy, configMap, kustomization, PolicyBench } from './testing/bench.ts';
import type { PolicyReport } from './policy-run.ts';

let bench: PolicyBench;
const env = { PATH: process.env['PATH'] ?? '' };
const git = (dir: string, args: readonly string[]): string =>
  execFileSync('git', args, { cwd: dir, env: { ...env, HOME: dir, GIT_CONFIG_GLOBAL: '/dev/null' }, stdio: 'pipe' })
    .toString()
    .trim();
beforeEach(() => (bench = new PolicyBench(git, env)));
afterEach(() => bench[Symbol.asyncDispose]());

const SMALL = clusterPolicy({
  checks: [
    { name: 'small', expression: "object.kind != 'ConfigMap' || object.data.size() < 3", message: 'has too much' },
  ],
});

/** Of each unit, its rules with what came of them. */
function told({ verdicts }: Pick<PolicyReport, 'verdicts'>): Record<string, Record<string, string>> {
  return Object.fromEntries(
    verdicts.map(({ unit, rules }) => [
      `${unit.kind}/${unit.name}`,
      Object.fromEntries(rules.map(({ rule, outcome }) => [rule, outcome])),
    ]),
  );
}

describe('a folder', () => {
  test('is judged unit by unit, as the agent would build them, with those that units bring', async () => {
    bench.write({
      'fleet/apps.yaml': kustomization('apps', {
        postBuild: { substituteFrom: [{ kind: 'ConfigMap', name: 'vars' }] },
      }),
      'fleet/vars.yaml': configMap('vars', { size: 'big' }, 'flux-system'),
      'root.yaml': kustomization('fleet'),
      'apps/map.yaml': configMap('map', { a: '${size}', b: '', c: '' }),
    });
    const report = await bench.judge([
      clusterPolicy({
        ...SMALL.spec,
        forbid: [{ name: 'big', pattern: 'a: big', message: 'is big' }],
      }),
    ]);
    expect(told(report)).toEqual({
      'Kustomization/fleet': { 'checks/small': 'passes', 'forbid/big': 'passes' },
      'Kustomization/apps': { 'checks/small': 'denied', 'forbid/big': 'denied' },
    });
    expect(report.verdicts[1]?.rules.map(({ places }) => places)).toEqual([
      [{ path: 'apps/map.yaml', message: 'ConfigMap/shop/map: has too much' }],
      [{ path: 'apps/map.yaml', message: 'ConfigMap/shop/map from apps/map.yaml, in line 3 of the object: is big' }],
    ]);
    expect(report).toMatchObject({ unjudged: [], failures: [], unchanged: 0 });
    expect(report.notes.at(-1)).toContain('every object is judged as a new one');
  });

  test('has as units what overlays make of bases, and not the bases', async () => {
    const base = { ...kustomization('web'), metadata: { name: 'web' } };
    bench.write({
      'root.yaml': kustomization('staging'),
      'base/web.yaml': base,
      'base/kustomization.yaml': 'resources: [web.yaml]',
      'staging/kustomization.yaml': 'namespace: shop\nresources: [../base]',
      'web/map.yaml': configMap('map', {}),
    });
    const { units, failures, unjudged } = await bench.read();
    expect([...units.keys()].toSorted()).toEqual(['Kustomization/flux-system/staging', 'Kustomization/shop/web']);
    expect([...failures, ...unjudged]).toEqual([]);
  });

  test('of two clusters is refused where both declare one unit', async () => {
    bench.write({
      'a/root.yaml': kustomization('x'),
      'b/root.yaml': kustomization('x'),
      'x/map.yaml': configMap('m', {}),
    });
    await expect(bench.read()).rejects.toThrow(
      'Kustomization/flux-system/x is declared by a/root.yaml and by b/root.yaml: name the folder of one cluster',
    );
    expect([...(await bench.read({ folder: 'b' })).units.keys()]).toEqual(['Kustomization/flux-system/x']);
  });

  test('without a unit is refused: nothing would be judged', async () => {
    bench.write({ 'map.yaml': configMap('map', {}), 'values.yaml': 'a: 1', 'chart/Chart.yaml': 'name: x' });
    bench.write({ 'chart/templates/x.yaml': '{{ broken' });
    await expect(bench.read()).rejects.toThrow('declares a Kustomization or HelmRelease of Flux');
  });

  test('says which units cannot be judged here, and which cannot be built', async () => {
    const secret = { postBuild: { substituteFrom: [{ kind: 'Secret', name: 'keys' }] } };
    const chart = { spec: { chart: 'redis', sourceRef: { kind: 'HelmRepository', name: 'charts' } } };
    bench.write({
      'units.yaml': [
        kustomization('apps', secret),
        kustomization('elsewhere'),
        kustomization('oci', { sourceRef: { kind: 'OCIRepository', name: 'oci' } }),
        kustomization('broken'),
        {
          apiVersion: 'helm.toolkit.fluxcd.io/v2',
          kind: 'HelmRelease',
          metadata: { name: 'redis', namespace: 'shop' },
          spec: { interval: '1m', chart },
        },
      ],
      'apps/map.yaml': configMap('map', {}),
      'broken/kustomization.yaml': 'resources: [missing.yaml]',
    });
    const report = await bench.judge([SMALL]);
    const why = Object.fromEntries(report.unjudged.map(({ unit, why }) => [unit.split('/').at(-1), why]));
    expect(why).toEqual({
      apps: 'it is made with Secret/flux-system/keys, which nothing here declares: give it in a file (--with)',
      elsewhere: "its folder './elsewhere' of GitRepository/flux-system/fleet is not in this repository",
      oci: 'its files come from OCIRepository/flux-system/oci, which is not looked at',
      redis: 'its chart comes from HelmRepository/shop/charts, which is not asked',
    });
    expect(report.failures).toEqual([
      { unit: 'Kustomization/flux-system/broken', why: expect.stringContaining('missing.yaml') as string },
    ]);
    expect(report.verdicts).toEqual([]);
  });

  test('renders releases of charts that are in it', async () => {
    const chart = { spec: { chart: './charts/cart', sourceRef: { kind: 'GitRepository', name: 'fleet' } } };
    bench.write({
      'cart.yaml': {
        apiVersion: 'helm.toolkit.fluxcd.io/v2',
        kind: 'HelmRelease',
        metadata: { name: 'cart', namespace: 'shop' },
        spec: { interval: '1m', chart, values: { items: 'abc' } },
      },
      'charts/cart/Chart.yaml': 'apiVersion: v2\nname: cart\nversion: 1.0.0',
      'charts/cart/templates/map.yaml':
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: items}\ndata: {a: {{ .Values.items }}, b: x, c: x}',
    });
    const report = await bench.judge([SMALL]);
    expect(told(report)).toEqual({ 'HelmRelease/cart': { 'checks/small': 'denied' } });
    expect(report.verdicts[0]?.rules[0]?.places[0]?.message).toBe('ConfigMap/shop/items: has too much');
  });

  test('shows no secret that a message would tell', async () => {
    const vars = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys', namespace: 'flux-system' } };
    bench.write({
      'units.yaml': kustomization('apps', { postBuild: { substituteFrom: [{ kind: 'Secret', name: 'keys' }] } }),
      'apps/map.yaml': configMap('map', { a: 'x-${key}' }),
    });
    const given = [{ ...vars, data: { key: btoa('s3cr3tvalue') } }];
    const check = { name: 'loud', expression: "object.data.a == ''", messageExpression: "'it is ' + object.data.a" };
    const head = await bench.read({ given });
    const report = await bench.judge([clusterPolicy({ checks: [check] })], null, { head });
    const text = JSON.stringify(report.verdicts);
    expect(text).toContain('it is ***');
    expect(text).not.toContain('s3cr3t');
  });
});

describe('compared with what was there before', () => {
  const files = {
    'units.yaml': [kustomization('apps'), kustomization('same')],
    'apps/map.yaml': configMap('map', { size: '1' }),
    'apps/claim.yaml': {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data', namespace: 'shop' },
    },
    'same/map.yaml': configMap('same', {}),
  };
  const GROWS = clusterPolicy({
    checks: [
      {
        name: 'slow',
        expression: 'oldObject == null || int(object.data.size) <= int(oldObject.data.size) + 1',
        messageExpression: "'grows from ' + oldObject.data.size + ' to ' + object.data.size",
      },
    ],
  });

  test('only what changes is judged, with what it was, and what goes needs an approval', async () => {
    const base = bench.commit(files);
    bench.write({ 'apps/map.yaml': configMap('map', { size: '9' }), 'apps/claim.yaml': null });
    const report = await bench.judge([GROWS], base);
    expect(report.unchanged).toBe(1);
    expect(report.verdicts).toHaveLength(1);
    expect(report.verdicts[0]).toMatchObject({
      unit: { name: 'apps' },
      counts: { create: 0, change: 1, delete: 1 },
      rules: [
        { rule: 'checks/slow', outcome: 'denied', message: 'ConfigMap/shop/map: grows from 1 to 9' },
        {
          policy: 'default-limits',
          outcome: 'waits',
          message: 'an approval by anybody of the deletion of PersistentVolumeClaim/shop/data',
        },
      ],
    });
  });

  test('an approval that is given is as one in the cluster', async () => {
    const base = bench.commit(files);
    bench.write({ 'apps/map.yaml': configMap('map', { size: '2' }), 'apps/claim.yaml': null });
    const approvals = clusterPolicy({ ...GROWS.spec, approvals: [{ name: 'one', count: 1, groups: ['sre'] }] });
    const by = (groups: string[]) => ({ approvedBy: [{ user: 'alice', groups }] });
    expect(told(await bench.judge([approvals], base))).toMatchObject({
      'Kustomization/apps': { 'approvals/one': 'waits', 'limits/0': 'waits' },
    });
    expect(told(await bench.judge([approvals], base, by(['shop'])))).toMatchObject({
      'Kustomization/apps': { 'approvals/one': 'waits', 'limits/0': 'passes' },
    });
    expect(told(await bench.judge([approvals], base, by(['sre'])))).toMatchObject({
      'Kustomization/apps': { 'approvals/one': 'passes', 'limits/0': 'passes' },
    });
  });

  test('a unit that is declared no more takes its objects along; one that cannot be built any more is not gone', async () => {
    const base = bench.commit(files);
    bench.write({ 'units.yaml': [kustomization('same')] });
    const gone = await bench.judge([], base);
    expect(gone.verdicts).toMatchObject([{ unit: { name: 'apps' }, cause: 'prune', counts: { delete: 2 } }]);
    bench.write({ 'units.yaml': files['units.yaml'], 'apps/kustomization.yaml': 'resources: [missing.yaml]' });
    const broken = await bench.judge([], base);
    expect(broken.verdicts).toEqual([]);
    expect(broken.failures).toMatchObject([{ unit: 'Kustomization/flux-system/apps' }]);
  });

  test('what cannot be judged here, and is declared as before, is not told of again', async () => {
    const away = kustomization('away', { sourceRef: { kind: 'OCIRepository', name: 'oci' } });
    const base = bench.commit({ ...files, 'away.yaml': away });
    expect((await bench.judge([], base)).unjudged).toEqual([]);
    bench.write({ 'away.yaml': { ...away, metadata: { ...away.metadata, labels: { a: 'b' } } } });
    expect((await bench.judge([], base)).unjudged).toMatchObject([{ unit: 'Kustomization/flux-system/away' }]);
  });

  test('of what could not be built before nobody knows what becomes of it', async () => {
    const base = bench.commit({ ...files, 'apps/kustomization.yaml': 'resources: [missing.yaml]' });
    bench.write({ 'apps/kustomization.yaml': 'resources: [map.yaml]' });
    const report = await bench.judge([], base);
    expect(report.verdicts).toEqual([]);
    expect(report.unjudged).toMatchObject([
      { why: expect.stringContaining('what it was before cannot be built') as string },
    ]);
  });
});

describe('what only a cluster knows', () => {
  const files = { 'units.yaml': kustomization('apps'), 'apps/map.yaml': configMap('map', {}) };
  const prod = clusterPolicy({
    select: { namespaceSelector: 'env=prod' },
    checks: [{ name: 'no', expression: 'false' }],
  });

  test('is told, and assumed neither way: labels of a namespace that nothing here declares', async () => {
    bench.write(files);
    const { verdicts } = await bench.judge([prod]);
    expect(verdicts[0]?.rules).toMatchObject([
      {
        outcome: 'unknown',
        message: expect.stringContaining('depends on the labels of namespace flux-system') as string,
      },
    ]);
  });

  test.each([
    ['prod', { 'Kustomization/apps': { 'checks/no': 'denied' } }],
    ['test', { 'Kustomization/apps': {} }],
  ])('is taken from what is declared here: a namespace of %s', async (env, expected) => {
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'flux-system', labels: { env } } };
    bench.write({ ...files, 'apps/namespace.yaml': namespace });
    expect(told(await bench.judge([prod]))).toEqual(expected);
  });
});
