import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeObject } from '@plumb/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configMap, secret } from './support/manifests.ts';
import { Releases } from './support/releases.ts';

const MAIN = join(import.meta.dirname, '../packages/cli/src/main.ts');

const SETTINGS = `apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-settings}
data:
  colour: {{ .Values.colour }}
  token: {{ .Values.token | default "none" | sha256sum }}
`;
const hook = (name: string, events: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, annotations: {helm.sh/hook: "${events}"}}\n`;
const CHART = {
  'values.yaml': 'colour: green\n',
  'templates/settings.yaml': SETTINGS,
  'templates/old.yaml':
    '{{ if not .Values.lean }}\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-old}\n{{ end }}\n',
  'templates/secret.yaml':
    'apiVersion: v1\nkind: Secret\nmetadata: {name: {{ .Release.Name }}-token}\nstringData: {token: {{ .Values.token | default "none" | quote }}}\n',
  'templates/hook.yaml': hook('before-upgrade', 'pre-upgrade'),
};

let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start();
  await releases.chart('cart', CHART);
  await releases.release('cart');
  await releases.ready('cart');
});
afterAll(() => releases.close());

/** Runs the command line as a person would, in a clone, from outside of the cluster. */
function plumb(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = {
    PATH: process.env['PATH'],
    KUBECONFIG: releases.plane.kubeconfig,
    FLUX_SYSTEM_NAMESPACE: releases.world.namespace,
    SOURCE_CONTROLLER_LOCALHOST: releases.artifactHost,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { cwd: releases.world.repository.dir, env }, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err });
    });
  });
}

const OFFERED = /^note: the chart is what HelmChart\/.*\/cart offers: cart 1\.0\.0\n/;

/** Puts a HelmRelease `cart` into a file of the clone. */
async function file(spec: object, name = 'cart.yaml', unit = 'cart'): Promise<string> {
  const release = {
    apiVersion: 'helm.toolkit.fluxcd.io/v2',
    kind: 'HelmRelease',
    metadata: { name: unit, namespace: releases.world.namespace },
    spec: { interval: '10m', timeout: '30s', chartRef: { kind: 'HelmChart', name: 'cart' }, ...spec },
  };
  await writeFile(join(releases.world.repository.dir, name), JSON.stringify(release));
  return name;
}

async function records(): Promise<string[]> {
  const secrets = { group: '', version: 'v1', kind: 'Secret' };
  const { items } = await releases.world.cluster.list(secrets, { namespace: releases.world.namespace });
  return items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('sh.helm.release'));
}

describe('plumb diff helmrelease', () => {
  test('of what is released says so', async () => {
    const { namespace } = releases.world;
    const { code, out, err } = await plumb('diff', 'helmrelease', 'cart');
    expect({ code, out }).toEqual({ code: 0, out: '' });
    expect(err).toMatch(OFFERED);
    expect(err).toContain(
      `nothing would change: release ${namespace}/cart.v1 is as declared (drift detection: disabled)\n`,
    );
  });

  test('of other values names each field, what goes, and the hooks, hides secrets, and writes nothing', async () => {
    const { namespace, repository } = releases.world;
    await writeFile(
      join(repository.dir, 'values.yaml'),
      secret(namespace, 'more', { 'values.yaml': 'token: s3cr3t-token' }),
    );
    const unit = await file({ values: { colour: 'red', lean: true }, valuesFrom: [{ kind: 'Secret', name: 'more' }] });
    const before = await records();
    const { code, out, err } = await plumb('diff', 'helmrelease', '-f', unit, '--with', 'values.yaml');
    expect(out).toBe(
      [
        `would upgrade release ${namespace}/cart.v1 to v2 with chart cart@1.0.0: release config values changed`,
        '  values that differ: colour, lean, token',
        `~ ConfigMap/${namespace}/cart-settings`,
        '    data.colour',
        '      - green',
        '      + red',
        '    data.token',
        "      - '*** (before)'",
        "      + '*** (after)'",
        `~ Secret/${namespace}/cart-token`,
        '    data.token',
        "      - '*** (before)'",
        "      + '*** (after)'",
        `- ConfigMap/${namespace}/cart-old`,
        'hooks that would run',
        `  pre-upgrade: ConfigMap/${namespace}/before-upgrade`,
        '',
      ].join('\n'),
    );
    expect({ code, err: err.replace(OFFERED, '') }).toEqual({
      code: 1,
      err: '2 changed, 1 deleted, 1 hook would run\n',
    });
    expect(await records()).toEqual(before);
    expect((await releases.object('ConfigMap', 'cart-settings'))?.['data']).toMatchObject({ colour: 'green' });
    expect(await releases.object('ConfigMap', 'before-upgrade')).toBeNull();
  });

  test('foretells what the agent then does', async () => {
    const { namespace } = releases.world;
    const spec = { values: { colour: 'blue' } };
    const { out } = await plumb('diff', 'helmrelease', '-f', await file(spec));
    await releases.release('cart', spec);
    const { status } = await releases.ready('cart');
    expect(out).toContain(`would upgrade release ${namespace}/cart.v1 to v${status?.history?.[0]?.version} with chart`);
    expect(out).toContain('      - green\n      + blue\n');
    expect((await releases.object('ConfigMap', 'cart-settings'))?.['data']).toMatchObject({ colour: 'blue' });
    expect((await plumb('diff', 'helmrelease', 'cart')).code).toBe(0);
  });

  test('of what others changed says that it stays, or would be put right', async () => {
    const { world } = releases;
    const { namespace } = world;
    const key = { group: '', version: 'v1', kind: 'ConfigMap', namespace, name: 'cart-settings' };
    await world.cluster.patch(key, { data: { colour: 'theirs' } }, { type: 'merge', fieldManager: 'somebody' });
    const stays = await plumb('diff', 'helmrelease', 'cart');
    expect(stays).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^changed by others, and left as they are\n~ /) as string,
    });
    expect(stays.err).toContain('; 1 object that others changed would stay as it is\n');
    const unit = await file({ values: { colour: 'blue' }, driftDetection: { mode: 'enabled' } });
    const put = await plumb('diff', 'helmrelease', '-f', unit);
    expect(put).toMatchObject({ code: 1, out: expect.stringContaining('      - theirs\n      + blue\n') as string });
    await world.cluster.patch(key, { data: { colour: 'blue' } }, { type: 'merge', fieldManager: 'somebody' });
  });

  test('of another chart shows what its definitions and its new release bring', async () => {
    const { world } = releases;
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'previews.shop.example.com' },
      spec: {
        group: 'shop.example.com',
        scope: 'Namespaced',
        names: { kind: 'Preview', plural: 'previews', singular: 'preview', listKind: 'PreviewList' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    };
    const chart = 'apiVersion: v2\nname: basket\nversion: 2.0.0\n';
    await world.repository.commit({
      'charts/basket/Chart.yaml': chart,
      'charts/basket/crds/preview.yaml': JSON.stringify(definition),
      'charts/basket/templates/a.yaml': 'apiVersion: shop.example.com/v1\nkind: Preview\nmetadata: {name: one}\n',
      'charts/basket/templates/b.yaml': configMap('{{ .Release.Namespace }}', 'basket', { a: 'b' }),
    });
    const unit = await file(
      { targetNamespace: 'never-there', install: { createNamespace: true } },
      'basket.yaml',
      'basket',
    );
    const { code, out } = await plumb('diff', 'helmrelease', '-f', unit, '--chart-path', 'charts/basket');
    expect({ code, out }).toEqual({
      code: 1,
      out: [
        'would install release never-there/never-there-basket.v1 with chart basket@2.0.0',
        '+ CustomResourceDefinition/previews.shop.example.com',
        '+ Namespace/never-there',
        '? ConfigMap/never-there/basket not tried: its namespace comes with this change',
        '? Preview/never-there/one not tried: its kind comes with this change',
        '',
      ].join('\n'),
    });
  });

  test('exits with 2 for what the server refuses, and where it cannot tell', async () => {
    const { repository, namespace } = releases.world;
    await repository.commit({
      'charts/bad/Chart.yaml': 'apiVersion: v2\nname: bad\nversion: 0.1.0\n',
      'charts/bad/templates/a.yaml':
        'apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ports: [{port: -1}]}\n',
    });
    const unit = await file({}, 'bad.yaml', 'bad');
    const refused = await plumb('diff', 'helmrelease', '-f', unit, '--chart-path', 'charts/bad');
    expect(refused.code).toBe(2);
    expect(refused.out).toMatch(new RegExp(`^! Service/${namespace}/bad would fail: .*port`, 'm'));
    expect(await plumb('diff', 'helmrelease', 'nowhere')).toEqual({
      code: 2,
      out: '',
      err: `plumb: there is no HelmRelease ${namespace}/nowhere in the cluster\n`,
    });
    const away = await file({ kubeConfig: { secretRef: { name: 'other' } } });
    expect(await plumb('diff', 'helmrelease', '-f', away)).toMatchObject({
      code: 2,
      err: expect.stringContaining('delivers to another cluster (spec.kubeConfig)') as string,
    });
  });

  test('acts as the account of the release', async () => {
    const { namespace } = releases.world;
    const unit = await file({ serviceAccountName: 'nobody' });
    const { code, err } = await plumb('diff', 'helmrelease', '-f', unit);
    expect(code).toBe(2);
    expect(err).toMatch(
      new RegExp(`secrets is forbidden: User "system:serviceaccount:${namespace}:nobody" cannot list`),
    );
  });
});

test('plumb diff helmrelease --against compares with another revision, without a cluster', async () => {
  const { repository, namespace } = releases.world;
  const chart = (version: string): string => `apiVersion: v2\nname: shelf\nversion: ${version}\n`;
  const shelf = { sourceRef: { kind: 'GitRepository', name: 'shop' }, chart: 'charts/shelf' };
  const unit = await file(
    { chartRef: undefined, chart: { spec: shelf }, values: { colour: 'one' } },
    'shelf.yaml',
    'shelf',
  );
  await repository.commit({
    'charts/shelf/Chart.yaml': chart('1.0.0'),
    'charts/shelf/templates/a.yaml': SETTINGS,
    'charts/shelf/templates/b.yaml': hook('gone', 'post-install'),
  });
  await file({ chartRef: undefined, chart: { spec: shelf }, values: { colour: 'two' } }, 'shelf.yaml', 'shelf');
  const against = ['diff', 'helmrelease', '-f', unit, '--kubeconfig', '', '--against'];
  const changed = await plumb(...against, 'HEAD');
  expect(changed).toMatchObject({
    code: 1,
    out: `compared with HEAD\n  values that differ: colour\n~ ConfigMap/${namespace}/shelf-settings\n    data.colour\n      - one\n      + two\n`,
  });
  await repository.commit({ 'charts/shelf/Chart.yaml': chart('1.1.0'), 'charts/shelf/templates/b.yaml': null });
  const two = await plumb(...against, 'HEAD~1');
  expect(two.out).toContain('  chart: shelf@1.1.0, before shelf@1.0.0\n  values that differ: colour\n');
  expect(two.out).toContain(`- ConfigMap/${namespace}/gone (hook: post-install)\n`);
  expect(await plumb(...against, 'HEAD')).toMatchObject({ code: 0, out: '' });
  expect(await plumb(...against, 'never')).toMatchObject({
    code: 2,
    err: expect.stringContaining("'never'") as string,
  });
  const all = await plumb(...against, 'HEAD~2');
  expect(all).toMatchObject({ code: 1, out: `+ ConfigMap/${namespace}/shelf-settings\n` });
});

describe('plumb build helmrelease', () => {
  test('needs no cluster where chart and values are here, and none that is away', async () => {
    const { namespace } = releases.world;
    const unit = await file({ values: { colour: 'red' } }, 'shelf-again.yaml', 'shelf');
    const build = ['build', 'helmrelease', '-f', unit, '--chart-path', 'charts/shelf', '--kubeconfig'];
    const { code, out, err } = await plumb(...build, '');
    expect(code).toBe(0);
    expect(out).toContain(`kind: ConfigMap\nmetadata:\n  name: shelf-settings\n  namespace: ${namespace}\n`);
    expect(out).toContain('colour: red');
    expect(err).toBe('note: taken for granted: the cluster is Kubernetes v1.37.2 (--kube-version)\n');
    await writeFile(join(releases.world.repository.dir, 'away.json'), JSON.stringify(AWAY));
    expect(await plumb(...build, 'away.json')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(
        /cannot connect to 127\.0\.0\.1:1: .*; with --kubeconfig '' no cluster is asked/,
      ) as string,
    });
  });

  test('of a live release prints what the agent has applied', async () => {
    const { out, code } = await plumb('build', 'helmrelease', 'cart', '--no-hooks');
    expect(code).toBe(0);
    const live = (await releases.object('ConfigMap', 'cart-settings')) as KubeObject;
    for (const [label, value] of Object.entries(live.metadata.labels ?? {}))
      expect(out).toContain(`${label}: ${value}`);
    expect(out).toContain(`token: ${(live['data'] as { token: string }).token}`);
    expect(out).not.toContain('before-upgrade');
  });
});

const AWAY = {
  clusters: [{ name: 'away', cluster: { server: 'https://127.0.0.1:1' } }],
  contexts: [{ name: 'away', context: { cluster: 'away' } }],
  'current-context': 'away',
};

test('nothing else was wrong', async () => {
  expect(await releases.problems()).toEqual([]);
});
