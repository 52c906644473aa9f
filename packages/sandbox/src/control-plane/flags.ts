import type { Certificates } from './certificates.ts';

/**
 * etcd listens on two sockets in its working folder: no port to find, and no other user of the machine can reach it.
 * Relative paths keep below the 108 bytes a socket's name may have. Not waiting for the disk makes a write ten times
 * faster; only a crash of the machine itself can lose data.
 */
export function etcdFlags(): string[] {
  return [
    'etcd',
    '--name=sandbox',
    '--data-dir=etcd',
    '--listen-client-urls=unix://etcd.sock',
    '--advertise-client-urls=unix://etcd.sock',
    '--listen-peer-urls=unix://etcd-peer.sock',
    '--initial-advertise-peer-urls=unix://etcd-peer.sock',
    '--initial-cluster=sandbox=unix://etcd-peer.sock',
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

export interface ApiserverInput {
  port: number;
  files: Certificates['files'];
  audit: boolean;
}

export const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted'],
  rules: [{ level: 'Metadata' }],
};

export function apiserverFlags({ port, files, audit }: ApiserverInput): string[] {
  const flags = [
    'apiserver',
    '--etcd-servers=unix://etcd.sock',
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${port}`,
    `--tls-cert-file=${files.server}`,
    `--tls-private-key-file=${files.serverKey}`,
    `--client-ca-file=${files.authority}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-signing-key-file=${files.serviceAccountKey}`,
    `--service-account-key-file=${files.serviceAccountPublicKey}`,
    // A /24 would run out after 254 Services.
    '--service-cluster-ip-range=10.96.0.0/16',
    '--authorization-mode=RBAC',
    '--allow-privileged=true',
    '--endpoint-reconciler-type=none',
    // The simulated nodes answer on loopback; their host names mean nothing.
    '--kubelet-preferred-address-types=InternalIP',
    '--profiling=false',
    '--etcd-count-metric-poll-period=0',
    '--etcd-db-metric-poll-interval=0',
  ];
  if (audit)
    flags.push('--audit-policy-file=audit-policy.json', '--audit-log-path=audit.log', '--audit-log-mode=batch');
  return flags;
}

/** What a cluster without kubelets, clouds, tokens for bootstrapping or dynamic devices needs. */
const CONTROLLERS = [
  'clusterrole-aggregation-controller',
  'cronjob-controller',
  'daemonset-controller',
  'deployment-controller',
  'disruption-controller',
  'endpoints-controller',
  'endpointslice-controller',
  'garbage-collector-controller',
  'job-controller',
  'namespace-controller',
  'persistentvolume-binder-controller',
  'persistentvolume-protection-controller',
  'persistentvolumeclaim-protection-controller',
  'pod-garbage-collector-controller',
  'replicaset-controller',
  'resourcequota-controller',
  'root-ca-certificate-publisher-controller',
  'serviceaccount-controller',
  'serviceaccount-token-controller',
  'statefulset-controller',
  'ttl-after-finished-controller',
  'validatingadmissionpolicy-status-controller',
];

export function controllerManagerFlags(kubeconfig: string, files: Certificates['files']): string[] {
  return [
    'controller-manager',
    `--kubeconfig=${kubeconfig}`,
    `--service-account-private-key-file=${files.serviceAccountKey}`,
    `--root-ca-file=${files.authority}`,
    '--bind-address=127.0.0.1',
    // It serves nothing anyone here asks for.
    '--secure-port=0',
    '--leader-elect=false',
    // Its default of 20 requests a second holds Deployments back.
    '--kube-api-qps=1000',
    '--kube-api-burst=2000',
    '--profiling=false',
    `--controllers=${CONTROLLERS.join(',')}`,
  ];
}
