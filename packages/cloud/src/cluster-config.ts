import { userError } from '@plumb/api';
import type { Identity } from './token.ts';

export const PROVIDERS = ['aws', 'azure', 'gcp', 'generic'] as const;
export type Provider = (typeof PROVIDERS)[number];

/** How to reach a cluster without a secret: what Flux reads from the ConfigMap of spec.kubeConfig.configMapRef. */
export interface ClusterConfig {
  readonly provider: Provider;
  /** Its name at the provider: an ARN, a resource id, a path. */
  readonly cluster: string | undefined;
  readonly address: string | undefined;
  /** PEM. */
  readonly ca: string | undefined;
  /** Whom the account's token is for; none: as the provider wants it. */
  readonly audiences: readonly string[];
  readonly identity: Identity;
}

/**
 * Reads the keys provider, cluster, address, ca.crt, audiences (one a line) and serviceAccountName.
 * @param defaults `namespace` of the ConfigMap; `account`: for those that name none
 * @throws invalid-spec naming the key
 */
export function readClusterConfig(
  data: Readonly<Record<string, string>>,
  defaults: { namespace: string; account?: string | undefined },
): ClusterConfig {
  const text = (key: string): string | undefined => data[key]?.trim() || undefined;
  const provider = PROVIDERS.find((name) => name === text('provider'));
  if (provider === undefined) {
    const given = text('provider');
    const flaw = given === undefined ? 'is missing' : `is "${given}"`;
    throw userError('invalid-spec', `key 'provider' ${flaw}: it must be one of ${PROVIDERS.join(', ')}`);
  }
  const name = text('serviceAccountName') ?? defaults.account;
  const [cluster, address, ca] = [text('cluster'), text('address'), text('ca.crt')];
  if (provider === 'generic' && address === undefined)
    throw userError('invalid-spec', "key 'address' is missing: the provider generic needs the API server's address");
  const described = provider === 'aws' || address === undefined || ca === undefined;
  if (provider !== 'generic' && described && cluster === undefined)
    throw userError('invalid-spec', `key 'cluster' is missing: the provider ${provider} finds the API server by it`);
  return {
    provider,
    cluster,
    address,
    ca,
    audiences: (text('audiences') ?? '')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== ''),
    identity: name === undefined ? null : { namespace: defaults.namespace, name },
  };
}
