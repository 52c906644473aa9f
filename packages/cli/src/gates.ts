import { printJson, userError, type JsonObject } from '@plumb/api';
import { connect, type Cluster } from '@plumb/kube';
import { choice, text, type OptionValues } from './options.ts';
import { commonOptions, LONGEST } from './preview.ts';

/** The cluster that is asked about gates. */
export const gateOptions = {
  kubeconfig: text('--kubeconfig <path>', 'KUBECONFIG', 'kubeconfig of the cluster'),
  context: commonOptions.context,
} as const;

export function namespaceOption(of: string) {
  return text('-n, --namespace <name>', 'FLUX_SYSTEM_NAMESPACE', `namespace of the ${of}`, 'flux-system');
}

export const outputOption = choice('-o, --output <format>', 'text for people, or json', ['text', 'json']);

/** Hands the cluster to `work`, and lets go of it. */
export async function withGates<T>(
  { kubeconfig, context }: OptionValues<typeof gateOptions>,
  work: (cluster: Cluster, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (kubeconfig === '')
    throw userError('invalid-spec', 'what is held is in the cluster: give --kubeconfig, or set KUBECONFIG');
  const cluster = await connect({ kubeconfig, ...(context === '' ? {} : { context }), userAgent: 'plumb' });
  try {
    return await work(cluster, AbortSignal.timeout(LONGEST));
  } finally {
    await cluster.close();
  }
}

/** Objects as JSON for programs. Who wrote which field is left out, as kubectl leaves it out. */
export function jsonOf(value: object): string {
  const omit = (key: string, inner: unknown): unknown => (key === 'managedFields' ? undefined : inner);
  return `${JSON.stringify(JSON.parse(printJson(value as JsonObject)), omit, 2)}\n`;
}
