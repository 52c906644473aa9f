import type { AccountToken } from '@plumb/kube';

const LIFETIME_MS = 3_600_000;
const OWN_AUDIENCE = 'https://kubernetes.default.svc';

/** A token whose claims can be read (RFC 7519) and whose signature is none: nothing in memory checks it. */
export function memoryToken(of: { sub: string; audiences: readonly string[]; now: number }): AccountToken {
  const { sub, audiences, now } = of;
  const expiresAt = now + LIFETIME_MS;
  const claims = { sub, aud: audiences.length === 0 ? [OWN_AUDIENCE] : audiences, exp: Math.floor(expiresAt / 1_000) };
  const parts = [{ alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  return { token: `${parts.join('.')}.`, expiresAt };
}
