export * from './health.ts'; export * from './observed.ts'; export * from './plan.ts';
