import { userError } from '@plumb/api';
import { whyOf, type UnitAsked } from '@plumb/preview';
import type { Context } from '../context.ts';
import { gateOptions, jsonOf, namespaceOption, outputOption, withGates } from '../gates.ts';
import type { OptionValues } from '../options.ts';
import { paintFor } from '../terminal/paint.ts';
import { whyText } from '../terminal/why-text.ts';

export const whyOptions = { namespace: namespaceOption('unit'), output: outputOption, ...gateOptions } as const;

const KINDS: Readonly<Record<string, UnitAsked['kind']>> = {
  kustomization: 'Kustomization',
  ks: 'Kustomization',
  helmrelease: 'HelmRelease',
  hr: 'HelmRelease',
};

/** Says why a unit is held, or that it is not. @returns the exit code */
export async function runWhy(
  options: OptionValues<typeof whyOptions>,
  { stdout, environment }: Context,
  [asked = '']: readonly string[],
): Promise<number> {
  const unit = { ...unitOf(asked), namespace: options.namespace };
  return withGates(options, async (cluster, signal) => {
    const why = await whyOf(cluster, unit, signal);
    const now = cluster.connection.time ?? Date.now();
    stdout.write(options.output === 'json' ? jsonOf(why) : whyText(why, now, paintFor(stdout, environment)));
    return 0;
  });
}

function unitOf(asked: string): Pick<UnitAsked, 'kind' | 'name'> {
  const [word = '', name = '', ...more] = asked.split('/');
  const kind = KINDS[word.toLowerCase()];
  if (kind !== undefined && name !== '' && more.length === 0) return { kind, name };
  throw userError('invalid-spec', `'${asked}' names no unit as kustomization/apps or helmrelease/cart`);
}
