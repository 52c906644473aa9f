export * from './chaos-proxy/chaos-proxy.ts';
export { EVENT_FAULTS, REQUEST_FAULTS, type FaultMix } from './chaos-proxy/faults.ts';
export { seededRandom } from './chaos-proxy/random.ts';
export * from './clock.ts';
export * from './control-plane.ts';
export { clusterContract } from './cluster-contract.ts';
export * from '@plumb/memory-cluster';
export { Signing, type Signer } from './signing.ts';
export * from './status-checker.ts';
