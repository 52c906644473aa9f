import * as Type from 'typebox';
import { choice, list, object, text, textMap } from './build.ts';
import { selector } from './common.ts';

// What Kustomizations and HelmReleases have in common.

export const commonMetadata = object('Labels and annotations to set on every object, over those it declares.', {
  annotations: Type.Optional(textMap('Annotations to set.')),
  labels: Type.Optional(textMap('Labels to set.')),
});

/** What must be ready before a unit of this kind runs. */
export function dependencies(kind: 'Kustomization' | 'HelmRelease') {
  const dependency = object('Another object that must be ready first.', {
    kind: Type.Optional(choice(`Its kind. By default ${kind}.`, ['Kustomization', 'HelmRelease'])),
    name: text('Its name.'),
    namespace: Type.Optional(text('Its namespace. By default that of this object.')),
    readyExpr: Type.Optional(
      text('CEL expression over self and dep that decides readiness instead of the usual rule.'),
    ),
  });
  return list('What must be ready before this one runs.', dependency);
}

const healthCheckExpr = object('How the health of a custom kind is read from its objects, in CEL.', {
  apiVersion: text('API version of the kind. Only its group counts.'),
  current: text('True once the object is as declared.'),
  failed: Type.Optional(text('True when the object has failed.')),
  inProgress: Type.Optional(text('True while the object is still getting there.')),
  kind: Type.Optional(text('The kind. Empty means every kind of the group that has no entry of its own.')),
});

export function healthCheckExprs(description: string) {
  return list(description, healthCheckExpr);
}

/** Fields that are left to others. */
export function ignoreRules(description: string, whole: string) {
  const rule = object('Fields to leave to others.', {
    paths: list('JSON pointers (RFC 6901) of the fields.', Type.String()),
    target: Type.Optional(selector(`The objects meant. By default all of this ${whole}.`)),
  });
  return list(description, rule);
}

const image = object('A container image to rename or pin.', {
  digest: Type.Optional(text('Digest to set; goes before newTag.')),
  name: text('The image to change, without its tag.'),
  newName: Type.Optional(text('Name to set.')),
  newTag: Type.Optional(text('Tag to set.')),
});

const patch = object('A change to make to the built objects.', {
  patch: text('Strategic merge patch, or JSON patch (RFC 6902), as YAML.'),
  target: Type.Optional(selector('The objects to change.')),
});

export const images = list('Container images to rename or pin.', image);
export const patches = list('Changes to make to the built objects.', patch);

const inventoryEntry = object('One applied object.', {
  id: text('<namespace>_<name>_<group>_<kind>'),
  v: text('API version it was applied at.'),
});

export const inventory = object('The objects that were applied.', {
  entries: list('One entry for each object.', inventoryEntry),
});

export type CommonMetadata = Type.Static<typeof commonMetadata>;
export type DependencyReference = Type.Static<ReturnType<typeof dependencies>>[number];
export type HealthCheckExpr = Type.Static<typeof healthCheckExpr>;
export type IgnoreRule = Type.Static<ReturnType<typeof ignoreRules>>[number];
export type ImageOverride = Type.Static<typeof image>;
export type Patch = Type.Static<typeof patch>;
export type InventoryEntry = Type.Static<typeof inventoryEntry>;
