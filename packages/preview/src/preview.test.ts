import { fileURLToPath } from 'node:url';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Decryption, withoutDecryption } from '@plumb/agent';
import type { ErrorCode, JsonObject, Kustomization, KubeObject } from '@plumb/api';
import { APPLY_MANAGER, userError } from '@plumb/api';
import { createDecryptor, createEngine } from '@plumb/engine';
import { MemoryCluster } from '@plumb/memory-cluster';
import { createRenderer } from '@plumb/render';
import { openLocal } from '@plumb/sources';
import { DECRYPT_PATH, SopsBench } from '@plumb/testkit';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Built, BuildRequest } from './build.ts';
import { buildUnit } from './build.ts';
import { diffUnit } from './diff.ts';
import { printBuilt } from './print.ts';
import { rehearse } from './rehearse.ts';

const enginePath = fileURLToPath(new URL('../../../build/engine', import.meta.url));
const engine = createEngine({ path: enginePath, slots: 1 });
afterAll(() => engine.close());
const signal = new AbortController().signal;

let dir: string;
let cluster: MemoryCluster;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'plumb-preview-'));
  cluster = new MemoryCluster();
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(path: string, object: object): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), JSON.stringify(object));
}

const object = (kind: string, name: string, fields: object, namespace = 'shop'): KubeObject => ({
  apiVersion: kind === 'Deployment' ? 'apps/v1' : 'v1',
  kind,
  metadata: { name, ...(namespace === '' ? {} : { namespace }) },
  ...fields,
});

function unitOf(spec: JsonObject = {}, status?: Kustomization['status']): Kustomization {
  return {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name: 'apps', namespace: 'flux-system' },
    spec: { interval: '10m', prune: true, path: './apps', sourceRef: { kind: 'GitRepository', name: 'shop' }, ...spec },
    ...(status === undefined ? {} : { status }),
  } as Kustomization;
}

async function build(
  unit = unitOf(),
  given: readonly KubeObject[] = [],
  from: MemoryCluster | null = null,
  decryption: BuildRequest['decryption'] = withoutDecryption,
): Promise<Built> {
  const source = { kind: 'GitRepository', namespace: 'flux-system', name: 'shop' };
  const artifact = await openLocal({ dir, source });
  const renderer = createRenderer({ engine });
  const request = { unit, artifact, renderer, cluster: from, given, strictSubstitutions: true, signal };
  return buildUnit({ ...request, remotes: null, decryption });
}

const apply = (sent: KubeObject): Promise<KubeObject> =>
  cluster.apply(sent, { fieldManager: APPLY_MANAGER, force: true });
const owned = (sent: KubeObject): KubeObject => ({
  ...sent,
  metadata: {
    ...sent.metadata,
    labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps', 'kustomize.toolkit.fluxcd.io/namespace': 'flux-system' },
  },
});

