import { expect, test } from 'vitest';
import { readClusterConfig } from './cluster-config.ts';
import { awsEndpoints } from './aws/endpoints.ts';
import { azureEndpoints } from './azure/endpoints.ts';
import { gcpEndpoints } from './gcp/endpoints.ts';

const read = (data: Record<string, string>, account?: string): ReturnType<typeof readClusterConfig> =>
  readClusterConfig(data, { namespace: 'apps', account });

test('all keys are read, and blanks around them do not count', () => {
  const data = { cluster: ' c ', address: ' a\n', 'ca.crt': 'PEM\n', audiences: 'x\n y\n', serviceAccountName: 'me' };
  expect(read({ provider: 'aws\n', ...data })).toEqual({
    provider: 'aws',
    cluster: 'c',
    address: 'a',
    ca: 'PEM',
    audiences: ['x', 'y'],
    identity: { namespace: 'apps', name: 'me' },
  });
});

test('the account for those that name none is the one the operator named, else it is the agent itself', () => {
  const data = { provider: 'generic', address: 'a' };
  expect(read(data).identity).toBeNull();
  expect(read(data, 'tenant').identity).toEqual({ namespace: 'apps', name: 'tenant' });
  expect(read({ ...data, serviceAccountName: 'me' }, 'tenant').identity?.name).toBe('me');
});

test.each([
  { data: {}, says: "key 'provider' is missing: it must be one of aws, azure, gcp, generic" },
  { data: { provider: 'oracle' }, says: `key 'provider' is "oracle"` },
  { data: { provider: 'generic' }, says: "key 'address' is missing" },
  { data: { provider: 'aws', address: 'a', 'ca.crt': 'c' }, says: "key 'cluster' is missing" },
  { data: { provider: 'gcp', address: 'a' }, says: "key 'cluster' is missing" },
  { data: { provider: 'azure', 'ca.crt': 'c' }, says: "key 'cluster' is missing" },
])('$says', ({ data, says }) => {
  expect(() => read(data)).toThrow(says);
});

test('without AWS a cluster need not be named where its address and CA are', () => {
  expect(read({ provider: 'gcp', address: 'a', 'ca.crt': 'c' }).cluster).toBeUndefined();
});

test('each cloud and partition answers at its own place', () => {
  const aws = awsEndpoints({ AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://[fd00:ec2::254]/' });
  expect(
    ['eu-central-1', 'us-gov-west-1', 'cn-north-1', 'us-iso-east-1'].map((region) => aws.service('sts', region)),
  ).toEqual([
    'https://sts.eu-central-1.amazonaws.com',
    'https://sts.us-gov-west-1.amazonaws.com',
    'https://sts.cn-north-1.amazonaws.com.cn',
    'https://sts.us-iso-east-1.c2s.ic.gov',
  ]);
  expect(aws.metadata).toBe('http://[fd00:ec2::254]');
  expect(azureEndpoints({}).management).toBe('https://management.azure.com');
  expect(azureEndpoints({ AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.us/' })).toMatchObject({
    login: 'https://login.microsoftonline.us',
    management: 'https://management.usgovcloudapi.net',
  });
  expect(gcpEndpoints({ GCE_METADATA_HOST: '127.0.0.1:1' }).metadata).toBe('http://127.0.0.1:1');
});
