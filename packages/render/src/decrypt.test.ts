import type { KubeObject } from '@plumb/api';
import { createDecryptor } from '@plumb/engine';
import type { DecryptKeys } from '@plumb/engine';
import { DECRYPT_PATH, SopsBench } from '@plumb/testkit';
import type { SopsFormat } from '@plumb/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import type { Bundle } from './bundle.ts';
import { createRenderer } from './create-renderer.ts';
import type { Decrypt } from './decrypt.ts';
import type { BuildSpec } from './renderer.ts';
import { buildSpec, memoryArtifact, testEngine } from './testing/memory-artifact.ts';
import type { Files } from './testing/memory-artifact.ts';

const engine = testEngine();
const decryptor = createDecryptor({ path: DECRYPT_PATH });
const bench = new SopsBench();
afterAll(async () => {
  await engine.close();
  await decryptor.close();
  bench[Symbol.dispose]();
});
const renderer = createRenderer({ engine });
const age = bench.ageKey();
const other = bench.ageKey();

interface How {
  spec?: Partial<BuildSpec>;
  keys?: DecryptKeys;
  verifyMac?: boolean;
  /** Told of every file that is decrypted. */
  asked?: number[];
}

function bundleOf(
  files: Files,
  { spec, keys = { age: [age.file] }, verifyMac = true, asked }: How = {},
): Promise<Bundle> {
  const decrypt: Decrypt = (encrypted, sources) => {
    asked?.push(encrypted.length);
    return decryptor.decrypt({ files: encrypted, sources, keys, verifyMac, deadline: 20_000 });
  };
  return renderer.build(memoryArtifact(files), buildSpec(spec), { deadline: 20_000, decrypt });
}

async function build(files: Files, how: How = {}): Promise<KubeObject[]> {
  return (await bundleOf(files, how)).objects.map(({ body }) => body);
}

const dataOnly = ['--encrypted-regex', '^(data|stringData)$'];

function encrypt(content: string | Uint8Array, format: SopsFormat = 'yaml', flags: readonly string[] = []): string {
  return bench.encrypt(content, { format, flags: ['--age', age.recipient, ...flags] }).toString();
}

const plainSecret = (name: string, more = ''): string =>
  `kind: Secret
apiVersion: v1
metadata:
    name: ${name}
    namespace: shop${more}
type: Opaque
stringData:
    user: admin
    password: ${name}-s3cr3t
`;

function secret(name: string, more = ''): string {
  return encrypt(plainSecret(name, more), 'yaml', dataOnly);
}

const opened = (name: string): object => ({ user: 'admin', password: `${name}-s3cr3t` });

/** A Secret's data as text. */
function dataOf(body: KubeObject | undefined): Record<string, string> {
  const data = (body?.['data'] ?? {}) as Record<string, string>;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
}

function failing(files: Files, how: How = {}): Promise<{ code: string; message: string }> {
  return build(files, how).then(
    (objects) => ({ code: '', message: `built ${objects.length} objects` }),
    (error: unknown) => error as { code: string; message: string },
  );
}

