import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  type CertificateRequest,
  generateKey,
  type Issuer,
  issue,
  type KeyPair,
  privateKeyPem,
  publicKeyPem,
  signCertificate,
} from './certificate.ts';

/** The certificates of one control plane. Paths are files, readable by their owner only. */
export interface Certificates {
  authority: KeyPair;
  admin: KeyPair;
  controllerManager: KeyPair;
  files: {
    authority: string;
    server: string;
    serverKey: string;
    serviceAccountKey: string;
    serviceAccountPublicKey: string;
  };
  /** A client certificate for another user. */
  issueClient(user: string, groups: readonly string[]): KeyPair;
}

const DAY = 86_400_000;
const LIFETIME = 3650 * DAY;
const AUTHORITY = { commonName: 'plumb sandbox authority' };
const MASTERS = ['system:masters'];

/** 10.96.0.1 is the first address of the service range: what `kubernetes.default` resolves to. */
const SERVER_NAMES = [
  'localhost',
  '127.0.0.1',
  '10.96.0.1',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
];

/**
 * Reads the certificates below `dir`, making what is missing. All of them are made anew when one has run out
 * (a moved clock counts); the service account key is kept, so that tokens stay valid.
 */
export async function loadCertificates(dir: string, now: Date): Promise<Certificates> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await makeServiceAccountKey(dir);
  const pairs = (await readPairs(dir, now)) ?? (await makePairs(dir, now));
  return {
    ...pairs,
    files: {
      authority: join(dir, 'ca.crt'),
      server: join(dir, 'server.crt'),
      serverKey: join(dir, 'server.key'),
      serviceAccountKey: join(dir, 'service-account.key'),
      serviceAccountPublicKey: join(dir, 'service-account.pub'),
    },
    issueClient: (user, groups) => issueClient(issuerOf(pairs.authority), { user, groups }, now),
  };
}

type Pairs = Pick<Certificates, 'authority' | 'admin' | 'controllerManager'>;

async function readPairs(dir: string, now: Date): Promise<Pairs | null> {
  const pairs = await Promise.all(['ca', 'admin', 'controller-manager', 'server'].map((name) => readPair(dir, name)));
  const [authority, admin, controllerManager, server] = pairs;
  if (!authority || !admin || !controllerManager || !server) return null;
  if (![authority, admin, controllerManager, server].every((pair) => isValid(pair, now))) return null;
  return { authority, admin, controllerManager };
}

async function makePairs(dir: string, now: Date): Promise<Pairs> {
  const { key, publicKey } = generateKey();
  const self: Issuer = { subject: AUTHORITY, key, publicKey };
  const certificate = signCertificate({ subject: AUTHORITY, use: 'authority', ...validity(now) }, publicKey, self);
  const authority = { certificate, key: privateKeyPem(key) };
  const server = issue(
    { subject: { commonName: 'kube-apiserver' }, use: 'server', names: SERVER_NAMES, ...validity(now) },
    self,
  );
  const admin = issueClient(self, { user: 'plumb-admin', groups: MASTERS }, now);
  const controllerManager = issueClient(self, { user: 'system:kube-controller-manager', groups: MASTERS }, now);
  await writePair(dir, 'server', server);
  await writePair(dir, 'admin', admin);
  await writePair(dir, 'controller-manager', controllerManager);
  await writePair(dir, 'ca', authority);
  return { authority, admin, controllerManager };
}

async function makeServiceAccountKey(dir: string): Promise<void> {
  const path = join(dir, 'service-account.key');
  const existing = await readFile(path, 'utf8').catch(() => null);
  const key = existing === null ? generateKey().key : createPrivateKey(existing);
  if (existing === null) await writePrivate(path, privateKeyPem(key));
  await writePrivate(join(dir, 'service-account.pub'), publicKeyPem(createPublicKey(key)));
}

function issueClient(issuer: Issuer, who: { user: string; groups: readonly string[] }, now: Date): KeyPair {
  const subject = { commonName: who.user, organizations: who.groups };
  return issue({ subject, use: 'client', ...validity(now) }, issuer);
}

function issuerOf(authority: KeyPair): Issuer {
  const key = createPrivateKey(authority.key);
  return { subject: AUTHORITY, key, publicKey: createPublicKey(key) };
}

/** A day early, so that a clock set back a little after the first start does no harm. */
function validity(now: Date): Pick<CertificateRequest, 'notBefore' | 'notAfter'> {
  return { notBefore: new Date(now.getTime() - DAY), notAfter: new Date(now.getTime() + LIFETIME) };
}

function isValid(pair: KeyPair, now: Date): boolean {
  const parsed = new X509Certificate(pair.certificate);
  return parsed.validFromDate <= now && now.getTime() + DAY < parsed.validToDate.getTime();
}

async function readPair(dir: string, name: string): Promise<KeyPair | null> {
  const read = (suffix: string): Promise<string> => readFile(join(dir, `${name}.${suffix}`), 'utf8');
  return Promise.all([read('crt'), read('key')])
    .then(([certificate, key]) => ({ certificate, key }))
    .catch(() => null);
}

async function writePair(dir: string, name: string, pair: KeyPair): Promise<void> {
  await writePrivate(join(dir, `${name}.crt`), pair.certificate);
  await writePrivate(join(dir, `${name}.key`), pair.key);
}

/** Replaces a file whole, with its mode set before anything is in it. */
export async function writePrivate(path: string, text: string): Promise<void> {
  await rm(path, { force: true });
  await writeFile(path, text, { mode: 0o600, flag: 'wx' });
}
