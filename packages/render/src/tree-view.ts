import { setImmediate } from 'node:timers/promises';
import type { Entry, Tree } from '@plumb/sources';
import { buildError, shown } from './errors.ts';
import { limits } from './limits.ts';
import { displayPath, join, parentOf } from './paths.ts';
import type { ReadLog } from './reads.ts';

/** What stands at a path once symlinks are followed. `path` is where it really is. */
export interface Found {
  path: string;
  type: 'file' | 'directory';
  id: string;
}

/** What one build has read so far, of all trees together. */
export class Budget {
  #bytes = 0;
  #files = 0;
  #steps = 0;

  /** @throws PlumbError `build-failed` */
  files(count: number): void {
    this.#files += count;
    if (this.#files > limits.files) throw buildError('the build', `reads more than ${limits.files} files`);
  }

  /** @throws PlumbError `build-failed` */
  bytes(place: string, count: number): void {
    this.#bytes += count;
    if (count > limits.fileBytes) throw sizeError(place);
    if (this.#bytes > limits.totalBytes) throw buildError('the build', `reads more than ${limits.totalBytes} bytes`);
  }

  /** Folders and links that are known cost nothing to ask for, so that the number of steps is bounded, and others get their turn. */
  async step(place: string): Promise<void> {
    this.#steps += 1;
    if (this.#steps > limits.steps)
      throw buildError(place, `the build takes more than ${limits.steps} steps over paths and symlinks`);
    if (this.#steps % stepsOfATurn === 0) await setImmediate();
  }
}

/** What a tree is, for messages. */
export interface TreeLabels {
  /** `the artifact's root` */
  root: string;
  /** How a path in it is shown. */
  path: (path: string) => string;
}

const ARTIFACT: TreeLabels = { root: "the artifact's root", path: displayPath };

/**
 * One build's view of a tree: resolves `..` and symlinks inside the root, refuses what leaves it, bounds sizes and counts, and
 * asks for each folder once.
 */
export class TreeView {
  readonly #tree: Tree;
  readonly #log: ReadLog;
  readonly #budget: Budget;
  readonly #labels: TreeLabels;
  readonly #folders = new Map<string, Promise<Map<string, Entry> | null>>();
  /** Where symlinks lead, by their paths. */
  readonly #targets = new Map<string, Promise<string>>();

  constructor(tree: Tree, log: ReadLog, budget: Budget, labels: TreeLabels = ARTIFACT) {
    this.#tree = tree;
    this.#log = log;
    this.#budget = budget;
    this.#labels = labels;
  }

  /** How a path in it is shown. */
  label(path: string): string {
    return this.#labels.path(path);
  }

  /** A folder's entries by name, in the tree's order; null when there is no such folder. The path must be real. */
  entries(dir: string): Promise<Map<string, Entry> | null> {
    let known = this.#folders.get(dir);
    if (known === undefined) {
      known = this.#tree
        .entries(dir)
        .then((entries) => entries && new Map(entries.map((entry) => [entry.name, entry])));
      this.#folders.set(dir, known);
    }
    return known;
  }

  /**
   * Follows a path from a real folder. `..` takes back the step before it, whatever that is, as kustomize has it; in a symlink's
   * target it leads up from where the way has come to. `place` says in messages where the path is written.
   * @returns null when nothing is there
   * @throws PlumbError `build-failed` when it leaves the root or runs in circles, is too long, or the build follows too many.
   */
  async resolve(from: string, path: string, place: string): Promise<Found | null> {
    checkLength(path, place);
    const way: Way = { steps: [], links: 0, path, place };
    let at = this.#start(from, way);
    while (way.steps.length > 0) {
      await this.#budget.step(place);
      if (at.type !== 'directory') {
        this.#log.file(at.path, at.id);
        return null;
      }
      const step = way.steps.pop() ?? '';
      if (step === '' || step === '.') continue;
      const next = step === '..' ? this.#up(at, way) : await this.#enter(at, step, way);
      if (next === null) return null;
      at = next;
    }
    if (at.type === 'directory' && at.id === '') return { ...at, id: (await this.#tree.id(at.path)) ?? '' };
    return at;
  }

  /** One step down. A symlink puts its target on the way and stays where it is. */
  async #enter(at: Found, step: string, way: Way): Promise<Found | null> {
    const here = join(at.path, step);
    checkLength(here, way.place);
    const entry = (await this.entries(at.path))?.get(step);
    if (entry === undefined || entry.type === 'commit') {
      this.#log.file(here, entry?.id ?? null);
      return null;
    }
    if (entry.type !== 'link')
      return { path: here, type: entry.type === 'directory' ? 'directory' : 'file', id: entry.id };
    way.links += 1;
    if (way.links > limits.links) {
      throw buildError(
        way.place,
        `${shown(way.path)} runs in circles: the symlink ${shown(here)} leads back to itself`,
      );
    }
    this.#log.file(here, entry.id);
    let known = this.#targets.get(here);
    if (known === undefined) this.#targets.set(here, (known = this.#target(here, way.place)));
    const target = await known;
    way.steps.push(...target.split('/').reverse());
    return at;
  }

  async #target(link: string, place: string): Promise<string> {
    const content = await this.#tree.read(link, 4096);
    const target = content === null ? '' : Buffer.from(content).toString('utf8');
    if (target === '') throw buildError(place, `the symlink ${shown(link)} cannot be read`);
    if (target.startsWith('/'))
      throw buildError(place, `the symlink ${shown(link)} leaves ${this.#labels.root}: it points to ${shown(target)}`);
    return target;
  }

  /** Puts the names of the path on the way, each `..` taking one back. @returns where the way begins: the folder, or one above it */
  #start(from: string, way: Way): Found {
    let at: Found = { path: from, type: 'directory', id: '' };
    for (const step of way.path.split('/')) {
      if (step === '..' && way.steps.pop() === undefined) at = this.#up(at, way);
      else if (step !== '' && step !== '.' && step !== '..') way.steps.push(step);
    }
    way.steps.reverse();
    return at;
  }

  #up(at: Found, way: Way): Found {
    if (at.path === '') throw buildError(way.place, `${shown(way.path)} leaves ${this.#labels.root}`);
    return { path: parentOf(at.path).dir, type: 'directory', id: '' };
  }

  /**
   * Reads files by their real paths, in the same order, and records them.
   * @throws PlumbError `build-failed` for one that is too large, or when the build has too many.
   */
  async readAll(files: readonly Found[]): Promise<Uint8Array[]> {
    this.#budget.files(files.length);
    const contents = await this.#tree
      .readAll(
        files.map((file) => file.path),
        limits.fileBytes,
      )
      .catch(async (error: unknown) => {
        throw await this.#tooLarge(files, error);
      });
    return files.map((file, index) => {
      const content = contents[index];
      if (content === null || content === undefined) throw buildError(this.label(file.path), 'cannot be read');
      this.#budget.bytes(this.label(file.path), content.byteLength);
      this.#log.file(file.path, file.id);
      return content;
    });
  }

  /** Finds the file behind a failed read of many, so that the message can name it. */
  async #tooLarge(files: readonly Found[], error: unknown): Promise<unknown> {
    for (const file of files) {
      const refused = await this.#tree.read(file.path, limits.fileBytes).then(
        () => false,
        () => true,
      );
      if (!refused) continue;
      const readable = await this.#tree.read(file.path, limits.totalBytes).then(
        (content) => content !== null,
        () => false,
      );
      return readable ? sizeError(this.label(file.path)) : error;
    }
    return error;
  }

  recordFolder(folder: Found): void {
    this.#log.folder(folder.path, folder.id);
  }
}

/** Steps after which others get their turn: some 10 ms. */
const stepsOfATurn = 10_000;

/** What is left of a path that is being followed, last step first. */
interface Way {
  steps: string[];
  links: number;
  path: string;
  place: string;
}

function checkLength(path: string, place: string): void {
  if (path.length > limits.pathLength)
    throw buildError(place, `${shown(path)} is longer than ${limits.pathLength} characters`);
}

function sizeError(path: string): Error {
  return buildError(path, `is larger than ${limits.fileBytes / 1024 / 1024} MiB, the most a file may have: split it`);
}
