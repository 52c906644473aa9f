import type { HelmReleaseStatus, ReleaseSnapshot } from '@plumb/api';
import type { LastRelease, ReleaseFacts } from './facts.ts';
import { isPending } from './facts.ts';
import { testFailuresCount } from './failures.ts';
import { adoptSnapshot, fullReleaseName, hasFailedTest, isSameRecord, latestSnapshot, wasTested } from './history.ts';
import { madeWithOf, observedDigests } from './made-with.ts';
import { targetChanged } from './names.ts';
import { testOptionsOf } from './options.ts';

/** Where a release is. docs/spec/helmrelease.md says what each means. */
export type StateName =
  | 'Absent'
  | 'Unmanaged'
  | 'OutOfSync'
  | 'Locked'
  | 'Drifted'
  | 'Untested'
  | 'Failed'
  | 'InSync'
  | 'Moved';

export interface ReleaseState {
  readonly name: StateName;
  /** Why it is there, for people; empty where the name says all. */
  readonly reason: string;
  /**
   * The newest record is not known as it is, and is taken over: `own` was left by an action of ours that was cut short, `foreign` was made or
   * changed by others and is as declared. The status has to say so (adoptedStatus) before anything else is done. Null: it is known, or not taken over.
   */
  readonly adopt: 'own' | 'foreign' | null;
}

/** What the status says once the newest record is taken over. `snapshot` is what that record is now. */
export function adoptedStatus(
  { release: { status }, last }: ReleaseFacts,
  snapshot: ReleaseSnapshot,
): HelmReleaseStatus {
  const history = adoptSnapshot(status?.history, snapshot);
  if (last?.status !== 'deployed') return { ...status, history };
  return { ...status, history, ...observedDigests(madeWithOf(last, { status, isOurs: isObserved(status, last) })) };
}

/** Whether the newest snapshot is of this record, the same or changed. A release that others made anew has the numbers of the one before. */
function isLatest(status: HelmReleaseStatus | undefined, last: LastRelease): boolean {
  const latest = latestSnapshot(status?.history);
  return latest !== undefined && isSameRecord(latest, last) && latest.lastDeployed === last.lastDeployed;
}

/** Whether what the status observed of a release in force is of this record. What was only announced may never have been stored, and its number be another's by now. */
function isObserved(status: HelmReleaseStatus | undefined, last: LastRelease): boolean {
  return isLatest(status, last) && !isPending(latestSnapshot(status?.history)?.status ?? '');
}

/** Where a release is, from what is stored, declared and observed. Total: every record leads somewhere. Pure. */
export function stateOf(facts: ReleaseFacts): ReleaseState {
  const { last, release } = facts;
  const moved = targetChanged(release, facts.wanted);
  if (moved !== null) return state('Moved', `${moved} changed`);
  if (last === null) return state('Absent', 'no release in storage for object');
  if (isPending(last.status)) return state('Locked', `release with status '${last.status}'`);
  if (last.status === 'uninstalled') return state('Absent', 'found uninstalled release in storage');

  const latest = latestSnapshot(release.status?.history);
  const known = knowledgeOf(latest, last);
  if (known === 'none') return unknownState(facts, last, latest);
  const settled = last.status === 'failed' ? state('Failed', '') : settledState(facts, last, latest);
  return { ...settled, adopt: known === 'own' && !facts.doubted ? 'own' : null };
}

function state(name: StateName, reason: string): ReleaseState {
  return { name, reason, adopt: null };
}

/**
 * Whether status.history knows the newest record as it is, does not know it though we wrote it and the status was not written any more, or knows nothing of
 * it. Whoever else writes a record drops the note of what it was made with.
 */
function knowledgeOf(latest: ReleaseSnapshot | undefined, last: LastRelease): 'same' | 'own' | 'none' {
  if (latest?.digest === last.digest) return 'same';
  return last.madeWith === null ? 'none' : 'own';
}

/** Somebody else made, or changed, the newest record. One that is just what is declared is taken over, anything else is upgraded. */
function unknownState(facts: ReleaseFacts, last: LastRelease, latest: ReleaseSnapshot | undefined): ReleaseState {
  const found =
    latest === undefined ? 'found existing release in storage' : 'release not observed to be made for object';
  if (last.status !== 'deployed' || facts.doubted || mismatch(facts, last) !== null) return state('Unmanaged', found);
  const reason = `${fullReleaseName(last)} is as declared, though made by others: taken over as it is`;
  const next = testedState(facts, last, latest);
  return { ...next, reason: next.reason === '' ? reason : `${next.reason}; ${reason}`, adopt: 'foreign' };
}

const DOUBTED = 'the record of the release is not what was brought in';

/** Of a record that ended and is known. Of superseded and unknown ones nobody can say what is in force: an upgrade settles that. */
function settledState(facts: ReleaseFacts, last: LastRelease, latest: ReleaseSnapshot | undefined): ReleaseState {
  if (last.status !== 'deployed') return state('Unmanaged', `newest release in storage has status '${last.status}'`);
  const reason = facts.doubted ? DOUBTED : mismatch(facts, last);
  return reason === null ? testedState(facts, last, latest) : state('OutOfSync', reason);
}

/** What of a record is not as declared, in Flux's words; null when nothing is. */
function mismatch({ release: { status }, wanted }: ReleaseFacts, last: LastRelease): string | null {
  if (last.chartName !== wanted.chartName || last.chartVersion !== wanted.chartVersion) return 'release chart changed';
  if (last.configDigest !== (wanted.recordedDigest ?? wanted.configDigest)) return 'release config values changed';
  const made = madeWithOf(last, { status, isOurs: isObserved(status, last) });
  if (made.postRenderersDigest !== wanted.postRenderersDigest) return 'postrenderers digest has changed';
  return made.commonMetadataDigest === wanted.commonMetadataDigest ? null : 'common metadata digest has changed';
}

/** Of a release that is as declared: its tests first, then its objects. Tests of an older record say nothing of a newer one. */
function testedState(
  { release, drifted }: ReleaseFacts,
  last: LastRelease,
  latest: ReleaseSnapshot | undefined,
): ReleaseState {
  const tested = isLatest(release.status, last) ? latest : undefined;
  if (testOptionsOf(release.spec).enable && !wasTested(tested)) return state('Untested', '');
  if (testFailuresCount(release) && hasFailedTest(tested)) return state('Failed', 'release has test in failed phase');
  return drifted === null ? state('InSync', '') : state('Drifted', '');
}
