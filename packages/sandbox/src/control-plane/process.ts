import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A process told apart from a later one that got the same id. */
export interface ProcessMark {
  pid: number;
  /** Start time in kernel ticks, where the system tells (/proc). */
  started: string | null;
}

export function markOf(pid: number): ProcessMark {
  return { pid, started: startTime(pid) };
}

/** Whether that very process still runs; one that only waits to be reaped does not. */
export function isAlive(mark: ProcessMark): boolean {
  try {
    process.kill(mark.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const started = startTime(mark.pid);
  return mark.started === null || started === null || started === mark.started;
}

/** @returns those still alive after at most `timeout` milliseconds */
export async function waitForEnd(marks: readonly ProcessMark[], timeout: number): Promise<ProcessMark[]> {
  const deadline = performance.now() + timeout;
  let alive = marks.filter(isAlive);
  while (alive.length > 0 && performance.now() < deadline) {
    await delay(50);
    alive = alive.filter(isAlive);
  }
  return alive;
}

/** Fields 3 (state) and 22 (starttime) of /proc/<pid>/stat; the name before them may hold spaces and brackets. */
function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' && threads(pid) < 2 ? 'ended' : (fields[19] ?? null);
  } catch {
    return null;
  }
}

/** The first thread of a process turns zombie while others still hold its ports and files. */
function threads(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).length;
}