describe('an object that was encrypted in place', () => {
  test.each<{ where: string; files: Files; spec?: Partial<BuildSpec> }>([
    { where: 'in a plain folder', files: { 'db.yaml': secret('db') } },
    { where: 'in a kustomization', files: { 'kustomization.yaml': 'resources: [db.yaml]\n', 'db.yaml': secret('db') } },
    {
      where: 'in a base, through a component',
      files: {
        'top/kustomization.yaml': 'resources: [../base]\ncomponents: [../extra]\n',
        'base/kustomization.yaml': 'resources: [../more/db.yaml]\n',
        'extra/kustomization.yaml': 'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: []\n',
        'more/db.yaml': secret('db'),
      },
      spec: { path: 'top' },
    },
    {
      where: 'as JSON',
      files: {
        'kustomization.yaml': 'resources: [db.json]\n',
        'db.json': encrypt(
          JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'db' }, stringData: opened('db') }),
          'json',
          dataOnly,
        ),
      },
    },
  ])('is decrypted $where', async ({ files, spec = {} }) => {
    const [body] = await build(files, { spec });
    expect(body).toMatchObject({ kind: 'Secret', metadata: { name: 'db' }, stringData: opened('db') });
    expect(body).not.toHaveProperty('sops');
  });

  test('may have been given other values by kustomize since: its MAC is that of the file', async () => {
    const files = {
      'kustomization.yaml': `resources: [db.yaml]
nameSuffix: -green
commonAnnotations: {a: b}
patches:
  - patch: |
      apiVersion: v1
      kind: Secret
      metadata: {name: db, namespace: shop, labels: {c: d}}
`,
      'db.yaml': secret('db'),
    };
    const [body] = await build(files, { spec: { namePrefix: 'my-', targetNamespace: 'other' } });
    expect(body).toMatchObject({
      metadata: { name: 'my-db-green', namespace: 'other', labels: { c: 'd' }, annotations: { a: 'b' } },
      stringData: opened('db'),
    });
  });

  test('may be one of several in a file, beside others that are not', async () => {
    const two = encrypt(`${plainSecret('a')}---\n${plainSecret('b')}`, 'yaml', dataOnly);
    const files = { 'all.yaml': `${two}---\n${plainSecret('plain')}---\n${secret('c')}` };
    const objects = await build(files);
    expect(objects.map(({ metadata }) => metadata.name)).toEqual(['a', 'b', 'plain', 'c']);
    expect(objects.map((body) => body['stringData'])).toEqual(['a', 'b', 'plain', 'c'].map(opened));
  });

  test('may be of any kind, and encrypted to the last word', async () => {
    const files = {
      'map.yaml': encrypt('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: all, namespace: shop}\ndata: {n: "1"}\n'),
      'app.yaml': encrypt(
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3, paused: true}\n',
        'yaml',
        ['--encrypted-regex', '^(replicas|paused)$'],
      ),
    };
    expect(await build(files)).toEqual([
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { replicas: 3, paused: true } },
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'all', namespace: 'shop' }, data: { n: '1' } },
    ]);
  });

  test('stays as it is when it says so', async () => {
    const files = {
      'db.yaml': secret('db', '\n    annotations:\n        kustomize.toolkit.fluxcd.io/decrypt: disabled'),
    };
    const asked: number[] = [];
    const [body] = await build(files, { asked });
    expect(body).toHaveProperty('sops.mac');
    expect(asked).toEqual([]);
  });

  test('is decrypted with all the others at once, and nothing is asked where nothing is encrypted', async () => {
    const asked: number[] = [];
    await build({ 'a.yaml': secret('a'), 'b.yaml': secret('b'), 'c.yaml': plainSecret('c') }, { asked });
    await build({ 'c.yaml': plainSecret('c') }, { asked });
    expect(asked).toEqual([2]);
  });
});

test('a bundle names what stood in encrypted files, and nothing else', async () => {
  const files = {
    'kustomization.yaml': 'resources: [db.yaml]\nsecretGenerator: [{name: gen, envs: [db.env]}]\n',
    'db.yaml': secret('db'),
    'db.env': encrypt('# note\nUSER=env-s3cr3t two\n', 'dotenv'),
  };
  const { secrets } = await bundleOf(files);
  expect(secrets.toSorted()).toEqual(['admin', 'db-s3cr3t', 'env-s3cr3t', 'note', 'two']);
});

