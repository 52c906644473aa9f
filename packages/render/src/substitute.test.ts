import type { KubeObject } from '@plumb/api';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { createRenderer } from './create-renderer.ts';
import type { Substitution } from './renderer.ts';
import { buildSpec, memoryArtifact, testEngine } from './testing/memory-artifact.ts';
import type { Files } from './testing/memory-artifact.ts';

const engine = testEngine();
afterAll(() => engine.close());
const renderer = createRenderer({ engine });

const configMap = (name: string, data: string, metadata = ''): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n  namespace: shop${metadata}\ndata:\n${data}`;

function build(files: Files, substitution: Partial<Substitution>): Promise<KubeObject[]> {
  const options = {
    deadline: 20_000,
    substitution: { variables: {}, secrets: [], strict: true, always: false, ...substitution },
  };
  return renderer
    .build(memoryArtifact(files), buildSpec(), options)
    .then(({ objects }) => objects.map(({ body }) => body));
}

describe('variables', () => {
  test('are put into objects of plain files, and types follow what they say', async () => {
    const file = `apiVersion: apps/v1
kind: Deployment
metadata: { name: "\${name}", namespace: shop }
spec:
  replicas: \${replicas}
  paused: \${paused:=false}
`;
    const [object] = await build({ 'web.yaml': file }, { variables: { name: 'web', replicas: '3' } });
    expect(object).toMatchObject({ metadata: { name: 'web' }, spec: { replicas: 3, paused: false } });
  });

  test('are put in after kustomize and its patches', async () => {
    const files = {
      'kustomization.yaml':
        'resources: [a.yaml]\npatches:\n  - patch: |-\n      - { op: add, path: /data/b, value: "${b}" }\n    target: { kind: ConfigMap }\n',
      'a.yaml': configMap('a', '  a: "${a}"\n'),
    };
    const [object] = await build(files, { variables: { a: 'x', b: 'z' } });
    expect(object?.['data']).toEqual({ a: 'x', b: 'z' });
  });

  test('leave excepted objects, escapes and what holds none as they are', async () => {
    const files = {
      'a.yaml': configMap('a', '  a: "${a}"\n', '\n  labels: { kustomize.toolkit.fluxcd.io/substitute: disabled }'),
      'b.yaml': configMap(
        'b',
        '  a: "${a}"\n',
        '\n  annotations: { kustomize.toolkit.fluxcd.io/substitute: disabled }',
      ),
      'c.yaml': configMap('c', '  a: "$${a}"\n  big: "12345678901234567890"\n'),
      'd.yaml': configMap('d', '  a: plain\n'),
    };
    const found = await build(files, { variables: { a: 'x' } });
    expect(found.map((object) => object['data'])).toEqual([
      { a: '${a}' },
      { a: '${a}' },
      { a: '${a}', big: '12345678901234567890' },
      { a: 'plain' },
    ]);
  });

  test('none at all leave everything as it is, unless the strategy says otherwise', async () => {
    const files = { 'a.yaml': configMap('a', '  a: "${a:=x}"\n') };
    expect((await build(files, {}))[0]?.['data']).toEqual({ a: '${a:=x}' });
    expect((await build(files, { always: true }))[0]?.['data']).toEqual({ a: 'x' });
  });

  test('change the bundle’s digest with their values', async () => {
    const artifact = memoryArtifact({ 'a.yaml': configMap('a', '  a: "${a}"\n') });
    const digest = async (a: string): Promise<string> => {
      const substitution = { variables: { a }, secrets: [], strict: true, always: false };
      return (await renderer.build(artifact, buildSpec(), { deadline: 20_000, substitution })).digest;
    };
    expect(await digest('x')).toBe(await digest('x'));
    expect(await digest('x')).not.toBe(await digest('y'));
  });
});

describe('what cannot be put in', () => {
  test.each<{ name: string; data: string; variables: Record<string, string>; message: RegExp }>([
    {
      name: 'an undefined variable names object, file and variable',
      data: '  a: "${nowhere}"\n',
      variables: { a: 'x' },
      message: /^a\.yaml.*: post build failed for 'ConfigMap\.v1\.\[noGrp\]\/a': .*nowhere/,
    },
    {
      name: 'a value that breaks the object is not shown',
      data: '  a: ${a}\n',
      variables: { a: 's3cr3t: [' },
      message: /^a\.yaml.*: post build failed for 'ConfigMap\.v1\.\[noGrp\]\/a': (?!.*s3cr3t)/,
    },
    {
      name: 'a name that is none, where nothing is put in',
      data: '  a: plain\n',
      variables: { 'not-a-name': 'x' },
      message: /'not-a-name' var name is invalid/,
    },
    {
      name: 'a name that is none',
      data: '  a: "${a}"\n',
      variables: { 'not-a-name': 'x' },
      message: /'not-a-name' var name is invalid/,
    },
  ])('$name', async ({ data, variables, message }) => {
    await expect(build({ 'a.yaml': configMap('a', data) }, { variables })).rejects.toMatchObject({
      code: 'build-failed',
      message: expect.stringMatching(message) as string,
    });
  });

  test('unless undefined variables are let through as nothing', async () => {
    const files = { 'a.yaml': configMap('a', '  a: "<${nowhere}>"\n') };
    expect((await build(files, { variables: { a: 'x' }, strict: false }))[0]?.['data']).toEqual({ a: '<>' });
  });
});

describe('of what variables of Secrets are put into', () => {
  const object = (fields: Record<string, unknown>): string =>
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', ...fields });
  test.each<{ name: string; file: string; says: string }>([
    {
      name: 'a name that is none',
      file: object({ metadata: { name: 'a b ${text}' } }),
      says: `a.yaml:1: metadata.name of ConfigMap.v1.[noGrp]/a b \${text} may hold no blank, line end, "/" or "%"`,
    },
    {
      name: 'a name that is a number',
      file: object({ metadata: { name: '${number}' } }),
      says: 'a.yaml:1: ConfigMap.v1.[noGrp]/${number} becomes no Kubernetes object: metadata.name must be a text: quote it',
    },
    {
      name: 'a namespace that is a number in another form',
      file: object({ metadata: { name: 'a', namespace: '${hex}' } }),
      says: 'a.yaml:1: ConfigMap.v1.[noGrp]/a becomes no Kubernetes object: metadata.namespace must be a text: quote it',
    },
    {
      name: 'a label that is a number',
      file: object({ metadata: { name: 'a', labels: { a: '${number}' } } }),
      says: 'a.yaml:1: ConfigMap.v1.[noGrp]/a becomes no Kubernetes object: each label and annotation must be a text: quote its value',
    },
    {
      name: 'a kind that is none',
      file: object({ kind: '${text}', metadata: { name: 'a' } }),
      says: 'a.yaml:1: kind of ${text}.v1.[noGrp]/a may hold letters and digits',
    },
    {
      name: 'one object twice',
      file: `${object({ metadata: { name: '${name}' } })}\n---\n${object({ metadata: { name: '${name:=a}' } })}`,
      says: 'a.yaml:3: ConfigMap.v1.[noGrp]/${name:=a} is declared twice, first at a.yaml:1: remove one',
    },
  ])('no value is shown: $name', async ({ file, says }) => {
    const variables = { text: 's3cr3t/value', number: '48151623', hex: '0x2dec147', name: 's3cr3t' };
    const secrets = Object.values(variables);
    await expect(build({ 'a.yaml': file }, { variables, secrets })).rejects.toMatchObject({ message: says });
  });

  const place = fc.constantFrom('name', 'namespace', 'kind', 'apiVersion', 'label', 'key', 'annotation', 'annotations');
  const value = fc.oneof(
    fc.string({ minLength: 4 }),
    fc.integer({ min: 1_000_000 }).map((number) => `${number}`),
    fc.integer({ min: 1_000_000 }).map((number) => `0x${number.toString(16)}`),
    fc.constantFrom(
      '[48151623]',
      '{a: 48151623}',
      'a: 48151623',
      '4.8151623e3',
      'a"48151623',
      `${'48151623'.repeat(40)}`,
    ),
  );
  const around = fc.constantFrom('${v}', 'a ${v}', '${v}/', '${v:0:7}', '${v^^}', '${v/4/5}');
  const objectWith = (at: string, text: string): string => {
    const metadata = {
      name: at === 'name' ? text : 'a',
      ...(at === 'namespace' && { namespace: text }),
      ...(at === 'label' && { labels: { a: text } }),
      ...(at === 'key' && { labels: { [text]: text } }),
      ...(at === 'annotation' && { annotations: { a: text } }),
      ...(at === 'annotations' && { annotations: text }),
    };
    return object({ ...(at === 'kind' && { kind: text }), ...(at === 'apiVersion' && { apiVersion: text }), metadata });
  };

  test('whatever the value and wherever it goes, no error shows it', async () => {
    const messageOf = (v: string, file: string): Promise<string> =>
      build({ 'a.yaml': file }, { variables: { v }, secrets: [v] }).then(
        () => '',
        (error: unknown) => String(error),
      );
    await fc.assert(
      fc.asyncProperty(place, value, around, async (at, v, text) => {
        const message = await messageOf(v, objectWith(at, text));
        const left = message.replaceAll(text, '');
        expect(left).not.toMatch(/\d{5}/);
        expect(v.trim().length >= 6 && left.includes(v)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});

test('whatever the text, it ends in objects or in one error that shows no value', async () => {
  const text = fc.oneof(
    fc.string(),
    fc
      .array(fc.constantFrom('${', '}', '$', 'a', ':', '=', '-', '#', '%', '/', '^', ',', '"', '\\', '\n'), {
        maxLength: 20,
      })
      .map((parts) => parts.join('')),
  );
  await fc.assert(
    fc.asyncProperty(text, async (value) => {
      const files = { 'a.yaml': configMap('a', `  a: ${JSON.stringify(value)}\n`) };
      const message = await build(files, { variables: { a: 'V4LUE' } }).then(
        () => '',
        (error: unknown) => String(error),
      );
      expect(message).not.toContain('V4LUE');
    }),
    { numRuns: 200 },
  );
});