describe('a build', () => {
  test('prints what would be applied, in apply order, with the owner’s labels', async () => {
    write('apps/web.yaml', object('Deployment', 'web', { spec: { replicas: 2 } }));
    write('apps/map.yaml', object('ConfigMap', 'map', { data: { a: 'yes' } }));
    const text = printBuilt(await build());
    expect(text).toMatch(
      /^---\napiVersion: v1\nkind: ConfigMap\n[\s\S]*\n---\napiVersion: apps\/v1\nkind: Deployment\n/,
    );
    expect(text).toContain("a: 'yes'");
    expect(text).toContain('kustomize.toolkit.fluxcd.io/name: apps');
  });

  test('shows no secret: not in a Secret, and not where one was put in', async () => {
    write(
      'apps/secret.yaml',
      object('Secret', 'mine', { data: { a: btoa('hidden-1') }, stringData: { b: 'hidden-2' } }),
    );
    write('apps/map.yaml', object('ConfigMap', 'map', { data: { url: 'https://${token}@host', plain: 'seen' } }));
    const unit = unitOf({ postBuild: { substituteFrom: [{ kind: 'Secret', name: 'vars' }] } });
    const vars = object('Secret', 'vars', { data: { token: btoa('hidden-3') } }, 'flux-system');
    const text = printBuilt(await build(unit, [vars]));
    expect(text).toContain('plain: seen');
    for (const value of ['hidden-1', 'hidden-2', 'hidden-3']) {
      expect(text).not.toContain(value);
      expect(text).not.toContain(btoa(value));
    }
  });

  describe('with variables from a Secret', () => {
    const unit = unitOf({ postBuild: { substituteFrom: [{ kind: 'Secret', name: 'vars' }] } });
    const vars = (values: Record<string, string>): KubeObject => {
      const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, btoa(value)]));
      return object('Secret', 'vars', { data }, 'flux-system');
    };
    const values = { token: 's3cr3tvalue', number: '48151623', short: '0xy', flow: '{a: 1}', mark: '&n x', use: '*n' };

    test.each<{ name: string; spec: object; shown: object }>([
      { name: 'a number', spec: { replicas: '${number}' }, shown: { replicas: '***' } },
      { name: 'a text in another case', spec: { a: '${token^^}' }, shown: { a: '***' } },
      { name: 'a cut', spec: { a: '${token:0:6}', b: '${token:0:1}' }, shown: { a: '***', b: '***' } },
      { name: 'a length', spec: { a: '${#token}' }, shown: { a: '***' } },
      { name: 'a short value inside a text', spec: { a: 'u-${short}-v' }, shown: { a: '***' } },
      { name: 'a key', spec: { '${token}': 'x', b: 'x' }, shown: { '***': '***', b: 'x' } },
      { name: 'several keys', spec: { '${token}': 'x', '${short}': 'x' }, shown: { '***': '***', '*** (2)': '***' } },
      { name: 'an item of a list', spec: { a: ['seen', '${short}'] }, shown: { a: ['seen', '***'] } },
      { name: 'part of an object', spec: { a: '${flow}' }, shown: { a: { '***': '***' } } },
      {
        name: 'what no other value fits',
        spec: { a: '${mark}', b: '${use}', c: 3 },
        shown: { a: '***', b: '***', c: 3 },
      },
      { name: 'what is beside it', spec: { a: '${plain:=seen}', b: 3 }, shown: { a: 'seen', b: 3 } },
    ])('masks $name', async ({ spec, shown }) => {
      write('apps/odd.yaml', { apiVersion: 'example.com/v1', kind: 'Odd', metadata: { name: 'odd' }, spec });
      const built = await build(unit, [vars(values)]);
      expect(built.bundle.objects[0]?.body['spec']).not.toEqual(spec);
      const [only] = built.bundle.objects;
      expect(only === undefined ? null : built.secrets.masked(only)['spec']).toEqual(shown);
    });

    test('masks what is beside the data of a Secret, and its keys', async () => {
      const metadata = { name: 'mine', annotations: { note: '${short}' } };
      write('apps/a.yaml', { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { '${short}': 'a' } });
      const text = printBuilt(await build(unit, [vars(values)]));
      expect(text).toContain("note: '***'");
      expect(text).not.toContain('0xy');
    });

    test('masks names in a diff and in a rehearsal', async () => {
      write('apps/a.yaml', object('ConfigMap', 'map-${short}', {}));
      const built = await build(unit, [vars(values)]);
      expect((await diffUnit({ cluster, built, signal })).map(({ key }) => key.name)).toEqual(['***']);
      const { plan, changes } = await rehearse({ built, cluster, signal });
      expect(changes.map(({ key }) => key.name)).toEqual(['***']);
      expect(plan?.stages.flatMap(({ actions }) => actions.map(({ key }) => key.name))).toEqual(['***']);
    });

    test('masks both sides of what changes, and keys', async () => {
      await apply(owned(object('ConfigMap', 'map', { data: { cut: 'old', same: '1', oldkey: 'x' } })));
      write('apps/a.yaml', object('ConfigMap', 'map', { data: { cut: '${token:0:3}', '${short}': 'x', same: '2' } }));
      const [diff] = await diffUnit({ cluster, built: await build(unit, [vars(values)]), signal });
      expect(diff?.fields.map(({ path, before, after }) => [path, before, after])).toEqual([
        ['data.***', undefined, '*** (after)'],
        ['data.cut', '*** (before)', '*** (after)'],
        ['data[***]', '*** (before)', undefined],
        ['data.same', '1', '2'],
      ]);
    });

    test('masks a list whose items may have moved', async () => {
      const odd = (args: string[]): object => {
        const spec = { template: { spec: { containers: [{ name: 'a', image: 'a', args }] } } };
        return { ...object('Deployment', 'web', { spec }), metadata: { name: 'web', namespace: 'shop' } };
      };
      await apply(owned(odd(['x', 's3', 'y']) as KubeObject));
      write('apps/a.yaml', odd(['${token:0:2}', 'x']));
      const [diff] = await diffUnit({ cluster, built: await build(unit, [vars(values)]), signal });
      expect(diff?.fields).toHaveLength(3);
      expect(JSON.stringify(diff?.fields)).not.toMatch(/s3/);
    });

    test('drops what a server quotes from what is said of a refusal', async () => {
      write('apps/a.yaml', object('ConfigMap', 'map', {}, 'x-${token:0:5}'));
      const built = await build(unit, [vars(values)]);
      const [diff] = await diffUnit({ cluster, built, signal });
      expect(diff?.message).toBe('namespaces "***" not found');
      const { error, assumptions } = await rehearse({ built, cluster: null, signal });
      expect(error).toBeNull();
      expect(assumptions).toEqual(['there is a Namespace ***']);
      expect((await rehearse({ built, cluster, signal })).error?.message).not.toContain('s3cr3');
    });
  });

  test('shows nothing of what it decrypted, in no kind of object', async () => {
    using bench = new SopsBench();
    const age = bench.ageKey();
    const flags = ['--age', age.recipient, '--encrypted-regex', '^data$'];
    const plain = object('ConfigMap', 'map', { data: { a: 'hidden-1', b: 'hidden-2' } });
    const encrypted = bench.encrypt(JSON.stringify(plain), { format: 'json', flags });
    write('apps/map.yaml', JSON.parse(encrypted.toString()) as object);
    const keys = object('Secret', 'keys', { data: { 'a.agekey': btoa(age.file) } }, 'flux-system');
    const decryptor = createDecryptor({ path: DECRYPT_PATH });
    const decryption = new Decryption({ decryptor, verifyMac: true, surroundings: null });
    const unit = unitOf({ decryption: { provider: 'sops', secretRef: { name: 'keys' } } });
    const built = await build(unit, [keys], null, decryption);
    await decryptor.close();
    expect(built.bundle.objects[0]?.body['data']).toEqual({ a: 'hidden-1', b: 'hidden-2' });
    const text = printBuilt(built);
    expect(text).toContain("a: '***'");
    expect(text).not.toMatch(/hidden|AGE-SECRET/);
  });

  describe('without keys', () => {
    const unit = unitOf({ decryption: { provider: 'sops', secretRef: { name: 'keys' } } });

    test('goes on where nothing is encrypted', async () => {
      write('apps/map.yaml', object('ConfigMap', 'map', { data: { a: 'seen' } }));
      expect(printBuilt(await build(unit))).toContain('a: seen');
    });

    test('masks what is encrypted, in every format', async () => {
      using bench = new SopsBench();
      const { recipient } = bench.ageKey();
      const flags = ['--age', recipient];
      const mine = object('Secret', 'mine', { data: { a: btoa('hidden') }, stringData: { b: 'hidden' } });
      const secret = bench.encrypt(JSON.stringify(mine), {
        format: 'json',
        flags: [...flags, '--encrypted-regex', '^(data|stringData)$'],
      });
      const yaml = 'a: hidden\nb:\n  - 3\n  - plain: hidden\n';
      write('apps/secret.yaml', JSON.parse(secret.toString()) as object);
      const files = {
        'a.env': bench.encrypt('A=hidden\nB=hidden\n', { format: 'dotenv', flags }),
        'a.ini': bench.encrypt('[one]\na = hidden\n', { format: 'ini', flags }),
        'a.yaml': bench.encrypt(yaml, { format: 'yaml', flags }),
        'a.bin': bench.encrypt('hidden', { format: 'binary', flags }),
      };
      for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, 'apps', name), content);
      write('apps/kustomization.yaml', {
        resources: ['secret.yaml'],
        secretGenerator: [
          { name: 'env', envs: ['a.env'] },
          { name: 'files', files: ['a.ini', 'a.yaml', 'a.bin'] },
        ],
      });
      const built = await build(unit);
      const [env, texts] = ['env', 'files'].map((name) => {
        const made = built.bundle.objects.find(({ key }) => key.name.startsWith(name));
        const data = Object.entries((made?.body['data'] ?? {}) as Record<string, string>);
        return Object.fromEntries(data.map(([key, value]) => [key, atob(value)]));
      });
      expect(env).toEqual({ A: '***', B: '***' });
      expect(texts).toMatchObject({ 'a.yaml': 'a: "***"\nb:\n    - "***"\n    - plain: "***"\n', 'a.bin': '***' });
      expect(JSON.stringify(texts)).not.toMatch(/sops|ENC\[/);
      expect(printBuilt(built)).not.toMatch(/hidden|ENC\[/);
    });
  });

  test('takes what a given Secret has as text for its data', async () => {
    write('apps/map.yaml', object('ConfigMap', 'map', { data: { a: '${a}', b: '${b}' } }));
    const unit = unitOf({ postBuild: { substituteFrom: [{ kind: 'Secret', name: 'vars' }] } });
    const texts = { data: { a: btoa('over'), b: btoa('two') }, stringData: { a: 'one' } };
    const vars = object('Secret', 'vars', texts, 'flux-system');
    const { bundle } = await build(unit, [vars]);
    expect(bundle.objects[0]?.body['data']).toEqual({ a: 'one', b: 'two' });
  });

  test('takes a given object of its own namespace, or of none', async () => {
    write('apps/map.yaml', object('ConfigMap', 'map', { data: { a: '${a}' } }));
    const unit = unitOf({ postBuild: { substituteFrom: [{ kind: 'ConfigMap', name: 'vars' }] } });
    const vars = (a: string, namespace: string): KubeObject => object('ConfigMap', 'vars', { data: { a } }, namespace);
    const valueWith = async (...given: KubeObject[]): Promise<unknown> =>
      (await build(unit, given)).bundle.objects[0]?.body['data'];
    expect(await valueWith(vars('theirs', 'shop'), vars('own', 'flux-system'))).toEqual({ a: 'own' });
    expect(await valueWith(vars('theirs', 'shop'), vars('bare', ''))).toEqual({ a: 'bare' });
    await expect(valueWith(vars('theirs', 'shop'))).rejects.toMatchObject({
      message: expect.stringContaining('refers to ConfigMap/flux-system/vars, which') as string,
    });
  });

  test('takes ConfigMaps and Secrets from the cluster where they are not given', async () => {
    await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'flux-system' } });
    await cluster.create(object('ConfigMap', 'vars', { data: { a: 'live' } }, 'flux-system'));
    write('apps/map.yaml', object('ConfigMap', 'map', { data: { a: '${a}' } }));
    const unit = unitOf({ postBuild: { substituteFrom: [{ kind: 'ConfigMap', name: 'vars' }] } });
    expect(printBuilt(await build(unit, [], cluster))).toContain('a: live');
    await expect(build(unit)).rejects.toMatchObject({
      message: expect.stringContaining(
        'refers to ConfigMap/flux-system/vars, which is in the cluster: give it in a file',
      ) as string,
    });
  });
});

