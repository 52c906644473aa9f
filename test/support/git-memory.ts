import { readdirSync, readFileSync } from 'node:fs';

/** Bytes that the git processes hold now whose repository lies below a folder. */
export function memoryOfGit(folder: string): number {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .reduce((sum, pid) => sum + memoryOf(pid, folder), 0);
}

function memoryOf(pid: string, folder: string): number {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
    if (!environment.some((variable) => variable.startsWith(`GIT_DIR=${folder}`))) return 0;
    return 1_024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    // It has ended meanwhile.
    return 0;
  }
}
