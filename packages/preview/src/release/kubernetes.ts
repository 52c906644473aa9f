import type { KindRef } from '@plumb/api';
import { parseApiVersion } from '@plumb/api';

/** The Kubernetes that is taken for granted where there is no cluster to ask. */
export const KUBERNETES_VERSION = 'v1.37.2';

/** All that it serves by itself; a star marks what is in no namespace. */
const SERVED = `
v1 Binding ComponentStatus* ConfigMap Endpoints Event LimitRange Namespace* Node* PersistentVolume* PersistentVolumeClaim Pod PodTemplate ReplicationController ResourceQuota Secret Service ServiceAccount
apiregistration.k8s.io/v1 APIService*
apps/v1 ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet
events.k8s.io/v1 Event
authentication.k8s.io/v1 SelfSubjectReview* TokenReview*
authorization.k8s.io/v1 LocalSubjectAccessReview SelfSubjectAccessReview* SelfSubjectRulesReview* SubjectAccessReview*
autoscaling/v2 HorizontalPodAutoscaler
autoscaling/v1 HorizontalPodAutoscaler
batch/v1 CronJob Job
certificates.k8s.io/v1 CertificateSigningRequest* ClusterTrustBundle* PodCertificateRequest
networking.k8s.io/v1 IPAddress* Ingress IngressClass* NetworkPolicy ServiceCIDR*
policy/v1 PodDisruptionBudget
rbac.authorization.k8s.io/v1 ClusterRole* ClusterRoleBinding* Role RoleBinding
storage.k8s.io/v1 CSIDriver* CSINode* CSIStorageCapacity StorageClass* VolumeAttachment* VolumeAttributesClass*
admissionregistration.k8s.io/v1 MutatingAdmissionPolicy* MutatingAdmissionPolicyBinding* MutatingWebhookConfiguration* ValidatingAdmissionPolicy* ValidatingAdmissionPolicyBinding* ValidatingWebhookConfiguration*
apiextensions.k8s.io/v1 CustomResourceDefinition*
scheduling.k8s.io/v1 PriorityClass*
coordination.k8s.io/v1 Lease
node.k8s.io/v1 RuntimeClass*
discovery.k8s.io/v1 EndpointSlice
resource.k8s.io/v1 DeviceClass* DeviceTaintRule* ResourceClaim ResourceClaimTemplate ResourceSlice*
flowcontrol.apiserver.k8s.io/v1 FlowSchema* PriorityLevelConfiguration*
storagemigration.k8s.io/v1 StorageVersionMigration*
`;

export interface KnownKind extends KindRef {
  readonly namespaced: boolean;
}

export const KUBERNETES_KINDS: readonly KnownKind[] = SERVED.trim().split('\n').flatMap(kindsIn);

function kindsIn(line: string): KnownKind[] {
  const [apiVersion = '', ...kinds] = line.split(' ');
  return kinds.map((kind) => ({
    ...parseApiVersion(apiVersion),
    kind: kind.replace('*', ''),
    namespaced: !kind.endsWith('*'),
  }));
}
