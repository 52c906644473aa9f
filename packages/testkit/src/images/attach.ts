import { pemOf, type ImageSigner, type Material } from './image-signer.ts';
import type { PushedImage, TestRegistry } from './test-registry.ts';

/** How something is attached to an image: as a bundle that refers to it, or under the tags of older versions of cosign. */
export type AttachedAs = 'bundle' | 'tag';

interface Attaching {
  registry: TestRegistry;
  image: PushedImage;
  by: ImageSigner;
  as: AttachedAs;
  /** What it is attached to, where that is another image than the one it is about. */
  to?: PushedImage;
}

const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const IN_TOTO = 'application/vnd.in-toto+json';
const EMPTY = 'application/vnd.oci.empty.v1+json';
const SIGNED = 'https://sigstore.dev/cosign/sign/v1';

/** Signs an image, as `cosign sign` does. */
export async function signImage({ registry, image, by, as, to = image }: Attaching): Promise<void> {
  const { path, digest } = image;
  if (as === 'bundle')
    return attachStatement({ registry, image, by, as, to }, { predicateType: SIGNED, predicate: {} });
  const critical = {
    identity: { 'docker-reference': `${registry.host}/${path}` },
    image: { 'docker-manifest-digest': digest },
    type: 'cosign container image signature',
  };
  const payload = Buffer.from(JSON.stringify({ critical, optional: null }));
  const signature = await by.sign(payload);
  const material = await by.material({ signature, payload, kind: 'hashedrekord' });
  const annotations = {
    'dev.cosignproject.cosign/signature': signature.toString('base64'),
    ...annotationsOf(material),
  };
  const mediaType = 'application/vnd.dev.cosign.simplesigning.v1+json';
  await registry.add(path, `${to.digest.replace(':', '-')}.sig`, { mediaType, content: payload, annotations });
}

/** States something of an image, as `cosign attest` does. */
export async function attachStatement(
  { registry, image, by, as, to = image }: Attaching,
  { predicateType, predicate }: { predicateType: string; predicate: unknown },
): Promise<void> {
  const { path, digest } = image;
  const [algorithm = '', hex = ''] = digest.split(':');
  const subject = [{ name: `${registry.host}/${path}`, digest: { [algorithm]: hex } }];
  const statement = { _type: 'https://in-toto.io/Statement/v1', subject, predicateType, predicate };
  const payload = Buffer.from(JSON.stringify(statement));
  const signature = await by.sign(
    Buffer.concat([Buffer.from(`DSSEv1 ${IN_TOTO.length} ${IN_TOTO} ${payload.length} `), payload]),
  );
  const signatures = [{ keyid: '', sig: signature.toString('base64') }];
  const dsseEnvelope = { payloadType: IN_TOTO, payload: payload.toString('base64'), signatures };
  const material = await by.material({ signature, payload, kind: 'dsse' });
  if (as === 'tag') {
    const mediaType = 'application/vnd.dsse.envelope.v1+json';
    const annotations = { 'dev.cosignproject.cosign/signature': '', predicateType, ...annotationsOf(material) };
    const content = Buffer.from(JSON.stringify(dsseEnvelope));
    return registry.add(path, `${to.digest.replace(':', '-')}.att`, { mediaType, content, annotations });
  }
  const { certificate, tlogEntries } = material;
  const held =
    certificate === null ? { publicKey: { hint: '' } } : { certificate: { rawBytes: certificate.toString('base64') } };
  const bundle = { mediaType: BUNDLE, verificationMaterial: { ...held, tlogEntries }, dsseEnvelope };
  await registry.manifest(path, {
    layers: [{ mediaType: BUNDLE, content: Buffer.from(JSON.stringify(bundle)) }],
    config: EMPTY,
    artifactType: BUNDLE,
    subject: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: to.digest, size: to.size },
    annotations: { 'dev.sigstore.bundle.content': 'dsse-envelope', 'dev.sigstore.bundle.predicateType': predicateType },
  });
}

function annotationsOf({ certificate, tlogEntries: [entry] }: Material): Record<string, string> {
  if (certificate === null || entry === undefined) return {};
  const payload = {
    body: entry.canonicalizedBody,
    integratedTime: Number(entry.integratedTime),
    logIndex: Number(entry.logIndex),
    logID: Buffer.from(entry.logId.keyId, 'base64').toString('hex'),
  };
  const bundle = { SignedEntryTimestamp: entry.inclusionPromise.signedEntryTimestamp, Payload: payload };
  return {
    'dev.sigstore.cosign/certificate': pemOf(certificate),
    'dev.sigstore.cosign/bundle': JSON.stringify(bundle),
  };
}

/** A record of a scan as `cosign attest --type vuln` states it, with what Trivy found. */
export function scanRecord(
  finished: Date,
  found: readonly { id: string; severity: string }[],
): { predicateType: string; predicate: unknown } {
  const vulnerabilities = found.map(({ id, severity }) => ({
    VulnerabilityID: id,
    PkgName: 'libssl3',
    InstalledVersion: '3.0.1',
    Severity: severity,
  }));
  const result = { SchemaVersion: 2, Results: [{ Target: 'image', Vulnerabilities: vulnerabilities }] };
  const metadata = { scanStartedOn: finished.toISOString(), scanFinishedOn: finished.toISOString() };
  const scanner = { uri: 'pkg:github/aquasecurity/trivy', version: '0.60.0', db: {}, result };
  const predicate = { invocation: { uri: '', parameters: null }, scanner, metadata };
  return { predicateType: 'https://cosign.sigstore.dev/attestation/vuln/v1', predicate };
}

/** What `cosign attest --type openvex` states: one status of one vulnerability in the image. */
export function vexOf(id: string, status: string): { predicateType: string; predicate: unknown } {
  const timestamp = new Date().toISOString();
  const statement = { vulnerability: { name: id }, status, timestamp };
  const document = { '@context': 'https://openvex.dev/ns/v0.2.0', '@id': `urn:uuid:${crypto.randomUUID()}` };
  const predicate = { ...document, author: 'shop', timestamp, version: 1, statements: [statement] };
  return { predicateType: 'https://openvex.dev/ns', predicate };
}
