import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { configMap, deployment, namespace, secret } from './support/manifests.ts';
import { configMapKey, World } from './support/world.ts';

const MAIN = join(import.meta.dirname, '../packages/cli/src/main.ts');

let world: World;
beforeAll(async () => {
  world = await World.start();
  const { target } = world;
  const commit = await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'green' }),
    'apps/secret.yaml': secret(target, 'token', { token: 's3cr3t' }),
    'apps/web.yaml': deployment(target, 'web', { replicas: 0 }),
    'apps/old.yaml': configMap(target, 'old', {}),
  });
  await world.gitRepository();
  await world.kustomization('apps');
  await world.applied('apps', `main@sha1:${commit}`);
});
afterAll(() => world.close());

/** Runs the command line as a person would, in the clone. */
function plumb(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = { PATH: process.env['PATH'], KUBECONFIG: inject('kubeconfig'), FLUX_SYSTEM_NAMESPACE: world.namespace };
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { cwd: world.repository.dir, env }, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err });
    });
  });
}

/** The source of the units, as a file may have it. */
function gitRepository(spec: object): string {
  const metadata = { name: 'shop', namespace: world.namespace };
  const filled = { url: 'https://git.example/shop', interval: '10m', ...spec };
  return JSON.stringify({ apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'GitRepository', metadata, spec: filled });
}

/** Changes a file in the clone, without a commit. */
function change(path: string, content: string | null): Promise<void> {
  const file = join(world.repository.dir, path);
  return content === null ? rm(file) : writeFile(file, content);
}

describe('plumb diff kustomization', () => {
  test('of what is applied says so', async () => {
    expect(await plumb('diff', 'kustomization', 'apps')).toEqual({ code: 0, out: '', err: 'nothing would change\n' });
  });

  test('of what was changed on disk names each field, hides secrets, and writes nothing', async () => {
    const { target } = world;
    await change('apps/settings.yaml', configMap(target, 'settings', { colour: 'blue' }));
    await change('apps/secret.yaml', secret(target, 'token', { token: 'n3w' }));
    await change('apps/new.yaml', configMap(target, 'new', {}));
    await change('apps/old.yaml', null);
    const { code, out, err } = await plumb('diff', 'kustomization', 'apps');
    expect(out).toBe(
      [
        `+ ConfigMap/${target}/new`,
        `~ ConfigMap/${target}/settings`,
        '    data.colour',
        '      - green',
        '      + blue',
        `~ Secret/${target}/token`,
        '    data.token',
        "      - '*** (before)'",
        "      + '*** (after)'",
        `- ConfigMap/${target}/old`,
        '',
      ].join('\n'),
    );
    expect({ code, err }).toEqual({ code: 1, err: '1 created, 2 changed, 1 deleted\n' });
    expect((await world.get(configMapKey(target, 'settings')))?.['data']).toEqual({ colour: 'green' });
    expect(await world.get(configMapKey(target, 'new'))).toBeNull();
  });

  test('of another revision reads that one', async () => {
    expect(await plumb('diff', 'kustomization', 'apps', '--revision', 'HEAD')).toMatchObject({ code: 0 });
  });

  test('carries the change out in memory where it is asked to', async () => {
    const { code, out } = await plumb('diff', 'kustomization', 'apps', '--rehearse');
    expect(out).toContain(
      `pruned\n  ConfigMap/${world.target}/old deleted\nnothing stands in its way, where gates let it pass\n`,
    );
    expect(out).toMatch(new RegExp(`stage 1: definitions.*\n {2}Namespace/${world.target} unchanged\nstage 2`));
    expect(code).toBe(1);
  });

  test('of what the server refuses exits with more than 1, and says why', async () => {
    await change(
      'apps/bad.yaml',
      `apiVersion: v1\nkind: Service\nmetadata: { name: bad, namespace: ${world.target} }\nspec: { ports: [{ port: -1 }] }\n`,
    );
    const { code, out } = await plumb('diff', 'kustomization', 'apps');
    expect(out).toMatch(/^! Service\/.*\/bad would fail: .*port/m);
    expect(code).toBe(2);
    await change('apps/bad.yaml', 'broken: [');
    expect(await plumb('diff', 'kustomization', 'apps')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^plumb: apps\/bad\.yaml:\d+: bad YAML: /) as string,
    });
    await change('apps/bad.yaml', null);
  });

  test('of a unit that is not there says so', async () => {
    const { code, err } = await plumb('diff', 'kustomization', 'nowhere');
    expect({ code, err }).toEqual({
      code: 2,
      err: `plumb: there is no Kustomization ${world.namespace}/nowhere in the cluster\n`,
    });
  });
});

