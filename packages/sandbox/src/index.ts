export * from './types.ts';
export { startControlPlane } from './control-plane/control-plane.ts';
