import { createHash, X509Certificate } from 'node:crypto';
import { correctable } from '../git/address.ts';
import type { Descriptor, Repository } from './registry.ts';

/** What is attached to an image and says of itself that it is signed. Nothing of it is believed yet. */
export interface Attachment {
  /** A Sigstore bundle in its JSON form; null where it could not be read as one. */
  bundle: unknown;
  /** What is signed, where the bundle does not hold it itself. */
  payload: Buffer | null;
}

const BUNDLE = 'application/vnd.dev.sigstore.bundle';
/** Registries that do not know artifacts tell of one by the type of its configuration, which for a bundle is empty. */
const UNTOLD = ['', 'application/vnd.oci.empty.v1+json'];
const SIMPLE_SIGNING = 'application/vnd.dev.cosign.simplesigning.v1+json';
const ENVELOPE = 'application/vnd.dsse.envelope.v1+json';
/** Reports of scanners take megabytes; what takes more than this, alone or together, is no evidence. Bytes. */
const BLOB_LIMIT = 16 * 1024 * 1024;
const TOTAL_LIMIT = 64 * 1024 * 1024;
const MOST = 100;
const AT_ONCE = 4;

/**
 * Everything attached to an image by cosign, in both of its forms: bundles that refer to it (specs/BUNDLE_SPEC.md of cosign), and the tags of its older
 * versions (specs/SIGNATURE_SPEC.md).
 * @throws PlumbError `source-failed`, also where there is more than can be looked at
 */
export async function attachmentsOf(repository: Repository, digest: string): Promise<Attachment[]> {
  const referrers = await repository.referrers(digest);
  // A registry lists them in any order, and what is told of them should not change with it.
  const bundles = referrers
    .filter(({ artifactType = '' }) => artifactType.startsWith(BUNDLE) || UNTOLD.includes(artifactType))
    .toSorted((a, b) => ((a.digest ?? '') < (b.digest ?? '') ? -1 : 1));
  const tag = digest.replace(':', '-');
  const signatures = await layersAt(repository, `${tag}.sig`, SIMPLE_SIGNING);
  const statements = await layersAt(repository, `${tag}.att`, ENVELOPE);
  const count = bundles.length + signatures.length + statements.length;
  if (count > MOST)
    throw correctable(
      'source-failed',
      `${count} signatures and statements are attached to ${digest}, more than ${MOST}`,
    );
  const reader = new BlobReader(repository);
  return [
    ...(await mapSome(bundles, (one) => bundleOf(repository, reader, one))).filter((one) => one !== null),
    ...(await mapSome(signatures, async (one) => signatureOf(one, await reader.read(one)))),
    ...(await mapSome(statements, async (one) => statementOf(one, await reader.read(one)))),
  ];
}

async function mapSome<Item, Result>(items: readonly Item[], map: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(map))));
  }
  return results;
}

class BlobReader {
  readonly #repository: Repository;
  #total = 0;

  constructor(repository: Repository) {
    this.#repository = repository;
  }

  async read({ digest = '' }: Descriptor): Promise<Buffer> {
    const bytes = await this.#repository.blob(digest, BLOB_LIMIT);
    this.#total += bytes.length;
    if (this.#total > TOTAL_LIMIT)
      throw correctable('source-failed', `more than ${TOTAL_LIMIT} bytes are attached to one image`);
    return bytes;
  }
}

async function layersAt(repository: Repository, tag: string, mediaType: string): Promise<Descriptor[]> {
  const layers = (await repository.manifest(tag))?.layers ?? [];
  return layers.filter((layer) => layer.mediaType === mediaType);
}

async function bundleOf(
  repository: Repository,
  reader: BlobReader,
  { digest = '' }: Descriptor,
): Promise<Attachment | null> {
  const [layer] = (await repository.manifest(digest))?.layers ?? [];
  if (layer?.mediaType?.startsWith(BUNDLE) !== true) return null;
  return { bundle: parsed(await reader.read(layer)), payload: null };
}

function signatureOf({ annotations = {} }: Descriptor, payload: Buffer): Attachment {
  const signature = annotations['dev.cosignproject.cosign/signature'];
  const digest = createHash('sha256').update(payload).digest('base64');
  const messageSignature = { messageDigest: { algorithm: 'SHA2_256', digest }, signature };
  return { bundle: oldBundle(annotations, { messageSignature }), payload };
}

function statementOf({ annotations = {} }: Descriptor, blob: Buffer): Attachment {
  return { bundle: oldBundle(annotations, { dsseEnvelope: parsed(blob) }), payload: null };
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    return null;
  }
}

/** What older versions of cosign keep in annotations, as the bundle that newer ones would have made of it. */
function oldBundle(annotations: Readonly<Record<string, string>>, content: object): unknown {
  try {
    const certificate = annotations['dev.sigstore.cosign/certificate'] ?? '';
    const rawBytes = certificate === '' ? null : new X509Certificate(certificate).raw.toString('base64');
    const material =
      rawBytes === null ? { publicKey: { hint: '' } } : { x509CertificateChain: { certificates: [{ rawBytes }] } };
    const tlogEntries = entriesOf(annotations['dev.sigstore.cosign/bundle']);
    const timestampVerificationData = {
      rfc3161Timestamps: timestampsOf(annotations['dev.sigstore.cosign/rfc3161timestamp']),
    };
    return {
      mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.1',
      verificationMaterial: { ...material, tlogEntries, timestampVerificationData },
      ...content,
    };
  } catch {
    return null;
  }
}

interface LogBundle {
  SignedEntryTimestamp: string;
  Payload: { body: string; integratedTime: number; logIndex: number; logID: string };
}

function entriesOf(text = ''): object[] {
  if (text === '') return [];
  const { SignedEntryTimestamp: signedEntryTimestamp, Payload: payload } = JSON.parse(text) as LogBundle;
  const { kind, apiVersion: version } = JSON.parse(Buffer.from(payload.body, 'base64').toString()) as Record<
    string,
    string
  >;
  return [
    {
      logIndex: String(payload.logIndex),
      logId: { keyId: Buffer.from(payload.logID, 'hex').toString('base64') },
      kindVersion: { kind, version },
      integratedTime: String(payload.integratedTime),
      inclusionPromise: { signedEntryTimestamp },
      canonicalizedBody: payload.body,
    },
  ];
}

function timestampsOf(text = ''): object[] {
  if (text === '') return [];
  const { SignedRFC3161Timestamp: signedTimestamp } = JSON.parse(text) as { SignedRFC3161Timestamp: string };
  return [{ signedTimestamp }];
}
