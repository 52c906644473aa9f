import type { Environment } from '../token.ts';

/** Where AWS answers: URLs without a slash at the end. */
export interface AwsEndpoints {
  service(name: 'sts' | 'eks', region: string): string;
  /** The instance's metadata. */
  metadata: string;
  /** The host that a relative path of a container's credentials belongs to. */
  container: string;
}

/** The domain of a region's services: each partition has its own. */
const DOMAINS: readonly (readonly [region: RegExp, domain: string])[] = [
  [/^cn-/, 'amazonaws.com.cn'],
  [/^us-iso-/, 'c2s.ic.gov'],
  [/^us-isob-/, 'sc2s.sgov.gov'],
  [/^eusc-/, 'amazonaws.eu'],
];

export function awsEndpoints(environment: Environment): AwsEndpoints {
  return {
    service(name, region) {
      const domain = DOMAINS.find(([pattern]) => pattern.test(region))?.[1] ?? 'amazonaws.com';
      return `https://${name}.${region}.${domain}`;
    },
    metadata: environment['AWS_EC2_METADATA_SERVICE_ENDPOINT']?.replace(/\/$/, '') ?? 'http://169.254.169.254',
    container: 'http://169.254.170.2',
  };
}
