import { interruptionOf } from '@plumb/core';
import type { LastRelease } from '@plumb/core';
import { chartOf } from './record.ts';
import { madeWithIn } from './storage.ts';
import type { StoredRelease } from './storage.ts';

/** A stored record as decisions see it. What of it is as its snapshot has it: digests of the record and of its values, by Flux's methods, and its time. */
export function lastReleaseOf(
  stored: StoredRelease,
  seen: Pick<LastRelease, 'digest' | 'configDigest' | 'lastDeployed'>,
): LastRelease {
  const { record } = stored;
  const { name: chartName, version: chartVersion } = chartOf(record);
  return {
    version: record.version,
    status: record.info.status ?? 'unknown',
    ...seen,
    name: record.name,
    namespace: record.namespace,
    chartName,
    chartVersion,
    madeWith: madeWithIn(stored),
    interrupted: interruptionOf(record.info.description ?? ''),
  };
}
