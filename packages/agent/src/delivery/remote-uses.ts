import type { RemoteUses } from '@plumb/sources';
import type { StoredBundle } from './unit.ts';

/** What bundles hold of remote bases: it must stay on the disk, or their bodies could not be made again. */
export function remoteUses(bundles: readonly Pick<StoredBundle, 'reads'>[]): RemoteUses {
  const commits = new Map<string, Set<string>>();
  const files = new Set<string>();
  for (const read of bundles.flatMap(({ reads }) => reads.remotes)) {
    if ('digest' in read) files.add(read.digest);
    else commits.set(read.url, (commits.get(read.url) ?? new Set()).add(read.revision));
  }
  return { commits, files };
}
