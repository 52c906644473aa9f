export { Clouds, type CloudOptions, type Endpoints } from './clouds.ts';
export { CloudClusters, type ReachedCluster } from './clusters.ts';
export { readClusterConfig, type ClusterConfig, type Provider } from './cluster-config.ts';
export type { AwsCredentials } from './aws/sign.ts';
export { signed } from './aws/sign.ts';
export type { ReadKubeconfig } from './azure/aks.ts';
export { systemHttp, type Answer, type Ask, type Http } from './http.ts';
export type { AccountRef, Accounts, Environment, Identity, Token } from './token.ts';
export { gitLogin, type GitHosting, type GitLogin } from './git/login.ts';
