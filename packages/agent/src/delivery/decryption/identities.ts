import { asPlumbError } from '@plumb/api';
import type { Clouds, Identity } from '@plumb/cloud';
import type { AwsKey, DecryptKeys, Needs, TokenKey, VaultKey } from '@plumb/engine';

export type CloudKeys = Pick<Clouds, 'awsCredentials' | 'gcpToken' | 'azureToken' | 'accountToken'>;

export interface Identities {
  /** To act as one, as the annotations of its account are now. */
  as(identity: Identity): Promise<CloudKeys>;
}

export interface AskedIdentity {
  identity: Identity;
  identities: Identities;
  /** Where Vault servers are logged in to; null: nowhere. */
  loginPaths: (() => Promise<{ paths: ReadonlyMap<string, string>; name: string }>) | null;
}

/**
 * Keys for the services that files need and none is given for, by an identity. One that cannot be had is a refusal with its reason: another key
 * of the file may do.
 * @returns null when no service is needed beyond those
 */
export async function identityKeys(
  needs: Needs,
  given: DecryptKeys,
  asked: AskedIdentity,
): Promise<DecryptKeys | null> {
  const { identity } = asked;
  const aws = given.aws === undefined ? needs.aws : [];
  const azure = given.azure === undefined ? needs.azure : [];
  const vault = given.vault?.[''] === undefined ? needs.vault.filter((address) => !given.vault?.[address]) : [];
  const gcp = needs.gcp && given.gcp === undefined;
  if (aws.length + azure.length + vault.length === 0 && !gcp) return null;
  const clouds = await asked.identities.as(identity);
  const token = async (get: () => Promise<{ value: string }>): Promise<TokenKey> => ({ token: (await get()).value });
  const [awsKeys, azureKeys, vaultKeys, gcpKey] = await Promise.all([
    keysFor<AwsKey>(aws, async (region) => {
      const { accessKeyId, secretAccessKey, sessionToken } = await clouds.awsCredentials(identity, region);
      return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
    }),
    keysFor<TokenKey>(azure, (scope) => token(() => clouds.azureToken(identity, scope))),
    keysFor<VaultKey>(vault, (address) => vaultLogin(address, clouds, asked)),
    gcp ? orRefusal<TokenKey>(() => token(() => clouds.gcpToken(identity))) : null,
  ]);
  return {
    ...given,
    ...(aws.length > 0 && { aws: awsKeys }),
    ...(azure.length > 0 && { azure: azureKeys }),
    vault: { ...given.vault, ...vaultKeys },
    ...(gcpKey !== null && { gcp: gcpKey }),
  };
}

async function vaultLogin(
  address: string,
  clouds: CloudKeys,
  { identity, loginPaths }: AskedIdentity,
): Promise<VaultKey> {
  if (loginPaths === null)
    return { refusal: `no token is given for Vault at ${address}: the decryption Secret needs sops.vault-token` };
  const { paths, name } = await loginPaths();
  const loginPath = paths.get(address);
  if (loginPath === undefined)
    return { refusal: `no Vault login path configured for address '${address}' in ConfigMap '${name}'` };
  const { value: jwt } = await clouds.accountToken(identity, [address]);
  return { loginPath, role: roleOf(jwt), jwt };
}

/** The role is named after the account of the token: `<namespace>_<name>` (kustomize-controller). */
function roleOf(jwt: string): string {
  const claims: unknown = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString() || '{}');
  const subject = String((claims as { sub?: unknown } | null)?.sub);
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(subject) ?? [];
  if (namespace === undefined || name === undefined)
    throw new Error(`the token is of '${subject}', no service account`);
  return `${namespace}_${name}`;
}

async function keysFor<K>(
  names: readonly string[],
  make: (name: string) => Promise<K | { refusal: string }>,
): Promise<Record<string, K | { refusal: string }>> {
  const made = await Promise.all(names.map(async (name) => [name, await orRefusal(() => make(name))] as const));
  return Object.fromEntries(made);
}

async function orRefusal<K>(make: () => Promise<K>): Promise<K | { refusal: string }> {
  try {
    return await make();
  } catch (error) {
    return { refusal: asPlumbError(error).message };
  }
}
