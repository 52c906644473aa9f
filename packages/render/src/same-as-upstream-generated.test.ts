import { printJson } from '@plumb/api';
import type { Json, JsonObject, KubeObject } from '@plumb/api';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { createRenderer } from './create-renderer.ts';
import type { BuildSpec } from './renderer.ts';
import { buildSpec, memoryArtifact, testEngine } from './testing/memory-artifact.ts';
import type { Files } from './testing/memory-artifact.ts';
import { bodies, byName, upstreamBuild, withCommonMetadata } from './testing/upstream.ts';

/** Builds of one run of the suite, the same ones each time; `npm run chaos -- --case differential` says how many, and from which seed. */
const { numRuns: builds = 150, seed = 1 } = fc.readConfigureGlobal();

/** Part of a kustomization: fields, and the files they name, by path from the kustomization's folder. */
interface Part {
  fields: JsonObject;
  files: Files;
}

/** A tree whose folder `app` is to be built, the spec to build it with, and the kustomization that stands there for upstream. */
interface RandomBuild {
  files: Files;
  spec: Partial<BuildSpec>;
  upstream: Files;
}

const part = (fields: JsonObject, files: Files = {}): Part => ({ fields, files });
const always = (fields: JsonObject, files: Files = {}): fc.Arbitrary<Part> => fc.constant(part(fields, files));
const word = fc.constantFrom('a', 'b', 'shop', 'größe', '1', 'true', 'x/y', '');

const template = (name: string, image: string): JsonObject => ({
  metadata: { labels: { app: name } },
  spec: {
    serviceAccountName: 'runner',
    containers: [
      { name: 'main', image, envFrom: [{ configMapRef: { name: 'settings' } }, { secretRef: { name: 'gen0' } }] },
      { name: 'side', image: 'side:1', env: [{ name: 'HOST', value: 'none' }] },
    ],
    volumes: [{ name: 'v', configMap: { name: 'gen0' } }],
  },
});

/** What the lowest level holds: workloads and what they refer to. */
const objects: readonly JsonObject[] = [
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { host: 'db', url: 'a:b:c' } },
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'runner' } },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', labels: { app: 'web', tier: 'front' } },
    spec: { replicas: 1, selector: { matchLabels: { app: 'web' } }, template: template('web', 'web:1') },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db', namespace: 'data', annotations: { note: 'x' } },
    spec: {
      replicas: 1,
      serviceName: 'web',
      selector: { matchLabels: { app: 'db' } },
      template: template('db', 'registry.example.com:5000/db'),
      volumeClaimTemplates: [{ metadata: { name: 'data' } }],
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'runner' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'none' },
    subjects: [{ kind: 'ServiceAccount', name: 'runner', namespace: 'data' }],
  },
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'data' } },
  {
    apiVersion: 'example.com/v1',
    kind: 'Thing',
    metadata: { name: 'thing' },
    spec: { list: [{ name: 'a' }], big: 1e15 },
  },
];

/** A patch as a kustomization holds it and as the spec does. */
type Patch = { patch: string; target?: { [field in 'kind' | 'name' | 'labelSelector']?: string } };

const patch = fc.constantFrom<Patch>(
  { patch: printJson({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { replicas: 4 } }) },
  { patch: '[{"op": "replace", "path": "/spec/replicas", "value": 5}]', target: { kind: 'Deployment|StatefulSet' } },
  { patch: '[{"op": "add", "path": "/metadata/annotations", "value": {"by": "json"}}]', target: { name: 'w.*' } },
  {
    patch: '- {op: add, path: /spec/template/spec/containers/-, value: {name: more, image: web}}',
    target: { kind: 'Deployment' },
  },
  {
    patch: 'apiVersion: v1\nkind: any\nmetadata: {name: any, labels: {patched: "yes"}}\n',
    target: { labelSelector: 'app=web' },
  },
  {
    patch: 'apiVersion: v1\nkind: any\nmetadata: {name: any}\n$patch: delete\n',
    target: { kind: 'RoleBinding', name: '.*' },
  },
  { patch: 'apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: thing}\nspec: {list: [{name: b}]}\n' },
  { patch: '[{"op": "test", "path": "/spec/replicas", "value": 1}]', target: { kind: 'Deployment' } },
);

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const image = fc.record(
  {
    name: fc.constantFrom('web', 'side', 'registry.example.com:5000/db', 'mirror/web'),
    newName: fc.constantFrom('mirror/web', 'side', ''),
    newTag: fc.constantFrom('2.0', 'v3', ''),
    digest: fc.constantFrom(digest('a'), digest('b'), ''),
  },
  { requiredKeys: ['name'] },
);

