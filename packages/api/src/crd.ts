import type { JsonObject, KubeObject } from './object.ts';
import {
  COMPONENT_LABEL,
  FLUX_NAMESPACE,
  FLUX_VERSION,
  INSTANCE_LABEL,
  PART_OF_LABEL,
  SUBSTITUTE_RULE,
  VERSION_LABEL,
} from './names.ts';
import { gitRepositoryKind } from './schema/git-repository.ts';
import { helmReleaseKind } from './schema/helm-release.ts';
import type { KindDefinition } from './schema/kind.ts';
import { kustomizationKind } from './schema/kustomization.ts';

/** Every kind that is served, in the order of their CRDs. */
export const kinds: readonly KindDefinition[] = [gitRepositoryKind, kustomizationKind, helmReleaseKind];

/** A map of strings: JSON Schema writes it as patternProperties, a structural schema as additionalProperties. */
function structural(schema: JsonObject): JsonObject {
  const { patternProperties, properties, items, ...rest } = schema as { [key: string]: JsonObject };
  const out: JsonObject = rest;
  if (patternProperties !== undefined) {
    const value = Object.values(patternProperties)[0];
    if (value !== undefined) out['additionalProperties'] = structural(value as JsonObject);
  }
  if (items !== undefined) out['items'] = structural(items);
  if (properties !== undefined) {
    const fields = Object.entries(properties).map(([name, field]) => [name, structural(field as JsonObject)]);
    out['properties'] = Object.fromEntries(fields) as JsonObject;
  }
  return out;
}

function openApi(kind: KindDefinition): JsonObject {
  const part = (schema: object): JsonObject => structural(JSON.parse(JSON.stringify(schema)) as JsonObject);
  return {
    description: kind.description,
    type: 'object',
    properties: {
      apiVersion: { description: 'API group and version of this object.', type: 'string' },
      kind: { description: 'Kind of this object.', type: 'string' },
      metadata: { type: 'object' },
      spec: part(kind.spec),
      status: part(kind.status),
    },
  };
}

/** The CustomResourceDefinition (apiextensions.k8s.io/v1) of one kind. */
export function crdOf(kind: KindDefinition): KubeObject {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${kind.plural}.${kind.group}`,
      labels: {
        [COMPONENT_LABEL]: kind.component,
        [INSTANCE_LABEL]: FLUX_NAMESPACE,
        [PART_OF_LABEL]: 'flux',
        [VERSION_LABEL]: FLUX_VERSION,
      },
      // A Kustomization that applies this CRD must not take the ${...} of its descriptions for variables.
      annotations: { [SUBSTITUTE_RULE]: 'disabled' },
    },
    spec: {
      group: kind.group,
      names: {
        categories: [...kind.categories],
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        shortNames: [...kind.shortNames],
        singular: kind.singular,
      },
      scope: 'Namespaced',
      versions: [
        {
          name: kind.version,
          served: true,
          storage: true,
          additionalPrinterColumns: kind.columns.map(({ name, type, jsonPath }) => ({ jsonPath, name, type })),
          schema: { openAPIV3Schema: openApi(kind) },
          subresources: { status: {} },
        },
      ],
    },
  };
}

/** The CustomResourceDefinitions of all kinds that are served. */
export function crds(): KubeObject[] {
  return kinds.map(crdOf);
}
