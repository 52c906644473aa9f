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
