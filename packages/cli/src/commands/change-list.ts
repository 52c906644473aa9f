import { listChanges } from '@plumb/preview';
import type { Context } from '../context.ts';
import { gateOptions, jsonOf, namespaceOption, outputOption, withGates } from '../gates.ts';
import { flag, type OptionValues } from '../options.ts';
import { changeTable } from '../terminal/change-text.ts';

export const changeListOptions = {
  namespace: namespaceOption('Changes'),
  allNamespaces: flag('-A, --all-namespaces', null, 'list those of all namespaces'),
  output: outputOption,
  ...gateOptions,
} as const;

/** Lists what gates hold or held. @returns the exit code */
export function runChangeList(
  options: OptionValues<typeof changeListOptions>,
  { stdout, stderr }: Context,
): Promise<number> {
  const { allNamespaces, namespace, output } = options;
  return withGates(options, async (cluster, signal) => {
    const changes = await listChanges(cluster, allNamespaces ? null : namespace, signal);
    if (output === 'json') stdout.write(jsonOf({ apiVersion: 'v1', kind: 'List', items: changes }));
    else if (changes.length > 0)
      stdout.write(changeTable(changes, { now: cluster.connection.time ?? Date.now(), withNamespace: allNamespaces }));
    else stderr.write(allNamespaces ? 'no changes\n' : `no changes in namespace ${namespace}; -A lists those of all\n`);
    return 0;
  });
}
