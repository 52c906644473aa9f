import { fileURLToPath } from 'node:url';

import { runChecks } from './run-checks.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tally = await runChecks(root, (line) => console.log(line));
console.log(`${tally.passed} passed, ${tally.failed} failed`);
if (tally.failed > 0) process.exitCode = 1;
