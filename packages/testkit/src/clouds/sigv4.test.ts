import { expect, test } from 'vitest';
import { signerOf } from './sigv4.ts';

const secretOf = (id: string): string | undefined => ({ AKIDEXAMPLE: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' })[id];

/** The worked example of AWS: Create a signed AWS API request (iam ListUsers). */
const EXAMPLE = {
  method: 'GET',
  url: new URL('https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08'),
  headers: {
    host: 'iam.amazonaws.com',
    'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
    'x-amz-date': '20150830T123600Z',
    authorization:
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, ' +
      'Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
  },
  body: '',
};

test("AWS' own example is taken for what it is", () => {
  expect(signerOf(EXAMPLE, secretOf)).toEqual({
    accessKeyId: 'AKIDEXAMPLE',
    region: 'us-east-1',
    service: 'iam',
    signedHeaders: ['content-type', 'host', 'x-amz-date'],
    signedAt: Date.UTC(2015, 7, 30, 12, 36),
  });
});

test.each([
  { what: 'another query', request: { ...EXAMPLE, url: new URL('https://iam.amazonaws.com/?Action=DeleteUser') } },
  { what: 'another method', request: { ...EXAMPLE, method: 'POST' } },
  { what: 'another body', request: { ...EXAMPLE, body: 'x' } },
  { what: 'another signed header', request: { ...EXAMPLE, headers: { ...EXAMPLE.headers, host: 'iam.example.com' } } },
  { what: 'another time', request: { ...EXAMPLE, headers: { ...EXAMPLE.headers, 'x-amz-date': '20150830T123601Z' } } },
  { what: 'no signature', request: { ...EXAMPLE, headers: { host: 'iam.amazonaws.com' } } },
])('$what is refused', ({ request }) => {
  expect(signerOf(request, secretOf)).toBeNull();
  expect(signerOf(EXAMPLE, () => undefined)).toBeNull();
});
