/** A certificate for 127.0.0.1 that signs itself, valid until 2120. It protects nothing but connections on loopback in tests. */
const CERTIFICATE =
  'MIIBZzCCAQ2gAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMD' +
  'BaMBQxEjAQBgNVBAMMCWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNu28mAFzkrwzHqTMBVLhlK1FQnlX3HxYRIxdL9tZrQA' +
  'DeXXf6YwRCT3D9zH1J5sa7dFUenvdgfWIsjKDuVR/fOjTjBMMA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYcEfwAAAYIJbG9jYWxob3N0MB' +
  '0GA1UdDgQWBBTSIlc4Yo2+iK6wiOD0oH6iXC0HOTAKBggqhkjOPQQDAgNIADBFAiEA7lAitYmmsN3KzZSf7QjcH73cPBnCMtQgrUeb+ycC254C' +
  'IGvu7W280Ri/Dq2idvVLImw060Q33jX8DsgKngOS0FQg';
const KEY =
  'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWg7IhRjG1PMWMYnFCf5Qu7T+pwft6XnNUxBrZ3AbfM2hRANCAATbtvJgBc5K8M' +
  'x6kzAVS4ZStRUJ5V9x8WESMXS/bWa0AA3l13+mMEQk9w/cx9SebGu3RVHp73YH1iLIyg7lUf3z';

const pem = (label: string, base64: string): string => `-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n`;
export const CERTIFICATE_PEM = pem('CERTIFICATE', CERTIFICATE);
export const KEY_PEM = pem('PRIVATE KEY', KEY);
