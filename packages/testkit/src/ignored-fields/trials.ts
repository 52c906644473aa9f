import { isDeepStrictEqual } from 'node:util';
import type { Json, KubeObject } from '@plumb/api';
import { APPLY_MANAGER, asPlumbError, keyOf, OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL } from '@plumb/api';
import { declaredFor, matchesLive, releasePatch } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import fc from 'fast-check';

export const WIDGETS = 'ignored.test.plumb.dev';

/** A custom kind: `parts` is merged by name, `rules` is applied in one piece, as lists are unless their schema says otherwise. */
export const WIDGET_DEFINITION: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `widgets.${WIDGETS}` },
  spec: {
    group: WIDGETS,
    scope: 'Namespaced',
    names: { kind: 'Widget', listKind: 'WidgetList', plural: 'widgets', singular: 'widget' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', properties: { spec: widgetSpec() } } },
      },
    ],
  },
};

function widgetSpec(): Json {
  const text = { type: 'string' };
  const rule = { type: 'object', properties: { host: text, path: text } };
  const part = { type: 'object', required: ['name'], properties: { name: text, image: text } };
  return {
    type: 'object',
    properties: {
      size: { type: 'integer' },
      limits: { type: 'object', additionalProperties: text },
      rules: { type: 'array', items: rule },
      parts: { type: 'array', items: part, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] },
    },
  };
}

/** What a run of the property is made from. */
export interface Trial {
  declared: KubeObject;
  pointers: readonly string[];
  /** What others write between our applies: merge patches and forced applies. */
  edits: readonly { how: 'update' | 'apply'; body: KubeObject }[];
}

const LABELS = { [OWNER_NAME_LABEL]: 'apps', [OWNER_NAMESPACE_LABEL]: 'shop', app: 'cart' };
const text = fc.constantFrom('a', 'b', 'c');
const small = fc.integer({ min: 0, max: 3 });
const metadata = fc.record({
  annotations: fc.dictionary(fc.constantFrom('x/one', 'two', 'three'), text, { minKeys: 1, maxKeys: 3 }),
});

const container = fc.record(
  {
    image: text,
    imagePullPolicy: fc.constantFrom('Always', 'Never'),
    args: fc.array(text, { maxLength: 2 }),
    limits: text,
  },
  { requiredKeys: ['image'] },
);

const cronJobSpec = fc.record({
  successfulJobsHistoryLimit: small,
  failedJobsHistoryLimit: small,
  app: container,
  log: fc.option(container, { nil: undefined }),
});
const widgetBody = fc.record(
  {
    size: small,
    limits: fc.dictionary(text, text, { minKeys: 1, maxKeys: 2 }),
    rules: fc.array(fc.record({ host: text, path: text }, { requiredKeys: [] }), { minLength: 1, maxLength: 2 }),
    parts: fc.uniqueArray(fc.record({ name: text, image: text }), {
      selector: ({ name }) => name,
      minLength: 1,
      maxLength: 2,
    }),
  },
  { requiredKeys: ['size'] },
);

type Container = { image: string; imagePullPolicy?: string; args?: string[]; limits?: string };

function containerOf(name: string, { limits, ...fields }: Container): Json {
  const resources = limits === undefined ? {} : { resources: { limits: { memory: `${limits.codePointAt(0)}Mi` } } };
  return { name, ...fields, ...resources };
}

/** Of the built-in kinds one that no controller writes to, while it is suspended. */
function cronJobOf(meta: object, { app, log, ...spec }: { app: Container; log: Container | undefined }): KubeObject {
  const containers = [containerOf('app', app), ...(log === undefined ? [] : [containerOf('log', log)])];
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: '', labels: LABELS, ...meta },
    spec: {
      ...spec,
      schedule: '0 0 1 1 *',
      suspend: true,
      jobTemplate: { spec: { template: { spec: { restartPolicy: 'Never', containers } } } },
    },
  };
}

const widgetOf = (meta: object, spec: object): KubeObject => ({
  apiVersion: `${WIDGETS}/v1`,
  kind: 'Widget',
  metadata: { name: '', labels: LABELS, ...meta },
  spec,
});

const MORE_POINTERS = ['/metadata', '/metadata/labels', '/spec', '/spec/none', 'spec/size', '', '/spec/rules/7/host'];

/** Objects as declared, with any of their own paths ignored, and writes of others to any of their fields. */
export function trials(): fc.Arbitrary<Trial> {
  const kinds = [
    fc.tuple(metadata, cronJobSpec).map(([meta, spec]) => cronJobOf(meta, spec)),
    fc.tuple(metadata, widgetBody).map(([meta, spec]) => widgetOf(meta, spec)),
  ];
  return fc
    .oneof(...kinds.map((objects) => fc.tuple(objects, fc.array(objects, { maxLength: 2 }))))
    .chain(([declared, others]) =>
      fc.record({
        declared: fc.constant(declared),
        pointers: fc.uniqueArray(fc.constantFrom(...pointersInto(declared), ...MORE_POINTERS), { maxLength: 5 }),
        edits: fc.tuple(
          ...others.map((body) =>
            fc.record({ how: fc.constantFrom('update' as const, 'apply' as const), body: fc.constant(body) }),
          ),
        ),
      }),
    );
}

