import { createPublicKey, type KeyObject } from 'node:crypto';
import { oneLine } from '@plumb/api';
import { bundleFromJSON, type Bundle } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toSignedEntity, toTrustMaterial, Verifier, type SignedEntity } from '@sigstore/verify';
import type { Attachment } from './attachments.ts';
import type { Doubt, Signed, SigningTrust } from './images.ts';

/** Keys and authorities, read. */
interface Trust {
  keys: readonly { name: string; key: KeyObject }[];
  /** Null where no authority is trusted. */
  root: Verifier | null;
}

/** @throws Error in words for people */
export function readTrust({ keys, root }: SigningTrust): Trust {
  return { keys: keys.map(keyOf), root: root === null ? null : rootOf(root) };
}

function keyOf({ name, pem }: { name: string; pem: string }): { name: string; key: KeyObject } {
  try {
    return { name, key: createPublicKey(pem) };
  } catch {
    throw new Error(`${name} is no public key in PEM`);
  }
}

function rootOf(text: string): Verifier {
  try {
    const root = TrustedRoot.fromJSON(JSON.parse(text));
    if (root.certificateAuthorities.length === 0) throw new Error('it names no certificate authority');
    return new Verifier(toTrustMaterial(root), {
      // What the root names must vouch; when something was signed somebody always must, since certificates live for minutes.
      tlogThreshold: root.tlogs.length > 0 ? 1 : 0,
      ctlogThreshold: root.ctlogs.length > 0 ? 1 : 0,
      timestampThreshold: 1,
    });
  } catch (error) {
    throw new Error(`what trustedRootRef names is no TrustedRoot of Sigstore: ${wordsOf(error)}`);
  }
}

const LONGEST_REASON = 300;

/** What somebody who is trusted signed of an image; or why it is not believed. */
export function verifyAttachment(attachment: Attachment, trust: Trust, digest: string): Signed | Doubt {
  let isSignature = attachment.payload !== null;
  try {
    const bundle = bundleFromJSON(attachment.bundle);
    const statement = statementOf(bundle, attachment.payload, digest);
    isSignature = statement === null;
    const { by, at } = signerOf(bundle, toSignedEntity(bundle, attachment.payload ?? undefined), trust);
    return { by, at, statement };
  } catch (error) {
    // It may quote what is attached, which anybody may have written.
    return { isSignature, why: oneLine(wordsOf(error)).slice(0, LONGEST_REASON) };
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** By the keys first: a key is trusted for itself, whatever logs say. */
function signerOf(bundle: Bundle, entity: SignedEntity, { keys, root }: Trust): Pick<Signed, 'by' | 'at'> {
  const key = keys.find((one) => entity.signature.verifySignature(one.key));
  if (key !== undefined) return { by: { key: key.name }, at: null };
  if (entity.key.$case !== 'certificate') throw new Error('it is signed by a key that is not trusted');
  if (root === null) throw new Error('it is signed by an identity, and none is trusted');
  const { identity } = root.verify(entity);
  const issuer = identity?.extensions?.issuer;
  const subject = identity?.subjectAlternativeName;
  if (issuer === undefined || subject === undefined) throw new Error('its certificate does not say whose it is');
  return { by: { issuer, subject }, at: signedAt(bundle, entity) };
}

/** Only of what was verified: the time at which a log took it in, or that of an authority for timestamps. */
function signedAt({ verificationMaterial }: Bundle, { timestamps }: SignedEntity): number | null {
  const logged = verificationMaterial.tlogEntries.filter(({ inclusionPromise }) => inclusionPromise !== undefined);
  const times = [
    ...logged.map(({ integratedTime }) => Number(integratedTime) * 1_000),
    ...timestamps.flatMap((one) => (one.$case === 'timestamp-authority' ? [one.timestamp.signingTime.getTime()] : [])),
  ];
  return times.length === 0 ? null : Math.min(...times);
}

const IN_TOTO = 'application/vnd.in-toto+json';
/** Under which newer versions of cosign state nothing but that they signed. */
const SIGNED = 'https://sigstore.dev/cosign/sign/v1';
const SIMPLE = 'cosign container image signature';

/** What is stated, if it is about this image. @throws Error when it is not */
function statementOf({ content }: Bundle, payload: Buffer | null, digest: string): Signed['statement'] {
  if (content.$case === 'messageSignature') {
    if (payload === null) throw new Error('it is a signature without what was signed');
    expectSimpleSigning(payload, digest);
    return null;
  }
  const { payloadType, payload: text } = content.dsseEnvelope;
  if (payloadType !== IN_TOTO) throw new Error(`it is no statement of in-toto, but ${payloadType}`);
  const { subject, predicateType, predicate } = JSON.parse(text.toString('utf8')) as Record<string, unknown>;
  if (typeof predicateType !== 'string') throw new Error('it is a statement of no type');
  if (!isOf(subject, digest)) throw new Error('it is about another image');
  return predicateType === SIGNED ? null : { predicateType, predicate };
}

function isOf(subjects: unknown, digest: string): boolean {
  const [algorithm = '', hex] = digest.split(':');
  if (!Array.isArray(subjects)) return false;
  return subjects.some((one: { digest?: Record<string, string> } | null) => one?.digest?.[algorithm] === hex);
}

function expectSimpleSigning(payload: Buffer, digest: string): void {
  const { critical } = JSON.parse(payload.toString('utf8')) as {
    critical?: { type?: string; image?: Record<string, string> };
  };
  if (critical?.type !== SIMPLE) throw new Error('it is no signature of an image');
  if (critical.image?.['docker-manifest-digest'] !== digest) throw new Error('it is about another image');
}
