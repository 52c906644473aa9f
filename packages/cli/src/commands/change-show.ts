import { readChange } from '@plumb/preview';
import type { Context } from '../context.ts';
import { gateOptions, jsonOf, namespaceOption, outputOption, withGates } from '../gates.ts';
import type { OptionValues } from '../options.ts';
import { changeText } from '../terminal/change-text.ts';
import { paintFor } from '../terminal/paint.ts';

export const changeShowOptions = {
  namespace: namespaceOption('Change'),
  output: outputOption,
  ...gateOptions,
} as const;

/** Shows a change with every requirement. @returns the exit code */
export function runChangeShow(
  options: OptionValues<typeof changeShowOptions>,
  { stdout, environment }: Context,
  [name = '']: readonly string[],
): Promise<number> {
  const { namespace, output } = options;
  return withGates(options, async (cluster, signal) => {
    const change = await readChange(cluster, { namespace, name }, signal);
    const now = cluster.connection.time ?? Date.now();
    stdout.write(output === 'json' ? jsonOf(change) : changeText(change, now, paintFor(stdout, environment)));
    return 0;
  });
}
