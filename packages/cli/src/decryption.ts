import { join } from 'node:path';
import type { LaunchOptions } from '@plumb/agent';
import type { Context } from './context.ts';
import type { OptionValues } from './options.ts';
import { flag, text } from './options.ts';

/** How an agent decrypts. */
export const decryptionOptions = {
  decryptPath: text(
    '--decrypt-path <path>',
    'PLUMB_DECRYPT_PATH',
    'the program that decrypts; by default the one built in this clone',
  ),
  sopsAgeSecret: text(
    '--sops-age-secret <name>',
    null,
    'Secret in the namespace of the agent with age keys, for units with spec.decryption that name no Secret',
  ),
  sopsVaultConfigmap: text(
    '--sops-vault-configmap <name>',
    null,
    'ConfigMap in the namespace of the agent with the Vault and OpenBao servers that may be logged in to with a service account',
  ),
  defaultDecryptionServiceAccount: text(
    '--default-decryption-service-account <name>',
    null,
    'service account to identify as towards key services, for units that name none; by default the identity of the agent',
  ),
  sopsLaxMac: flag(
    '--sops-lax-mac',
    null,
    'decrypt files whose values are not those they were encrypted with, as Flux does; by default they are refused',
  ),
} as const;

/** Where the program looks for proxies and certificates. Nothing else of our environment reaches it. */
const VARIABLES = [
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'AWS_CA_BUNDLE',
  'AWS_USE_FIPS_ENDPOINT',
  'AWS_ENDPOINT_URL_KMS',
  'VAULT_CACERT',
  'VAULT_CAPATH',
  'VAULT_CLIENT_CERT',
  'VAULT_CLIENT_KEY',
  'VAULT_NAMESPACE',
  'VAULT_SKIP_VERIFY',
  'VAULT_TLS_SERVER_NAME',
];

export function decryptionOf(
  options: OptionValues<typeof decryptionOptions> & { runtimeNamespace: string },
  { root, environment }: Pick<Context, 'root' | 'environment'>,
): Omit<NonNullable<LaunchOptions['decryption']>, 'defaultServiceAccount'> {
  return {
    path: options.decryptPath === '' ? decryptProgram(root) : options.decryptPath,
    environment: decryptEnvironment(environment),
    laxMac: options.sopsLaxMac,
    namespace: options.runtimeNamespace,
    ageSecret: options.sopsAgeSecret || undefined,
    vaultConfigMap: options.sopsVaultConfigmap || undefined,
    vault: vaultOf(environment),
  };
}

/** The one built in this clone. */
export function decryptProgram(root: string): string {
  return join(root, 'build', 'decrypt');
}

export function decryptEnvironment(environment: Context['environment']): Record<string, string> {
  return Object.fromEntries(
    VARIABLES.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])),
  );
}

/** The agent's own token, for the server it was given for: whoever writes a file names the server. */
function vaultOf({
  VAULT_ADDR: address,
  VAULT_TOKEN: token,
}: Context['environment']): { address: string; token: string } | undefined {
  return address && token ? { address, token } : undefined;
}
