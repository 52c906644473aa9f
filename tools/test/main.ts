import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

import { parseCLI, startVitest } from 'vitest/node';

import { runChecks } from '../check/run-checks.ts';
import { TallyReporter } from './tally-reporter.ts';

const STOP_WITHIN_MS = 20_000;

const root = fileURLToPath(new URL('../..', import.meta.url));
const args = process.argv.slice(2);
const checks = args.length === 0 ? await runChecks(root, (line) => console.log(line)) : { passed: 0, failed: 0 };
if (args.length > 0) console.log('only what was asked for: the checks are left out');

const { filter, options } = parseCLI(['vitest', 'run', ...args]);
const reporter = new TallyReporter();
const starting = startVitest('test', filter, {
  ...options,
  root,
  watch: false,
  reporters: [...(process.stdout.isTTY ? ['default'] : ['dot']), reporter],
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    const exit = (): never => process.exit(128 + constants.signals[signal]);
    setTimeout(exit, STOP_WITHIN_MS).unref();
    void starting.then((vitest) => vitest.close()).then(exit, exit);
  });
}
const vitest = await starting;
await vitest.close();

const passed = checks.passed + reporter.passed;
const failed = checks.failed + reporter.failed;
console.log(`${passed} passed, ${failed} failed${reporter.skipped > 0 ? `, ${reporter.skipped} skipped` : ''}`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
