import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { createRenderer } from './create-renderer.ts';
import { kustomizedList, testEngine } from './testing/memory-artifact.ts';
import type { Files } from './testing/memory-artifact.ts';
import { outcomeOf } from './testing/outcome.ts';

/** Trees of one run of the suite; `npm run chaos -- --case differential` says how many, and from which seed: 10,000 take half a minute. */
const { numRuns: trees = 300, seed = Date.now() } = fc.readConfigureGlobal();

const engine = testEngine();
let builds = 0;
const renderer = createRenderer({
  engine: {
    ...engine,
    kustomizeBuild: (request) => {
      builds += 1;
      return engine.kustomizeBuild(request);
    },
  },
});
afterAll(() => engine.close());

const FOLDERS = ['', 'apps', 'apps/web', 'base'] as const;
const FILES = ['a.yaml', 'b.yaml', 'apps/a.yaml', 'apps/web/deep.yml', 'base/base.yaml', 'shared.yaml'] as const;
const ODD = [
  '.',
  '..',
  'nowhere.yaml',
  './kustomization.yaml',
  '/etc/hosts',
  'https://example.com/x',
  'apps',
  'a.yaml',
];

const up = (from: string): string => (from === '' ? '' : '../'.repeat(from.split('/').length));

/** Once in so many times. */
function seldom<T, U>(value: fc.Arbitrary<T>, usual: U, times: number): fc.Arbitrary<T | U> {
  return fc.oneof({ arbitrary: value, weight: 1 }, { arbitrary: fc.constant(usual), weight: times - 1 });
}

/** The folder that lists a file: most often its own. */
const home = (path: string): fc.Arbitrary<number> =>
  fc.oneof(
    { arbitrary: fc.constant(FOLDERS.findLastIndex((folder) => path.startsWith(folder))), weight: 8 },
    { arbitrary: fc.integer({ min: -1, max: FOLDERS.length - 1 }), weight: 1 },
  );

/** Which folder lists which: most often a tree, each file once. An entry is a path from the folder that lists it. */
const lists = fc
  .record({
    homes: fc.tuple(...FILES.map((path) => home(path))),
    parents: fc.tuple(...FOLDERS.map((_, index) => fc.integer({ min: -1, max: index - 1 }))),
    dotted: fc.boolean(),
    odd: seldom(fc.tuple(fc.nat(FOLDERS.length - 1), fc.constantFrom(...ODD)), null, 8),
  })
  .map(({ homes, parents, dotted, odd }) =>
    FOLDERS.map((folder, own) => {
      const files = FILES.filter((_, index) => homes[index] === own);
      const folders = FOLDERS.filter((path, index) => path !== '' && parents[index] === own);
      const entries = [...files, ...folders].map((path) => `${dotted ? './' : ''}${up(folder)}${path}`);
      return odd?.[0] === own ? [...entries, odd[1]] : entries;
    }),
  );
