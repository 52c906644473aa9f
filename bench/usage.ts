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
}

/** The kernel counts CPU time in this unit on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export async function usageOf(pid: number): Promise<Usage> {
  const stat = await statOf(pid);
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const mebibytes = (field: string): number =>
    Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) / 1024;
  let children = stat.ended;
  for (const child of await childrenOf(pid)) children += child.own + child.ended;
  const cpu = { own: stat.own / TICKS_PER_SECOND, children: children / TICKS_PER_SECOND };
  return { ...cpu, peakRss: mebibytes('VmHWM'), rss: mebibytes('VmRSS') };
}

async function childrenOf(pid: number): Promise<{ own: number; ended: number }[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const stats = await Promise.all(ids.map((id) => statOf(id).catch(() => null)));
  return stats.flatMap((stat) => (stat !== null && stat.parent === pid ? [stat] : []));
}

async function statOf(pid: number): Promise<{ parent: number; own: number; ended: number }> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold spaces: the fields are counted from behind it.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const at = (index: number): number => fields[index] ?? 0;
  return { parent: at(1), own: at(11) + at(12), ended: at(13) + at(14) };
}
