import { createSign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { systemError, userError } from '@plumb/api';
import { askJson, textOf, type Http } from '../http.ts';
import { expiryIn, type Environment, type Token } from '../token.ts';
import type { GcpEndpoints } from './endpoints.ts';
import { exchange, grant, impersonate, SCOPES } from './exchange.ts';

interface Parts {
  http: Http;
  endpoints: GcpEndpoints;
  environment: Environment;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** A file of Google's Application Default Credentials; what is not read is left out. */
interface CredentialsFile {
  type?: string;
  client_email?: string;
  private_key?: string;
  private_key_id?: string;
  token_uri?: string;
  audience?: string;
  subject_token_type?: string;
  token_url?: string;
  service_account_impersonation_url?: string;
  credential_source?: { file?: string; format?: TokenFormat };
}

interface TokenFormat {
  type?: string;
  subject_token_field_name?: string;
}

/** The agent's own token: of the file GOOGLE_APPLICATION_CREDENTIALS names, else of the metadata server (GKE, Compute Engine). */
export async function ownGcpToken(parts: Parts): Promise<Token> {
  const path = parts.environment['GOOGLE_APPLICATION_CREDENTIALS'];
  if (!path) return metadataToken(parts);
  const file = await credentialsIn(path);
  if (file.type === 'service_account') return keyToken(file, path, parts);
  if (file.type === 'external_account') return federatedToken(file, path, parts);
  const known = 'service_account or external_account';
  throw userError('authentication-failed', `${path} holds credentials of type "${file.type ?? ''}": use ${known}`);
}

async function metadataToken({ http, endpoints, now }: Parts): Promise<Token> {
  const url = `${endpoints.metadata}/computeMetadata/v1/instance/service-accounts/default/token?scopes=${SCOPES.join(',')}`;
  const subject = { what: "the agent's own identity at Google's metadata server" };
  const ask = { method: 'GET', url, headers: METADATA_HEADERS, timeout: METADATA_TIMEOUT_MS } as const;
  const answer = await askJson(http, ask, subject);
  return { value: textOf(answer, 'access_token', subject), expiresAt: expiryIn(answer['expires_in'], now()) };
}

export const METADATA_HEADERS = { 'metadata-flavor': 'Google' };
export const METADATA_TIMEOUT_MS = 3_000;

/** A key of a service account: a signed claim for a token (RFC 7523). */
function keyToken(file: CredentialsFile, path: string, { http, now }: Parts): Promise<Token> {
  const { client_email: email, private_key: key, private_key_id: kid } = file;
  const url = file.token_uri ?? 'https://oauth2.googleapis.com/token';
  if (email === undefined || key === undefined) throw userError('authentication-failed', `${path} holds no key`);
  const issued = Math.floor(now() / 1_000);
  const claims = { iss: email, scope: SCOPES.join(' '), aud: url, iat: issued, exp: issued + 3_600 };
  const parts = [{ alg: 'RS256', typ: 'JWT', kid }, claims].map((part) => base64url(JSON.stringify(part)));
  const signature = createSign('RSA-SHA256').update(parts.join('.')).sign(key, 'base64url');
  const assertion = `${parts.join('.')}.${signature}`;
  const body = new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion });
  return grant(url, body, { what: `Google gave no token for ${email}`, secrets: [assertion] }, { http, now });
}

/** A token of another issuer that something keeps in a file (workload identity federation). */
async function federatedToken(file: CredentialsFile, path: string, parts: Parts): Promise<Token> {
  const { audience, subject_token_type: type, credential_source: source } = file;
  if (audience === undefined || source?.file === undefined)
    throw userError('authentication-failed', `${path} names no audience, or no file with a token`);
  const token = subjectIn(await contentOf(source.file), source.format);
  const url = file.token_url ?? `${parts.endpoints.sts}/v1/token`;
  const federated = await exchange({ url, audience, token, ...(type === undefined ? {} : { type }) }, parts);
  const as = file.service_account_impersonation_url;
  return as === undefined ? federated : impersonate(as, federated.value, parts);
}

function subjectIn(content: string, format: TokenFormat | undefined): string {
  if (format?.type !== 'json') return content.trim();
  const token = (parsed(content, 'the file with the token') as Record<string, unknown>)[
    format.subject_token_field_name ?? ''
  ];
  return typeof token === 'string' ? token : '';
}

async function credentialsIn(path: string): Promise<CredentialsFile> {
  return parsed(await contentOf(path), path) as CredentialsFile;
}

/** A parser's message quotes the text, which is a secret. */
function parsed(content: string, path: string): object {
  try {
    const value: unknown = JSON.parse(content);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Told below.
  }
  throw userError('authentication-failed', `${path} is not a JSON object`);
}

async function contentOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw systemError('authentication-failed', `cannot read ${path}`, error);
  }
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}
