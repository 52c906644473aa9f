import { systemError } from '@plumb/api';
import { expect, test } from 'vitest';
import { hideSecrets } from './hide-secrets.ts';

test.each([
  { secrets: [], message: 'spec.key: Invalid value: "s3cr3t-long"' },
  { secrets: ['other'], message: 'spec.key: Invalid value: "s3cr3t-long"' },
  { secrets: ['key'], message: 'spec.key: Invalid value: "s3cr3t-long"' },
  { secrets: ['s3cr3t', 's3cr3t-long'], message: 'spec.key: Invalid value: "***"' },
])('without $secrets a failure says $message', ({ secrets, message }) => {
  const error = systemError('api-invalid', 'spec.key: Invalid value: "s3cr3t-long"', new Error('s3cr3t'));
  const hidden = hideSecrets(error, secrets);
  expect(hidden).toMatchObject({ code: 'api-invalid', fault: 'system', policy: 'retry', message });
});
