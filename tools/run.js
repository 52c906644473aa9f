// The entry of every npm script. Plain JavaScript for Node 20: what needs more is brought by set-up first.
import { launch } from './setup/launch.js';

/** @type {Record<string, { program: string, args: string[], binaries: boolean }>} */
const JOBS = {
  start: { program: 'packages/cli/src/main.ts', args: ['sandbox'], binaries: true },
  test: { program: 'tools/test/main.ts', args: [], binaries: true },
  check: { program: 'tools/check/main.ts', args: [], binaries: false },
  bench: { program: 'bench/main.ts', args: [], binaries: true },
  chaos: { program: 'chaos/main.ts', args: [], binaries: true },
};

const [name = '', ...rest] = process.argv.slice(2);
const job = JOBS[name];
if (job) {
  await launch(job.program, [...job.args, ...rest], job);
} else {
  process.stderr.write(`usage: node tools/run.js <${Object.keys(JOBS).join('|')}> [args...]\n`);
  process.exitCode = 2;
}
