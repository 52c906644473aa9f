export * from './cluster.ts';
export * from './reflector.ts';
export { connect, type ConnectOptions } from './connect.ts';
export type { InClusterOptions } from './access/in-cluster-access.ts';
export { compareVersions } from './versions.ts';
export { reflect } from './reflect.ts';
export { holdLease, type LeaseOptions } from './lease.ts';