const options = fc.record(
  {
    disableNameSuffixHash: fc.boolean(),
    immutable: fc.boolean(),
    labels: fc.constant({ generated: 'yes' }),
    annotations: fc.constant({ note: 'gen' }),
  },
  { requiredKeys: [] },
);
const sources = (level: number): fc.Arbitrary<Part> =>
  fc
    .record({
      literals: fc.uniqueArray(word, { maxLength: 3 }),
      files: fc.boolean(),
      envs: fc.boolean(),
      binary: fc.boolean(),
    })
    .map(({ literals, files, envs, binary }) =>
      part(
        {
          literals: literals.map((text, index) => `k${index}=${text}`),
          ...(files || binary
            ? {
                files: [
                  ...(files ? ['../app/../data/text.txt'] : []),
                  ...(binary ? [`key${level}=../data/bytes`] : []),
                ],
              }
            : {}),
          ...(envs ? { envs: [`e${level}.env`] } : {}),
        },
        envs ? { [`e${level}.env`]: '# note\nE=1\nBARE\n' } : {},
      ),
    );

function generator(field: 'configMapGenerator' | 'secretGenerator', level: number): fc.Arbitrary<Part> {
  const behavior = level === 0 ? fc.constant('create') : fc.constantFrom('create', 'merge', 'replace');
  return fc
    .tuple(sources(level), behavior, fc.option(options, { nil: undefined }))
    .map(([{ fields, files }, how, chosen]) => {
      const name = how === 'create' ? `gen${level}` : 'gen0';
      const entry: JsonObject = {
        name,
        behavior: how,
        ...fields,
        ...(chosen === undefined ? {} : { options: chosen as JsonObject }),
      };
      return part({ [field]: [entry] }, files);
    });
}

/** What a level may ask for beside its resources. */
function feature(level: number): fc.Arbitrary<Part> {
  return fc.oneof(
    fc.constantFrom('shop', 'data').map((namespace) => part({ namespace })),
    always({ namePrefix: `p${level}-` }),
    always({ nameSuffix: `-s${level}` }),
    word.map((value) => part({ commonLabels: { [`common${level}`]: value.replaceAll('/', '-') } })),
    fc
      .tuple(fc.boolean(), fc.boolean())
      .map(([includeSelectors, includeTemplates]) =>
        part({ labels: [{ pairs: { [`l${level}`]: 'v' }, includeSelectors, includeTemplates }] }),
      ),
    word.map((value) => part({ commonAnnotations: { note: value } })),
    fc.array(image, { minLength: 1, maxLength: 2 }).map((images) => part({ images })),
    fc.constantFrom('web', 'db').map((name) => part({ replicas: [{ name, count: level + 2 }] })),
    patch.map((one) => part({ patches: [one] })),
    patch.map((one) => {
      const { patch: text, ...rest } = one;
      return part({ patches: [{ ...rest, path: `patch${level}.yaml` }] }, { [`patch${level}.yaml`]: text });
    }),
    generator('configMapGenerator', level),
    generator('secretGenerator', level),
    options.map((generatorOptions) => part({ generatorOptions: generatorOptions as JsonObject })),
    always({
      replacements: [
        {
          source: { kind: 'ConfigMap', name: 'settings', fieldPath: 'data.url', options: { delimiter: ':', index: 1 } },
          targets: [
            { select: { kind: 'Deployment' }, fieldPaths: ['spec.template.spec.containers.[name=side].env.0.value'] },
          ],
        },
      ],
    }),
    always({
      transformers: [
        'apiVersion: builtin\nkind: AnnotationsTransformer\nmetadata: {name: a}\nannotations: {by: transformer}\nfieldSpecs: [{path: metadata/annotations, create: true}]\n',
      ],
    }),
    always(
      { configurations: [`conf${level}.yaml`] },
      {
        [`conf${level}.yaml`]:
          'nameReference: [{kind: ConfigMap, fieldSpecs: [{path: spec/list/name, kind: Thing}]}]\n',
      },
    ),
    always(
      { resources: [`./extra${level}.yaml`] },
      { [`extra${level}.yaml`]: `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra${level}}\n` },
    ),
    fc
      .subarray(['originAnnotations', 'transformerAnnotations', 'managedByLabel'])
      .map((buildMetadata) => part({ buildMetadata })),
    always({
      patchesJson6902: [
        {
          target: { version: 'v1', kind: 'ConfigMap', name: 'settings' },
          patch: '[{"op": "add", "path": "/data/old", "value": "6902"}]',
        },
      ],
    }),
    always({ vars: [{ name: `V${level}`, objref: { apiVersion: 'v1', kind: 'Service', name: 'web' } }] }),
    always({ components: ['../parts/scale'] }),
    always({ components: ['../parts/extra'] }),
    always({ sortOptions: { order: 'fifo' } }),
  );
}

