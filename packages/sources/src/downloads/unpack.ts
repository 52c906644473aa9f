import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, type ExtractEvents } from 'tar-stream';
import { PlumbError } from '@plumb/api';
import { correctable } from '../git/address.ts';
import type { GitLimits } from '../git-sources.ts';
import type { FileAt, Listing } from './file-index.ts';

type Entry = ExtractEvents['entry'][1];
export type UnpackLimits = Pick<GitLimits, 'entries' | 'depth' | 'fileBytes' | 'totalBytes'>;

const MIB = 1024 * 1024;
/** Bytes written at once. */
const WRITE_BYTES = MIB;
/** Bytes of one path, and of all paths together. */
const PATH_BYTES = 4_096;
const PATHS_BYTES = 32 * MIB;
/** Bytes of a tar beside its files: a header and padding for each, and what longer names take. */
const ENTRY_BYTES = 2_048;
/** What no manifests reach: an archive that grows further is there to fill a disk. */
const GROWTH = 200;
const GROWTH_FROM = 256 * MIB;
/** The oldest form of a tar has no mark of its form. */
const TAR: object = { allowUnknownFormat: true };

/**
 * Unpacks a gzip tarball: the contents of its files into one file, one after the other. Names that lead elsewhere, links, devices and what is
 * beyond a limit are refused; of two entries of one name the later one counts.
 * @throws PlumbError `source-failed`
 */
export async function unpack(tarball: string, data: string, limits: UnpackLimits): Promise<Listing> {
  const { size } = await stat(tarball);
  const most = Math.min(limits.totalBytes + limits.entries * ENTRY_BYTES, Math.max(GROWTH_FROM, size * GROWTH));
  let expanded = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      expanded += chunk.length;
      if (expanded > most) done(refused(`it expands to more than ${most} bytes`));
      else done(null, chunk);
    },
  });
  await using handle = await open(data, 'w', 0o600);
  const unpacker = new Unpacker(handle, limits);
  const archive = extract(TAR);
  const taking = takeAll(archive, unpacker);
  const [fed, taken] = await Promise.allSettled([
    pipeline(createReadStream(tarball), createGunzip(), meter, archive),
    taking,
  ]);
  // Whoever fails first ends the other: what is refused says more than that the reading was cut short.
  const failures = [taken, fed].flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
  const failure = failures.find((error) => error instanceof PlumbError) ?? failures.at(-1);
  if (failure !== undefined) throw toldOf(failure);
  return unpacker.listing;
}

async function takeAll(archive: AsyncIterable<Entry>, unpacker: Unpacker): Promise<void> {
  for await (const entry of archive) await unpacker.take(entry);
  await unpacker.flush();
}

class Unpacker {
  readonly #handle: FileHandle;
  readonly #limits: UnpackLimits;
  readonly #folders = new Set<string>();
  readonly #files = new Map<string, FileAt>();
  #at = 0;
  #written = 0;
  #unwritten: Buffer[] = [];
  #entries = 0;
  #pathBytes = 0;

  constructor(handle: FileHandle, limits: UnpackLimits) {
    this.#handle = handle;
    this.#limits = limits;
  }

  get listing(): Listing {
    const above = new Set([...this.#folders, ...this.#files.keys()].map(parentOf));
    const empty = [...this.#folders].filter((path) => !above.has(path));
    return { folders: empty, files: this.#files, bytes: this.#at };
  }

  async take(entry: Entry): Promise<void> {
    const { name, type, size, mode } = entry.header;
    const path = plainName(name);
    if (type === 'directory') {
      if (path !== '') this.#folder(path);
    } else if (type === 'file' || type === 'contiguous-file') {
      if (path === '') throw refused(`tar contained invalid name error ${quoted(name)}`);
      await this.#file(path, entry, { size, isExecutable: (mode & 0o111) !== 0 });
      return;
    } else if (type === 'symlink') {
      throw refused(`tar file entry ${quoted(name)} is a symlink, which is not allowed in this context`);
    } else {
      throw refused(`tar file entry ${quoted(name)} contained unsupported file type ${type ?? 'unknown'}`);
    }
    entry.resume();
  }

  async #file(
    path: string,
    entry: Entry,
    { size, isExecutable }: { size: number; isExecutable: boolean },
  ): Promise<void> {
    const { fileBytes, totalBytes } = this.#limits;
    if (size > fileBytes) throw refused(`file ${quoted(path)} has ${size} bytes, more than ${fileBytes}`);
    if (this.#at + size > totalBytes) throw refused(`the files have more than ${totalBytes} bytes`);
    if (this.#folders.has(path)) throw refused(`${quoted(path)} is both a file and a folder`);
    if (!this.#files.has(path)) this.#count(path);
    const above = parentOf(path);
    if (above !== '') this.#folder(above);
    const hash = createHash('sha256');
    const offset = this.#at;
    for await (const chunk of entry as AsyncIterable<Buffer>) {
      hash.update(chunk);
      await this.#write(chunk);
    }
    if (this.#at - offset !== size) throw refused(`file ${quoted(path)} is cut short`);
    this.#files.set(path, { id: hash.digest('hex'), isExecutable, offset, size });
  }

  /** Small files are many: they are written together. */
  async #write(chunk: Buffer): Promise<void> {
    this.#unwritten.push(chunk);
    this.#at += chunk.length;
    if (this.#at - this.#written >= WRITE_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    const content = Buffer.concat(this.#unwritten);
    await this.#handle.writeFile(content);
    this.#unwritten = [];
    this.#written += content.length;
  }

  /** A folder, and those above it. */
  #folder(path: string): void {
    const names = path.split('/');
    if (names.length > this.#limits.depth)
      throw refused(`folder ${quoted(path)} is nested deeper than ${this.#limits.depth} levels`);
    for (let length = names.length; length > 0; length -= 1) {
      const folder = names.slice(0, length).join('/');
      if (this.#folders.has(folder)) return;
      if (this.#files.has(folder)) throw refused(`${quoted(folder)} is both a file and a folder`);
      this.#count(folder);
      this.#folders.add(folder);
    }
  }

  #count(path: string): void {
    this.#entries += 1;
    this.#pathBytes += Buffer.byteLength(path);
    if (this.#entries > this.#limits.entries) throw refused(`more than ${this.#limits.entries} files and folders`);
    if (this.#pathBytes > PATHS_BYTES) throw refused(`its names have more than ${PATHS_BYTES} bytes`);
  }
}

/** A name without `./`, doubled and trailing slashes. @throws PlumbError for one that leads elsewhere */
function plainName(name: string): string {
  const names = name.split('/');
  const isBad =
    name.length > PATH_BYTES || name.startsWith('/') || /[\\\u0000]/.test(name) || names.some((step) => step === '..');
  if (isBad) throw refused(`tar contained invalid name error ${quoted(name)}`);
  return names.filter((step) => step !== '' && step !== '.').join('/');
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

/** A name of somebody else's, on one line and not too long. */
function quoted(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}...` : name);
}

function refused(what: string): Error {
  return correctable('source-failed', `failed to extract archive: ${what}`);
}

/** What the unpacking libraries say of a broken archive. */
function toldOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code.startsWith('Z_')) return refused(`requires gzip-compressed body: ${error.message}`);
  return code === '' ? refused(`tar error: ${error.message}`) : error;
}
