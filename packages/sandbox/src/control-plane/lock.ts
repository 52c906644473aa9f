import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { systemError, userError } from '@plumb/api';

import { isAlive, markOf, type ProcessMark, waitForEnd } from './process.ts';

/** Says who runs the control plane of a folder. One process at a time holds it. */
export interface DirectoryLock {
  /** Records the children, so that the next holder can wait for those a killed one left. */
  record(children: readonly number[]): Promise<void>;
  release(): Promise<void>;
}

interface Holder {
  owner: ProcessMark;
  children: ProcessMark[];
}

/** Children of a killed parent stop by themselves within a few seconds. */
const STOPPING = 15_000;

/**
 * Takes the lock of `dir`. A lock whose owner is gone is taken over once the children it left have stopped.
 * @throws PlumbError `storage-failed` naming the process in the way
 */
export async function lockDirectory(dir: string): Promise<DirectoryLock> {
  const path = join(dir, 'lock.json');
  const mine: Holder = { owner: markOf(process.pid), children: [] };
  for (;;) {
    if (await createFile(path, mine)) break;
    await removeStale(path, dir);
  }
  return {
    async record(children) {
      mine.children = children.map(markOf);
      await writeFile(`${path}.new`, JSON.stringify(mine), { mode: 0o600 });
      await rename(`${path}.new`, path);
    },
    release: () => rm(path, { force: true }),
  };
}

async function createFile(path: string, holder: Holder): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(holder), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw systemError('storage-failed', `cannot write ${path}: check that the folder is yours`, error);
  }
}

async function removeStale(path: string, dir: string): Promise<void> {
  const holder = await readHolder(path);
  if (holder !== null && isAlive(holder.owner)) {
    throw userError(
      'storage-failed',
      `the control plane in ${dir} is run by process ${holder.owner.pid}: stop that one or choose another folder`,
    );
  }
  const left = holder === null ? [] : await waitForEnd(holder.children, STOPPING);
  if (left.length > 0) {
    const pids = left.map((mark) => mark.pid).join(', ');
    throw systemError(
      'storage-failed',
      `processes ${pids} of an earlier run in ${dir} do not stop: end them and start again`,
    );
  }
  await rm(path, { force: true });
}

/** @returns null for a file that is gone or was cut short when its writer died */
async function readHolder(path: string): Promise<Holder | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch {
    return null;
  }
}