/** Parts put together: lists follow each other, the last of anything else stays. */
function together(parts: readonly Part[]): Part {
  const fields: JsonObject = {};
  for (const each of parts) {
    for (const [name, value] of Object.entries(each.fields)) {
      const before = fields[name];
      fields[name] = Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value;
    }
  }
  return part(fields, Object.assign({}, ...parts.map(({ files }) => files)) as Files);
}

const features = (level: number): fc.Arbitrary<Part> =>
  fc.array(feature(level), { maxLength: level === 0 ? 3 : 5 }).map(together);

const specs: fc.Arbitrary<Partial<BuildSpec>> = fc.record(
  {
    targetNamespace: fc.constantFrom('spec', 'data'),
    namePrefix: fc.constant('spec-'),
    nameSuffix: fc.constant('-spec'),
    patches: fc.array(patch, { maxLength: 2 }),
    images: fc.array(image, { maxLength: 3 }),
    components: fc.subarray(['../parts/scale', '../parts/extra', '../parts/gone']),
    ignoreMissingComponents: fc.constant(true),
    commonMetadata: fc.constant({ labels: { app: 'common', team: 'x' }, annotations: { note: 'common' } }),
    buildMetadata: fc.subarray(['originAnnotations', 'transformerAnnotations']),
    ownerLabels: fc.constant({ 'kustomize.toolkit.fluxcd.io/name': 'unit' }),
  },
  { requiredKeys: [] },
);

const shared: Files = {
  'parts/scale/kustomization.yaml': 'kind: Component\nreplicas: [{name: web, count: 9}]\n',
  'parts/extra/kustomization.yaml': 'kind: Component\nresources: [e.yaml]\nlabels: [{pairs: {part: extra}}]\n',
  'parts/extra/e.yaml': 'apiVersion: v1\nkind: Secret\nmetadata: {name: part}\n',
  'data/text.txt': 'text\n',
  'data/bytes': Uint8Array.of(0, 255, 1, 254),
};

const kustomization = (fields: JsonObject): string => printJson({ ...fields });

function place(folder: string, { files }: Part): Files {
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [`${folder}/${path}`, content]));
}

/** How a level names the one below: plainly, by a way round, or by a symlink. */
const ways = fc.constantFrom('plain', 'round', 'link');

