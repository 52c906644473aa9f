import { readFileSync, writeFileSync } from 'node:fs';

/** Forgets how much this process held at most (proc(5), clear_refs). @returns the bytes it holds now */
export function resetOwnPeak(): number {
  writeFileSync('/proc/self/clear_refs', '5');
  return ownPeak();
}

/** The most that this process held since then, in bytes. */
export function ownPeak(): number {
  return peakOf('self');
}

/** The most that a process ever held, in bytes (proc(5), VmHWM). */
export function peakOf(pid: string): number {
  return 1_024 * Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
}
