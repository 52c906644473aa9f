export * from './cluster.ts'; export * from './reflector.ts';
