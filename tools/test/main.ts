import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

import { createVitest, parseCLI } from 'vitest/node';

import { runChecks } from '../check/run-checks.ts';
import { TallyReporter } from './tally-reporter.ts';

/** A control plane takes some seconds to stop; a run that hangs must not keep the terminal. */
const STOP_WITHIN_MS = 20_000;

const root = fileURLToPath(new URL('../..', import.meta.url));
const args = process.argv.slice(2);
const checks = args.length === 0 ? await runChecks(root, (line) => console.log(line)) : { passed: 0, failed: 0 };
if (args.length > 0) console.log('only what was asked for: the checks are left out');

const { filter, options } = parseCLI(['vitest', 'run', ...args]);
const reporter = new TallyReporter();
let interrupted = false;
const vitest = await createVitest('test', { ...options, root, watch: false, reporters: ['default', reporter] });

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // Vitest and Vite end the process at once, in the middle of the control plane's own shutdown.
  process.removeAllListeners(signal);
  process.once(signal, () => {
    interrupted = true;
    const exit = (): never => process.exit(128 + constants.signals[signal]);
    setTimeout(exit, STOP_WITHIN_MS).unref();
    void vitest
      .cancelCurrentRun('keyboard-input')
      .then(() => vitest.close())
      .then(exit, exit);
  });
}

try {
  await vitest.start(filter);
} catch (error) {
  console.error(error);
  reporter.failed += 1;
}
await vitest.close();

if (!interrupted) {
  const passed = checks.passed + reporter.passed;
  const failed = checks.failed + reporter.failed;
  console.log(`${passed} passed, ${failed} failed${reporter.skipped > 0 ? `, ${reporter.skipped} skipped` : ''}`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}