const PLAIN = ['', 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n', 'kind: Kustomization\n'];
const NOT_PLAIN = [
  'namespace: prod\n',
  'nameSuffix: -v2\n',
  'labels: [{pairs: {team: shop}}]\n',
  'buildMetadata: [originAnnotations]\n',
  'sortOptions: {order: fifo}\n',
  'metadata: {name: list}\n',
  'kind: Component\n',
  'apiVersion: v1\n',
  'configMapGenerator: [{name: made, literals: [a=b]}]\n',
  'images: []\n',
  'unknown: field\n',
];
const more = fc.constantFrom(...PLAIN).chain((usual) => seldom(fc.constantFrom(...NOT_PLAIN), usual, 40));

const BODIES: Readonly<Record<string, string>> = {
  'v1/ConfigMap': 'data: {k: v}\n',
  'v1/Secret': 'stringData: {k: v}\n',
  'v1/ServiceAccount': '',
  'v1/Service': 'spec: {ports: [{port: 80}]}\n',
  'apps/v1/Deployment':
    'spec: {template: {spec: {serviceAccountName: one, containers: [{name: c, envFrom: [{configMapRef: {name: two}}]}]}}}\n',
  'rbac.authorization.k8s.io/v1/RoleBinding':
    'roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: one}\nsubjects: [{kind: ServiceAccount, name: one}, {kind: Group, name: two}]\n',
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding':
    'roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: one}\nsubjects: [{kind: ServiceAccount, name: one, namespace: x}]\n',
  'rbac.authorization.k8s.io/v1/ClusterRole': 'rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]\n',
  'v1/Namespace': '',
  'admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration':
    'webhooks: [{name: one, clientConfig: {service: {name: one, path: /}}}]\n',
  'example.com/v1/Widget': 'spec: {ref: {name: one}}\n',
};
const ANNOTATIONS = [
  '    example.com/a: "1"\n',
  '    config.kubernetes.io/local-config: "true"\n',
  '    config.kubernetes.io/local-config: "false"\n',
  '    config.kubernetes.io/index: "3"\n',
  '    internal.config.kubernetes.io/needsHashSuffix: enabled\n',
];

/** Names are few enough to meet, and namespaces too. */
const object = fc
  .record({
    what: fc.oneof(
      { arbitrary: fc.constantFrom('v1/ConfigMap', 'v1/Secret', 'example.com/v1/Widget'), weight: 3 },
      { arbitrary: fc.constantFrom(...Object.keys(BODIES)), weight: 1 },
    ),
    name: fc.constantFrom('one', 'two', ...Array.from({ length: 30 }, (_, index) => `n${index}`)),
    namespace: fc.constantFrom('', '', 'x', 'y', 'default'),
    annotation: seldom(fc.constantFrom(...ANNOTATIONS), '', 20),
  })
  .map(({ what, name, namespace, annotation }) => {
    const [version, kind] = [what.slice(0, what.lastIndexOf('/')), what.slice(what.lastIndexOf('/') + 1)];
    const notes = annotation === '' ? '' : `  annotations:\n${annotation}`;
    const where = namespace === '' ? '' : `  namespace: ${namespace}\n`;
    return `apiVersion: ${version}\nkind: ${kind}\nmetadata:\n  name: ${name}\n${where}${notes}${BODIES[what] ?? ''}`;
  });
const list = fc.array(fc.constantFrom('l1', 'l2', 'l3', 'l4', 'l5', 'l6'), { maxLength: 2 }).map((names) => {
  const items = names.map((name) => `{apiVersion: v1, kind: ConfigMap, metadata: {name: ${name}}}`);
  return `apiVersion: v1\nkind: List\nitems: [${items.join(', ')}]\n`;
});
const document = fc.oneof(
  { arbitrary: object, weight: 60 },
  { arbitrary: list, weight: 5 },
  { arbitrary: fc.constantFrom('', '# nothing\n', '~\n', '{}\n'), weight: 8 },
  { arbitrary: fc.constantFrom('a: [\n', 'apiVersion: v1\nkind: ConfigMap\n', '- 1\n', 'text\n'), weight: 1 },
);
const content = fc.array(document, { maxLength: 3 }).map((documents) => documents.join('---\n'));

const tree = fc.record({
  lists,
  more: fc.tuple(...FOLDERS.map(() => more)),
  files: fc.tuple(...FILES.map(() => content)),
});

interface Drawn {
  lists: readonly (readonly string[])[];
  more: readonly string[];
  files: readonly string[];
}

/** `prefix` is a field without effect that keeps the short road from being taken. */
function filesOf(drawn: Drawn, prefix: string): Files {
  const kustomizations = FOLDERS.map((folder, index) => {
    const text = `${drawn.more[index] ?? ''}resources: ${JSON.stringify(drawn.lists[index])}\n`;
    return [
      folder === '' ? 'kustomization.yaml' : `${folder}/kustomization.yaml`,
      folder === '' ? text + prefix : text,
    ];
  });
  return Object.fromEntries([...kustomizations, ...FILES.map((path, index) => [path, drawn.files[index] ?? ''])]);
}

test(
  'a kustomization that lists files and folders gives what kustomize gives, mistakes too',
  { timeout: trees * 400 },
  async () => {
    let short = 0;
    await fc.assert(
      fc.asyncProperty(tree, async (drawn) => {
        const before = builds;
        const { says, bundle } = await outcomeOf(renderer, filesOf(drawn, ''));
        if (builds === before && bundle !== undefined && bundle.objects.length > 0) short += 1;
        const kustomized = await outcomeOf(renderer, filesOf(drawn, "namePrefix: ''\n"));
        expect(says).toBe(kustomized.says);
        expect(bundle?.digest).toBe(kustomized.bundle?.digest);
        expect([...(bundle?.reads.ids.keys() ?? [])]).toEqual([...(kustomized.bundle?.reads.ids.keys() ?? [])]);
      }),
      { numRuns: trees, seed },
    );
    expect(short, `read without kustomize of ${trees} trees from seed ${seed}`).toBeGreaterThan(trees / 8);
  },
);

const map = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;

describe('a kustomization is read without kustomize', () => {
  const asks = async (files: Files): Promise<number> => {
    const before = builds;
    const { says } = await outcomeOf(renderer, files);
    expect(says).toBeUndefined();
    return builds - before;
  };

  test.each<[string, string, number]>([
    ['when it lists files', 'resources: [a.yaml]', 0],
    ['when it lists folders of its kind', 'resources: [sub]', 0],
    ['and says what it is', 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]', 0],
    ['not when it has a prefix, though an empty one', "resources: [a.yaml]\nnamePrefix: ''", 1],
    ['not when it has labels', 'resources: [a.yaml]\nlabels: [{pairs: {a: b}}]', 1],
    ['not when a folder it lists has more', 'resources: [more]', 1],
  ])('%s', async (_when, text, asked) => {
    const files = {
      'a.yaml': map('a'),
      'sub/kustomization.yaml': 'resources: [b.yaml]',
      'sub/b.yaml': map('b'),
      'more/kustomization.yaml': 'resources: [c.yaml]\nnamespace: x',
      'more/c.yaml': map('c'),
      'kustomization.yaml': text,
    };
    expect(await asks(files)).toBe(asked);
  });

  test('and says where in the file each object stands', async () => {
    const files = { 'kustomization.yaml': 'resources: [a.yaml]', 'a.yaml': `${map('a')}---\n${map('b')}` };
    const { bundle } = await outcomeOf(renderer, files);
    expect(bundle?.objects.map(({ origin }) => origin)).toEqual([
      { path: 'a.yaml', document: 0 },
      { path: 'a.yaml', document: 1 },
    ]);
  });
});

const ACCOUNT = 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: builder, namespace: shop}\n';
const binding = (subject: string): string =>
  `apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b, namespace: shop}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}\nsubjects: [${subject}]\n`;

