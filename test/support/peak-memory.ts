import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** The most that the git processes whose repository lies below a folder held at one time, in bytes: each as much as it ever did (proc(5), VmHWM). */
export class GitMemory {
  readonly #folder: string;
  peak = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Counts the processes there are. What one of them held between two looks counts too, as long as it lives. */
  look(): void {
    const now = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .reduce((sum, pid) => sum + this.#peakOf(pid), 0);
    this.peak = Math.max(this.peak, now);
  }

  #peakOf(pid: string): number {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
      return environment.some((variable) => variable.startsWith(`GIT_DIR=${this.#folder}`)) ? peakOf(pid) : 0;
    } catch {
      // It has ended meanwhile.
      return 0;
    }
  }
}

/** Forgets how much this process held at most (proc(5), clear_refs). @returns the bytes it holds now */
export function resetOwnPeak(): number {
  writeFileSync('/proc/self/clear_refs', '5');
  return ownPeak();
}

/** The most that this process held since then, in bytes. */
export function ownPeak(): number {
  return peakOf('self');
}

function peakOf(pid: string): number {
  return 1_024 * Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
}
