import { fileSizes } from './file-sizes.ts';
import { goFormat, goVet } from './go.ts';
import { goLicences } from './go-licences.ts';
import { licences } from './licences.ts';
import { toolCheck } from './tool.ts';
import type { Check } from './tool.ts';

/** Longest first: two run at a time, and the tail should be short. */
const CHECKS: readonly Check[] = [
  goVet,
  toolCheck('lint and import rules', 'oxlint', []),
  toolCheck('types', 'tsc', ['-p', '.']),
  toolCheck('unused code and dependencies', 'knip', ['--no-progress', '--no-config-hints']),
  toolCheck('format', 'oxfmt', ['--check', '.']),
  goFormat,
  licences,
  goLicences,
  fileSizes,
];
const AT_ONCE = 2;

export interface Tally {
  passed: number;
  failed: number;
}

/** Runs every check; prints one line each with its time, and what a failed one has to say. */
export async function runChecks(root: string, print: (line: string) => void): Promise<Tally> {
  const waiting = [...CHECKS];
  const tally = { passed: 0, failed: 0 };
  const worker = async (): Promise<void> => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const started = performance.now();
      const verdict = await check.run(root);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      tally[verdict.ok ? 'passed' : 'failed'] += 1;
      print(`${verdict.ok ? 'ok  ' : 'FAIL'} ${check.name} (${seconds} s)`);
      if (!verdict.ok) print(verdict.output.replaceAll(/^/gm, '     '));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return tally;
}
