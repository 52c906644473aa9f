export * from './clock.ts';
export * from './control-plane.ts';
export * from './status-checker.ts';
