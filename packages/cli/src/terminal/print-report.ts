import { printYaml } from '@plumb/render';
import type { PolicyReport } from '@plumb/preview';
import type { Context } from '../context.ts';
import { jsonOf } from '../gates.ts';
import { paintFor } from './paint.ts';
import { policyAnnotations } from './policy-annotations.ts';
import { outcomeOf, policyText } from './policy-text.ts';

/** Prints what policies say, in the form that is asked for. */
export function printReport(
  report: PolicyReport,
  { output }: { output: 'text' | 'json' | 'yaml' | 'github' },
  { stdout, environment }: Context,
): void {
  stdout.write(textOf(report, output, { stdout, environment }));
}

function textOf(
  report: PolicyReport,
  output: 'text' | 'json' | 'yaml' | 'github',
  { stdout, environment }: Pick<Context, 'stdout' | 'environment'>,
): string {
  switch (output) {
    case 'text':
      return policyText(report, paintFor(stdout, environment));
    case 'github':
      return policyAnnotations(report);
    case 'json':
      return jsonOf(withOutcomes(report));
    case 'yaml':
      return printYaml(withOutcomes(report));
  }
}

function withOutcomes(report: PolicyReport): object {
  return { ...report, verdicts: report.verdicts.map((one) => ({ outcome: outcomeOf(one), ...one })) };
}
