import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';

/** An entry of a tree as git keeps it: any bytes for a name, any text for a mode. */
export interface RawEntry {
  mode: string;
  name: Buffer;
  /** 40 hexadecimal digits. */
  id: string;
}

/** Writes objects into a bare repository as they are given, also those that git itself would refuse to write. */
export class GitObjects {
  readonly #dir: string;
  readonly #written = new Set<string>();

  constructor(repository: string) {
    this.#dir = join(repository, 'objects');
  }

  /** @returns its id */
  write(type: 'blob' | 'tree' | 'commit', body: Buffer): string {
    const whole = Buffer.concat([Buffer.from(`${type} ${body.length}\0`), body]);
    const id = createHash('sha1').update(whole).digest('hex');
    if (this.#written.has(id)) return id;
    this.#written.add(id);
    const folder = join(this.#dir, id.slice(0, 2));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, id.slice(2)), deflateSync(whole));
    return id;
  }

  tree(entries: readonly RawEntry[]): string {
    const raw = entries.flatMap(({ mode, name, id }) => [
      Buffer.from(`${mode} `),
      name,
      Buffer.of(0),
      Buffer.from(id, 'hex'),
    ]);
    return this.write('tree', Buffer.concat(raw));
  }
}

/** In the order that git wants: a folder's name counts as if a slash ended it. */
export function inOrder(entries: readonly RawEntry[]): RawEntry[] {
  const key = ({ mode, name }: RawEntry): Buffer => (mode === '40000' ? Buffer.concat([name, Buffer.from('/')]) : name);
  return entries.toSorted((a, b) => Buffer.compare(key(a), key(b)));
}
