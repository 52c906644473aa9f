import { printJson } from '@plumb/api';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { Bundle } from './bundle.ts';
import { createRenderer } from './create-renderer.ts';
import { buildSpec, kustomizedList, memoryArtifact, testEngine } from './testing/memory-artifact.ts';
import type { Files } from './testing/memory-artifact.ts';

/** Documents of one run of the suite; `npm run chaos -- --case differential` says how many, and from which seed. */
const { numRuns: documents = 150, seed = Date.now() } = fc.readConfigureGlobal();

/** The plain road must give what kustomize gives for the kustomization that Flux would generate. */

const engine = testEngine();
const renderer = createRenderer({ engine });
afterAll(() => engine.close());

async function build(files: Files): Promise<Bundle> {
  return await renderer.build(memoryArtifact(files), buildSpec({ path: './app' }), { deadline: 10_000 });
}

function contents(bundle: Bundle): string[] {
  return bundle.objects.map(({ digest, body }) => `${digest} ${printJson(body)}`.slice(0, 64)).sort();
}

async function assertSame(files: Record<string, string>): Promise<Bundle> {
  const below = Object.fromEntries(Object.entries(files).map(([name, text]) => [`app/${name}`, text]));
  const plain = await build(below);
  const engineBuilt = await build({ ...below, 'app/kustomization.yaml': kustomizedList(Object.keys(files)) });
  expect(contents(plain)).toEqual(contents(engineBuilt));
  expect(plain.digest).toBe(engineBuilt.digest);
  return plain;
}

const head = 'apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\n';
const values = [
  'yes',
  'Yes',
  'on',
  'y',
  'true',
  'True',
  'tRue',
  'null',
  '~',
  '',
  '010',
  '0o10',
  '0777',
  '08',
  '0x1F',
  '0b11',
  '-0b11',
  '1_000',
  '1e3',
  '1.0',
  '1.5e2',
  '+1',
  '-1',
  '-0',
  '.5',
  '5.',
  '1:30',
  '2001-01-01',
  '2001-1-1',
  '2001-01-01T00:00:00Z',
  '2001-12-14 21:59:43.10 -5',
  '2001-01-01 10:20:30.4500',
  '2001-01-01t01:02:03+02:00',
  '2001-02-30',
  '12345678901234567',
  '18446744073709551615',
  '18446744073709551616',
  '-9223372036854775809',
  '123456789012345678901234567890',
  '1e400',
  '1e21',
  '1e-7',
  '123456789.123456789',
  '9007199254740993.0',
  '123456789012345680000.0',
  '-0.0',
  '<<',
  '!!str 1',
  '!!int "3"',
  '!!float 3',
  '!!binary aGk=',
  '! 12',
  '!foo bar',
  '"a\\u0041"',
  "'it''s'",
  '0o8',
  '=',
  '"\\x07\\0"',
  '685_230.15',
  '|\n  a\n   b\n\n  c\n',
  '>-\n  a\n  b\n\n  c\n',
  '|+\n  x\n\n',
  '"a\\\n  b"',
  'a\n b',
  '[1, [2, {a: b}], ]',
  '{a: , "b": 1, ? c}',
  '!!set {a, b}',
  '{1: a, true: b, yes: c, 010: d}',
];

describe('a plain folder gives what kustomize gives', () => {
  test.each(values)('for the value %j', async (value) => {
    await assertSame({ 'a.yaml': `${head}v: ${value}\n` });
  });

  test.each([
    [
      'anchors and merges',
      `${head}x: &x {a: 1, b: [1]}\ny: {<<: *x, b: 2}\nz: {b: 3, <<: [*x, {c: 1, a: 9}]}\nw: *x\n`,
    ],
    ['an anchor on metadata', 'apiVersion: v1\nkind: Thing\nmetadata: &m {name: a}\nx: *m\n'],
    [
      'annotations that are not strings',
      'apiVersion: v1\nkind: Thing\nmetadata: {name: a, annotations: {a: 1, b: true, c: 1.0, d: 010, e: , f: 2001-01-01, g: ~, h: null, i: yes, j: .inf}}\n',
    ],
    [
      'empty annotations and labels',
      'apiVersion: v1\nkind: Thing\nmetadata: {name: a, annotations: {}, labels: {}}\n---\napiVersion: v1\nkind: Thing\nmetadata: {name: b, annotations: , labels: }\n',
    ],
    [
      'annotations of file tools',
      'apiVersion: v1\nkind: Thing\nmetadata: {name: a, annotations: {config.kubernetes.io/index: "0", config.kubernetes.io/path: p, internal.config.kubernetes.io/x: "1"}}\n',
    ],
    [
      'local configuration',
      'apiVersion: v1\nkind: Thing\nmetadata: {name: a, annotations: {config.kubernetes.io/local-config: "true"}}\n---\napiVersion: v1\nkind: Thing\nmetadata: {name: b, annotations: {config.kubernetes.io/local-config: "false"}}\n',
    ],
    ['empty documents', `---\n# nothing\n---\n${head}---\n~\n---\n{}\n`],
    [
      'a List',
      `apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Thing, metadata: {name: q}}\n- apiVersion: v1\n  kind: Thing\n  metadata: {name: r}\n  f: 1.0\n  i: 12345678901234567890123\n  d: 2001-01-01\n`,
    ],
    [
      'a List in a List',
      'apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Thing, metadata: {name: q}}]}\n',
    ],
    ['an empty List', `${head}---\napiVersion: v1\nkind: List\nitems: []\n---\napiVersion: v1\nkind: List\nitems:\n`],
    [
      'a kind that ends in List and is none',
      'apiVersion: example.com/v1\nkind: AllowList\nmetadata: {name: x}\nspec: {}\n',
    ],
    ['nulls', `${head}a: null\nb: [1, null]\nc: {d: }\n`],
    ['Windows line ends and a byte order mark', `\ufeff${head.replaceAll('\n', '\r\n')}s: |\r\n  a\r\n  b\r\n`],
    ['JSON', '{"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "a"}, "n": 1.50, "s": "\\u00e9"}'],
    [
      'a status and a creation time',
      'apiVersion: v1\nkind: Thing\nmetadata: {name: a, creationTimestamp: null}\nstatus: {}\n',
    ],
  ])('for %s', async (_name, text) => {
    await assertSame({ 'a.yaml': text });
  });

  test('for many files in folders', async () => {
    const bundle = await assertSame({
      'a.yaml': head,
      'b/c.yml':
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: x}\ndata: {k: v}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: c, namespace: x}\n',
      'b/a.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: y}\n',
    });
    expect(bundle.objects.map(({ origin }) => `${origin.path}#${origin.document}`)).toEqual([
      'app/a.yaml#0',
      'app/b/a.yaml#0',
      'app/b/c.yml#0',
      'app/b/c.yml#1',
    ]);
  });

  test('for generated documents', { timeout: documents * 400 }, async () => {
    const scalar = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.bigInt(),
      fc.constantFrom(...values.slice(0, 50)),
    );
    const name = fc.stringMatching(/^[a-z_][a-zA-Z0-9_-]{0,6}$/);
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        scalar,
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(name, tie('tree'), { maxKeys: 4 }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, tree, { maxKeys: 5 }), async (spec) => {
        await assertSame({ 'a.yaml': printJson({ apiVersion: 'v1', kind: 'Thing', metadata: { name: 'a' }, spec }) });
      }),
      { numRuns: documents, seed },
    );
  });
});
