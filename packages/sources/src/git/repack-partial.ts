import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { storageFailure } from '../store/disk.ts';
import type { RunResult } from './run.ts';

export type RunGit = (args: readonly string[], input?: string) => Promise<RunResult>;

/** Who reads an older artifact may go on for so long. Milliseconds. */
const KEPT_FOR = 3_600_000;

/**
 * Packs what is here of `keep` (commits and trees) into one file, and removes the packs that are older than an hour. `git gc` would keep for ever whatever was
 * fetched without its files: it cannot know what else is referred to.
 */
export async function repackPartial(path: string, keep: readonly string[], git: RunGit): Promise<void> {
  const folder = join(path, 'objects', 'pack');
  const before = await readdir(folder);
  const listing = ['rev-list', '--objects', '--no-object-names', '--missing=allow-any', '--stdin'];
  const listed = await ran(await git(listing, keep.map((id) => `${id}\n`).join('')));
  const made = (await ran(await git(['pack-objects', '--quiet', join(folder, 'pack')], listed))).trim();
  // What is missing from it was promised.
  await writeFile(join(folder, `pack-${made}.promisor`), '', { mode: 0o444 });
  const old = Date.now() - KEPT_FOR;
  for (const name of before) {
    if (name.includes(made)) continue;
    const { mtimeMs } = await stat(join(folder, name)).catch(() => ({ mtimeMs: Infinity }));
    if (mtimeMs < old) await rm(join(folder, name), { force: true });
  }
}

async function ran({ code, stdout, stderr }: RunResult): Promise<string> {
  if (code === 0) return stdout.toString('latin1');
  throw storageFailure('packing a mirror', stderr);
}
