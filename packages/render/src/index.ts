export * from './bundle.ts';
export type { Decrypt } from './decrypt.ts';
export { isEncryptedSecret } from './encrypted.ts';
export * from './renderer.ts';
export { createRenderer } from './create-renderer.ts';
export { readDocuments, readManifests } from './manifests.ts';
export { printYaml } from './yaml/print.ts';
export { mayMove } from './unchanged.ts';
