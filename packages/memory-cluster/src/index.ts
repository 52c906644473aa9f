export * from './faults.ts';
export { MemoryCluster, type MemoryOptions } from './memory-cluster.ts';
