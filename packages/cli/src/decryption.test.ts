import { describe, expect, test } from 'vitest';
import { decryptEnvironment, decryptionOf, decryptionOptions } from './decryption.ts';
import { readOptions } from './options.ts';

describe("the agent's own token of Vault", () => {
  const options = { ...readOptions(decryptionOptions, {}, {}), runtimeNamespace: 'agents' };

  test.each([
    { what: 'a server and a token', environment: { VAULT_ADDR: 'https://own', VAULT_TOKEN: 't' }, given: true },
    { what: 'a token for no server in particular', environment: { VAULT_TOKEN: 't' }, given: false },
    { what: 'an empty server', environment: { VAULT_ADDR: '', VAULT_TOKEN: 't' }, given: false },
    { what: 'no token', environment: { VAULT_ADDR: 'https://own' }, given: false },
    { what: 'an empty token', environment: { VAULT_ADDR: 'https://own', VAULT_TOKEN: '' }, given: false },
  ])('goes with its server or not at all: $what', ({ environment, given }) => {
    const made = decryptionOf(options, { root: '/clone', environment: environment as Record<string, string> });
    expect(made.vault).toEqual(given ? { address: 'https://own', token: 't' } : undefined);
    // The program would send a token of its environment to whatever server a file names.
    expect(made.environment).toEqual({});
  });
});

describe('the environment of the program that decrypts', () => {
  test.each([
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
  ])('has %s, that leads to a service or proves one', (name) => {
    expect(decryptEnvironment({ [name]: 'x' })).toEqual({ [name]: 'x' });
  });

  test.each([
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SESSION_TOKEN',
    'AWS_PROFILE',
    'AWS_WEB_IDENTITY_TOKEN_FILE',
    'AWS_ROLE_ARN',
    'AWS_SHARED_CREDENTIALS_FILE',
    'AWS_CONFIG_FILE',
    'AWS_CONTAINER_CREDENTIALS_FULL_URI',
    'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
    'AWS_ENDPOINT_URL',
    'GOOGLE_APPLICATION_CREDENTIALS',
    'GOOGLE_CREDENTIALS',
    'GOOGLE_OAUTH_ACCESS_TOKEN',
    'AZURE_TENANT_ID',
    'AZURE_CLIENT_ID',
    'AZURE_CLIENT_SECRET',
    'AZURE_FEDERATED_TOKEN_FILE',
    'AZURE_AUTHORITY_HOST',
    'IDENTITY_ENDPOINT',
    'IDENTITY_HEADER',
    'MSI_ENDPOINT',
    'MSI_SECRET',
    'VAULT_ADDR',
    'VAULT_TOKEN',
    'VAULT_AGENT_ADDR',
    'BAO_ADDR',
    'BAO_TOKEN',
    'VAULT_PROXY_ADDR',
    'SOPS_AGE_KEY',
    'SOPS_AGE_KEY_FILE',
    'SOPS_AGE_KEY_CMD',
    'SOPS_AGE_SSH_PRIVATE_KEY_FILE',
    'GNUPGHOME',
    'SOPS_GPG_EXEC',
    'SSH_AUTH_SOCK',
    'HOME',
    'PATH',
    'KUBECONFIG',
    'LD_PRELOAD',
    'GODEBUG',
  ])('has no %s: keys come from Secrets, and nothing else of ours goes in', (name) => {
    expect(decryptEnvironment({ [name]: 'x' })).toEqual({});
  });
});
