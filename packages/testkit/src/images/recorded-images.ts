import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** An image and what cosign attached to it, as a registry held it. All of it is text. */
export interface RecordedImage {
  /** Of the image. */
  digest: string;
  blobs: readonly string[];
  /** The image first. By tag, or by digest where there is none. */
  manifests: readonly { reference: string; type: string; content: string }[];
}

/** What `tools/cosign/main.ts` recorded: `cosign/README.md` tells how. */
export interface Recorded {
  images: Readonly<Record<RecordedName, RecordedImage>>;
  /** The key that signed, in PEM. */
  key: string;
  /** What vouches for the identity that signed: TrustedRoot in JSON. */
  root: string;
}

/** Which cosign signed, in which of its forms, and who: a key, or an identity. */
export const RECORDED_NAMES = [
  'v2-tags-key',
  'v2-tags-identity',
  'v3-tags-key',
  'v3-tags-identity',
  'v3-bundles-key',
  'v3-bundles-identity',
] as const;

export type RecordedName = (typeof RECORDED_NAMES)[number];

/** Who the identity is. */
export const RECORDED_IDENTITY = { issuer: 'https://issuer.example', subject: 'https://builds.example/shop/web' };

export const RECORDED_FOLDER = join(import.meta.dirname, 'cosign');

export function readRecorded(): Recorded {
  const textOf = (name: string): string => readFileSync(join(RECORDED_FOLDER, name), 'utf8');
  const images = RECORDED_NAMES.map((name) => [name, JSON.parse(textOf(`${name}.json`)) as RecordedImage]);
  return {
    images: Object.fromEntries(images) as Recorded['images'],
    key: textOf('cosign.pub'),
    root: textOf('trusted_root.json'),
  };
}