describe('what a generator reads', () => {
  const generated = (entry: string): string =>
    `secretGenerator:\n  - name: gen\n    ${entry}\ngeneratorOptions: {disableNameSuffixHash: true}\n`;

  test.each<{ what: string; entry: string; path: string; content: string; format: SopsFormat; data: object }>([
    {
      what: 'variables',
      entry: 'envs: [db.env]',
      path: 'db.env',
      content: 'USER=admin\nPASSWORD=s3 cr=et\n',
      format: 'dotenv',
      data: { USER: 'admin', PASSWORD: 's3 cr=et' },
    },
    {
      what: 'variables in a file of another name',
      entry: 'envs: [secrets]',
      path: 'secrets',
      content: 'USER=admin\n',
      format: 'dotenv',
      data: { USER: 'admin' },
    },
    {
      what: 'a single file of variables',
      entry: 'env: db.env',
      path: 'db.env',
      content: 'USER=admin\n',
      format: 'dotenv',
      data: { USER: 'admin' },
    },
    {
      what: 'YAML',
      entry: 'files: [values.yaml]',
      path: 'values.yaml',
      content: 'a: b\n',
      format: 'yaml',
      data: { 'values.yaml': 'a: b\n' },
    },
    {
      what: 'JSON, under the key of a registry',
      entry: 'files: [".dockerconfigjson=auth"]',
      path: 'auth',
      content: '{"auths":{}}',
      format: 'json',
      data: { '.dockerconfigjson': '{\n\t"auths": {}\n}\n' },
    },
    {
      what: 'an INI file',
      entry: 'files: [db.ini]',
      path: 'db.ini',
      content: '[db]\nuser = admin\n',
      format: 'ini',
      data: { 'db.ini': '[db]\nuser = admin\n' },
    },
    {
      what: 'anything else',
      entry: 'files: [token=../shared/token.bin]',
      path: '../shared/token.bin',
      content: 's3cr3t',
      format: 'binary',
      data: { token: 's3cr3t' },
    },
  ])('is decrypted: $what', async ({ entry, path, content, format, data }) => {
    const files = {
      'app/kustomization.yaml': generated(entry),
      [path.startsWith('../') ? path.slice(3) : `app/${path}`]: encrypt(content, format),
    };
    const [body] = await build(files, { spec: { path: 'app' } });
    expect(dataOf(body)).toEqual(data);
  });

  test('is decrypted through components and bases', async () => {
    const files = {
      'top/kustomization.yaml': 'resources: [../base]\ncomponents: [../part]\n',
      'base/kustomization.yaml': generated('envs: [db.env]'),
      'base/db.env': encrypt('USER=base\n', 'dotenv'),
      'part/kustomization.yaml': `kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\n${generated('behavior: merge\n    envs: [db.env]')}`,
      'part/db.env': encrypt('PASSWORD=part\n', 'dotenv'),
    };
    const [body] = await build(files, { spec: { path: 'top' } });
    expect(dataOf(body)).toEqual({ USER: 'base', PASSWORD: 'part' });
  });

  test('of a ConfigMap stays as it is, as in Flux', async () => {
    const files = {
      'kustomization.yaml': 'configMapGenerator:\n  - name: gen\n    files: [values.yaml]\n',
      'values.yaml': encrypt('a: s3cr3t\n'),
    };
    const [body] = await build(files);
    expect(JSON.stringify(body)).toContain('ENC[AES256_GCM');
  });

  test('is decrypted after the build where the name did not say what it is', async () => {
    const files = {
      'kustomization.yaml': generated('files: [config.yaml=values]'),
      values: encrypt('a: b\n'),
    };
    const [body] = await build(files);
    expect(dataOf(body)).toEqual({ 'config.yaml': 'a: b\n' });
  });
});

