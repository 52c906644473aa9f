import { systemError } from '@plumb/api';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bodyOf, download } from '../net/download.ts';
import { Lru } from '../lru.ts';
import { onDisk } from '../store/disk.ts';
import type { RemoteFile, RemoteRequest } from '../remote-bases.ts';
import { Lookups, untilCancelled } from '../net/shared.ts';

/** Most bytes of one file, as of a file of a build. */
const MAX_BYTES = 4 * 1024 * 1024;
const KNOWN = 1_000;

export interface BaseFilesContext {
  /** Made when missing. */
  folder: string;
  env: Readonly<Record<string, string>>;
  /** Milliseconds. */
  keepFor: number;
}

/** Files that kustomizations name by address, kept by what is in them. */
export class BaseFiles {
  readonly #context: BaseFilesContext;
  readonly #lookups = new Lookups<string | { status: number }>();
  /** How the server marked what it gave last, so that it need not give the same again. */
  readonly #marks = new Lru<string, { digest: string; etag: string }>(KNOWN);
  readonly #end = new AbortController();

  constructor(context: BaseFilesContext) {
    this.#context = context;
  }

  async file(url: string, request: RemoteRequest): Promise<RemoteFile | { status: number }> {
    const { since = performance.now(), known, signal } = request;
    const kept = known === undefined ? null : await this.#read(known);
    if (kept !== null) return kept;
    const found = await untilCancelled(
      this.#lookups.ask(url, since, () => this.#look(url, request.timeout)),
      signal,
    );
    if (typeof found !== 'string') return found;
    const written = await this.#read(found);
    if (written !== null) return written;
    throw systemError('storage-failed', `'${url.slice(0, 200)}' was fetched and is not on the disk any more`);
  }

  async keepOnly(digests: ReadonlySet<string>): Promise<void> {
    const { folder, keepFor } = this.#context;
    const names = await readdir(folder).catch((): string[] => []);
    for (const name of names) {
      if (digests.has(digestOf(name))) continue;
      const file = join(folder, name);
      const age =
        Date.now() -
        (await stat(file).then(
          ({ mtimeMs }) => mtimeMs,
          () => 0,
        ));
      if (age > keepFor || age < 0) await rm(file, { force: true });
    }
  }

  close(): void {
    this.#end.abort();
  }

  async #look(url: string, timeout: number): Promise<string | { status: number }> {
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(timeout)]);
    const mark = this.#marks.get(url);
    const isHere = mark !== undefined && (await this.#read(mark.digest)) !== null;
    const headers = isHere ? { 'if-none-match': mark.etag } : {};
    const answer = await download(url, { signal, headers, env: this.#context.env });
    const { statusCode: status = 0 } = answer;
    if (isHere && status === 304) {
      answer.destroy();
      return mark.digest;
    }
    if (status < 200 || status > 299) {
      answer.destroy();
      return { status };
    }
    const content = await bodyOf(answer, { address: url, limit: MAX_BYTES, signal });
    const digest = await onDisk('writing a remote file', () => this.#write(content));
    const { etag } = answer.headers;
    if (etag === undefined) this.#marks.delete(url);
    else this.#marks.set(url, { digest, etag });
    return digest;
  }

  async #write(content: Buffer): Promise<string> {
    const { folder } = this.#context;
    const digest = sha256(content);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const temporary = join(folder, `new-${randomBytes(6).toString('hex')}`);
    try {
      await writeFile(temporary, content, { mode: 0o600 });
      await rename(temporary, join(folder, nameOf(digest)));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    return digest;
  }

  /** @returns null for what is not here, or not whole */
  async #read(digest: string): Promise<RemoteFile | null> {
    const content = await readFile(join(this.#context.folder, nameOf(digest))).catch(() => null);
    return content !== null && sha256(content) === digest ? { digest, content } : null;
  }
}

function sha256(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** Nothing but hex digits gets into the name of a file. */
function nameOf(digest: string): string {
  return /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1] ?? 'none';
}

function digestOf(name: string): string {
  return `sha256:${name}`;
}
