import { systemError, userError } from '@plumb/api';
import type { Http } from '../http.ts';
import type { AccountRef, Accounts, Token } from '../token.ts';
import type { GcpEndpoints } from './endpoints.ts';
import { exchange, impersonate } from './exchange.ts';
import { METADATA_HEADERS, METADATA_TIMEOUT_MS } from './own-token.ts';

interface Parts {
  http: Http;
  endpoints: GcpEndpoints;
  accounts: Accounts;
  now: () => number;
}

/** The Google service account to act as, as on GKE; without it the identity of the pool is used as it is. */
const EMAIL_ANNOTATION = 'iam.gke.io/gcp-service-account';
/** The provider that trusts this cluster, where it is none of Google's (Flux: object-level workload identity). */
const PROVIDER_ANNOTATION = 'gcp.auth.fluxcd.io/workload-identity-provider';
const EMAIL = /^[a-zA-Z\d-]{1,100}@[a-zA-Z\d-]{1,100}\.iam\.gserviceaccount\.com$/;
const PROVIDER = /^projects\/\d{1,30}\/locations\/global\/workloadIdentityPools\/[^/]{1,100}\/providers\/[^/]{1,100}$/;

/** A Google token for a service account of the agent's cluster. `audiences`: whom the account's token is for; none means the pool. */
export async function gcpAccountToken(account: AccountRef, audiences: readonly string[], parts: Parts): Promise<Token> {
  const { namespace, name } = account;
  const annotations = await parts.accounts.annotations(account);
  if (annotations === null) throw userError('invalid-spec', `ServiceAccount/${namespace}/${name} not found`);
  const email = checked(annotations, EMAIL_ANNOTATION, EMAIL);
  const provider = checked(annotations, PROVIDER_ANNOTATION, PROVIDER);
  const pool = provider === undefined ? await gkePool(parts) : { audience: `//iam.googleapis.com/${provider}` };
  const forWhom = 'token' in pool ? pool.token : pool.audience;
  const { value: token } = await parts.accounts.token(account, audiences.length > 0 ? audiences : [forWhom]);
  const url = `${parts.endpoints.sts}/v1/token`;
  const federated = await exchange({ url, audience: pool.audience, token }, parts);
  if (email === undefined) return federated;
  const as = `${parts.endpoints.iamCredentials}/v1/projects/-/serviceAccounts/${email}:generateAccessToken`;
  return impersonate(as, federated.value, parts);
}

function checked(
  annotations: Readonly<Record<string, string>>,
  annotation: string,
  pattern: RegExp,
): string | undefined {
  const value = annotations[annotation];
  if (value === undefined || value === '' || pattern.test(value)) return value || undefined;
  throw userError('invalid-spec', `the annotation ${annotation} is "${value}", which does not match ${pattern.source}`);
}

/** The pool that every GKE cluster with workload identity has, and this cluster in it. */
async function gkePool({ http, endpoints }: Parts): Promise<{ token: string; audience: string }> {
  const read = async (path: string): Promise<string> => {
    const url = `${endpoints.metadata}/computeMetadata/v1/${path}`;
    const { status, text } = await http({
      method: 'GET',
      url,
      headers: METADATA_HEADERS,
      timeout: METADATA_TIMEOUT_MS,
    });
    if (status === 200 && text.trim() !== '') return text.trim();
    throw systemError('authentication-failed', `Google's metadata server has no ${path}: HTTP ${status}`);
  };
  try {
    const project = await read('project/project-id');
    const location = await read('instance/attributes/cluster-location');
    const name = await read('instance/attributes/cluster-name');
    const pool = `${project}.svc.id.goog`;
    const cluster = `${GKE_API}/projects/${project}/locations/${location}/clusters/${name}`;
    return { token: pool, audience: `identitynamespace:${pool}:${cluster}` };
  } catch (error) {
    throw systemError('authentication-failed', NOT_ON_GKE, error);
  }
}

/** A name, not an address. */
const GKE_API = 'https://container.googleapis.com/v1';
const NOT_ON_GKE = `this cluster is not on GKE, or has no workload identity: name a provider in the annotation ${PROVIDER_ANNOTATION}`;
