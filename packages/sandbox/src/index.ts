export * from './types.ts';
export { startControlPlane } from './control-plane/control-plane.ts';
export { BEHAVIOUR_ANNOTATION } from './nodes/behaviour.ts';
export { type NodesOptions, startNodes } from './nodes/nodes.ts';