/** Every path of an object's spec and annotations, but for what cannot be without: keys and what is immutable. */
function pointersInto({ spec, metadata: { annotations } }: KubeObject): string[] {
  const found = [...walk(spec, '/spec'), ...walk(annotations ?? {}, '/metadata/annotations')];
  return found.filter((pointer) => !/\/(name|schedule|suspend)$/.test(pointer));
}

function* walk(value: unknown, path: string): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, child] of Object.entries(value)) {
    const pointer = `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    yield pointer;
    yield* walk(child, pointer);
  }
}

/** The value a pointer names in an object, an item with a name being the one the declaration has at its place. */
function at(object: KubeObject, declared: KubeObject, pointer: string): unknown {
  if (!pointer.startsWith('/')) return undefined;
  let value: unknown = object;
  let meant: unknown = declared;
  for (const token of pointer.slice(1).split('/')) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
    meant = childOf(meant, name);
    const called = (meant as { name?: string } | undefined)?.name;
    const isNamed = Array.isArray(value) && called !== undefined;
    const items = (Array.isArray(value) ? value : []) as { name?: string }[];
    value = isNamed ? items.find((item) => item.name === called) : childOf(value, name);
  }
  return value;
}

function childOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

/** Named items in the order of their names: in which one they are merged does not matter here. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted).toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, sorted(child)]));
}

const nameOf = (item: unknown): string => (item as { name?: string } | undefined)?.name ?? '';

/** An object as it is, without what changes with any write. */
function content({
  metadata: { managedFields: _fields, resourceVersion: _version, generation: _generation, ...meta },
  ...rest
}: KubeObject) {
  return { ...rest, metadata: meta };
}

/** What somebody else writes; what the API server refuses is not written. */
async function write(cluster: Cluster, how: 'update' | 'apply', body: KubeObject): Promise<void> {
  const changes = { spec: body['spec'], metadata: { annotations: body.metadata.annotations } } as unknown as Json;
  const written =
    how === 'apply'
      ? cluster.apply(body, { fieldManager: 'autoscaler', force: true })
      : cluster.patch(keyOf(body), changes, { type: 'merge', fieldManager: 'kubectl-edit' });
  await written.catch((error: unknown) => {
    if (asPlumbError(error).code !== 'api-invalid') throw error;
  });
}

/**
 * Creates an object as declared, has others write to it, gives up what is ignored and applies again.
 * @returns what broke a promise; empty when none is broken
 */
export async function brokenBy(
  cluster: Cluster,
  trial: Trial,
  place: { name: string; namespace: string },
): Promise<string[]> {
  const placed = (object: KubeObject): KubeObject => ({ ...object, metadata: { ...object.metadata, ...place } });
  const declared = placed(trial.declared);
  const how = { manager: APPLY_MANAGER, pointers: trial.pointers };
  const ours = { fieldManager: APPLY_MANAGER, force: true };
  const key = keyOf(declared);
  await cluster.apply(declared, ours);
  for (const edit of trial.edits) await write(cluster, edit.how, placed(edit.body));
  const before = (await cluster.get(key)) as KubeObject;
  const broken: string[] = [];
  const patch = releasePatch({ declared, live: before }, how);
  if (patch.length > 0) {
    const released = await cluster.patch(key, patch, { type: 'json', fieldManager: APPLY_MANAGER });
    if (!isDeepStrictEqual(content(released), content(before))) broken.push('the release changed a value');
    if (releasePatch({ declared, live: released }, how).length > 0) broken.push('not all was released');
  }
  const body = declaredFor(declared, before, trial.pointers);
  const tried = await cluster.apply(declaredFor(declared, before, trial.pointers, 'trial'), { ...ours, dryRun: true });
  const applied = await cluster.apply(body, ours);
  // What was created anew was created in full.
  const last = releasePatch({ declared, live: applied }, how);
  const after = last.length === 0 ? applied : await cluster.patch(key, last, { type: 'json' });
  for (const pointer of trial.pointers) {
    const [was, is] = [at(before, declared, pointer), at(after, declared, pointer)];
    // Metadata as a whole changes with every write; a list may have been given back what was declared of it.
    if (pointer === '/metadata' || pointer === '/spec' || was === undefined) continue;
    if (!isDeepStrictEqual(sorted(was), sorted(is)))
      broken.push(`${pointer} was ${JSON.stringify(was)} and is ${JSON.stringify(is)}`);
  }
  if (!isDeepStrictEqual(sorted(tried['spec']), sorted(after['spec'])))
    broken.push('the dry run showed something else');
  if (matchesLive(declaredFor(declared, after, trial.pointers), after, APPLY_MANAGER) === 'different')
    broken.push('what was applied is taken for drift');
  const again = await cluster.apply(declaredFor(declared, after, trial.pointers), ours);
  if (again.metadata.resourceVersion !== after.metadata.resourceVersion) broken.push('a second apply wrote');
  await cluster.delete(key);
  return broken;
}
