import { generateKey, privateKeyPem, signCertificate, type KeyPair } from './certificate.ts';

const DAY = 86_400_000;

/** A certificate that signs itself, for these names and addresses, valid for two days around now: for servers that live as long as a test. */
export function selfSigned(names: readonly string[]): KeyPair {
  const { key, publicKey } = generateKey();
  const subject = { commonName: names[0] ?? 'localhost' };
  const [notBefore, notAfter] = [new Date(Date.now() - DAY), new Date(Date.now() + DAY)];
  const request = { subject, use: 'authority', names, notBefore, notAfter } as const;
  return { certificate: signCertificate(request, publicKey, { subject, key, publicKey }), key: privateKeyPem(key) };
}