test.each<[what: string, file: string]>([
  [
    'a reference to an account without its namespace',
    `${ACCOUNT}---\n${binding('{kind: ServiceAccount, name: builder}')}`,
  ],
  ['a group of the name of an account', `${ACCOUNT}---\n${binding('{kind: Group, name: builder}')}`],
  ['a reference without a name', binding('{kind: Group}')],
  [
    'accounts of one name in two namespaces',
    `${ACCOUNT}---\n${ACCOUNT.replace('shop', 'other')}---\n${binding('{kind: ServiceAccount, name: builder}')}`,
  ],
  [
    'cluster-wide objects that differ in a namespace',
    ['a', 'b']
      .map((namespace) => `apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: v, namespace: ${namespace}}\n`)
      .join('---\n'),
  ],
  [
    'a name that is to get a hash',
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {internal.config.kubernetes.io/needsHashSuffix: enabled}}\n',
  ],
  ['an empty item of a list', 'apiVersion: v1\nkind: Thing\nmetadata: {name: a}\nx:\n-\n- a\n'],
  [
    'a list of functions',
    'apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\nfunctionConfig: {a: b}\n',
  ],
  [
    'a kustomization among the objects',
    `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nmetadata: {name: a}\n`,
  ],
  [
    'a closing bracket below its key',
    'apiVersion: v1\nkind: Thing\nmetadata: {name: a}\nspec:\n  args: [\n    "sh",\n    "-c"\n  ]\n  env: {\n  a: b,\n c: d\n}\nlast: [\n]\n',
  ],
  [
    'a quoted text whose lines begin at the left',
    'apiVersion: v1\nkind: Thing\nmetadata: {name: a}\nspec:\n  note: "one\ntwo\n\n three"\n  other: \'one\ntwo\'\n',
  ],
  ['tabs before brackets and within', 'apiVersion: v1\nkind: Thing\nmetadata:\t{name: a}\nspec:\t[\ta,\n\tb]\n'],
  [
    'a comment and a plain text too far left within brackets',
    'apiVersion: v1\nkind: Thing\nmetadata: {name: a}\nspec:\n  list: [\n# which\none\ntwo,\n  three]\n',
  ],
  [
    'a list with a name of its own',
    'apiVersion: v1\nkind: ConfigMapList\nmetadata: {name: l}\nitems: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}]\n',
  ],
])('%s is taken as kustomize takes it, in a folder and in a list', async (_what, file) => {
  const kustomized = await outcomeOf(renderer, { 'a.yaml': file, 'kustomization.yaml': kustomizedList(['a.yaml']) });
  const listed = await outcomeOf(renderer, { 'a.yaml': file, 'kustomization.yaml': 'resources: [a.yaml]' });
  const inFolder = await outcomeOf(renderer, { 'a.yaml': file });
  expect(listed.says).toBe(kustomized.says);
  expect(inFolder.says).toBe(kustomized.says);
  expect(listed.gives).toBe(kustomized.gives);
  expect(inFolder.gives).toBe(kustomized.gives);
});
