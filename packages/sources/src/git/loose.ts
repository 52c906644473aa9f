import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { idOf, type ObjectFormat } from './object-format.ts';

/** Writes one tree object the way git does; it is there whole or not at all. @returns its id */
export async function writeLooseTree(gitDir: string, format: ObjectFormat, body: Buffer): Promise<string> {
  const id = idOf(format, 'tree', body);
  const folder = join(gitDir, 'objects', id.slice(0, 2));
  const file = join(folder, id.slice(2));
  if (existsSync(file)) return id;
  await mkdir(folder, { recursive: true });
  const temporary = join(folder, `tmp_obj_${randomBytes(6).toString('hex')}`);
  try {
    await writeFile(temporary, deflateSync(Buffer.concat([Buffer.from(`tree ${body.length}\0`), body])), {
      mode: 0o444,
    });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return id;
}
