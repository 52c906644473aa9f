import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Mirror, type MirrorOptions } from './mirror.ts';
import type { ObjectFormat } from './object-format.ts';

type SharedOptions = Omit<MirrorOptions, 'path' | 'format' | 'partial'>;

/** What a mirror is to be like. */
export interface MirrorKind {
  /** Of its object ids; by default that of the newest. */
  format?: ObjectFormat | undefined;
  partial?: boolean;
}

/** In the name of a mirror whose objects have SHA-256 ids. */
const SHA256 = '-sha256';
/** In the name of a mirror that holds only the files that were wanted: git would take it for damaged where all must be there. */
const PARTIAL = '-part';

/**
 * The mirrors of one source: one folder per remote address, and a new one beside a damaged one. Another URL is another repository,
 * whose objects must not pass for those of this one.
 */
export class MirrorSet {
  readonly #folder: string;
  readonly #options: SharedOptions;
  readonly #open = new Map<string, Promise<Mirror>>();
  /** The one that the last resolve used. */
  #current = '';

  constructor(folder: string, options: SharedOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /**
   * The newest sound mirror of a remote, or a new one beside those that are damaged or of another kind: they still hold the artifact in
   * force.
   */
  async of(address: string, { format, partial = false }: MirrorKind = {}): Promise<Mirror> {
    const prefix = `${createHash('sha256').update(address).digest('hex').slice(0, 24)}-`;
    const newest = (await this.#names()).findLast((name) => name.startsWith(prefix));
    const known = newest === undefined ? undefined : await this.#mirror(newest).catch(() => undefined);
    const fits = known?.partial === partial && (format === undefined || format === known.format);
    if (known !== undefined && !known.damaged && fits) return known;
    return this.#mirror(nextName(prefix, newest, { format: format ?? formatIn(newest ?? ''), partial }));
  }

  /** Remembers the mirror that the last resolve used. */
  use(mirror: Mirror): void {
    this.#current = basename(mirror.path);
  }

  /** A mirror by its folder's name; null when it is not there. */
  async named(name: string): Promise<Mirror | null> {
    return (await this.#names()).includes(name) ? this.#mirror(name) : null;
  }

  /** A sound mirror that holds a commit, the one used last before others. */
  async holding(commit: string): Promise<Mirror | null> {
    const names = await this.#names();
    for (const name of [this.#current, ...names.toReversed()].filter((candidate) => names.includes(candidate))) {
      const mirror = await this.#mirror(name);
      if (!mirror.damaged && (await mirror.objects.commit(commit)) !== null) return mirror;
    }
    return null;
  }

  /** Removes all but the named ones, and what a killed process left half made. */
  async keep(kept: ReadonlySet<string>): Promise<void> {
    const names = await readdir(this.#folder).catch((): string[] => []);
    for (const name of names) {
      if (!kept.has(name)) await this.#remove(name);
    }
  }

  /** Removes those that were found damaged: the next fetch has made another, or will. */
  async removeDamaged(): Promise<void> {
    for (const [name, opening] of this.#open) {
      const mirror = await opening.catch(() => undefined);
      if (mirror?.damaged === true) await this.#remove(name);
    }
  }

  async removeAll(): Promise<void> {
    await this.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async close(): Promise<void> {
    const mirrors = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(mirrors.map(async (mirror) => (await mirror.catch(() => undefined))?.close()));
  }

  #mirror(name: string): Promise<Mirror> {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const kind = { format: formatIn(name), partial: name.includes(PARTIAL) };
    const mirror = Mirror.open({ ...this.#options, ...kind, path: join(this.#folder, name) });
    this.#open.set(name, mirror);
    mirror.catch(() => this.#open.delete(name));
    return mirror;
  }

  async #remove(name: string): Promise<void> {
    const mirror = this.#open.get(name);
    this.#open.delete(name);
    await (await mirror?.catch(() => undefined))?.close();
    await rm(join(this.#folder, name), { recursive: true, force: true });
  }

  async #names(): Promise<string[]> {
    const names = await readdir(this.#folder).catch((): string[] => []);
    return names.filter((name) => name.endsWith('.git')).sort();
  }
}

/** The generation goes up by one; names sort by it. */
function nextName(prefix: string, newest: string | undefined, kind: Required<MirrorKind>): string {
  const generation = newest === undefined ? 0 : Number(/-(\d{6})[-.]/.exec(newest)?.[1] ?? 0) + 1;
  const { format, partial } = kind;
  const number = String(generation).padStart(6, '0');
  return `${prefix}${number}${format === 'sha256' ? SHA256 : ''}${partial ? PARTIAL : ''}.git`;
}

function formatIn(name: string): ObjectFormat {
  return name.includes(SHA256) ? 'sha256' : 'sha1';
}