describe('no value of what was decrypted is shown', () => {
  const failing = async (files: Files, options = {}): Promise<string> => {
    const decrypt: Decrypt = (encrypted, sources) =>
      decryptor.decrypt({ files: encrypted, sources, keys: { age: [age.file] }, verifyMac: true, deadline: 20_000 });
    const building = renderer.build(memoryArtifact(files), buildSpec(), { deadline: 20_000, decrypt, ...options });
    return building.then(
      () => '',
      (error: unknown) => (error as Error).message,
    );
  };
  const substitution = { variables: { a: 'x' }, secrets: [], strict: true, always: false };

  test('where a part of it looks like a variable', async () => {
    const file = `${plainSecret('db')}`.replace(/password: .*/, 'password: abc${hunter2}');
    const message = await failing({ 'a.yaml': encrypt(file, 'yaml', dataOnly) }, { substitution });
    expect(message).toBe(
      "a.yaml:1: post build failed for 'Secret.v1.[noGrp]/db': a variable in it is not there, or an expression is wrong; it was encrypted, so nothing of it is shown",
    );
  });

  test.each([
    [
      'a name',
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n    name: hunter2 hunter3\n',
      /metadata\.name of ConfigMap\.v1/,
    ],
    ['a number', 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n    name: 48151623\n', /must be a text|must be a string/],
  ])('in an object: %s', async (_name, file, says) => {
    const message = await failing({ 'a.yaml': encrypt(file, 'yaml', ['--encrypted-regex', '^name$']) });
    expect(message).toMatch(says);
    expect(message).not.toMatch(/hunter|48151623/);
  });

  test('in a patch', async () => {
    const patch = encrypt('apiVersion: v1\nkind: ConfigMap\nmetadata:\n    name: hunter2 hunter3\n', 'yaml', [
      '--encrypted-regex',
      '^name$',
    ]);
    const files = {
      'kustomization.yaml':
        'resources: [a.yaml]\npatches: [{ path: p.yaml, target: { kind: ConfigMap }, options: { allowNameChange: true } }]\n',
      'a.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n',
      'p.yaml': patch,
    };
    expect(await failing(files)).toMatch(/metadata\.name '… …' may hold/);
  });
});

test('a Secret’s encrypted files are decrypted by their keys’ names', async () => {
  const data = {
    'a.yaml': encrypt('a: b\n'),
    'b.env': encrypt('B=c\n', 'dotenv'),
    'c.json': encrypt('a: b\n'),
    plain: 'as it is',
  };
  const encoded = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, btoa(value)]));
  const object = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'files' }, data: encoded };
  const [body] = await build({ 'a.yaml': JSON.stringify(object) });
  expect(dataOf(body)).toEqual({
    'a.yaml': 'a: b\n',
    'b.env': 'B=c\n',
    'c.json': '{\n\t"a": "b"\n}\n',
    plain: 'as it is',
  });
});

test('an encrypted file under stringData is decrypted too, and stands with the bytes it had', async () => {
  const object = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'files' },
    data: { 'a.yaml': btoa('what stringData is put over') },
    stringData: { 'a.yaml': encrypt('a: b\n'), 'b.bin': encrypt(Buffer.of(0xff, 0), 'binary'), plain: 'as it is' },
  };
  const [body] = await build({ 'a.yaml': JSON.stringify(object) });
  expect(body?.['data']).toEqual({ 'a.yaml': btoa('a: b\n'), 'b.bin': Buffer.of(0xff, 0).toString('base64') });
  expect(body?.['stringData']).toEqual({ plain: 'as it is' });
});

test.each(['yaml', 'json'] as const)('a patch is decrypted: %s', async (format) => {
  const body = await patched(`patches: [{path: patch.${format}}]`, {
    [`patch.${format}`]: encrypt(JSON.stringify(userPatch), format, dataOnly),
  });
  expect(body?.['stringData']).toEqual({ user: 'root', password: 'db-s3cr3t' });
});

test('a patch of patchesStrategicMerge is decrypted', async () => {
  const body = await patched('patchesStrategicMerge: [patch.yaml]', {
    'patch.yaml': encrypt(JSON.stringify(userPatch), 'yaml', dataOnly),
  });
  expect(body?.['stringData']).toEqual({ user: 'root', password: 'db-s3cr3t' });
});

test('a patch of patchesJson6902 is decrypted: a list, which sops takes as binary only', async () => {
  const operations = [{ op: 'add', path: '/stringData/user', value: 'root' }];
  const body = await patched('patchesJson6902: [{path: patch.enc, target: {version: v1, kind: Secret, name: db}}]', {
    'patch.enc': encrypt(JSON.stringify(operations), 'binary'),
  });
  expect(body?.['stringData']).toEqual({ user: 'root', password: 'db-s3cr3t' });
});

const userPatch = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'db', namespace: 'shop' },
  stringData: { user: 'root' },
};

async function patched(field: string, files: Files): Promise<KubeObject | undefined> {
  const kustomization = `resources: [db.yaml]\n${field}\n`;
  const [body] = await build({ 'kustomization.yaml': kustomization, 'db.yaml': plainSecret('db'), ...files });
  return body;
}

