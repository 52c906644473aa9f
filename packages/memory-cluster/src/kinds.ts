import type { KindRef, KubeObject } from '@plumb/api';
import type { ResourceInfo } from '@plumb/kube';

import { builtInShape, customShape } from './schema.ts';
import type { SchemaNode, Shape } from './schema.ts';

/** A kind as it is served at one version. */
export interface ServedKind extends ResourceInfo {
  readonly shape: Shape;
  /** Has a status subresource: a write to the object leaves status alone, a write to status the rest. */
  readonly status: boolean;
  /** metadata.generation counts the changes of what is wished for. */
  readonly generation: boolean;
  /** The schema of a custom kind; built-in kinds are taken as they come. */
  readonly schema: SchemaNode | null;
  /** Fields a list can be selected by, besides name and namespace; null for any. */
  readonly selectable: readonly string[] | null;
}

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** group/version, kind, plural; flags: c cluster-scoped, s status subresource, g generation. */
const BUILT_IN = `
v1 Namespace namespaces cs
v1 Node nodes cs
v1 PersistentVolume persistentvolumes cs
v1 PersistentVolumeClaim persistentvolumeclaims s
v1 Pod pods sg
v1 Service services s
v1 ServiceAccount serviceaccounts -
v1 ConfigMap configmaps -
v1 Secret secrets -
v1 Endpoints endpoints -
v1 Event events -
v1 LimitRange limitranges -
v1 ResourceQuota resourcequotas s
v1 ReplicationController replicationcontrollers sg
apps/v1 Deployment deployments sg
apps/v1 StatefulSet statefulsets sg
apps/v1 DaemonSet daemonsets sg
apps/v1 ReplicaSet replicasets sg
batch/v1 Job jobs sg
batch/v1 CronJob cronjobs sg
autoscaling/v2 HorizontalPodAutoscaler horizontalpodautoscalers s
policy/v1 PodDisruptionBudget poddisruptionbudgets sg
networking.k8s.io/v1 Ingress ingresses sg
networking.k8s.io/v1 IngressClass ingressclasses cg
networking.k8s.io/v1 NetworkPolicy networkpolicies g
rbac.authorization.k8s.io/v1 Role roles -
rbac.authorization.k8s.io/v1 RoleBinding rolebindings -
rbac.authorization.k8s.io/v1 ClusterRole clusterroles c
rbac.authorization.k8s.io/v1 ClusterRoleBinding clusterrolebindings c
storage.k8s.io/v1 StorageClass storageclasses c
scheduling.k8s.io/v1 PriorityClass priorityclasses cg
coordination.k8s.io/v1 Lease leases -
discovery.k8s.io/v1 EndpointSlice endpointslices g
events.k8s.io/v1 Event events -
admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration validatingwebhookconfigurations cg
admissionregistration.k8s.io/v1 MutatingWebhookConfiguration mutatingwebhookconfigurations cg
admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy validatingadmissionpolicies csg
admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding validatingadmissionpolicybindings cg
apiextensions.k8s.io/v1 CustomResourceDefinition customresourcedefinitions csg
`;

export const builtInKinds: readonly ServedKind[] = BUILT_IN.trim().split('\n').map(parseRow);

function parseRow(row: string): ServedKind {
  const [groupVersion = '', kind = '', resource = '', flags = ''] = row.split(' ');
  const slash = groupVersion.indexOf('/');
  return {
    group: slash < 0 ? '' : groupVersion.slice(0, slash),
    version: groupVersion.slice(slash + 1),
    kind,
    resource,
    namespaced: !flags.includes('c'),
    verbs: VERBS,
    shape: builtInShape,
    status: flags.includes('s'),
    generation: flags.includes('g'),
    schema: null,
    selectable: null,
  };
}

interface CustomVersion {
  name: string;
  served: boolean;
  schema?: { openAPIV3Schema?: SchemaNode };
  subresources?: { status?: object };
  selectableFields?: { jsonPath: string }[];
}

interface CustomSpec {
  group: string;
  scope: 'Namespaced' | 'Cluster';
  names: { kind: string; plural: string };
  versions: CustomVersion[];
}

/** The kinds a CustomResourceDefinition serves, one per version. */
export function kindsOf(definition: KubeObject): ServedKind[] {
  const spec = definition['spec'] as CustomSpec;
  return spec.versions
    .filter((version) => version.served)
    .map((version) => {
      const schema = version.schema?.openAPIV3Schema ?? {};
      return {
        group: spec.group,
        version: version.name,
        kind: spec.names.kind,
        resource: spec.names.plural,
        namespaced: spec.scope === 'Namespaced',
        verbs: VERBS,
        shape: customShape(schema),
        status: version.subresources?.status !== undefined,
        generation: true,
        schema,
        selectable: (version.selectableFields ?? []).map(({ jsonPath }) => jsonPath.replace(/^\./, '')),
      };
    });
}

export function sameKind(a: KindRef, b: KindRef): boolean {
  return a.group === b.group && a.version === b.version && a.kind === b.kind;
}

/** How the API server names a kind in messages: `deployments.apps`. */
export function qualifiedResource(kind: ServedKind): string {
  return kind.group === '' ? kind.resource : `${kind.resource}.${kind.group}`;
}
