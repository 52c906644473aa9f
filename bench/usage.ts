import { readdir, readFile } from 'node:fs/promises';

/** What a process and its children cost so far, from /proc. */
export interface Usage {
  /** Seconds of the process itself. */
  own: number;
  /** Seconds of its children, ended and living: the engine helper and git. */
  children: number;
  /** Highest and present resident memory of the process itself, in MiB. */
  peakRss: number;
  rss: number;
  /** Highest resident memory of its living children together, in MiB. */
  childrenPeakRss: number;
}

/** The kernel counts CPU time in this unit on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export async function usageOf(pid: number): Promise<Usage> {
  const stat = await statOf(pid);
  const living = await childrenOf(pid);
  const children = living.reduce((sum, child) => sum + child.own + child.ended, stat.ended);
  const cpu = { own: stat.own / TICKS_PER_SECOND, children: children / TICKS_PER_SECOND };
  const peaks = await Promise.all(living.map(({ pid: child }) => memoryOf(child).catch(() => null)));
  const childrenPeakRss = peaks.reduce((sum, memory) => sum + (memory?.peakRss ?? 0), 0);
  return { ...cpu, ...(await memoryOf(pid)), childrenPeakRss };
}

async function memoryOf(pid: number): Promise<Pick<Usage, 'peakRss' | 'rss'>> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const mebibytes = (field: string): number =>
    Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) / 1024;
  return { peakRss: mebibytes('VmHWM'), rss: mebibytes('VmRSS') };
}

async function childrenOf(pid: number): Promise<Stat[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const stats = await Promise.all(ids.map((id) => statOf(id).catch(() => null)));
  return stats.flatMap((stat) => (stat !== null && stat.parent === pid ? [stat] : []));
}

interface Stat {
  pid: number;
  parent: number;
  /** Ticks, as the kernel counts. */
  own: number;
  ended: number;
}

async function statOf(pid: number): Promise<Stat> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold spaces: the fields are counted from behind it.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const at = (index: number): number => fields[index] ?? 0;
  return { pid, parent: at(1), own: at(11) + at(12), ended: at(13) + at(14) };
}
