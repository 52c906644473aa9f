export * from './bundle.ts';
export * from './renderer.ts';
export { createRenderer } from './create-renderer.ts';
