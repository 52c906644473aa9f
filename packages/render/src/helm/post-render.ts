import { displayKey, formatDuration, keyOf, parseJson, printJson, systemError } from '@plumb/api';
import type { Json, KubeObject, PostRenderer } from '@plumb/api';
import { EngineError } from '@plumb/engine';
import type { Engine, HelmText, KustomizeResult } from '@plumb/engine';
import { toObject } from '../declared.ts';
import { buildError } from '../errors.ts';
import { plainWords } from '../kustomize-words.ts';
import { withoutContent } from '../mask.ts';
import type { ChartObject } from './chart-objects.ts';
import type { ReleaseOptions } from './release.ts';
import { isHook } from './sort.ts';

/** As Helm remembers where an object came from while others have it. Patches and selectors may see it. */
const FILENAME = 'postrenderer.helm.sh/postrender-filename';
/** kustomize wants a name of every object. */
const UNNAMED = 'plumb-generated-name-';
const INPUT = 'helm-output.yaml';

export interface PostRenderOptions extends Pick<ReleaseOptions, 'tenant' | 'signal'> {
  /** A reading of performance.now(). */
  until: number;
  /** Milliseconds of the whole, for people. */
  deadline: number;
  /** What the objects are, where they are rendered apart from others: part of the name of a file that kustomize lost. */
  group?: 'hooks' | 'manifests';
  warn: (warning: string) => void;
}

type Kustomize = NonNullable<PostRenderer['kustomize']>;

/**
 * One build by kustomize for each post-renderer, of all objects and in the list's order (helm-controller: internal/postrender).
 * @throws PlumbError `build-failed` that names the post-renderer and never shows a patch, `timeout`, `cancelled`, `engine-failed`
 */
export async function postRender(
  engine: Pick<Engine, 'kustomizeBuild'>,
  objects: readonly ChartObject[],
  postRenderers: readonly PostRenderer[],
  options: PostRenderOptions,
): Promise<ChartObject[]> {
  if (objects.length === 0 || !postRenderers.some(({ kustomize }) => kustomize !== undefined)) return [...objects];
  checkOnce(objects, options);
  let bodies = objects.map(({ body, path }, index) => marked(body, path, index));
  let place = '';
  for (const [index, { kustomize }] of postRenderers.entries()) {
    if (kustomize === undefined) continue;
    place = `spec.postRenderers[${index}]`;
    const input = bodies.map(asYaml).join('---\n');
    const { objects: built, warnings } = await build(engine, input, { kustomize, place }, options);
    for (const warning of warnings) options.warn(`${place}: ${withoutContent(warning)}`);
    bodies = built.map(({ json }) => toObject(parseJson(json), place));
  }
  return bodies.map((body, index) => unmarked(body, lostName(index, options)));
}

/** kustomize takes no object twice. Helm does, of hooks and of a hook and what is released. */
function checkOnce(objects: readonly ChartObject[], { group }: PostRenderOptions): void {
  const seen = new Map<string, ChartObject>();
  for (const item of objects) {
    const { apiVersion, kind, metadata } = item.body;
    if (metadata.name === '') continue;
    const id = `${apiVersion}/${kind}/${metadata.namespace ?? 'default'}/${metadata.name}`;
    const first = seen.get(id);
    if (first !== undefined) {
      const hooks = [first, item].filter(({ body }) => isHook(body)).length;
      const advice = ['remove one', `${ONCE} separate or nohooks`, `${ONCE} nohooks`][group === 'hooks' ? 2 : hooks];
      throw buildError(
        item.path,
        `${displayKey(keyOf(item.body))} is declared twice, first at ${first.path}: ${advice}`,
      );
    }
    seen.set(id, item);
  }
}

const ONCE = 'post-renderers take each object once, so that spec.postRenderStrategy must be';

/** As Helm calls what has lost its file. */
function lostName(index: number, { group }: PostRenderOptions): string {
  return `generated-by-postrender-${group === undefined ? '' : `${group}-`}${index}.yaml`;
}

function marked(body: KubeObject, path: string, index: number): KubeObject {
  const { metadata } = body;
  const name = metadata.name === '' ? `${UNNAMED}${index}` : metadata.name;
  return { ...body, metadata: { ...metadata, name, annotations: { ...metadata.annotations, [FILENAME]: path } } };
}

function unmarked(body: KubeObject, lost: string): ChartObject {
  const { annotations: all = {}, ...metadata } = body.metadata;
  const { [FILENAME]: path = lost, ...annotations } = all;
  if (metadata.name.startsWith(UNNAMED)) metadata.name = '';
  const hasAny = Object.keys(annotations).length > 0;
  return { path, body: { ...body, metadata: hasAny ? { ...metadata, annotations } : metadata } };
}

/** What kustomize makes of a text of manifests. @throws PlumbError as post-renderers do */
export async function kustomizeRead(
  engine: Pick<Engine, 'kustomizeBuild'>,
  { path, text }: HelmText,
  options: PostRenderOptions,
): Promise<Json[]> {
  const { objects } = await build(engine, text, { kustomize: {}, place: path }, options);
  return objects.map(({ json }) => parseJson(json));
}

async function build(
  engine: Pick<Engine, 'kustomizeBuild'>,
  input: string,
  { kustomize, place }: { kustomize: Kustomize; place: string },
  { until, deadline: whole, tenant = '', signal }: PostRenderOptions,
): Promise<KustomizeResult> {
  const { patches = [], images = [] } = kustomize;
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [INPUT],
    // As Flux has it. What is told from the rest afterwards keeps its place.
    sortOptions: { order: 'fifo' },
    ...(patches.length > 0 && { patches }),
    ...(images.length > 0 && { images }),
  };
  const files = [
    { path: 'kustomization.yaml', content: Buffer.from(printJson(kustomization)) },
    { path: INPUT, content: Buffer.from(input) },
  ];
  const deadline = Math.max(1, Math.ceil(until - performance.now()));
  try {
    return await engine.kustomizeBuild({ files, path: '.', deadline, tenant, signal });
  } catch (error) {
    throw explained(error, place, whole);
  }
}

/** JSON that YAML 1.1 reads as the same: it takes some characters for line ends, and refuses others. */
function asYaml(body: KubeObject): string {
  const json = printJson(body).replaceAll(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `${json}\n`;
}

function explained(error: unknown, place: string, deadline: number): unknown {
  if (!(error instanceof EngineError)) return error;
  switch (error.code) {
    case 'failed':
      return buildError(place, withoutContent(plainWords(error.message)));
    case 'timeout':
      return systemError(
        'timeout',
        `${place}: the rendering of the chart did not end within ${formatDuration(deadline)}`,
        error,
      );
    case 'cancelled':
      return systemError('cancelled', `${place} was cancelled`, error);
    default:
      return systemError('engine-failed', `${place} failed: ${error.message}`, error);
  }
}
