import type { Json, JsonObject } from '@plumb/api';
import type { Kustomization } from './kustomization.ts';
import { listOf, saysNothing } from './kustomization.ts';
import type { BuildSpec } from './renderer.ts';
import { isObject } from './yaml/documents.ts';

/** Whether the spec asks for more than the files say, so that plain files need kustomize too. */
export function hasTransforms(spec: BuildSpec): boolean {
  return (
    [spec.components, spec.patches, spec.images, spec.buildMetadata ?? []].some((list) => list.length > 0) ||
    [spec.targetNamespace, spec.namePrefix, spec.nameSuffix].some((text) => text !== undefined && text !== '')
  );
}

/**
 * Writes the spec's transforms into the kustomization that is built, as kustomize-controller does: single values and build metadata
 * replace the file's, components and patches follow the file's, images of one name are merged. A file that says nothing builds
 * nothing; kustomize alone would refuse it (fluxcd/pkg kustomize/kustomize_generator.go).
 */
export function withTransforms(kustomization: Kustomization, spec: BuildSpec, path: string): Kustomization {
  const merged: Kustomization = { ...kustomization };
  if (spec.targetNamespace) merged.namespace = spec.targetNamespace;
  if (spec.namePrefix) merged.namePrefix = spec.namePrefix;
  if (spec.nameSuffix) merged.nameSuffix = spec.nameSuffix;
  if (spec.components.length > 0)
    merged.components = [...listOf(kustomization, 'components', path), ...spec.components];
  if (spec.patches.length > 0)
    merged.patches = [...listOf(kustomization, 'patches', path), ...spec.patches.map(patchOf)];
  if (spec.images.length > 0) merged.images = mergeImages(listOf(kustomization, 'images', path), spec.images);
  if (spec.buildMetadata !== undefined && spec.buildMetadata.length > 0) merged.buildMetadata = [...spec.buildMetadata];
  return saysNothing(merged) ? { ...merged, resources: [] } : merged;
}

function patchOf({ patch, target }: BuildSpec['patches'][number]): JsonObject {
  return target === undefined ? { patch } : { patch, target: { ...target } };
}

function mergeImages(existing: readonly Json[], images: BuildSpec['images']): Json[] {
  const merged = [...existing];
  for (const image of images) {
    const at = merged.findIndex((known) => isObject(known) && known['name'] === image.name);
    const known = merged[at];
    if (isObject(known)) merged[at] = mergeImage(known, image);
    else merged.push(mergeImage({ name: image.name }, image));
  }
  return merged;
}

/** Tag and digest are one choice: a digest that stayed beside a new tag would win over it when the image is pulled. */
function mergeImage(known: JsonObject, { newName, newTag = '', digest = '' }: BuildSpec['images'][number]): JsonObject {
  const merged = { ...known };
  if (newName) merged['newName'] = newName;
  return newTag === '' && digest === '' ? merged : { ...merged, newTag, digest };
}
