export * from './object.ts';
export * from './json.ts';
export * from './error.ts';
