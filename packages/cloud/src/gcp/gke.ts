import { userError } from '@plumb/api';
import { askJson, textOf, type Http } from '../http.ts';
import type { GcpEndpoints } from './endpoints.ts';

const CLUSTER = /^projects\/[\w:.-]{1,200}\/locations\/[\w-]{1,200}\/clusters\/[\w-]{1,200}$/;

/** Address and CA (PEM) of a GKE cluster. @throws invalid-spec for a name that is none */
export async function describeGke(
  cluster: string,
  { http, endpoints, token }: { http: Http; endpoints: GcpEndpoints; token: string },
): Promise<{ address: string; ca: string }> {
  if (!CLUSTER.test(cluster)) {
    const form = 'projects/<project>/locations/<location>/clusters/<name>';
    throw userError('invalid-spec', `cluster "${cluster}" is not the name of a GKE cluster (${form})`);
  }
  const subject = { what: `Google did not describe ${cluster}`, secrets: [token] };
  const url = `${endpoints.container}/v1/${cluster}`;
  const answer = await askJson(http, { method: 'GET', url, headers: { authorization: `Bearer ${token}` } }, subject);
  const { clusterCaCertificate } = (answer['masterAuth'] ?? {}) as { clusterCaCertificate?: unknown };
  const ca = textOf({ clusterCaCertificate }, 'clusterCaCertificate', subject);
  return { address: textOf(answer, 'endpoint', subject), ca: Buffer.from(ca, 'base64').toString() };
}
