import { userError } from '@plumb/api';
import { askJson, textOf, type Http } from '../http.ts';
import type { Token } from '../token.ts';
import type { AwsEndpoints } from './endpoints.ts';
import { presigned, signed, type AwsCredentials } from './sign.ts';

export interface EksCluster {
  readonly arn: string;
  readonly region: string;
  readonly name: string;
}

const ARN = /^arn:aws[\w-]*:eks:([a-z\d-]{1,100}):\d{1,30}:cluster\/([\w-]{1,200})$/;

/** @throws invalid-spec */
export function parseEksArn(arn: string): EksCluster {
  const [, region, name] = ARN.exec(arn) ?? [];
  if (region !== undefined && name !== undefined) return { arn, region, name };
  const form = 'arn:<partition>:eks:<region>:<account>:cluster/<name>';
  throw userError('invalid-spec', `cluster "${arn}" is not the ARN of an EKS cluster (${form})`);
}

interface Way {
  http: Http;
  endpoints: AwsEndpoints;
  credentials: AwsCredentials;
  now: number;
}

/** Address and CA (PEM) of a cluster. */
export async function describeEks(cluster: EksCluster, way: Way): Promise<{ address: string; ca: string }> {
  const { http, endpoints, credentials, now } = way;
  const { region, name, arn } = cluster;
  const ask = { method: 'GET', url: `${endpoints.service('eks', region)}/clusters/${name}` } as const;
  const subject = { what: `AWS EKS did not describe ${arn}` };
  const answer = await askJson(http, await signed(ask, credentials, { service: 'eks', region, now }), subject);
  const found = (answer['cluster'] ?? {}) as { endpoint?: unknown; certificateAuthority?: { data?: unknown } };
  const ca = textOf({ data: found.certificateAuthority?.data }, 'data', subject);
  return {
    address: textOf({ endpoint: found.endpoint }, 'endpoint', subject),
    ca: Buffer.from(ca, 'base64').toString(),
  };
}

const LIFE_SECONDS = 900;

/**
 * A token for the API server of an EKS cluster: a signed request that tells AWS who we are, for the server to send (aws-iam-authenticator). It is
 * good for 15 minutes, whatever the keys are good for.
 */
export async function eksToken({ region, name }: EksCluster, way: Way): Promise<Token> {
  const { endpoints, credentials, now } = way;
  const query = `Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=${LIFE_SECONDS}`;
  const url = `${endpoints.service('sts', region)}/?${query}`;
  const ask = { method: 'GET', url, headers: { 'x-k8s-aws-id': name } } as const;
  const link = await presigned(ask, credentials, { service: 'sts', region, now });
  const expiresAt = Math.min(now + LIFE_SECONDS * 1_000, credentials.expiresAt);
  return { value: `k8s-aws-v1.${Buffer.from(link).toString('base64url')}`, expiresAt };
}
