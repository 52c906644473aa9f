import { clusterContract } from './cluster-contract.ts';
import { MemoryCluster } from '@plumb/memory-cluster';

clusterContract('the in-memory cluster', async () => ({ cluster: new MemoryCluster(), namespace: 'default' }));
