import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { userError } from '@plumb/api';
import type { GitLimits } from '../git-sources.ts';
import { onDisk, storageFailure } from '../store/disk.ts';
import { IgnoreFiles } from '../tree/ignore-files.ts';
import { CatFile } from './cat-file.ts';
import { gitEnvironment } from './environment.ts';
import { writeLooseTree } from './loose.ts';
import { encodeTree, type GitTreeObject } from './objects.ts';
import type { ObjectFormat } from './object-format.ts';
import { ObjectStore } from './object-store.ts';
import { repackPartial } from './repack-partial.ts';
import { pipeGit, runGit } from './run.ts';
import { trimShallow } from './shallow.ts';

/** Where a fetch puts what it got. Readers go by commit id, so this ref may move at any time. */
export const INCOMING = 'refs/plumb/incoming';

const LOCAL_TIMEOUT = 300_000;
/** Packs after which they are made one. */
const MAX_PACKS = 50;

export interface MirrorOptions {
  path: string;
  inherited: Readonly<Record<string, string>>;
  idleTimeout: number;
  format: ObjectFormat;
  /** It holds only the files that were wanted. */
  partial: boolean;
  limits: GitLimits;
}

/** One bare repository on disk: the objects of one remote. */
export class Mirror {
  readonly path: string;
  readonly format: ObjectFormat;
  readonly partial: boolean;
  readonly objects: ObjectStore;
  readonly ignoreFiles: IgnoreFiles;
  /** Set when a read failed: the next fetch builds the mirror anew. */
  damaged = false;
  readonly #env: Record<string, string>;
  readonly #cat: CatFile;

  private constructor(options: MirrorOptions) {
    this.path = options.path;
    this.format = options.format;
    this.partial = options.partial;
    this.#env = gitEnvironment(options.path, options);
    this.#cat = new CatFile({ env: this.#env, cwd: options.path, idleTimeout: options.idleTimeout });
    this.objects = new ObjectStore(this.#cat, () => (this.damaged = true));
    this.ignoreFiles = new IgnoreFiles(this.objects, options.limits);
  }

  /** Opens a mirror, or makes an empty one. Leftovers of a killed git are cleared away. */
  static async open(options: MirrorOptions): Promise<Mirror> {
    await onDisk('making a mirror', () =>
      existsSync(join(options.path, 'HEAD')) ? clearLeftovers(options.path) : create(options),
    );
    return new Mirror(options);
  }

  get shallow(): boolean {
    return existsSync(join(this.path, 'shallow'));
  }

  /** Whether `commit` is `tip` or one of its ancestors. Both must be here with their history. */
  async isAncestor(commit: string, tip: string): Promise<boolean> {
    const { code, stderr } = await this.#git(['merge-base', '--is-ancestor', commit, tip]);
    if (code > 1) throw storageFailure('comparing commits', stderr);
    return code === 0;
  }

  /** Adds a folder that no commit has. @returns its id */
  writeTree(tree: Pick<GitTreeObject, 'entries' | 'odd'>): Promise<string> {
    return onDisk('writing a folder into the mirror', () => writeLooseTree(this.path, this.format, encodeTree(tree)));
  }

  /** Takes a tree with all below it over from another mirror; commits stay there, so that none passes for one of this remote. */
  async copyTree(from: Mirror, tree: string, signal: AbortSignal): Promise<void> {
    // Where files were left out, a folder may be here without them.
    if (from === this || (!this.partial && (await this.objects.has(tree)))) return;
    if (from.format !== this.format) {
      throw userError(
        'invalid-spec',
        `a repository with ${from.format} object ids cannot become part of one with ${this.format} ids`,
      );
    }
    const shared = { timeout: LOCAL_TIMEOUT, signal };
    const packing = ['pack-objects', '--revs', '--stdout', '--quiet', '--threads=1', '--delta-base-offset'];
    await pipeGit(
      { args: packing, env: from.#env, cwd: from.path, input: `${tree}\n` },
      { args: ['index-pack', '--stdin', '--threads=1'], env: this.#env, cwd: this.path },
      shared,
    );
  }

  /** The settings in a blob that is a git config, as `<key>\n<value>\0`; null when it is none. */
  async configIn(blob: string): Promise<string | null> {
    const { code, stdout } = await this.#git(['config', `--blob=${blob}`, '--no-includes', '--null', '--list']);
    return code === 0 ? stdout.toString('utf8') : null;
  }

  /** Clears away what a git that was killed has left. Nothing else may run on this mirror meanwhile. */
  sweep(): Promise<void> {
    return clearLeftovers(this.path);
  }

  /** Packs what is needed of `keep` (commits and trees) into one file when there are many; the rest goes once it is an hour old. */
  async tidy(keep: readonly string[], signal: AbortSignal): Promise<void> {
    const packs = (await readdir(join(this.path, 'objects', 'pack')).catch(() => [])).filter((name) =>
      name.endsWith('.pack'),
    );
    await trimShallow(this.path, keep, (args, input) => this.#git(args, signal, input));
    if (packs.length <= MAX_PACKS) return;
    if (this.partial) return repackPartial(this.path, keep, (args, input) => this.#git(args, signal, input));
    const held = await this.#git(['for-each-ref', '--format=%(refname)', 'refs/plumb/keep'], signal);
    for (const ref of held.stdout.toString('utf8').split('\n')) {
      if (ref !== '') await this.#git(['update-ref', '-d', ref]);
    }
    for (const id of keep) await this.#git(['update-ref', `refs/plumb/keep/${id}`, id]);
    // What nobody needs waits for its hour in one pack: as files of their own, thousands of objects would slow down every fetch.
    await this.#git(['-c', 'gc.cruftPacks=true', 'gc', '--quiet', '--prune=1.hour.ago'], signal);
  }

  async close(): Promise<void> {
    await this.#cat.close();
  }

  #git(args: readonly string[], signal?: AbortSignal, input?: string): ReturnType<typeof runGit> {
    const given = input === undefined ? {} : { input };
    return runGit(args, { env: this.#env, cwd: this.path, timeout: LOCAL_TIMEOUT, signal, ...given });
  }
}

/** Made beside its place and renamed, so that a half-made mirror is never taken for one. */
async function create(options: MirrorOptions): Promise<void> {
  const parent = dirname(options.path);
  await mkdir(parent, { recursive: true, mode: 0o700 });
  await rm(options.path, { recursive: true, force: true });
  const temporary = join(parent, `new-${randomBytes(6).toString('hex')}`);
  await mkdir(temporary, { mode: 0o700 });
  const env = gitEnvironment(temporary, options);
  const format = `--object-format=${options.format}`;
  const { code, stderr } = await runGit(['init', '--bare', '--quiet', '--template=', format], {
    env,
    cwd: temporary,
    timeout: LOCAL_TIMEOUT,
  });
  if (code !== 0) throw storageFailure('making a mirror', stderr);
  await rename(temporary, options.path);
}

async function clearLeftovers(path: string): Promise<void> {
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    const stale = /\.lock$|\.keep$|^tmp_|^\.tmp-|^incoming-/.test(entry.name);
    if (stale) await rm(join(entry.parentPath, entry.name), { recursive: true, force: true });
  }
}
