export * from './decryptor.ts';
export * from './engine.ts';
export type * from './helm.ts';
export { createDecryptor } from './create-decryptor.ts';
export { createEngine } from './create-engine.ts';
