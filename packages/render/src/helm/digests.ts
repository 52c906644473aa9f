import type { CommonMetadata, PostRenderer } from '@plumb/api';
import { canonicalJson, sha256 } from '../canonical.ts';

const TARGET = ['group', 'version', 'kind', 'namespace', 'name', 'annotationSelector', 'labelSelector'] as const;
const IMAGE = ['newName', 'newTag', 'digest'] as const;

/** What Flux writes to status.observedPostRenderersDigest (helm-controller: internal/postrender, Digest). */
export function postRenderersDigest(postRenderers: readonly PostRenderer[]): string {
  const structures = postRenderers.map(({ kustomize }) => {
    if (kustomize === undefined) return {};
    const patches = (kustomize.patches ?? []).map(({ patch, target }) => ({
      patch,
      ...(target !== undefined && { target: filled(target, TARGET) }),
    }));
    const images = (kustomize.images ?? []).map((image) => ({ name: image.name, ...filled(image, IMAGE) }));
    return { kustomize: { ...(patches.length > 0 && { patches }), ...(images.length > 0 && { images }) } };
  });
  return digestOf(JSON.stringify(structures));
}

/** What Flux writes to status.observedCommonMetadataDigest. */
export function commonMetadataDigest({ annotations = {}, labels = {} }: CommonMetadata): string {
  // Its fields are declared in the order of their names.
  return digestOf(
    canonicalJson({
      ...(Object.keys(annotations).length > 0 && { annotations }),
      ...(Object.keys(labels).length > 0 && { labels }),
    }),
  );
}

/** Over the line of JSON that Go's encoder writes of its structures: fields in the order they are declared in, without empty ones. */
function digestOf(json: string): string {
  const escaped = json.replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `sha256:${sha256(`${escaped}\n`)}`;
}

function filled<F extends string>(value: { [field in F]?: string }, fields: readonly F[]): Record<string, string> {
  const entries = fields.map((field) => [field, value[field] ?? ''] as const);
  return Object.fromEntries(entries.filter(([, text]) => text !== ''));
}
