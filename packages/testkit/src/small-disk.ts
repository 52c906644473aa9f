import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** How a disk comes to have no room: it is a small one, and full; or no file of the process may grow. */
export type DiskWay = 'disk' | 'limit';

const mount = (folder: string): string => `mount -t tmpfs -o size=2m,nr_inodes=4000 tmpfs ${folder}`;

/** A small disk of its own, where the machine lets us mount one; elsewhere a limit of file size refuses the same writes. */
export function diskWay(): DiskWay {
  return spawnSync('unshare', ['-Urm', 'sh', '-c', mount('/mnt')]).status === 0 ? 'disk' : 'limit';
}

/** Runs a program of ours for which the folder is on a small disk. @returns what it printed */
export async function onSmallDisk(way: DiskWay, folder: string, program: readonly string[]): Promise<string> {
  const plain = [process.execPath, ...program];
  const [command = '', ...args] =
    way === 'limit' ? plain : ['unshare', '-Urm', 'sh', '-c', `${mount(folder)} && exec "$@"`, 'sh', ...plain];
  const { stdout } = await run(command, args);
  return stdout;
}

/** From now on this process finds no room in the folder. With nothing in the files, it is inodes that are used up. */
export function fillDisk(way: DiskWay, folder: string, size = 4_096): void {
  if (way === 'limit') return limitFiles('1024');
  try {
    mkdirSync(ballast(folder));
    for (let n = 0; ; n += 1) writeFileSync(join(ballast(folder), String(n)), Buffer.alloc(size));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

/** There is room again. */
export function freeDisk(way: DiskWay, folder: string): void {
  if (way === 'limit') limitFiles('unlimited');
  else rmSync(ballast(folder), { recursive: true });
}

function limitFiles(bytes: string): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`]);
}

function ballast(folder: string): string {
  return join(folder, 'ballast');
}
