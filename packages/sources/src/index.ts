export * from './artifact.ts';
export * from './git-sources.ts';
export { createGitSources } from './create-git-sources.ts';
export { serveArtifacts, type ArtifactServerOptions } from './artifact-server.ts';
