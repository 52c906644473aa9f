import { readFile } from 'node:fs/promises';
import { systemError, userError } from '@plumb/api';
import { askJson, textOf, type Http } from '../http.ts';
import { expiryIn, type AccountRef, type Accounts, type Environment, type Identity, type Token } from '../token.ts';
import type { AzureEndpoints } from './endpoints.ts';

export interface AzureParts {
  http: Http;
  endpoints: AzureEndpoints;
  environment: Environment;
  accounts: Accounts;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** As on AKS; Flux reads them elsewhere too. */
const CLIENT_ANNOTATION = 'azure.workload.identity/client-id';
const TENANT_ANNOTATION = 'azure.workload.identity/tenant-id';
const AUDIENCE = 'api://AzureADTokenExchange';
const METADATA_TIMEOUT_MS = 3_000;

/** A token for a scope such as `https://management.azure.com/.default`. `audiences`: whom the account's token is for; none means Entra ID. */
export function azureToken(
  identity: Identity,
  { scope, audiences = [] }: { scope: string; audiences?: readonly string[] },
  parts: AzureParts,
): Promise<Token> {
  return identity === null ? ownToken(scope, parts) : accountToken(identity, { scope, audiences }, parts);
}

async function accountToken(
  account: AccountRef,
  { scope, audiences }: { scope: string; audiences: readonly string[] },
  parts: AzureParts,
): Promise<Token> {
  const { namespace, name } = account;
  const annotations = await parts.accounts.annotations(account);
  if (annotations === null) throw userError('invalid-spec', `ServiceAccount/${namespace}/${name} not found`);
  const [tenant, client] = [TENANT_ANNOTATION, CLIENT_ANNOTATION].map((annotation) => {
    const value = annotations[annotation];
    if (value !== undefined && /^[\w.-]{1,100}$/.test(value)) return value;
    const flaw = value === undefined ? 'is missing' : `is "${value}", which is not an id`;
    throw userError('invalid-spec', `the annotation ${annotation} of ServiceAccount/${namespace}/${name} ${flaw}`);
  }) as [string, string];
  const { value } = await parts.accounts.token(account, audiences.length > 0 ? audiences : [AUDIENCE]);
  return federated({ tenant, client, token: value }, scope, parts);
}

/** The agent's own, from where the SDKs of Azure look too: a secret in the environment, a federated token (workload identity), the instance. */
async function ownToken(scope: string, parts: AzureParts): Promise<Token> {
  const {
    AZURE_TENANT_ID: tenant,
    AZURE_CLIENT_ID: client,
    AZURE_CLIENT_SECRET: secret,
    AZURE_FEDERATED_TOKEN_FILE: file,
  } = parts.environment;
  if (tenant && client && secret) {
    return granted(tenant, { client_id: client, client_secret: secret, scope }, { what: client, secret }, parts);
  }
  if (tenant && client && file) {
    const token = await contentOf(file);
    return federated({ tenant, client, token }, scope, parts);
  }
  return instanceToken(scope, parts);
}

/** Another issuer's token instead of a secret (OAuth client credentials with a client assertion, RFC 7523). */
function federated(
  { tenant, client, token }: { tenant: string; client: string; token: string },
  scope: string,
  parts: AzureParts,
): Promise<Token> {
  const fields = {
    client_id: client,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: token,
    scope,
  };
  return granted(tenant, fields, { what: client, secret: token }, parts);
}

async function granted(
  tenant: string,
  fields: Record<string, string>,
  { what: client, secret }: { what: string; secret: string },
  { http, endpoints, now }: AzureParts,
): Promise<Token> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...fields }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const url = `${endpoints.login}/${tenant}/oauth2/v2.0/token`;
  const subject = { what: `Microsoft Entra ID gave no token for client ${client}`, secrets: [secret] };
  const answer = await askJson(http, { method: 'POST', url, headers, body }, subject);
  return { value: textOf(answer, 'access_token', subject), expiresAt: expiryIn(answer['expires_in'], now()) };
}

async function instanceToken(scope: string, { http, endpoints, environment, now }: AzureParts): Promise<Token> {
  const query = new URLSearchParams({ 'api-version': '2018-02-01', resource: scope.replace(/\/\.default$/, '') });
  const client = environment['AZURE_CLIENT_ID'];
  if (client) query.set('client_id', client);
  const url = `${endpoints.metadata}/metadata/identity/oauth2/token?${query.toString()}`;
  const subject = { what: "the agent's own identity at Azure's metadata server" };
  const ask = { method: 'GET', url, headers: { metadata: 'true' }, timeout: METADATA_TIMEOUT_MS } as const;
  const answer = await askJson(http, ask, subject);
  return { value: textOf(answer, 'access_token', subject), expiresAt: expiryIn(answer['expires_in'], now()) };
}

async function contentOf(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    throw systemError('authentication-failed', `cannot read the token file ${path}`, error);
  }
}
