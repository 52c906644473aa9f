import type { Artifact } from '@plumb/sources';
import type { ReadSet, RemoteRead } from './bundle.ts';
import { shown } from './errors.ts';
import { isSame } from './reads.ts';
import { shownAddress } from './references.ts';
import { Fetch, fetchError, isPinned, isTree } from './remote/fetch.ts';
import type { BuildOptions } from './renderer.ts';

/** @see Renderer.unchanged */
export async function unchanged(
  reads: ReadSet,
  artifact: Artifact,
  { remotes, deadline = LONGEST, signal }: Partial<BuildOptions> = {},
): Promise<boolean> {
  if (reads.rules !== artifact.rules || reads.ids.size === 0) return false;
  if (!(await isSame(reads.ids, artifact.tree))) return false;
  if (reads.remotes.length === 0) return true;
  if (remotes === undefined) return false;
  const fetch = new Fetch(remotes, { deadline, ...(signal && { signal }) });
  for (const read of reads.remotes) {
    if (!isPinned(read) && !(await isAsFound(read, fetch))) return false;
  }
  return true;
}

const LONGEST = 60_000;

async function isAsFound(read: RemoteRead, fetch: Fetch): Promise<boolean> {
  try {
    if (isTree(read)) return await isSame(read.ids, (await fetch.tree(read, null)).tree);
    const found = await fetch.file(read.url);
    return 'digest' in found && found.digest === read.digest;
  } catch (error) {
    throw fetchError(`remote base ${shown(shownAddress(read.url))}`, error);
  }
}

/** Whether what was read may be other content now though the artifact is the same. */
export function mayMove({ remotes }: ReadSet): boolean {
  return !remotes.every(isPinned);
}
