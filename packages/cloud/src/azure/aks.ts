import { systemError, userError } from '@plumb/api';
import { askJson, type Http } from '../http.ts';
import type { AzureEndpoints } from './endpoints.ts';

/** Address and CA (PEM) that a kubeconfig names. */
export type ReadKubeconfig = (text: string) => { address: string; ca: string | undefined };

/** Of the API server of every AKS cluster with Microsoft Entra ID. */
export const AKS_SCOPE = '6dae42f8-4368-4678-94ff-3960e28e3630/.default';
const API_VERSION = '2024-05-01';
const CLUSTER =
  /^\/subscriptions\/[\w-]{36}\/resourceGroups\/[^/?#]{1,200}\/providers\/Microsoft\.ContainerService\/managedClusters\/[^/?#]{1,200}$/;

/**
 * Address and CA of an AKS cluster: those of the first of its kubeconfigs, or of the one with the address that was given.
 * @throws invalid-spec for an id that is none, and for a cluster without Microsoft Entra ID
 */
export async function describeAks(
  { cluster, address }: { cluster: string; address: string | undefined },
  { http, endpoints, token, read }: { http: Http; endpoints: AzureEndpoints; token: string; read: ReadKubeconfig },
): Promise<{ address: string; ca: string | undefined }> {
  if (!CLUSTER.test(cluster)) {
    const form =
      '/subscriptions/<id>/resourceGroups/<name>/providers/Microsoft.ContainerService/managedClusters/<name>';
    throw userError('invalid-spec', `cluster "${cluster}" is not the id of an AKS cluster (${form})`);
  }
  const subject = { what: `Azure did not describe ${cluster}`, secrets: [token] };
  const headers = { authorization: `Bearer ${token}` };
  const url = endpoints.management + cluster;
  const query = `?api-version=${API_VERSION}`;
  const about = await askJson(http, { method: 'GET', url: url + query, headers }, subject);
  const { aadProfile } = (about['properties'] ?? {}) as { aadProfile?: unknown };
  if (aadProfile === undefined || aadProfile === null)
    throw userError('invalid-spec', `${cluster} does not use Microsoft Entra ID: enable it to reach the cluster`);
  const credentials = `${url}/listClusterUserCredential${query}`;
  const { kubeconfigs } = await askJson(http, { method: 'POST', url: credentials, headers }, subject);
  const found = (Array.isArray(kubeconfigs) ? kubeconfigs : []).flatMap((entry: unknown) => {
    const { value } = (entry ?? {}) as { value?: unknown };
    return typeof value === 'string' ? [read(Buffer.from(value, 'base64').toString())] : [];
  });
  const [fits] = found.filter((one) => address === undefined || originOf(one.address) === originOf(address));
  if (fits !== undefined) return fits;
  const known = found.map((one) => originOf(one.address)).join(', ') || 'none';
  throw systemError('authentication-failed', `${cluster} has no address ${address ?? ''}; its addresses: ${known}`);
}

function originOf(address: string): string {
  const url = URL.parse(/^https?:/.test(address) ? address : `https://${address}`);
  return url?.origin ?? address;
}
