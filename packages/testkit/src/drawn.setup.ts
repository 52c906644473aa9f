import { inject } from 'vitest';

/** What tests draw their cases from, where a long run says so. */
export interface Drawing {
  seed: number;
  /** How many cases, for tests that draw as many as they are told to. */
  numRuns?: number;
}

declare module 'vitest' {
  export interface ProvidedContext {
    drawing?: Drawing;
  }
}

const drawing = inject('drawing');
// Most tests draw nothing, and need not load what draws.
if (drawing !== undefined) (await import('fast-check')).default.configureGlobal(drawing);
