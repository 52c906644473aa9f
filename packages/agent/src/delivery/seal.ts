import { createHmac, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A digest that tells nobody who lacks the key what was digested, not even where there is little that it could be. */
export type Seal = (text: string) => Promise<string>;

/** Beside the records that hold what was sealed. */
const FILE = 'seal.key';
const BYTES = 32;

/** @param dir where the key is kept, so that what was sealed can be compared after a restart; null: nowhere */
export function sealing(dir: string | null): Seal {
  let key: Promise<Buffer> | null = null;
  return async (text) => {
    key ??= dir === null ? Promise.resolve(randomBytes(BYTES)) : keptKey(dir);
    return createHmac('sha256', await key)
      .update(text)
      .digest('hex');
  };
}

/** One that cannot be kept is as good until the process ends. */
async function keptKey(dir: string): Promise<Buffer> {
  const file = join(dir, FILE);
  const kept = await readFile(file).catch(() => null);
  if (kept?.length === BYTES) return kept;
  const key = randomBytes(BYTES);
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await writeFile(`${file}.tmp`, key, { mode: 0o600 });
    await rename(`${file}.tmp`, file);
  } catch {
    return key;
  }
  return key;
}
