import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type TLSSocket } from 'node:tls';

import { describe, expect, test } from 'vitest';

import { generateKey, type Issuer, issue, privateKeyPem, signCertificate } from './certificate.ts';

const notBefore = new Date('2026-01-01T00:00:00Z');
const notAfter = new Date('2051-01-01T00:00:00Z');

function authority(): Issuer & { certificate: string } {
  const { key, publicKey } = generateKey();
  const issuer = { subject: { commonName: 'test authority' }, key, publicKey };
  const request = { subject: issuer.subject, use: 'authority', notBefore, notAfter } as const;
  return { ...issuer, certificate: signCertificate(request, publicKey, issuer) };
}

describe('signCertificate', () => {
  test('an authority signs itself, may sign others, and is valid across the change of time formats in 2050', () => {
    const parsed = new X509Certificate(authority().certificate);
    expect(parsed.ca).toBe(true);
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(parsed.subject).toBe('CN=test authority');
    expect([parsed.validFrom, parsed.validTo]).toEqual(['Jan  1 00:00:00 2026 GMT', 'Jan  1 00:00:00 2051 GMT']);
  });

  test('a client certificate carries the user, every group and the purpose', () => {
    const ca = authority();
    const subject = { commonName: 'jane', organizations: ['system:masters', 'ops'] };
    const parsed = new X509Certificate(issue({ subject, use: 'client', notBefore, notAfter }, ca).certificate);
    expect(parsed.subject).toBe('O=system:masters\nO=ops\nCN=jane');
    expect(parsed.ca).toBe(false);
    expect(parsed.checkIssued(new X509Certificate(ca.certificate))).toBe(true);
    expect(parsed.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  });

  test('a server certificate answers to its names and addresses and to no other', () => {
    const names = ['localhost', 'kubernetes.default.svc', '127.0.0.1'];
    const request = { subject: { commonName: 'server' }, use: 'server', names, notBefore, notAfter } as const;
    const parsed = new X509Certificate(issue(request, authority()).certificate);
    expect(parsed.checkHost('kubernetes.default.svc')).toBe('kubernetes.default.svc');
    expect(parsed.checkHost('example.org')).toBeUndefined();
    expect(parsed.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(parsed.checkIP('10.0.0.1')).toBeUndefined();
  });

  test('the key belongs to the certificate', () => {
    const pair = issue({ subject: { commonName: 'x' }, use: 'client', notBefore, notAfter }, authority());
    const { key, publicKey } = generateKey();
    expect(pair.key).toContain('EC PRIVATE KEY');
    const other = { subject: { commonName: 'y' }, key, publicKey };
    const parsed = new X509Certificate(
      signCertificate({ subject: other.subject, use: 'authority', notBefore, notAfter }, publicKey, other),
    );
    expect(parsed.checkPrivateKey(key)).toBe(true);
    expect(privateKeyPem(key)).not.toBe(pair.key);
  });

  test('a TLS handshake with certificates on both sides succeeds and tells who the client is', async () => {
    const ca = authority();
    const names = ['127.0.0.1'];
    const server = issue({ subject: { commonName: 'server' }, use: 'server', names, notBefore, notAfter }, ca);
    const client = issue({ subject: { commonName: 'jane' }, use: 'client', notBefore, notAfter }, ca);
    const listener = createServer({ cert: server.certificate, key: server.key, ca: ca.certificate, requestCert: true });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const address = listener.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const accepted = once(listener, 'secureConnection') as Promise<[TLSSocket]>;
    const socket = connect({ host: '127.0.0.1', port, ca: ca.certificate, cert: client.certificate, key: client.key });
    await once(socket, 'secureConnect');
    const [peer] = await accepted;
    expect([socket.authorized, peer.authorized]).toEqual([true, true]);
    expect(peer.getPeerCertificate().subject.CN).toBe('jane');
    socket.destroy();
    listener.close();
  });

  test('a certificate of another authority is not trusted', () => {
    const parsed = new X509Certificate(
      issue({ subject: { commonName: 'x' }, use: 'client', notBefore, notAfter }, authority()).certificate,
    );
    expect(parsed.verify(authority().publicKey)).toBe(false);
  });
});
