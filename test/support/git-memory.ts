import { readdirSync, readFileSync } from 'node:fs';
import { peakOf } from '@plumb/testkit';

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
