export * from './object.ts';
export * from './json.ts';
export * from './error.ts';
export type * from './schema/common.ts';
export type * from './schema/git-repository.ts';
export type * from './schema/kustomization.ts';
export type * from './schema/kube-config.ts';
export * from './names.ts';
