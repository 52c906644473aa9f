import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Published } from '../git-sources.ts';

/** One published tarball, with what is needed to show its tree again after a restart. */
export interface ArtifactRecord extends Published {
  commit: string;
  /** Root of what is offered; not the commit's own tree where that was cut down or added to. */
  tree: string;
  /** Name of the ignore rules in force. */
  rules: string;
  /** spec.ignore as it was. */
  ignore: string | null;
  /** Folder name of the mirror that holds the commit. */
  mirror: string;
  /** Folder names of the mirrors of its submodules. */
  helpers: string[];
}

/** Newest first. A file that cannot be read counts as none: the source is then fetched and published again. */
export async function readRecords(file: string): Promise<ArtifactRecord[]> {
  try {
    const parsed: unknown = JSON.parse(await readFile(file, 'utf8'));
    return Array.isArray(parsed) ? parsed.filter(isRecord) : [];
  } catch {
    return [];
  }
}

export async function writeRecords(file: string, records: readonly ArtifactRecord[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.tmp-${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(temporary, JSON.stringify(records), { mode: 0o600 });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function isRecord(value: unknown): value is ArtifactRecord {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Record<string, unknown>;
  const texts = ['revision', 'digest', 'path', 'commit', 'rules', 'mirror', 'tree'].every(
    (field) => typeof fields[field] === 'string',
  );
  return (
    texts &&
    Array.isArray(fields['helpers']) &&
    typeof fields['size'] === 'number' &&
    (fields['ignore'] === null || typeof fields['ignore'] === 'string')
  );
}

/** Remembers which files were found whole, so that each is hashed once as long as nobody touches it. */
export class Verifier {
  readonly #seen = new Map<string, string>();

  /** Whether a file has this size and digest. */
  async whole(file: string, size: number, digest: string): Promise<boolean> {
    const stats = await stat(file, { bigint: true }).catch(() => null);
    if (stats === null || !stats.isFile() || Number(stats.size) !== size) return false;
    const mark = `${stats.ino}:${stats.mtimeNs}:${stats.ctimeNs}:${digest}`;
    if (this.#seen.get(file) === mark) return true;
    if ((await digestOf(file)) !== digest) return false;
    this.#seen.set(file, mark);
    return true;
  }

  forget(file: string): void {
    this.#seen.delete(file);
  }
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return `sha256:${hash.digest('hex')}`;
}
