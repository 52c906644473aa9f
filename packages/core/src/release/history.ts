import type { ReleaseSnapshot } from '@plumb/api';

// status.history of a HelmRelease (helm-controller api/v2/snapshot_types.go). The lists given are left as they are.

type History = readonly ReleaseSnapshot[] | undefined;

/** Kept when none of the older snapshots is one to roll back to. */
const KEPT_WITHOUT_TARGET = 5;

export function newestFirst(history: History): ReleaseSnapshot[] {
  return (history ?? []).toSorted((a, b) => b.version - a.version);
}

export function latestSnapshot(history: History): ReleaseSnapshot | undefined {
  return newestFirst(history)[0];
}

/** The snapshot a rollback goes to: the newest one before the latest that was deployed, and did not fail its tests unless that is ignored. */
export function previousSnapshot(history: History, ignoreTestFailures: boolean): ReleaseSnapshot | undefined {
  return newestFirst(history)
    .slice(1)
    .find((snapshot) => isTarget(snapshot, ignoreTestFailures));
}

const GOOD: ReadonlySet<string> = new Set(['deployed', 'superseded']);

/** A record that a rollback may fall back to: as it is where `digest` is null, else if this is still its digest. */
export interface Fallback {
  readonly version: number;
  readonly digest: string | null;
}

/**
 * What a rollback may fall back to where the snapshot it would go to is not there, the best first: the records in storage before the latest that were in
 * force, the newest first, but for those that the history says to have failed, themselves or in their tests. One that the history names has to be as it was.
 */
export function fallbacksIn(
  records: readonly { readonly version: number; readonly status: string }[],
  { version: latest }: { readonly version: number },
  history: History,
  ignoreTestFailures: boolean,
): Fallback[] {
  const named = new Map(history?.map((snapshot) => [snapshot.version, snapshot]));
  return records
    .filter(({ version, status }) => version < latest && GOOD.has(status))
    .toSorted((a, b) => b.version - a.version)
    .flatMap(({ version }): Fallback[] => {
      const snapshot = named.get(version);
      if (snapshot === undefined) return [{ version, digest: null }];
      return isTarget(snapshot, ignoreTestFailures) ? [{ version, digest: snapshot.digest }] : [];
    });
}

/** The history down to the snapshot a rollback goes to; without one, its five newest. */
export function truncateHistory(history: History, ignoreTestFailures: boolean): ReleaseSnapshot[] {
  const sorted = newestFirst(history);
  const target = sorted.findIndex((snapshot, index) => index > 0 && isTarget(snapshot, ignoreTestFailures));
  return sorted.slice(0, target < 0 ? KEPT_WITHOUT_TARGET : target + 1);
}

/** The five newest: what is kept under RetryOnFailure, which never rolls back. */
export function newestSnapshots(history: History): ReleaseSnapshot[] {
  return newestFirst(history).slice(0, KEPT_WITHOUT_TARGET);
}

/**
 * The history with what a record is now: in place of its earlier snapshot, whose test results, source and action stay where the
 * new one says nothing of them, or as one more. Of a release that was made anew with the same number nothing stays. Newest first.
 */
export function recordSnapshot(history: History, snapshot: ReleaseSnapshot): ReleaseSnapshot[] {
  const others = (history ?? []).filter((one) => !isSameRecord(one, snapshot));
  const before = (history ?? []).find(
    (one) => isSameRecord(one, snapshot) && one.lastDeployed === snapshot.lastDeployed,
  );
  return newestFirst([...others, { ...keptOf(before), ...snapshot }]);
}

/**
 * The history with what the newest record in storage is. What it says of newer ones is dropped: they are gone, and the next record takes
 * their number. What it says of an older one of the same number was of another record.
 */
export function adoptSnapshot(history: History, snapshot: ReleaseSnapshot): ReleaseSnapshot[] {
  const latest = latestSnapshot(history);
  if (latest !== undefined && isSameRecord(latest, snapshot)) return recordSnapshot(history, snapshot);
  return newestFirst([...(history ?? []).filter(({ version }) => version < snapshot.version), snapshot]);
}

function keptOf(before: ReleaseSnapshot | undefined): Partial<ReleaseSnapshot> {
  const { testHooks, ociDigest, action } = before ?? {};
  return {
    ...(testHooks === undefined ? {} : { testHooks }),
    ...(ociDigest === undefined ? {} : { ociDigest }),
    ...(action === undefined ? {} : { action }),
  };
}

/** Whether both are of one record: name, namespace and number. */
export function isSameRecord(
  a: Pick<ReleaseSnapshot, 'name' | 'namespace' | 'version'>,
  b: Pick<ReleaseSnapshot, 'name' | 'namespace' | 'version'>,
): boolean {
  return a.name === b.name && a.namespace === b.namespace && a.version === b.version;
}

function isTarget(snapshot: ReleaseSnapshot, ignoreTestFailures: boolean): boolean {
  return GOOD.has(snapshot.status) && (ignoreTestFailures || !hasFailedTest(snapshot));
}

/** Whether its tests were run; a chart without tests has the empty map. */
export function wasTested(snapshot: ReleaseSnapshot | undefined): boolean {
  return snapshot?.testHooks !== undefined;
}

export function hasFailedTest(snapshot: ReleaseSnapshot | undefined): boolean {
  return Object.values(snapshot?.testHooks ?? {}).some(({ phase }) => phase === 'Failed');
}

/** `shop/cart.v3`. */
export function fullReleaseName({
  namespace,
  name,
  version,
}: {
  namespace: string;
  name: string;
  version: number;
}): string {
  return `${namespace}/${name}.v${version}`;
}

/** `podinfo@6.9.2`. */
export function versionedChartName({ chartName, chartVersion }: { chartName: string; chartVersion: string }): string {
  return `${chartName}@${chartVersion}`;
}
