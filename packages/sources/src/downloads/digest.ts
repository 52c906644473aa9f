import { createHash, type Hash } from 'node:crypto';
import { correctable } from '../git/address.ts';

const LENGTHS: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** A digest as a status writes it, `sha256:<hex>`. */
export interface Digest {
  hash: Hash;
  hex: string;
  /** For the name of a file: nothing but letters, digits and a dash. */
  name: string;
}

export function isDigest(text: string): boolean {
  const [algorithm = '', hex = '', ...rest] = text.split(':');
  return rest.length === 0 && hex.length === LENGTHS[algorithm] && /^[0-9a-f]+$/.test(hex);
}

/** @throws PlumbError `source-failed` for what is no digest, or one of an algorithm that is not there */
export function digestOf(text: string): Digest {
  const [algorithm = '', hex = ''] = text.split(':');
  if (!(algorithm in LENGTHS))
    throw correctable(
      'source-failed',
      `artifact digest '${text.slice(0, 80)}' must be one of ${Object.keys(LENGTHS).join(', ')}`,
    );
  if (!isDigest(text)) throw correctable('source-failed', `failed to parse digest '${text.slice(0, 200)}'`);
  return { hash: createHash(algorithm), hex, name: `${algorithm}-${hex}` };
}
