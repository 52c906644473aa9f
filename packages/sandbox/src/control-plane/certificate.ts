import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

import {
  bitString,
  boolean,
  constructed,
  integer,
  objectId,
  octetString,
  primitive,
  sequence,
  setOf,
  time,
  utf8String,
} from './der.ts';

/** A certificate with its key, as PEM. */
export interface KeyPair {
  certificate: string;
  key: string;
}

/** Whom a certificate names. Kubernetes reads the common name as the user and each organization as a group. */
export interface Subject {
  commonName: string;
  organizations?: readonly string[];
}

/** One who can sign: the subject and key of the issuing certificate. */
export interface Issuer {
  subject: Subject;
  key: KeyObject;
  publicKey: KeyObject;
}

export interface CertificateRequest {
  subject: Subject;
  use: 'authority' | 'server' | 'client';
  /** DNS names and IPv4 addresses a server answers to. */
  names?: readonly string[];
  notBefore: Date;
  notAfter: Date;
}

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

const SIGNATURE_ALGORITHM = sequence(objectId(OID.ecdsaWithSha256));

/** A fresh key on P-256, the curve every TLS stack here takes and the cheapest to make. */
export function generateKey(): { key: KeyObject; publicKey: KeyObject } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { key: privateKey, publicKey };
}

/** PEM of a private key in the form Go's keyutil reads (`EC PRIVATE KEY`). */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ type: 'sec1', format: 'pem' }).toString();
}

export function publicKeyPem(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString();
}

/**
 * An X.509 v3 certificate (RFC 5280) for `publicKey`, signed by `issuer` with ECDSA and SHA-256.
 * A self-signed one has its own subject and keys as the issuer.
 * @returns PEM
 */
export function signCertificate(request: CertificateRequest, publicKey: KeyObject, issuer: Issuer): string {
  const body = sequence(
    constructed(0, integer(Buffer.of(2))),
    integer(serialNumber()),
    SIGNATURE_ALGORITHM,
    distinguishedName(issuer.subject),
    sequence(time(request.notBefore), time(request.notAfter)),
    distinguishedName(request.subject),
    spki(publicKey),
    constructed(3, sequence(...extensions(request, publicKey, issuer))),
  );
  const signature = sign('sha256', body, issuer.key);
  return pem(sequence(body, SIGNATURE_ALGORITHM, bitString(signature)));
}

/** A key pair certified by `issuer`. */
export function issue(request: CertificateRequest, issuer: Issuer): KeyPair {
  const { key, publicKey } = generateKey();
  return { certificate: signCertificate(request, publicKey, issuer), key: privateKeyPem(key) };
}

function extensions(request: CertificateRequest, publicKey: KeyObject, issuer: Issuer): Buffer[] {
  const authority = request.use === 'authority';
  const list = [
    extension(OID.basicConstraints, true, authority ? sequence(boolean(true)) : sequence()),
    // Bit 0 is digitalSignature, 5 keyCertSign, 6 cRLSign.
    extension(
      OID.keyUsage,
      true,
      authority ? bitString(Buffer.of(0b1000_0110), 1) : bitString(Buffer.of(0b1000_0000), 7),
    ),
    extension(OID.subjectKeyId, false, octetString(keyId(publicKey))),
    extension(OID.authorityKeyId, false, sequence(primitive(0, keyId(issuer.publicKey)))),
  ];
  if (!authority) {
    const purpose = request.use === 'server' ? OID.serverAuth : OID.clientAuth;
    list.push(extension(OID.extendedKeyUsage, false, sequence(objectId(purpose))));
  }
  const names = request.names ?? [];
  if (names.length > 0) list.push(extension(OID.subjectAltName, false, sequence(...names.map(generalName))));
  return list;
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(objectId(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

function generalName(name: string): Buffer {
  if (isIPv4(name)) return primitive(7, Buffer.from(name.split('.').map(Number)));
  return primitive(2, Buffer.from(name, 'ascii'));
}

function distinguishedName(subject: Subject): Buffer {
  const organizations = (subject.organizations ?? []).map((name) => attribute(OID.organization, name));
  return sequence(...organizations, attribute(OID.commonName, subject.commonName));
}

function attribute(id: string, value: string): Buffer {
  return setOf(sequence(objectId(id), utf8String(value)));
}

function serialNumber(): Buffer {
  const octets = randomBytes(16);
  octets[0] = ((octets[0] ?? 0) & 0x7f) | 0x40;
  return octets;
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

/** The key identifier of RFC 5280 §4.2.1.2 is any stable digest of the key. */
function keyId(key: KeyObject): Buffer {
  return createHash('sha1').update(spki(key)).digest();
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
