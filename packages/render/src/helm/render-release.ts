import { parseJson } from '@plumb/api';
import type { JsonObject } from '@plumb/api';
import type { Engine, HelmLookup, HelmRendered, HelmText } from '@plumb/engine';
import { withMetadata } from '../assemble.ts';
import { withoutSecrets, withoutSecretsIn } from '../mask.ts';
import { readObjects } from './chart-objects.ts';
import type { ChartObject, ReadOptions } from './chart-objects.ts';
import { printManifest } from './manifest.ts';
import { kustomizeRead, postRender } from './post-render.ts';
import type { PostRenderOptions } from './post-render.ts';
import { bundleOf } from './release-bundle.ts';
import type { ReleaseOptions, ReleaseSpec, RenderedRelease } from './release.ts';
import { sortObjects } from './sort.ts';
import type { Sorted } from './sort.ts';
import { renderTemplates } from './template.ts';

/**
 * From a chart's archive to what is to be released, as Flux's helm-controller has Helm do it: templates, post-renderers, common metadata and owner
 * labels, then hooks told from the rest.
 * @throws PlumbError `build-failed` for a chart, values or post-renderers that give no release: the message names the template, and never a secret;
 * `invalid-spec`, `timeout`, `cancelled`, `engine-failed`, and what a lookup failed with
 */
export async function renderRelease(
  engine: Pick<Engine, 'helmTemplate' | 'kustomizeBuild'>,
  chart: Uint8Array,
  spec: ReleaseSpec,
  options: ReleaseOptions,
): Promise<RenderedRelease> {
  const { deadline, tenant, signal, isNamespaced } = options;
  const secrets = [...options.secrets];
  const lookup = async (asked: HelmLookup): Promise<string | null> => {
    const answer = await options.lookup(asked);
    if (answer !== null && asked.kind === 'Secret' && asked.apiVersion === 'v1')
      secrets.push(...textsOfSecrets(answer));
    return answer;
  };
  const warnings = new Set<string>();
  const warn = (warning: string): unknown => warnings.add(withoutSecrets(warning, secrets));
  const until = performance.now() + deadline;
  try {
    const templates = await renderTemplates(engine, chart, spec, { ...options, lookup, secrets });
    const { crds } = templates;
    for (const warning of strangers(crds)) warn(warning);
    const bounds = {
      until,
      deadline,
      warn,
      ...(tenant !== undefined && { tenant }),
      ...(signal !== undefined && { signal }),
    };
    const { hooks, manifests } = await finished(engine, templates, spec, bounds);
    const bundle = await bundleOf(manifests, spec, { isNamespaced, crds }, { warnings: [...warnings], secrets });
    return {
      chart: templates.metadata,
      chartJson: templates.chart,
      config: templates.config,
      notes: templates.notes,
      manifest: await printManifest(manifests),
      hooks,
      crds,
      bundle,
    };
  } catch (error) {
    throw withoutSecretsIn(error, secrets);
  }
}

/** What is in the data of a Secret, or of a list of them. */
function textsOfSecrets(json: string): string[] {
  const answer = parseJson(json) as { data?: JsonObject; items?: { data?: JsonObject }[] };
  const encoded = (answer.items ?? [answer]).flatMap(({ data }) => Object.values(data ?? {}));
  return encoded.filter((text) => typeof text === 'string').map((text) => Buffer.from(text, 'base64').toString());
}

/** Flux and Helm leave out what else is in folders of definitions, which is seldom what its author meant. */
function strangers(crds: readonly HelmText[]): string[] {
  return crds.flatMap(({ path, text }) =>
    [...text.matchAll(/^kind:[ \t]*["']?(\w+)/gm)]
      .filter(([, kind]) => kind !== 'CustomResourceDefinition' && kind !== 'List')
      .map(([, kind]) => `${path}: holds a ${kind}, which is left out: only CustomResourceDefinitions belong in crds/`),
  );
}

/** Everything that Flux's post-renderers do, and what Helm does after them. */
async function finished(
  engine: Pick<Engine, 'kustomizeBuild'>,
  { documents, hooks: rendered }: HelmRendered,
  spec: ReleaseSpec,
  options: PostRenderOptions,
): Promise<Sorted> {
  const { postRenderStrategy: strategy, postRenderers } = spec;
  const { until, warn, signal } = options;
  const inGroup = (objects: readonly ChartObject[], group?: 'hooks' | 'manifests'): Promise<ChartObject[]> =>
    postRender(engine, objects, postRenderers, { ...options, ...(group !== undefined && { group }) });
  const reading: ReadOptions = {
    reader: 'kustomize',
    deadline: Math.max(1, until - performance.now()),
    warn,
    otherwise: (text) => kustomizeRead(engine, text, options),
    ...(signal !== undefined && { signal }),
  };
  const manifests = await readObjects(documents, reading);
  if (strategy === 'nohooks') return sortObjects(marked(await inGroup(manifests, 'manifests'), spec), rendered);
  const texts = rendered.map(({ path, manifest }) => ({ path, text: manifest }));
  const hooks = await readObjects(texts, { ...reading, mayGenerateNames: true });
  const objects =
    strategy === 'combined'
      ? await inGroup([...hooks, ...manifests])
      : [...(await inGroup(hooks, 'hooks')), ...(await inGroup(manifests, 'manifests'))];
  return sortObjects(marked(objects, spec), []);
}

/** In Flux these are the last post-renderers. Labels of the owner win. */
function marked(objects: readonly ChartObject[], spec: ReleaseSpec): ChartObject[] {
  return objects.map(({ path, body }) => ({ path, body: withMetadata(body, spec) }));
}
