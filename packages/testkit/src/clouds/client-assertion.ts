import { constants, createHash, verify, X509Certificate } from 'node:crypto';

/** What a client signed with the key of its certificate. */
export interface Assertion {
  claims: Readonly<Record<string, unknown>>;
  /** Whether it brings the certificate itself, beside its thumbprint. */
  isWithCertificate: boolean;
}

/**
 * Reads an assertion that names this certificate (PEM) and is signed with its key; null for any other text
 * (https://learn.microsoft.com/entra/identity-platform/certificate-credentials).
 */
export function assertionBy(certificate: string, text: string): Assertion | null {
  const [head = '', body = '', signature = ''] = text.split('.');
  if (signature === '') return null;
  const { publicKey, raw } = new X509Certificate(certificate);
  const { alg, x5c, 'x5t#S256': thumbprint } = partOf(head);
  const digest = createHash('sha256').update(raw).digest();
  if (alg !== 'PS256' || !Buffer.from(String(thumbprint), 'base64').equals(digest)) return null;
  // PS256 has a salt as long as the digest.
  const key = { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: digest.length };
  if (!verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))) return null;
  return { claims: partOf(body), isWithCertificate: Array.isArray(x5c) && x5c[0] === raw.toString('base64') };
}

function partOf(text: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>;
}
