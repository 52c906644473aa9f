export * from './engine.ts';
export { createEngine } from './create-engine.ts';
