import { readFileSync } from 'node:fs';
import type { Usage } from './protocol.ts';

/** Linux counts processor time in this many ticks a second, on every architecture. */
const ticks = 100;

/** What a running process has cost, read from /proc; `last` where that says nothing (another system, a process that is gone). */
export function usageOf(pid: number | undefined, last: Usage): Usage {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may hold blanks: count from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const cpuSeconds = (Number(fields[11]) + Number(fields[12])) / ticks;
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return {
      cpuSeconds: Math.max(last.cpuSeconds, cpuSeconds),
      peakRssBytes: Math.max(last.peakRssBytes, Number(peak ?? 0) * 1024),
    };
  } catch {
    return last;
  }
}
