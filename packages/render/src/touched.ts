import type { JsonObject, KubeObject } from '@plumb/api';
import type { Declared } from './declared.ts';
import { isObject } from './yaml/documents.ts';

/** kustomize keeps its books in annotations of these domains: it acts on those it finds, and takes some of them out. */
const bookkeeping = /^(?:internal\.|alpha\.)?config\.kubernetes\.io\//;

/** Kinds without a namespace: to kustomize two that differ in nothing else are one (kyaml openapi). */
const clusterWide = new Set(
  `APIService CSIDriver CSINode CertificateSigningRequest ClusterRole ClusterRoleBinding ComponentStatus
  CustomResourceDefinition FlowSchema IngressClass MutatingWebhookConfiguration Namespace Node PersistentVolume
  PodSecurityPolicy PriorityClass PriorityLevelConfiguration RuntimeClass StorageClass ValidatingAdmissionPolicy
  ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration VolumeAttachment`.match(/\w+/g),
);

/**
 * Whether kustomize would do more than read these objects, though nothing tells it to. It puts the namespace of a ServiceAccount or Service
 * into a reference by name that has none, where there is one of that name in the build (api/filters/nameref), and it acts on its own annotations.
 */
export function isTouched(declared: readonly Declared[]): boolean {
  const inNamespace = new Set<string>();
  for (const { body } of declared) {
    const { namespace = '', name, annotations = {} } = body.metadata;
    if (Object.keys(annotations).some((key) => bookkeeping.test(key))) return true;
    if (namespace === '') continue;
    if (clusterWide.has(body.kind)) return true;
    inNamespace.add(name);
  }
  return declared.some(({ body }) => references(body).some((reference) => isOpen(reference, inNamespace)));
}

function isOpen(reference: JsonObject, inNamespace: ReadonlySet<string>): boolean {
  const { name, namespace } = reference;
  if (typeof name !== 'string') return true;
  return typeof namespace !== 'string' && inNamespace.has(name);
}

/** The fields that kustomize takes for a reference by name and namespace. */
function references(body: KubeObject): JsonObject[] {
  switch (body.kind) {
    case 'RoleBinding':
    case 'ClusterRoleBinding':
      return mapsIn(body['subjects']);
    case 'MutatingWebhookConfiguration':
    case 'ValidatingWebhookConfiguration':
      return mapsIn(body['webhooks']).flatMap(({ clientConfig }) => mapsIn(fieldOf(clientConfig, 'service')));
    case 'Node':
      return mapsIn(fieldOf(fieldOf(body['spec'], 'configSource'), 'configMap'));
    default:
      return [];
  }
}

function mapsIn(value: unknown): JsonObject[] {
  const items: unknown[] = Array.isArray(value) ? value : [value];
  return items.filter(isObject);
}

function fieldOf(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}
