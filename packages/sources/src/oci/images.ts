import { correctable } from '../git/address.ts';
import { attachmentsOf } from './attachments.ts';
import { loginFor, type RegistryLogin } from './logins.ts';
import { Repository } from './registry.ts';

/** Who signed: by a key that was named, or as whoever a trusted authority vouched for. */
export type Signer = { key: string } | { issuer: string; subject: string };

/** Something about an image that was signed. */
export interface Signed {
  by: Signer;
  /** When it was signed, as a log or authority vouches; null where none does. Milliseconds since the epoch. */
  at: number | null;
  /** What is stated of the image; null for a signature of the image itself. */
  statement: { predicateType: string; predicate: unknown } | null;
}

/** Why something attached to an image is not believed, and whether it says to be a signature of the image itself. */
export interface Doubt {
  isSignature: boolean;
  why: string;
}

/** Whose signatures are believed. */
export interface SigningTrust {
  /** Public keys in PEM, each with the name it is told by. */
  keys: readonly { name: string; pem: string }[];
  /** TrustedRoot of Sigstore in JSON: the authorities and logs that vouch for identities. Null where none do. */
  root: string | null;
}

export interface ImageQuestion {
  /** Registry and path: `ghcr.io/example/web`, `docker.io/library/nginx`. */
  repository: string;
  /** A tag or digest. */
  reference: string;
  logins: readonly RegistryLogin[];
  /** Each is answered for itself. */
  trusts: readonly SigningTrust[];
  signal: AbortSignal;
}

/** What is attached to an image, under one trust. */
export interface ImageAnswer {
  signed: Signed[];
  /** Why what is attached too is not believed. */
  doubts: Doubt[];
}

export interface ImageAnswers {
  /** What the reference leads to now. */
  digest: string;
  /** One for each trust. */
  answers: ImageAnswer[];
}

/** @throws PlumbError `source-failed` */
export type ReadImage = (question: ImageQuestion) => Promise<ImageAnswers>;

/** Reads what registries know of images: only over https, but for those on this machine. `env`: variables that name proxies. */
export function createImages({ env = {} }: { env?: Readonly<Record<string, string>> } = {}): ReadImage {
  return async ({ repository: name, reference, logins, trusts, signal }) => {
    // What verifies takes memory that only those who ask need.
    const { readTrust, verifyAttachment } = await import('./verify-attachment.ts');
    const read = trusts.map((trust) => {
      try {
        return readTrust(trust);
      } catch (error) {
        throw correctable('source-failed', error instanceof Error ? error.message : String(error));
      }
    });
    const repository = new Repository({ repository: name, login: loginFor(logins, name), signal, env });
    const digest = reference.includes(':') ? reference : (await repository.manifest(reference))?.digest;
    if (digest === undefined) throw correctable('source-failed', `there is no image ${name}:${reference}`);
    const attachments = await attachmentsOf(repository, digest);
    const answers = read.map((trust) => {
      const results = attachments.map((one) => verifyAttachment(one, trust, digest));
      return {
        signed: results.filter((one): one is Signed => !('why' in one)),
        doubts: results.filter((one) => 'why' in one),
      };
    });
    return { digest, answers };
  };
}
