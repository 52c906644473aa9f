export * from './chaos-proxy/chaos-proxy.ts';
export { EVENT_FAULTS, REQUEST_FAULTS, type FaultMix } from './chaos-proxy/faults.ts';
export { seededRandom } from './chaos-proxy/random.ts';
export * from './clock.ts';
export * from './control-plane.ts';
export { clusterContract } from './cluster-contract.ts';
export * from './memory-cluster/faults.ts';
export { MemoryCluster, type MemoryOptions } from './memory-cluster/memory-cluster.ts';
export * from './status-checker.ts';