/** Up to four levels of kustomizations, the last in `app`; or a folder `app` without one, that holds the level below. */
const randomBuild: fc.Arbitrary<RandomBuild> = fc
  .record({
    kept: fc.subarray([...objects], { minLength: objects.length - 2 }),
    levels: fc
      .integer({ min: 1, max: 3 })
      .chain((count) => fc.tuple(...Array.from({ length: count }, (_, level) => features(level)))),
    top: features(4),
    way: ways,
    spec: specs,
    isPlain: fc.boolean(),
  })
  .map(({ kept, levels, top, way, spec, isPlain }) => {
    const files: Files = { ...shared };
    for (const [level, each] of levels.entries()) {
      const below = level === 0 ? ['objects.yaml'] : [`../l${level - 1}`];
      Object.assign(files, place(`l${level}`, each));
      files[`l${level}/kustomization.yaml`] = kustomization(together([part({ resources: below }), each]).fields);
    }
    files['l0/objects.yaml'] = kept.map((object) => printJson(object)).join('\n---\n');
    const last = `../l${levels.length - 1}`;
    if (way === 'link') files['app/below'] = { link: last };
    const below = way === 'link' ? 'below' : way === 'round' ? `./none/../${last}/.` : last;
    if (!isPlain) {
      const fields = (resource: string): JsonObject => together([part({ resources: [resource] }), top]).fields;
      Object.assign(files, place('app', top), { 'app/kustomization.yaml': kustomization(fields(below)) });
      return { files, spec, upstream: { 'app/kustomization.yaml': kustomization(asFluxWrites(fields(last), spec)) } };
    }
    files['app/z/own.yml'] = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\n';
    files['app/inner/kustomization.yaml'] = kustomization({ resources: [`../${last}`] });
    delete files['app/below'];
    const listed = { resources: ['./inner', './z/own.yml'] };
    return { files, spec, upstream: { 'app/kustomization.yaml': kustomization(asFluxWrites(listed, spec)) } };
  });

/** What kustomize-controller makes of a kustomization's fields (fluxcd/pkg kustomize/kustomize_generator.go), without its origin marks. */
function asFluxWrites(fields: JsonObject, spec: Partial<BuildSpec>): JsonObject {
  const {
    targetNamespace,
    namePrefix,
    nameSuffix,
    components = [],
    patches = [],
    images = [],
    buildMetadata = [],
  } = spec;
  const missing = spec.ignoreMissingComponents === true ? ['../parts/gone'] : [];
  const list = (field: string): Json[] => (fields[field] as Json[] | undefined) ?? [];
  const single = Object.entries({ namespace: targetNamespace, namePrefix, nameSuffix });
  return {
    ...fields,
    ...Object.fromEntries(single.filter((entry): entry is [string, string] => entry[1] !== undefined)),
    components: [...list('components'), ...components.filter((each) => !missing.includes(each))],
    patches: [...list('patches'), ...patches.map((each) => JSON.parse(JSON.stringify(each)) as Json)],
    images: withImages(list('images'), images),
    buildMetadata: buildMetadata.length > 0 ? [...buildMetadata] : list('buildMetadata'),
  };
}

function withImages(own: readonly Json[], images: BuildSpec['images']): Json[] {
  const merged = own.map((each) => ({ ...(each as JsonObject) }));
  for (const { name, newName = '', newTag = '', digest: pinned = '' } of images) {
    let entry = merged.find((each) => each['name'] === name);
    if (entry === undefined) merged.push((entry = { name }));
    if (newName !== '') entry['newName'] = newName;
    if (newTag !== '' || pinned !== '') Object.assign(entry, { newTag, digest: pinned });
  }
  return merged;
}

const engine = testEngine();
const renderer = createRenderer({ engine });
afterAll(() => engine.close());

/** Objects by name, or that the build was refused with this code. Any other error is one of the test. */
async function outcome(build: Promise<KubeObject[]>, code: string): Promise<Record<string, KubeObject> | 'refused'> {
  try {
    return byName(await build);
  } catch (error) {
    if ((error as { code?: string }).code !== code) throw error;
    return 'refused';
  }
}

test(
  'features of kustomizations and of the spec, put together at random, give what upstream gives',
  { timeout: builds * 1_000 },
  async () => {
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(randomBuild, async ({ files, spec: change, upstream }) => {
        const spec = buildSpec({ path: 'app', ...change });
        const ours = renderer.build(memoryArtifact(files), spec, { deadline: 10_000 }).then(bodies);
        const theirs = upstreamBuild(engine, { ...files, ...upstream }, 'app').then((all) =>
          withCommonMetadata(all, spec),
        );
        const [found, expected] = await Promise.all([outcome(ours, 'build-failed'), outcome(theirs, 'failed')]);
        if (expected === 'refused') refused += 1;
        expect(found).toEqual(expected);
      }),
      { numRuns: builds, seed },
    );
    expect(refused, `refused of ${builds} builds from seed ${seed}`).toBeLessThan(builds / 2);
  },
);
