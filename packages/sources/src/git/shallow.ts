import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunGit } from './repack-partial.ts';

/** Lines of the list after which it is cut down. */
const MOST = 32;

/**
 * Cuts down git's list of commits that are here without their parents (gitrepository-layout: `shallow`). Each shallow fetch adds one, and tells the
 * server all of them: of a thousand commits an hour every fetch would take longer. Only what a ref or `keep` names is walked from, and stays.
 */
export async function trimShallow(path: string, keep: readonly string[], git: RunGit): Promise<void> {
  const file = join(path, 'shallow');
  const commits = (await readFile(file, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
  if (commits.length <= MOST) return;
  const refs = await git(['for-each-ref', '--format=%(objectname) %(*objectname)']);
  const needed = new Set([...keep, ...refs.stdout.toString('utf8').split(/\s+/)]);
  const left = commits.filter((commit) => needed.has(commit));
  // An empty list would say that all history is here.
  if (refs.code !== 0 || left.length === 0 || left.length === commits.length) return;
  // The name by which git itself locks it.
  const lock = `${file}.lock`;
  const handle = await open(lock, 'wx');
  try {
    await handle.writeFile(left.map((commit) => `${commit}\n`).join(''));
    await handle.close();
    await rename(lock, file);
  } catch (error) {
    await rm(lock, { force: true });
    throw error;
  }
}