describe('a diff', () => {
  const diff = async (built: Built) =>
    (await diffUnit({ cluster, built, signal })).map(({ key, change, fields, message }) => ({
      what: `${key.kind}/${key.name} ${change}`,
      fields: fields.map(({ path, before, after }) => [path, before, after]),
      message,
    }));

  test('tells what is created, changed and deleted, and leaves out what stays', async () => {
    await apply(owned(object('ConfigMap', 'same', { data: { a: '1' } })));
    await apply(owned(object('ConfigMap', 'other', { data: { a: '1', gone: 'x' } })));
    await apply(owned(object('ConfigMap', 'left', { data: {} })));
    await cluster.create(object('ConfigMap', 'foreign', { data: {} }));
    write('apps/same.yaml', object('ConfigMap', 'same', { data: { a: '1' } }));
    write('apps/other.yaml', object('ConfigMap', 'other', { data: { a: '2' } }));
    write('apps/new.yaml', object('ConfigMap', 'new', { data: {} }));
    const entries = ['left', 'foreign', 'never'].map((name) => ({ id: `shop_${name}__ConfigMap`, v: 'v1' }));
    const before = cluster.requests.length;
    expect(await diff(await build(unitOf({}, { inventory: { entries } })))).toEqual([
      { what: 'ConfigMap/new created', fields: [], message: '' },
      {
        what: 'ConfigMap/other changed',
        fields: [
          ['data.a', '1', '2'],
          ['data.gone', 'x', undefined],
        ],
        message: '',
      },
      { what: 'ConfigMap/left deleted', fields: [], message: '' },
    ]);
    expect(
      cluster.requests.slice(before).filter(({ verb, dryRun }) => verb !== 'get' && verb !== 'discover' && !dryRun),
    ).toEqual([]);
  });

  test('masks what changes of a Secret', async () => {
    await apply(owned(object('Secret', 'mine', { data: { a: btoa('old-value'), b: btoa('same') } })));
    write('apps/secret.yaml', object('Secret', 'mine', { data: { a: btoa('new-value'), b: btoa('same') } }));
    expect(await diff(await build())).toEqual([
      { what: 'Secret/mine changed', fields: [['data.a', '*** (before)', '*** (after)']], message: '' },
    ]);
  });

  test('does not try what needs something of the same change, and names what would fail', async () => {
    write('apps/namespace.yaml', object('Namespace', 'fresh', {}, ''));
    write('apps/map.yaml', object('ConfigMap', 'map', {}, 'fresh'));
    write('apps/lost.yaml', object('ConfigMap', 'lost', {}, 'nowhere'));
    write('apps/odd.yaml', { apiVersion: 'example.com/v1', kind: 'Odd', metadata: { name: 'odd', namespace: 'shop' } });
    expect((await diff(await build())).map(({ what, message }) => [what, message])).toEqual([
      ['Namespace/fresh created', ''],
      ['ConfigMap/map untried', 'its namespace comes with this change'],
      ['ConfigMap/lost failed', expect.stringContaining('namespaces "nowhere" not found')],
      ['Odd/odd failed', 'the cluster serves no kind Odd in example.com/v1'],
    ]);
  });

  test('tells of what cannot be read to be deleted, and of everything else', async () => {
    for (const name of ['left', 'closed']) await apply(owned(object('ConfigMap', name, { data: {} })));
    write('apps/new.yaml', object('ConfigMap', 'new', { data: {} }));
    const entries = ['left', 'closed'].map((name) => ({ id: `shop_${name}__ConfigMap`, v: 'v1' }));
    const built = await build(unitOf({}, { inventory: { entries } }));
    const refuse = (code: ErrorCode): (() => void) =>
      cluster.faults.fail(userError(code, 'not for you'), 1, ({ verb, name }) => verb === 'get' && name === 'closed');
    refuse('api-forbidden');
    expect((await diff(built)).map(({ what, message }) => [what, message])).toEqual([
      ['ConfigMap/new created', ''],
      ['ConfigMap/left deleted', ''],
      ['ConfigMap/closed failed', 'not for you'],
    ]);
    refuse('api-unavailable');
    await expect(diff(built)).rejects.toMatchObject({ code: 'api-unavailable' });
  });

  describe('of a field that cannot change', () => {
    const web = (app: string, annotations?: object): KubeObject => {
      const template = { metadata: { labels: { app } }, spec: { containers: [{ name: 'a', image: 'a' }] } };
      const made = object('Deployment', 'web', { spec: { selector: { matchLabels: { app } }, template } });
      return annotations === undefined
        ? made
        : ({ ...made, metadata: { ...made.metadata, annotations } } as KubeObject);
    };
    const rule = { 'kustomize.toolkit.fluxcd.io/force': 'enabled' };

    test.each([
      { name: 'fails', unit: unitOf(), live: owned(web('a')), next: web('b'), change: 'failed' },
      { name: 'is made anew with spec.force', unit: unitOf({ force: true }), live: owned(web('a')), next: web('b') },
      {
        name: 'is made anew where the object asks for it',
        unit: unitOf(),
        live: owned(web('a')),
        next: web('b', rule),
      },
      {
        name: 'fails of what is not the unit’s',
        unit: unitOf({ force: true }),
        live: web('a'),
        next: web('b'),
        change: 'failed',
      },
    ])('$name', async ({ unit, live, next, change = 'recreated' }) => {
      await apply(live);
      write('apps/web.yaml', next);
      expect((await diff(await build(unit))).map(({ what, message }) => [what, message])).toEqual([
        [`Deployment/web ${change}`, expect.stringContaining('spec.selector')],
      ]);
    });
  });

  test('leaves alone what asks for it', async () => {
    await apply(object('ConfigMap', 'map', { data: { a: '1' } }));
    const rule = { annotations: { 'kustomize.toolkit.fluxcd.io/reconcile': 'disabled' } };
    const declared = object('ConfigMap', 'map', { data: { a: '2' } });
    write('apps/map.yaml', { ...declared, metadata: { ...declared.metadata, ...rule } });
    expect(await diff(await build())).toEqual([]);
  });
});

