export * from './messages/message.ts';
export * from './messages/git-repository.ts';
export * from './messages/helm-release.ts';
export * from './messages/kustomization.ts';
export * from './messages/own.ts';
export * from './messages/page.ts';
