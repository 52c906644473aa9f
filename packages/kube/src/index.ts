export * from './cluster.ts';
export * from './reflector.ts';
export { connect, type ConnectOptions } from './connect.ts';
export type { InClusterOptions } from './access/in-cluster-access.ts';
export { connectRemote, remoteByToken, remoteOf, serverIn, type Remote, type RemoteOptions } from './remote.ts';
export type { KubeconfigRules } from './access/given-kubeconfig.ts';
export { compareVersions } from './versions.ts';
export { reflect } from './reflect.ts';
export { MemberLease, type LeaseStore, type LeaseTimes, type MemberLeaseOptions } from './member-lease.ts';
