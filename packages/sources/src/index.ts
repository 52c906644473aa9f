export * from './artifact.ts';
export * from './git-sources.ts';
export * from './remote-bases.ts';
export { createGitSources } from './create-git-sources.ts';
export { openLocal, repositoryRoot, type LocalArtifact, type LocalRequest } from './local/open-local.ts';
export { proxied, type ProxiedAnswer, type ProxiedRequest } from './net/proxied.ts';
export { serveArtifacts, type ArtifactServerOptions } from './artifact-server.ts';
export { createRemoteBases } from './remotes/create-remote-bases.ts';
