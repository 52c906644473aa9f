import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestCase, TestModule } from 'vitest/node';
import { createVitest } from 'vitest/node';
import type { Round } from './round.ts';

const ROOT = join(import.meta.dirname, '..');

/** Tests that need no cluster and draw their cases by chance, by what they are for. */
export type Drawn = 'differential' | 'properties';

/** Runs them once, all drawing from one seed; those that take it draw so many cases each. */
export async function drawnRound(drawn: Drawn, { seed, numRuns }: { seed: number; numRuns?: number }): Promise<Round> {
  const from = performance.now();
  const vitest = await createVitest('test', { root: ROOT, watch: false, project: ['unit'], reporters: [{}] });
  try {
    vitest.provide('drawing', { seed, ...(numRuns !== undefined && { numRuns }) });
    const { testModules, unhandledErrors } = await vitest.start(filesOf(drawn));
    const tests = testModules.flatMap((module) => [...module.children.allTests()]);
    const problems = [...unhandledErrors.map(String), ...testModules.flatMap(unreadable), ...tests.flatMap(failures)];
    if (tests.length === 0) problems.push('there is no such test');
    const counts = { 'files of tests': testModules.length, tests: tests.length };
    return { seed, counts, settled: performance.now() - from, settledWord: 'done in', problems, dir: '' };
  } finally {
    await vitest.close();
  }
}

/** Paths from the root. */
export function filesOf(drawn: Drawn): string[] {
  const all = globSync('packages/*/src/**/*.test.ts', { cwd: ROOT }).toSorted();
  const drawing = all.filter((path) => readFileSync(join(ROOT, path), 'utf8').includes("from 'fast-check'"));
  return drawing.filter(
    (path) => !path.includes('.cluster.') && path.includes('/same-as-') === (drawn === 'differential'),
  );
}

function unreadable(module: TestModule): string[] {
  return module.errors().map(({ message }) => `${module.relativeModuleId}: ${message}`);
}

function failures(test: TestCase): string[] {
  const { state, errors = [] } = test.result();
  const where = `${test.module.relativeModuleId}: ${test.fullName}`;
  return state === 'failed' ? errors.map(({ message }) => `${where}: ${message}`) : [];
}
