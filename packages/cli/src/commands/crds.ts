import { crds, gateAdmission, gateCrds, gateRoles, printJson } from '@plumb/api';
import type { Context } from '../context.ts';
import { flag, type OptionValues } from '../options.ts';

export const crdsOptions = {
  gates: flag(
    '--gates',
    null,
    'print, in place of these, the kinds that hold changes back, what makes the API server vouch for who approves, and roles for people; in a cluster that has them, default limits hold',
  ),
} as const;

/** Prints the definitions of the kinds served, as a List that `kubectl apply --server-side -f -` takes. */
export function runCrds({ gates }: OptionValues<typeof crdsOptions>, { stdout }: Context): Promise<number> {
  const items = gates ? [...gateCrds(), ...gateAdmission(), ...gateRoles()] : crds();
  const list = { apiVersion: 'v1', kind: 'List', items };
  stdout.write(`${JSON.stringify(JSON.parse(printJson(list)), null, 2)}\n`);
  return Promise.resolve(0);
}
