export * from './artifact.ts'; export * from './git-sources.ts';
