import { keyId } from '@plumb/api';
import { hasTimeToLive } from '@plumb/core';
import type { StoredObject, UnitMemory } from './unit.ts';
import { bodyOf } from './unit.ts';

/** A Job with a time to live that is not there, and of which nothing is known since a restart, has run: that is remembered. */
export function hasRun(stored: StoredObject, unit: UnitMemory): boolean {
  const id = keyId(stored.key);
  if (unit.applied.has(id) || !hasTimeToLive(bodyOf(stored))) return false;
  const { digest: desiredDigest } = stored;
  unit.applied.set(id, { desiredDigest, ownedHash: '', uid: '', resourceVersion: '', ended: 'complete' });
  return true;
}
