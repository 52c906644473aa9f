export * from './bundle.ts'; export * from './renderer.ts';
