export * from './types.ts';
export { startControlPlane } from './control-plane/control-plane.ts';
export { clusterObjects } from './example/cluster-objects.ts';
export { EXAMPLE_DIR, seedRepository } from './example/seed.ts';
export { type GitServerOptions, startGitServer } from './git/git-server.ts';
export { BEHAVIOUR_ANNOTATION } from './nodes/behaviour.ts';
export type { ContainerRef, LogSource } from './nodes/kubelet-server.ts';
export { type NodesOptions, startNodes } from './nodes/nodes.ts';
export { startSandbox, type Sandbox, type SandboxHost, type SandboxOptions } from './sandbox.ts';
