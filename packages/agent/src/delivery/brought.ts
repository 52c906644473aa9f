import type { ReadSet } from '@plumb/render';
import type { StoredBundle } from './unit.ts';

/** What a bundle was made from. */
export interface Ground {
  revision: string;
  /** Digest of the bundle. */
  digest: string;
  reads: ReadSet['ids'];
}

export function groundOf({ revision, digest, reads }: Pick<StoredBundle, 'revision' | 'digest' | 'reads'>): Ground {
  return { revision, digest, reads: reads.ids };
}

/**
 * What the objects in force come from, once a bundle is delivered. What is read otherwise and makes no difference yet may make one with the next
 * commit, somebody else's: whose work it is counts from before it, until something changes for which all of it was asked.
 */
export function broughtBy(before: Ground | null, now: Ground): Ground {
  if (before === null || before.digest !== now.digest) return now;
  return isSameIds(before.reads, now.reads) ? now : before;
}

function isSameIds(before: ReadSet['ids'], now: ReadSet['ids']): boolean {
  return before === now || (before.size === now.size && now.entries().every(([path, id]) => before.get(path) === id));
}

/** Files and folders that are read now and were not before: they may have been there for long, and have come into force with no commit. */
export function readAnew(before: Ground | null, { reads }: Ground): string[] {
  if (before === null || before.reads === reads) return [];
  return [...reads].filter(([path, id]) => id !== null && !isRead(path, before.reads)).map(([path]) => path);
}

/** A folder stands for everything below it. */
function isRead(path: string, reads: ReadSet['ids']): boolean {
  let at = path;
  while (!reads.has(at)) {
    if (at === '') return false;
    at = at.slice(0, Math.max(0, at.lastIndexOf('/')));
  }
  return true;
}