describe('plumb diff kustomization of a file', () => {
  const unitOf = (spec: object): string =>
    JSON.stringify({
      apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
      kind: 'Kustomization',
      metadata: { name: 'apps' },
      spec: {
        interval: '10m',
        prune: true,
        path: './apps',
        sourceRef: { kind: 'GitRepository', name: 'shop' },
        ...spec,
      },
    });
  const diff = ['diff', 'kustomization', '--kustomization-file', 'unit.yaml', '--with', 'vars.yaml'];

  test('shows nothing of a Secret that the server refuses, in any of its words', async () => {
    await change('unit.yaml', unitOf({ postBuild: { substituteFrom: [{ kind: 'Secret', name: 'vars' }] } }));
    await change('vars.yaml', secret(world.namespace, 'vars', { number: '48151623', token: 's3cr3t-v', short: '0xY' }));
    const service = (name: string, spec: string): string =>
      `apiVersion: v1\nkind: Service\nmetadata: { name: "${name}", namespace: ${world.target} }\nspec: ${spec}\n`;
    await change(
      'apps/bad.yaml',
      [
        service('a', '{ ports: [{ port: "${number}" }] }'),
        service('b', '{ type: "${token^^}", ports: [{ port: 80 }] }'),
        service('c', '{ ports: [{ port: "${token:0:6}" }] }'),
        service('d', '{ ports: [{ port: 80, name: "u-${short}" }] }'),
        service('e', '{ externalName: "${short}!", type: ExternalName }'),
        service('f', '{ ports: [{ port: 80 }], "${token}": x }'),
        service('g-${short}', '{ ports: [{ port: 80 }] }'),
      ].join('---\n'),
    );
    const { code, out } = await plumb(...diff);
    expect(code).toBe(2);
    expect(out.match(/^! Service\/.* would fail: /gm)).toHaveLength(7);
    expect(out).not.toMatch(/48151623|s3cr3t|0xy/i);
    await change('apps/bad.yaml', null);
  });

  test('tells what its account may not read to delete it, beside all else, and exits with 2', async () => {
    const { target, namespace: home } = world;
    const RBAC = 'rbac.authorization.k8s.io';
    const metadata = { name: 'reader', namespace: target };
    const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'create', 'patch'] }];
    await world.apply({ apiVersion: `${RBAC}/v1`, kind: 'Role', metadata, rules });
    const roleRef = { apiGroup: RBAC, kind: 'Role', name: 'reader' };
    const subjects = [{ kind: 'ServiceAccount', name: 'reader', namespace: home }];
    await world.apply({ apiVersion: `${RBAC}/v1`, kind: 'RoleBinding', metadata, roleRef, subjects });
    const entries = [{ id: `${target}_token__Secret`, v: 'v1' }];
    const unit = JSON.parse(unitOf({ path: './tenant', serviceAccountName: 'reader' })) as object;
    const status = { inventory: { entries } };
    await change('unit.yaml', JSON.stringify({ ...unit, metadata: { name: 'tenant' }, status }));
    await mkdir(join(world.repository.dir, 'tenant'));
    await change('tenant/map.yaml', configMap(target, 'fresh', {}));
    const { code, out, err } = await plumb(...diff);
    expect(out).toMatch(
      new RegExp(`^\\+ ConfigMap/${target}/fresh\n! Secret/${target}/token would fail: .*forbidden.*\n$`),
    );
    expect({ code, err }).toEqual({ code: 2, err: '1 created, 1 failed\n' });
  });

  test('that delivers to another cluster exits with 2, and says what to do', async () => {
    await change('unit.yaml', unitOf({ kubeConfig: { secretRef: { name: 'other' } } }));
    expect(await plumb(...diff)).toEqual({
      code: 2,
      out: '',
      err: expect.stringContaining('delivers to another cluster (spec.kubeConfig)') as string,
    });
  });
});

test('plumb build kustomization needs no cluster, and none that is away', async () => {
  const unit = {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name: 'apps' },
    spec: { interval: '10m', prune: true, path: './apps', sourceRef: { kind: 'GitRepository', name: 'shop' } },
  };
  await change('unit.yaml', JSON.stringify(unit));
  const build = ['build', 'kustomization', '--kustomization-file', 'unit.yaml', '--kubeconfig', ''];
  const { code, out, err } = await plumb(...build);
  expect(code).toBe(0);
  expect(err).toMatch(/^note: GitRepository\/.*\/shop is in no file that was given/);
  expect(out.match(/^kind: .*/gm)).toEqual(
    ['Namespace', 'ConfigMap', 'ConfigMap', 'Secret', 'Deployment'].map((kind) => `kind: ${kind}`),
  );
  expect(out).not.toContain(btoa('n3w'));
  await change('source.yaml', gitRepository({ ignore: '/apps/web.yaml', include: [{ repository: { name: 'base' } }] }));
  const without = await plumb(...build, '--with', 'source.yaml');
  expect(without.code).toBe(0);
  expect(without.err).toMatch(/^note: GitRepository\/.*\/shop includes GitRepository base at 'base' [^\n]*\n$/);
  expect(without.out).toBe(out.slice(0, out.indexOf('---\napiVersion: apps/v1\n')));

  // One that is away is in nobody's way until it is asked for something.
  await change('away.json', JSON.stringify(AWAY));
  const toAway = [...build.slice(0, -1), 'away.json'];
  expect(await plumb(...toAway, '--with', 'source.yaml')).toMatchObject({ code: 0, out: without.out });
  expect(await plumb(...toAway)).toEqual({
    code: 1,
    out: '',
    err: expect.stringMatching(
      /cannot connect to 127\.0\.0\.1:1: .*; with --kubeconfig '' no cluster is asked/,
    ) as string,
  });
});

const AWAY = {
  clusters: [{ name: 'away', cluster: { server: 'https://127.0.0.1:1' } }],
  contexts: [{ name: 'away', context: { cluster: 'away' } }],
  'current-context': 'away',
};

test('a preview leaves out what the source does, as the agent', async () => {
  await world.gitRepository({ ignore: '/apps/settings.yaml', sparseCheckout: ['apps'] });
  await world.until(configMapKey(world.target, 'settings'), 'be pruned', (object) => object === null);
  const head = ['diff', 'kustomization', 'apps', '--revision', 'HEAD'];
  expect(await plumb(...head)).toEqual({ code: 0, out: '', err: 'nothing would change\n' });
  await change('source.yaml', gitRepository({}));
  expect(await plumb(...head, '--with', 'source.yaml')).toMatchObject({
    code: 1,
    out: `+ ConfigMap/${world.target}/settings\n`,
  });
});
