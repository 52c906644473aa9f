import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

/** Signs as cosign does, by a key or as an identity. */
export interface ImageSigner {
  /** What a Sigstore bundle holds beside what is signed. */
  material: (signed: SignedBytes) => Promise<Material>;
  /** Signs these very bytes. */
  sign: (bytes: Buffer) => Promise<Buffer>;
}

/** What a log is told of. */
export interface SignedBytes {
  signature: Buffer;
  /** Of a signature the bytes that are signed, of a statement its payload. */
  payload: Buffer;
  kind: 'hashedrekord' | 'dsse';
}

export interface Material {
  /** DER; null for one by a key. */
  certificate: Buffer | null;
  /** As a bundle has it. */
  tlogEntries: readonly TlogEntry[];
}

export interface TlogEntry {
  logIndex: string;
  logId: { keyId: string };
  kindVersion: { kind: string; version: string };
  integratedTime: string;
  inclusionPromise: { signedEntryTimestamp: string };
  inclusionProof: object;
  canonicalizedBody: string;
}

/** A key pair, as `cosign generate-key-pair` makes one. */
export function imageKey(): ImageSigner & { pem: string; privatePem: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    material: async () => ({ certificate: null, tlogEntries: [] }),
    sign: async (bytes) => sign('sha256', bytes, privateKey),
  };
}

/** A certificate authority for identities with its two logs, as Sigstore runs them, and nobody's but this test's. */
export interface TestSigstore {
  /** TrustedRoot in JSON. */
  root: string;
  identity: (who: Identity) => ImageSigner;
  /** A certificate for a public key in SPKI, and that of the authority; both in DER. */
  certify: (publicKey: Buffer, who: Identity) => Promise<[Buffer, Buffer]>;
  /** Takes an entry in, as Rekor's API answers. */
  log: (entry: object) => Promise<object>;
}

export interface Identity {
  issuer: string;
  subject: string;
}

/** Extensions that name the issuer: as it was once, which cosign reads, and as it is. */
const OLD_ISSUER = '1.3.6.1.4.1.57264.1.1';
const ISSUER = '1.3.6.1.4.1.57264.1.8';
const BASE = 'https://sigstore.example';

export async function testSigstore(): Promise<TestSigstore> {
  // By its parts: the whole of it changes how this process speaks HTTP.
  const { initializeCA, initializeCTLog } = await import('@sigstore/mock/dist/fulcio/index.js');
  const { initializeTLog } = await import('@sigstore/mock/dist/rekor/index.js');
  const { HashAlgorithm, PublicKeyDetails, TrustedRoot } = await import('@sigstore/protobuf-specs');
  const pair = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve });
  const ctlog = await initializeCTLog(pair('prime256v1'));
  const authority = await initializeCA(pair('secp384r1'), ctlog);
  const tlog = await initializeTLog(BASE, pair('prime256v1'));
  const validFor = { start: new Date(Date.now() - 3_600_000) };
  const log = (publicKey: Buffer) => ({
    baseUrl: BASE,
    logId: { keyId: createHash('sha256').update(publicKey).digest() },
    hashAlgorithm: HashAlgorithm.SHA2_256,
    publicKey: { rawBytes: publicKey, keyDetails: PublicKeyDetails.PKIX_ECDSA_P256_SHA_256, validFor },
    checkpointKeyId: undefined,
    operator: 'sigstore.example',
  });
  const root = TrustedRoot.toJSON({
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: [log(tlog.publicKey)],
    ctlogs: [log(ctlog.publicKey)],
    certificateAuthorities: [
      {
        subject: { commonName: 'sigstore', organization: 'sigstore.mock' },
        uri: BASE,
        certChain: { certificates: [{ rawBytes: bytesOf(authority.rootCertificate) }] },
        validFor,
        operator: 'sigstore.example',
      },
    ],
    timestampAuthorities: [],
  });
  const certify: TestSigstore['certify'] = async (publicKey, { issuer, subject }) => {
    const extensions = [
      { oid: OLD_ISSUER, value: issuer, legacy: true },
      { oid: ISSUER, value: issuer },
    ];
    const key = Buffer.from(publicKey);
    const issued = await authority.issueCertificate({ publicKey: key, subjectAltName: subject, extensions });
    return [bytesOf(issued), bytesOf(authority.rootCertificate)];
  };
  const identity: TestSigstore['identity'] = (who) => {
    const { publicKey, privateKey } = pair('prime256v1');
    const certified = certify(spki(publicKey), who);
    return {
      sign: async (bytes) => sign('sha256', bytes, privateKey),
      material: async (signed) => {
        const [certificate] = await certified;
        const entries = Object.values(await tlog.log(entryOf(signed, certificate)));
        return { certificate, tlogEntries: entries.map((entry) => bundled(entry as LogEntry, signed)) };
      },
    };
  };
  return { root: JSON.stringify(root), identity, certify, log: (entry) => tlog.log(entry) };
}

function bytesOf(view: ArrayBufferView): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

export function pemOf(certificate: Buffer): string {
  const lines = certificate.toString('base64').replace(/(.{64})(?=.)/g, '$1\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

/** What Rekor keeps of a signature. */
function entryOf({ signature, payload, kind }: SignedBytes, certificate: Buffer): object {
  const content = Buffer.from(pemOf(certificate)).toString('base64');
  const hash = { algorithm: 'sha256', value: createHash('sha256').update(payload).digest('hex') };
  const signed = signature.toString('base64');
  const spec =
    kind === 'hashedrekord'
      ? { data: { hash }, signature: { content: signed, publicKey: { content } } }
      : { envelopeHash: hash, payloadHash: hash, signatures: [{ signature: signed, verifier: content }] };
  return { apiVersion: '0.0.1', kind, spec };
}

interface LogEntry {
  body: string;
  integratedTime: number;
  logID: string;
  logIndex: number;
  verification: {
    signedEntryTimestamp: string;
    inclusionProof: { logIndex: number; treeSize: number; rootHash: string; checkpoint: string };
  };
}

function bundled({ body, integratedTime, logID, logIndex, verification }: LogEntry, { kind }: SignedBytes): TlogEntry {
  const { signedEntryTimestamp, inclusionProof: proof } = verification;
  return {
    logIndex: String(logIndex),
    logId: { keyId: Buffer.from(logID, 'hex').toString('base64') },
    kindVersion: { kind, version: '0.0.1' },
    integratedTime: String(integratedTime),
    inclusionPromise: { signedEntryTimestamp },
    inclusionProof: {
      logIndex: String(proof.logIndex),
      treeSize: String(proof.treeSize),
      rootHash: Buffer.from(proof.rootHash, 'hex').toString('base64'),
      hashes: [],
      checkpoint: { envelope: proof.checkpoint },
    },
    canonicalizedBody: body,
  };
}
