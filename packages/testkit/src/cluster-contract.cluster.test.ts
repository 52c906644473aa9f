import { clusterContract } from './cluster-contract.ts';
import { freshNamespace, testCluster } from './control-plane.ts';

clusterContract('the real API server', async () => {
  const cluster = await testCluster();
  return { cluster, namespace: await freshNamespace(cluster) };
});