test('a unit that delivers to another cluster is compared with none', async () => {
  write('apps/map.yaml', object('ConfigMap', 'map', {}));
  const built = await build(unitOf({ kubeConfig: { secretRef: { name: 'other' } } }));
  cluster.clearRequests();
  await expect(diffUnit({ cluster, built, signal })).rejects.toMatchObject({
    code: 'invalid-spec',
    message: expect.stringContaining('put the Kustomization without spec.kubeConfig into a file') as string,
  });
  const { assumptions } = await rehearse({ built, cluster, signal });
  expect(assumptions).toEqual(['there is a Namespace shop']);
  expect(cluster.requests).toEqual([]);
});

test('a diff leaves out what the unit ignores, of an object that exists', async () => {
  await apply(owned(object('ConfigMap', 'map', { data: { a: '1', b: '1' } })));
  write('apps/map.yaml', object('ConfigMap', 'map', { data: { a: '2', b: '2' } }));
  const ignoring = unitOf({ ignore: [{ paths: ['/data/b'], target: { kind: 'ConfigMap' } }] });
  const [diff] = await diffUnit({ cluster, built: await build(ignoring), signal });
  expect(diff?.fields).toEqual([{ path: 'data.a', before: '1', after: '2' }]);
});

describe('a rehearsal', () => {
  test('without a cluster says what it takes for granted', async () => {
    write('apps/map.yaml', object('ConfigMap', 'map', {}));
    write('apps/odd.yaml', { apiVersion: 'example.com/v1', kind: 'Odd', metadata: { name: 'odd', namespace: 'shop' } });
    const built = await build(unitOf({ dependsOn: [{ name: 'infrastructure' }, { kind: 'HelmRelease', name: 'db' }] }));
    const rehearsal = await rehearse({ built, cluster: null, signal });
    expect(rehearsal).toMatchObject({
      error: null,
      dependencies: ['Kustomization/flux-system/infrastructure', 'HelmRelease/flux-system/db'],
      assumptions: ['the cluster serves Odd.example.com', 'there is a Namespace shop'],
    });
    expect(rehearsal.changes.map(({ key, action }) => `${key.name} ${action}`)).toEqual(['map created', 'odd created']);
  });

  test('with one begins from what is there, and changes nothing of it', async () => {
    await apply(owned(object('ConfigMap', 'same', { data: { a: '1' } })));
    await apply(owned(object('ConfigMap', 'other', { data: { a: '1' } })));
    await apply(owned(object('ConfigMap', 'left', { data: {} })));
    write('apps/same.yaml', object('ConfigMap', 'same', { data: { a: '1' } }));
    write('apps/other.yaml', object('ConfigMap', 'other', { data: { a: '2' } }));
    const built = await build(unitOf({}, { inventory: { entries: [{ id: 'shop_left__ConfigMap', v: 'v1' }] } }));
    cluster.clearRequests();
    const { plan, changes, error } = await rehearse({ built, cluster, signal });
    expect(error).toBeNull();
    expect(plan?.prune.map(({ name }) => name)).toEqual(['left']);
    expect(changes.map(({ key, action }) => `${key.name} ${action}`)).toEqual(['other configured', 'left deleted']);
    expect(new Set(cluster.requests.map(({ verb }) => verb))).toEqual(new Set(['get']));
  });

  test('tells what would stop it', async () => {
    write('apps/lost.yaml', object('ConfigMap', 'lost', {}, 'nowhere'));
    const { error, plan } = await rehearse({ built: await build(), cluster, signal });
    expect(error?.message).toContain('namespaces "nowhere" not found');
    expect(plan?.stages).toHaveLength(1);
  });
});
