import { clusterContract } from '../cluster-contract.ts';
import { MemoryCluster } from './memory-cluster.ts';

clusterContract('the in-memory cluster', async () => ({ cluster: new MemoryCluster(), namespace: 'default' }));
