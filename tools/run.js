// The entry of every npm script. Plain JavaScript for Node 20: what needs more is brought by set-up first.
import { launch } from './setup/launch.js';

/** @type {import('./setup/setup.js').Needs['binaries']} */
const TESTS_NEED = ['engine', 'cluster', 'fluxvars', 'decrypt', 'pgpkey', 'registry', 'sops', 'age', 'age-keygen'];

/** @type {Record<string, { program: string, args: string[] } & import('./setup/setup.js').Needs>} */
const JOBS = {
  start: {
    program: 'packages/cli/src/main.ts',
    args: ['sandbox'],
    binaries: ['engine', 'cluster'],
    later: ['decrypt'],
  },
  test: {
    program: 'tools/test/main.ts',
    args: [],
    binaries: TESTS_NEED,
    helm: true,
  },
  check: { program: 'tools/check/main.ts', args: [], binaries: [] },
  bench: {
    program: 'bench/main.ts',
    args: [],
    binaries: ['engine', 'cluster', 'decrypt', 'sops', 'age-keygen'],
  },
  chaos: { program: 'chaos/main.ts', args: [], binaries: TESTS_NEED },
  cosign: { program: 'tools/cosign/main.ts', args: [], binaries: ['registry'] },
};

const [name = '', ...rest] = process.argv.slice(2);
const job = JOBS[name];
if (job) {
  await launch(job.program, [...job.args, ...rest], job);
} else {
  process.stderr.write(`usage: node tools/run.js <${Object.keys(JOBS).join('|')}> [args...]\n`);
  process.exitCode = 2;
}
