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
import { approvalKind } from './schema/gates/approval.ts';
import { changeKind } from './schema/gates/change.ts';
import { GATES_GROUP } from './schema/gates/common.ts';
import { lockdownKind } from './schema/gates/lockdown.ts';
import { planKind } from './schema/gates/plan.ts';
import { clusterReleasePolicyKind, releasePolicyKind } from './schema/gates/release-policy.ts';

/** The kinds of Flux that are served, in the order of their CRDs. */
export const kinds: readonly KindDefinition[] = [gitRepositoryKind, kustomizationKind, helmReleaseKind];

/** The kinds that hold changes back; a cluster without them has no gates. */
export const gateKinds: readonly KindDefinition[] = [
  releasePolicyKind,
  clusterReleasePolicyKind,
  changeKind,
  planKind,
  approvalKind,
  lockdownKind,
];

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
      ...(kind.status && { status: part(kind.status) }),
    },
    ...(kind.group === GATES_GROUP && { required: ['spec'] }),
  };
}

function labelsOf({ group, component }: KindDefinition): Record<string, string> {
  if (group === GATES_GROUP) return { [COMPONENT_LABEL]: component, [PART_OF_LABEL]: 'plumb' };
  return {
    [COMPONENT_LABEL]: component,
    [INSTANCE_LABEL]: FLUX_NAMESPACE,
    [PART_OF_LABEL]: 'flux',
    [VERSION_LABEL]: FLUX_VERSION,
  };
}

/** The CustomResourceDefinition (apiextensions.k8s.io/v1) of one kind. */
export function crdOf(kind: KindDefinition): KubeObject {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${kind.plural}.${kind.group}`,
      labels: labelsOf(kind),
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
      scope: kind.scope ?? 'Namespaced',
      versions: [
        {
          name: kind.version,
          served: true,
          storage: true,
          additionalPrinterColumns: kind.columns.map(({ name, type, jsonPath }) => ({ jsonPath, name, type })),
          schema: { openAPIV3Schema: openApi(kind) },
          ...(kind.status && { subresources: { status: {} } }),
        },
      ],
    },
  };
}

/** The CustomResourceDefinitions of the kinds of Flux that are served. */
export function crds(): KubeObject[] {
  return kinds.map(crdOf);
}

/** The CustomResourceDefinitions of the kinds that hold changes back. They need what `gateAdmission` gives beside them. */
export function gateCrds(): KubeObject[] {
  return gateKinds.map(crdOf);
}
