import type { Environment } from '../token.ts';

/** Where Google Cloud answers: URLs without a slash at the end. */
export interface GcpEndpoints {
  /** Exchange of tokens (RFC 8693). */
  sts: string;
  iamCredentials: string;
  container: string;
  /** The metadata of the instance, or of GKE. */
  metadata: string;
}

export function gcpEndpoints({ GCE_METADATA_HOST: metadata }: Environment): GcpEndpoints {
  return {
    sts: 'https://sts.googleapis.com',
    iamCredentials: 'https://iamcredentials.googleapis.com',
    container: 'https://container.googleapis.com',
    metadata: `http://${metadata ?? 'metadata.google.internal'}`,
  };
}
