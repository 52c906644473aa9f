import { createHash } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { systemError } from '@plumb/api';
import { correctable } from '../git/address.ts';
import { DEFAULT_LIMITS, IDLE_TIMEOUT } from '../limits.ts';
import { fetchProblem } from '../net/download.ts';
import type { RemoteBases, RemoteBasesOptions, RemoteUses } from '../remote-bases.ts';
import { onDisk } from '../store/disk.ts';
import { BaseFiles } from './base-files.ts';
import { BaseMirror } from './base-mirror.ts';

const KEEP_FOR = 10 * 60_000;

/** Remote bases below one folder. Only one process may use it at a time. `close` ends every git process. */
export function createRemoteBases(options: RemoteBasesOptions): RemoteBases {
  const { env = {}, idleTimeout = IDLE_TIMEOUT, keepFor = KEEP_FOR } = options;
  const root = join(resolve(options.dir), 'remotes');
  const folders = { git: join(root, 'git'), files: join(root, 'files'), scratch: join(root, 'scratch') };
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const files = new BaseFiles({ folder: folders.files, env, keepFor });
  const mirrors = new Map<string, BaseMirror>();
  let ready: Promise<void> | undefined;
  /** Nothing is opened while what is not in use goes. */
  let sweeping: Promise<void> = Promise.resolve();
  let closed = false;

  const makeReady = (): Promise<void> => {
    const made = onDisk('preparing the data directory', () => emptied(folders.scratch));
    // There may be room the next time.
    made.catch(() => (ready = undefined));
    return made;
  };

  const open = async (): Promise<void> => {
    if (closed) throw systemError('cancelled', 'the remote bases are closed');
    await (ready ??= makeReady());
    await sweeping;
  };
  const mirrorOf = (url: string): BaseMirror => {
    const known = mirrors.get(url);
    if (known !== undefined) return known;
    const context = { folder: join(folders.git, nameOf(url)), scratch: folders.scratch, inherited: env };
    const mirror = new BaseMirror(url, { ...context, idleTimeout, limits });
    mirrors.set(url, mirror);
    return mirror;
  };

  const sweep = async (uses: RemoteUses): Promise<void> => {
    const oldest = performance.now() - keepFor;
    const idle = [...mirrors].filter(([url, { usedAt }]) => !uses.commits.has(url) && usedAt < oldest);
    for (const [url, mirror] of idle) {
      mirrors.delete(url);
      await mirror.remove();
    }
    const kept = new Set([...uses.commits.keys(), ...mirrors.keys()].map(nameOf));
    for (const name of await readdir(folders.git).catch((): string[] => [])) {
      if (!kept.has(name)) await rm(join(folders.git, name), { recursive: true, force: true });
    }
    await files.keepOnly(uses.files);
  };

  return {
    tree: async ({ url, ...rest }, request) => {
      const problem = fetchProblem(URL.parse(url)?.hostname ?? '');
      if (problem !== null) throw correctable('source-failed', `unable to clone '${url}': ${problem}`);
      await open();
      return mirrorOf(url).tree(rest, request);
    },
    file: async (url, request) => {
      await open();
      return files.file(url, request);
    },
    keepOnly: async (uses) => {
      await open();
      const swept = sweep(uses);
      sweeping = swept.catch(() => undefined);
      await swept;
      for (const [url, mirror] of mirrors) await mirror.tidy(uses.commits.get(url) ?? new Set());
    },
    close: async () => {
      closed = true;
      files.close();
      await Promise.all(Array.from(mirrors.values(), (mirror) => mirror.close()));
      mirrors.clear();
    },
  };
}

/** A folder's name for a repository. */
function nameOf(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 24);
}

/** Whatever a killed process left goes first. */
async function emptied(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
}
