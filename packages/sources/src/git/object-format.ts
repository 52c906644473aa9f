import { createHash } from 'node:crypto';

/** How a repository names its objects (git-init, `--object-format`). */
export type ObjectFormat = 'sha1' | 'sha256';

const LENGTHS: Readonly<Record<number, ObjectFormat>> = { 40: 'sha1', 64: 'sha256' };

/** The format of an object id; undefined when it is none. */
export function formatOf(id: string): ObjectFormat | undefined {
  return /^[0-9a-f]*$/.test(id) ? LENGTHS[id.length] : undefined;
}

export function otherThan(format: ObjectFormat): ObjectFormat {
  return format === 'sha1' ? 'sha256' : 'sha1';
}

export function idOf(format: ObjectFormat, type: string, body: Buffer): string {
  return createHash(format).update(`${type} ${body.length}\0`).update(body).digest('hex');
}
