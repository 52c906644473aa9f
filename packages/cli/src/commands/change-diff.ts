import { diffsOfPlan, readChange, readPlan } from '@plumb/preview';
import { printYaml } from '@plumb/render';
import type { Context } from '../context.ts';
import { gateOptions, jsonOf, namespaceOption, withGates } from '../gates.ts';
import { choice, type OptionValues } from '../options.ts';
import { paintFor } from '../terminal/paint.ts';
import { planSummary, planText } from '../terminal/plan-text.ts';
import { endOf } from '../terminal/visible.ts';

export const changeDiffOptions = {
  namespace: namespaceOption('Change'),
  output: choice('-o, --output <format>', 'a diff for people, or the whole plan as json or yaml', [
    'text',
    'json',
    'yaml',
  ]),
  ...gateOptions,
} as const;

const SAME = 0;
const DIFFERS = 1;
const FAILED = 2;

/**
 * Shows what a held change would do, from the plan that is kept with it.
 * @returns the exit code as `plumb diff` has it: 0 nothing would change, 1 something would, 2 some of it would fail or the plan cannot be had
 */
export async function runChangeDiff(
  options: OptionValues<typeof changeDiffOptions>,
  { stdout, stderr, environment }: Context,
  [name = '']: readonly string[],
): Promise<number> {
  const { namespace, output } = options;
  try {
    return await withGates(options, async (cluster, signal) => {
      const change = await readChange(cluster, { namespace, name }, signal);
      const plan = await readPlan(cluster, change, signal);
      const now = cluster.connection.time ?? Date.now();
      if (output === 'json') stdout.write(jsonOf(plan));
      else if (output === 'yaml') stdout.write(printYaml(plan));
      else stdout.write(planText(plan, change, now, paintFor(stdout, environment)));
      stderr.write(`${planSummary(plan, change.status?.plan?.left ?? 0)}\n`);
      const diffs = diffsOfPlan(plan);
      if (diffs.some((diff) => diff.change === 'failed')) return FAILED;
      return diffs.length === 0 ? SAME : DIFFERS;
    });
  } catch (error) {
    stderr.write(endOf(error));
    return FAILED;
  }
}
