import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack, type Pack } from 'tar-stream';
import { systemError } from '@plumb/api';
import type { ObjectStore } from '../git/object-store.ts';
import type { GitLimits } from '../git-sources.ts';
import { beyond, Budget, checkDepth, orRaise } from '../limits.ts';
import { isOfSystem } from './disk.ts';
import type { GitTree } from '../tree/git-tree.ts';

/** Bytes of file contents held at once. */
const WINDOW = 8 * 1024 * 1024;
/** Files asked for at once. */
const BATCH = 1000;
/** Bytes handed to the compressor at once: each hand-over costs a turn of the thread pool. */
const CHUNK = 256 * 1024;
const GZIP_LEVEL = 6;
const EPOCH = new Date(0);

interface Item {
  path: string;
  mode: number;
  /** Object id of a file; null for a folder. */
  blob: string | null;
  size: number;
}

export interface Tarball {
  /** `sha256:<64 hex>` */
  digest: string;
  size: number;
}

export interface TarballOptions {
  store: ObjectStore;
  file: string;
  limits: GitLimits;
}

/**
 * Writes a tree as a gzip tarball the way Flux lays it out: owner 0, no times, folders 0750, files 0600, executables 0700, no
 * symlinks; names that are not UTF-8 are left out. Same tree and rules, same bytes. The file appears whole or not at all.
 */
export async function writeTarball(tree: GitTree, { store, file, limits }: TarballOptions): Promise<Tarball> {
  const items = await measure(await list(tree, limits), store, limits);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.tmp-${randomBytes(6).toString('hex')}`;
  const archive = pack();
  const hash = createHash('sha256');
  let size = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  try {
    const written = pipeline(
      coalesce(archive),
      createGzip({ level: GZIP_LEVEL }),
      meter,
      createWriteStream(temporary, { mode: 0o600 }),
    );
    const filled = fill(archive, items, store).catch((error: unknown) => {
      archive.destroy(error instanceof Error ? error : new Error(String(error)));
      throw error;
    });
    const [fillResult, writeResult] = await Promise.allSettled([filled, written]);
    // What the file system refuses ends the filler too, which then only says that it was cut short; and the other way round.
    if (writeResult.status === 'rejected' && isOfSystem(writeResult.reason)) throw writeResult.reason;
    if (fillResult.status === 'rejected') throw fillResult.reason;
    if (writeResult.status === 'rejected') throw writeResult.reason;
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return { digest: `sha256:${hash.digest('hex')}`, size };
}

async function* coalesce(source: AsyncIterable<unknown>): AsyncGenerator<Buffer> {
  let chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    if (!(chunk instanceof Uint8Array)) throw systemError('internal', 'the archive yielded something other than bytes');
    chunks.push(chunk);
    size += chunk.length;
    if (size < CHUNK) continue;
    yield Buffer.concat(chunks);
    chunks = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(chunks);
}

async function list(tree: GitTree, limits: GitLimits): Promise<Item[]> {
  const items: Item[] = [];
  const budget = new Budget(limits);
  const visit = async (dir: string, id: string, depth: number): Promise<void> => {
    checkDepth(dir, depth, limits);
    for (const entry of await tree.readable(dir, id)) {
      const path = dir === '' ? entry.name : `${dir}/${entry.name}`;
      budget.spend();
      if (entry.type === 'directory') {
        items.push({ path, mode: 0o750, blob: null, size: 0 });
        await visit(path, entry.id, depth + 1);
      } else if (entry.type === 'file' || entry.type === 'executable') {
        items.push({ path, mode: entry.type === 'file' ? 0o600 : 0o700, blob: entry.id, size: 0 });
      }
    }
  };
  await visit('', (await tree.id('')) ?? '', 0);
  return items;
}

async function measure(items: Item[], store: ObjectStore, limits: GitLimits): Promise<Item[]> {
  let total = 0;
  for (let at = 0; at < items.length; at += BATCH) {
    const batch = items.slice(at, at + BATCH);
    const sizes = await Promise.all(batch.map(({ blob }) => (blob === null ? 0 : store.size(blob))));
    for (const [index, item] of batch.entries()) item.size = sizes[index] ?? 0;
  }
  for (const item of items) {
    total += item.size;
    if (item.size > limits.fileBytes) {
      throw beyond(
        `file '${item.path}' has ${item.size} bytes, more than ${limits.fileBytes}; exclude it in .sourceignore${orRaise(limits, 'fileBytes')}`,
      );
    }
  }
  if (total > limits.totalBytes) {
    throw beyond(
      `the files have ${total} bytes, more than ${limits.totalBytes}; exclude some in .sourceignore${orRaise(limits, 'totalBytes')}`,
    );
  }
  return items;
}

/** The next files are read while these are packed. */
async function fill(archive: Pack, items: readonly Item[], store: ObjectStore): Promise<void> {
  let packed: Promise<unknown> = Promise.resolve();
  for (const window of windows(items)) {
    const read = window.map((item) => (item.blob === null ? null : store.blob(item.blob, item.size, item.path)));
    const [bodies] = await Promise.all([Promise.all(read), packed]);
    packed = Promise.all(window.map((item, index) => add(archive, item, bodies[index] ?? null)));
  }
  await packed;
  archive.finalize();
}

function* windows(items: readonly Item[]): Generator<Item[]> {
  let window: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    if (window.length >= BATCH || (window.length > 0 && bytes + item.size > WINDOW)) {
      yield window;
      window = [];
      bytes = 0;
    }
    window.push(item);
    bytes += item.size;
  }
  if (window.length > 0) yield window;
}

async function add(archive: Pack, item: Item, body: Buffer | null): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const header = { name: item.path, mode: item.mode, mtime: EPOCH, uid: 0, gid: 0, uname: '', gname: '' };
  const done = (error?: Error | null): void =>
    error ? reject(systemError('storage-failed', `writing '${item.path}' failed: ${error.message}`, error)) : resolve();
  if (item.blob === null) archive.entry({ ...header, type: 'directory' }, done);
  // The stream form: unlike the buffer form it waits for the reader.
  else archive.entry({ ...header, type: 'file', size: item.size }, done).end(body ?? Buffer.alloc(0));
  await promise;
}
