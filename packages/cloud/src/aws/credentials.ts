import { readFile } from 'node:fs/promises';
import { systemError, userError } from '@plumb/api';
import { askJson, textOf, type Http } from '../http.ts';
import { expiryAt, type Accounts, type AccountRef, type Environment, type Identity } from '../token.ts';
import type { AwsEndpoints } from './endpoints.ts';
import type { AwsCredentials } from './sign.ts';
import { assumeRole } from './sts.ts';

export interface AwsParts {
  http: Http;
  endpoints: AwsEndpoints;
  environment: Environment;
  accounts: Accounts;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** Names the role of a service account, as on EKS; Flux reads it elsewhere too. */
const ROLE_ANNOTATION = 'eks.amazonaws.com/role-arn';
const ROLE = /^arn:aws[\w-]*:iam::\d{1,30}:role\/.{1,200}$/;
const AUDIENCE = 'sts.amazonaws.com';
/** Keys without an end are read again after this long. */
const LASTING_MS = 3_600_000;

/** Keys to sign requests in a region with. `audiences`: whom the account's token is for; none means AWS STS. */
export function awsCredentials(
  identity: Identity,
  { region, audiences = [] }: { region: string; audiences?: readonly string[] },
  parts: AwsParts,
): Promise<AwsCredentials> {
  return identity === null ? ownCredentials(region, parts) : accountCredentials(identity, { region, audiences }, parts);
}

async function accountCredentials(
  account: AccountRef,
  { region, audiences }: { region: string; audiences: readonly string[] },
  parts: AwsParts,
): Promise<AwsCredentials> {
  const { namespace, name } = account;
  const annotations = await parts.accounts.annotations(account);
  if (annotations === null) throw userError('invalid-spec', `ServiceAccount/${namespace}/${name} not found`);
  const role = annotations[ROLE_ANNOTATION] ?? '';
  if (!ROLE.test(role)) {
    const given = `the annotation ${ROLE_ANNOTATION} of ServiceAccount/${namespace}/${name} is "${role}"`;
    throw userError('invalid-spec', `${given}, which is not the ARN of a role`);
  }
  const { value: token } = await parts.accounts.token(account, audiences.length > 0 ? audiences : [AUDIENCE]);
  const session = `${name}.${namespace}.${region}.fluxcd.io`;
  return assumeRole({ endpoint: parts.endpoints.service('sts', region), role, session, token }, parts);
}

/**
 * The agent's own, from where the SDKs of AWS look too: the environment, a web identity (IRSA), the endpoint of containers (EKS Pod Identity, ECS),
 * the instance's metadata.
 */
async function ownCredentials(region: string, parts: AwsParts): Promise<AwsCredentials> {
  const { environment, endpoints, now } = parts;
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
  if (accessKeyId && secretAccessKey) {
    const { AWS_SESSION_TOKEN: sessionToken } = environment;
    return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }), expiresAt: now() + LASTING_MS };
  }
  const { AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_ARN: role } = environment;
  if (file && role) {
    const token = await contentOf(file);
    const session = environment['AWS_ROLE_SESSION_NAME'] ?? 'plumb-agent';
    return assumeRole({ endpoint: endpoints.service('sts', region), role, session, token }, parts);
  }
  return (await containerCredentials(parts)) ?? instanceCredentials(parts);
}

async function containerCredentials({ http, environment, endpoints, now }: AwsParts): Promise<AwsCredentials | null> {
  const { AWS_CONTAINER_CREDENTIALS_FULL_URI: full, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: relative } = environment;
  const url = full ?? (relative === undefined ? undefined : endpoints.container + relative);
  if (url === undefined) return null;
  const file = environment['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'];
  const token = file ? await contentOf(file) : environment['AWS_CONTAINER_AUTHORIZATION_TOKEN'];
  const subject = { what: 'credentials of the container', secrets: [token ?? ''] };
  const answer = await askJson(http, { method: 'GET', url, headers: token ? { authorization: token } : {} }, subject);
  return keysIn(answer, subject, now());
}

/** IMDSv2. It is a hop away, or not there at all. */
async function instanceCredentials({ http, endpoints, now }: AwsParts): Promise<AwsCredentials> {
  const { metadata } = endpoints;
  const subject = { what: 'credentials of the AWS instance' };
  const ask = async (method: 'GET' | 'PUT', path: string, headers: Record<string, string>): Promise<string> => {
    const answer = await http({ method, url: `${metadata}/latest/${path}`, headers, timeout: METADATA_TIMEOUT_MS });
    if (answer.status === 200) return answer.text.trim();
    throw systemError('authentication-failed', `${subject.what}: HTTP ${answer.status} for ${path}`);
  };
  const token = await ask('PUT', 'api/token', { 'x-aws-ec2-metadata-token-ttl-seconds': '300' }).catch((error) => {
    throw userError('authentication-failed', NOWHERE, error);
  });
  const headers = { 'x-aws-ec2-metadata-token': token };
  const role = await ask('GET', 'meta-data/iam/security-credentials/', headers);
  const path = `meta-data/iam/security-credentials/${role.split('\n')[0] ?? ''}`;
  const answer = await askJson(http, { method: 'GET', url: `${metadata}/latest/${path}`, headers }, subject);
  return keysIn(answer, subject, now());
}

const METADATA_TIMEOUT_MS = 3_000;
const NOWHERE =
  'the agent has no AWS identity: there are no keys in its environment, no web identity, no credentials of a container or an instance';

function keysIn(
  answer: Readonly<Record<string, unknown>>,
  subject: Parameters<typeof textOf>[2],
  now: number,
): AwsCredentials {
  return {
    accessKeyId: textOf(answer, 'AccessKeyId', subject),
    secretAccessKey: textOf(answer, 'SecretAccessKey', subject),
    sessionToken: textOf(answer, 'Token', subject),
    expiresAt: expiryAt(answer['Expiration'], now),
  };
}

async function contentOf(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    throw systemError('authentication-failed', `cannot read the token file ${path}`, error);
  }
}