describe('what cannot be decrypted', () => {
  const tampered = secret('db').replace('name: db', 'name: other');

  test.each<{ what: string; files: Files; how?: How; message: RegExp }>([
    {
      what: 'names the object, for want of the key',
      files: { 'apps/db.yaml': secret('db') },
      how: { keys: { age: [other.file] } },
      message:
        /^apps\/db\.yaml:1: decryption failed for 'Secret\.v1\.\[noGrp\]\/db': failed to decrypt and format 'shop\/db' Secret data: cannot get sops data key: /,
    },
    {
      what: 'names the object, for its MAC',
      files: { 'db.yaml': tampered },
      message:
        /decryption failed for 'Secret\.v1\.\[noGrp\]\/other': .*: failed to verify sops data integrity: the MAC does not match/,
    },
    {
      what: 'names the file a generator reads',
      files: {
        'kustomization.yaml': 'secretGenerator:\n  - name: gen\n    envs: [db.env]\n',
        'db.env': encrypt('A=s3cr3t\n', 'dotenv'),
      },
      how: { keys: {} },
      message: /^db\.env: error decrypting sources: cannot get sops data key: .*no age key is given/,
    },
    {
      what: 'names the key of a Secret',
      files: {
        'a.yaml': JSON.stringify({
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 'files' },
          data: { 'a.env': btoa(encrypt('a: {b: s3cr3t}\n')) },
        }),
      },
      message:
        /failed to decrypt and format '\/files' Secret field 'a\.env': failed to emit encrypted YAML file as decrypted dotenv$/,
    },
    {
      what: 'is told by kustomize without what was decrypted',
      files: {
        'kustomization.yaml': 'secretGenerator:\n  - name: gen\n    envs: [db.env]\n',
        'db.env': encrypt(Buffer.concat([Buffer.from('A=s3cr3t'), Buffer.of(0xff)]), 'dotenv'),
      },
      message: /line \[…\] has invalid utf8 bytes : A=…$/,
    },
    {
      what: 'is told by kustomize without what was in a patch',
      files: {
        'kustomization.yaml': 'resources: [db.yaml]\npatches: [{path: patch.yaml}]\n',
        'db.yaml': plainSecret('db').replaceAll('s3cr3t', 'x'),
        'patch.yaml': encrypt('kind: Secret\nmetadata: {name: s3cr3t-name}\n'),
      },
      message: /patch/,
    },
  ])('$what', async ({ files, how = {}, message }) => {
    const error = await failing(files, how);
    expect(error).toMatchObject({ code: 'build-failed', message: expect.stringMatching(message) as string });
    expect(error.message).not.toContain('s3cr3t');
  });

  test('is a patch that would make kustomize take all memory, and nothing of it is shown', async () => {
    const files = {
      'kustomization.yaml': 'resources: [db.yaml]\npatches: [{path: p.txt}]\n',
      'db.yaml': plainSecret('db'),
      'p.txt': encrypt('kind: Secret\nmetadata: {name: db}\ndata: &s3cr3t {a: *s3cr3t}\n', 'binary'),
    };
    expect((await failing(files)).message).toBe(
      'p.txt: what was encrypted in it has aliases that hold themselves, or grow too large once they are written out',
    );
  });

  test.each<[string, Files]>([
    ['after it', { 'a.yaml': secret('db'), 'b.yaml': tampered }],
    ['before it', { 'a.yaml': tampered, 'b.yaml': secret('db') }],
  ])('is a changed copy, though the original carries the same MAC and stands %s', async (_where, files) => {
    expect((await failing(files)).message).toMatch(/'Secret\.v1\.\[noGrp\]\/other': .*the MAC does not match/);
  });

  test('for its MAC can be had all the same, as in Flux', async () => {
    const [body] = await build({ 'db.yaml': tampered }, { verifyMac: false });
    expect(body).toMatchObject({ metadata: { name: 'other' }, stringData: opened('db') });
  });
});
