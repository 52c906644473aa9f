import type {
  Condition,
  ConditionChange,
  ConditionRemoval,
  HelmRelease,
  HelmReleaseStatus,
  ReleaseSnapshot,
  Said,
} from '@plumb/api';
import {
  eventType,
  formatDuration,
  helmReleaseMessages as messages,
  ownMessages,
  say,
  some,
  setConditions,
} from '@plumb/api';
import {
  adoptSnapshot,
  countFailure,
  fullReleaseName,
  inventoryOf,
  latestSnapshot,
  NO_FAILURES,
  readySummary,
  recordSnapshot,
  releaseNamespaceOf,
  remediationOf,
  testFailuresCount,
  testOptionsOf,
  versionedChartName,
  wasTested,
} from '@plumb/core';
import type { ActionName, WantedRelease } from '@plumb/core';
import { displayKey, keyId } from '@plumb/api';
import type { DriftNote } from '../../delivery/drift.ts';
import { recreatedEvents } from '../../delivery/own-words.ts';
import type { TaskEnd } from '../../releases/task.ts';
import type { EventRecord } from '../../runtime/events.ts';
import { conditionOf } from '../../runtime/flux-object.ts';

type Change = ConditionChange | ConditionRemoval;

/** What is told of one action, and what the status says after it. */
export interface Told {
  status: HelmReleaseStatus;
  events: EventRecord[];
}

const GROUP = 'helm.toolkit.fluxcd.io';

interface Names {
  release: string;
  chart: string;
}

/** The status before an action begins: what is tried (helm-controller, reconcileRelease). */
export function beforeTask(release: HelmRelease, action: ActionName): HelmReleaseStatus {
  const status = release.status ?? {};
  if (action === 'install' || action === 'upgrade') return { ...status, lastAttemptedReleaseAction: action };
  return status;
}

/** What an action came to: conditions, history, counters, inventory and events (helm-controller internal/reconcile). Pure. */
export function afterTask(release: HelmRelease, end: TaskEnd, wanted: WantedRelease, now: number): Told {
  const before = release.status ?? {};
  const history = historyAfter(before.history, end);
  const counted = countersAfter(release, end);
  const { inventory, took, action } = end;
  const isRelease = action === 'install' || action === 'upgrade';
  const status: HelmReleaseStatus = {
    ...before,
    ...counted,
    history,
    ...(inventory === undefined ? {} : { inventory: { entries: inventoryOf(inventory) } }),
    ...(isRelease ? { lastAttemptedReleaseActionDuration: formatDuration(took) } : {}),
    ...(isRelease && end.error === null ? observedDigests(wanted) : {}),
  };
  const names = namesOf(release, history, wanted, end);
  const { changes, said } = TOLD[action](release, end, names);
  if (end.trigger !== undefined) said.push(say(messages.healthCanceled, { trigger: end.trigger }));
  const between = setConditions(before.conditions, changes, new Date(now));
  const conditions = setConditions(between, readyChanges(release, between), new Date(now));
  const after = { ...status, conditions };
  const warned = end.warnings.length === 0 ? [] : [say(ownMessages.buildWarnings, { warnings: end.warnings })];
  const eventOf = (one: Said): EventRecord => event(one, latestSnapshot(history), wanted);
  const recreated = recreatedEvents(end.changes, eventOf);
  return { status: after, events: [...warned.map(eventOf), ...recreated, ...said.map(eventOf)] };
}

/** Ready says what the newest of Remediated, TestSuccess and Released says. Tests that an action fails by count whatever `test` says of them. */
export function readyChanges(release: HelmRelease, conditions: HelmReleaseStatus['conditions']): ConditionChange[] {
  const { metadata, spec } = release;
  const tests = testOptionsOf(spec);
  const ignoreFailures = tests.ignoreFailures && !testFailuresCount(release);
  const summary = readySummary(conditions, metadata.generation ?? 0, { ...tests, ignoreFailures });
  return summary === null ? [] : [{ type: 'Ready', ...summary } as ConditionChange];
}

/** What conditions say of a release that is in force, and was taken over as it is: what was told of it before holds no longer. */
export function takenOver(release: HelmRelease, snapshot: ReleaseSnapshot, now: number): Condition[] {
  return setConditions(release.status?.conditions, broughtIn(release, snapshot), new Date(now));
}

function broughtIn(release: HelmRelease, snapshot: ReleaseSnapshot): Change[] {
  const names = { release: fullReleaseName(snapshot), chart: versionedChartName(snapshot) };
  const isFirst = snapshot.version === 1 || snapshot.action === 'install';
  return inForce(release, snapshot, names, say(isFirst ? messages.installed : messages.upgraded, names));
}

/**
 * What conditions say of a release that is in force and as declared: whatever failed meanwhile, or was remedied, is over (helm-controller, actionForState).
 * An upgrade that was taken back before it left a mark changed nothing of it.
 */
export function atRest(release: HelmRelease, now: number): Condition[] {
  const { conditions = [], history } = release.status ?? {};
  const latest = latestSnapshot(history);
  const isTrue = (wanted: string): boolean =>
    conditions.some(({ type, status }) => type === wanted && status === 'True');
  if (latest === undefined || (isTrue('Released') && !isTrue('Remediated'))) return conditions;
  const tests = testOptionsOf(release.spec).enable ? testsOf(release, latest) : [];
  return setConditions(conditions, [...broughtIn(release, latest), ...tests], new Date(now));
}

/** What its tests came to when they ran. */
function testsOf(release: HelmRelease, snapshot: ReleaseSnapshot): Change[] {
  const { testHooks = {} } = snapshot;
  const names = { release: fullReleaseName(snapshot), chart: versionedChartName(snapshot) };
  const ran = Object.entries(testHooks).filter(([, { phase = '' }]) => phase !== '');
  const failed = ran.filter(([, { phase }]) => phase === 'Failed').map(([name]) => name);
  if (failed.length === 0)
    return [conditionOf(release, 'TestSuccess', 'True', say(messages.tested, { ...names, tests: ran.length }))];
  const error = `${failed.join(', ')} failed`;
  return [conditionOf(release, 'TestSuccess', 'False', say(messages.testFailed, { ...names, error }))];
}

function observedDigests({ postRenderersDigest, commonMetadataDigest }: WantedRelease): HelmReleaseStatus {
  return { observedPostRenderersDigest: postRenderersDigest, observedCommonMetadataDigest: commonMetadataDigest };
}

/** An install begins a life of its own: what was before it is nothing to roll back to. */
function historyAfter(history: HelmReleaseStatus['history'], end: TaskEnd): ReleaseSnapshot[] {
  const { action, stored, snapshots } = end;
  if (action === 'install' && stored) return snapshots.slice(0, 1);
  if (action === 'unlock') return snapshots.reduce<ReleaseSnapshot[]>(adoptSnapshot, [...(history ?? [])]);
  return snapshots
    .toReversed()
    .reduce<ReleaseSnapshot[]>((known, one) => recordSnapshot(known, one), kept(history, end));
}

/** Of an install that stored nothing, what was announced does not come to be. */
function kept(history: HelmReleaseStatus['history'], { action }: TaskEnd): ReleaseSnapshot[] {
  return (history ?? []).filter(({ status }) => action !== 'install' || status !== 'pending-install');
}

function countersAfter(release: HelmRelease, { action, error, stored }: TaskEnd): HelmReleaseStatus {
  if (error !== null && error.code !== 'cancelled') return { ...countFailure(release, { action, stored }) };
  if (action !== 'install' && action !== 'upgrade') return {};
  // Under RetryOnFailure failures count only while the release is failed.
  return remediationOf(release, action).retryInterval === null ? {} : { ...NO_FAILURES };
}

/** A release that was not stored has no number yet; a rollback is told with what it went to. */
function namesOf(
  release: HelmRelease,
  history: readonly ReleaseSnapshot[],
  wanted: WantedRelease,
  end: TaskEnd,
): Names {
  const latest = end.target ?? end.snapshots[0] ?? latestSnapshot(history);
  const isNew = end.action === 'install' || end.action === 'upgrade';
  if (latest === undefined || (isNew && end.error !== null)) {
    const { releaseName: name, chartName, chartVersion } = wanted;
    return {
      release: `${releaseNamespaceOf(release)}/${name}`,
      chart: versionedChartName({ chartName, chartVersion }),
    };
  }
  return { release: fullReleaseName(latest), chart: versionedChartName(latest) };
}

interface Telling {
  changes: Change[];
  said: Said[];
}

type Tell = (release: HelmRelease, end: TaskEnd, names: Names) => Telling;

const TOLD = {
  install: (release, end, names) =>
    released(release, end, names, { done: messages.installed, failed: messages.installFailed }),
  upgrade: (release, end, names) =>
    released(release, end, names, { done: messages.upgraded, failed: messages.upgradeFailed }),
  rollback: rolledBack,
  'uninstall-remediation': (release, { error }, names) =>
    remediated(
      release,
      error === null ? say(messages.removed, names) : say(messages.removeFailed, { ...names, error: error.message }),
    ),
  uninstall: uninstalled,
  unlock: (release, end, names) => {
    if (isLeft(end)) return { changes: [], said: [] };
    const { error, unlocked = 'unknown' } = end;
    const facts = { ...names, status: unlocked };
    const said =
      error === null ? say(messages.unlocked, facts) : say(messages.unlockFailed, { ...facts, error: error.message });
    return { changes: [conditionOf(release, 'Released', 'False', said)], said: [said] };
  },
  test: tested,
  correct: corrected,
} as const satisfies Record<ActionName, Tell>;

function released(
  release: HelmRelease,
  { action, error, trigger, snapshots }: TaskEnd,
  names: Names,
  {
    done,
    failed,
  }: {
    done: typeof messages.installed;
    failed: typeof messages.installFailed;
  },
): Telling {
  if (trigger !== undefined) {
    const said = say(messages.releaseCanceled, { ...names, action, trigger });
    const changes = [...GONE, conditionOf(release, 'Released', 'False', said)];
    return { changes, said: [said] };
  }
  if (error !== null) {
    const said = say(failed, { ...names, error: error.message });
    return { changes: [...GONE, conditionOf(release, 'Released', 'False', said)], said: [said] };
  }
  const said = say(done, names);
  return { changes: inForce(release, snapshots[0], names, said), said: [said] };
}

/** What failed before, and the tests of before, are over. */
const GONE: readonly Change[] = [
  { type: 'TestSuccess', remove: true },
  { type: 'Remediated', remove: true },
];

function inForce(release: HelmRelease, snapshot: ReleaseSnapshot | undefined, names: Names, said: Said): Change[] {
  const changes = [...GONE, conditionOf(release, 'Released', 'True', said)];
  const isUntested = testOptionsOf(release.spec).enable && !wasTested(snapshot);
  if (isUntested) changes.push(conditionOf(release, 'TestSuccess', 'Unknown', say(messages.awaitingTests, names)));
  return changes;
}

function uninstalled(release: HelmRelease, { error, changes: done, snapshots }: TaskEnd, names: Names): Telling {
  // What was gone already was told when it went.
  if (error === null && snapshots.length === 0 && done.length === 0) {
    const { release: missing } = names;
    return {
      changes: [conditionOf(release, 'Released', 'False', say(messages.notThere, { release: missing }))],
      said: [],
    };
  }
  const said =
    error === null
      ? say(messages.uninstalled, names)
      : say(messages.uninstallFailed, { ...names, error: error.message });
  return { changes: [conditionOf(release, 'Released', 'False', said)], said: [said] };
}

function rolledBack(release: HelmRelease, { error, trigger }: TaskEnd, names: Names): Telling {
  if (trigger === undefined) {
    const failed = (why: string): Said => say(messages.rollbackFailed, { ...names, error: why });
    return remediated(release, error === null ? say(messages.rolledBack, names) : failed(error.message));
  }
  const said = say(messages.rollbackCanceled, { ...names, trigger });
  return remediated(release, said);
}

function remediated(release: HelmRelease, said: Said): Telling {
  const isDone = said.level !== 'error';
  return { changes: [conditionOf(release, 'Remediated', isDone ? 'True' : 'False', said)], said: [said] };
}

/** A lockdown cut it short: it has not failed, and is begun again when that is over. */
function isLeft({ error, trigger }: TaskEnd): boolean {
  return error?.code === 'cancelled' && trigger === undefined;
}

function tested(release: HelmRelease, end: TaskEnd, names: Names): Telling {
  if (isLeft(end)) return { changes: [], said: [] };
  const { error, tests } = end;
  const said =
    error === null
      ? say(messages.tested, { ...names, tests })
      : say(messages.testFailed, { ...names, error: error.message });
  return { changes: [conditionOf(release, 'TestSuccess', error === null ? 'True' : 'False', said)], said: [said] };
}

/** Drift that was put right, or is left: Flux tells first what differs, then what was done. Answers come in any order, what is told does not. */
function corrected(_release: HelmRelease, end: TaskEnd, { release }: Names): Telling {
  const { drift, found, changes } = end;
  // What a lockdown left undone is still drift, and what was done before it is done.
  const error = isLeft(end) ? null : end.error;
  // What only was not ours yet, such as what helm made, is written and has not drifted.
  const written = changes.filter(({ action }) => action === 'created' || action === 'configured');
  const repaired = error === null ? written.filter(({ key }) => noteOf(key, drift) !== undefined) : written;
  const notes = [...repaired.flatMap(({ key }) => noteOf(key, drift) ?? []), ...found].map(driftLine).toSorted();
  const done = repaired.map(({ key, action }) => `${displayKey(key)} ${action}`).toSorted();
  const said: Said[] = notes.length === 0 ? [] : [say(messages.drifted, { release, changes: notes })];
  if (error !== null) said.push(say(messages.correctionFailed, { release, error: error.message, done }));
  else if (done.length > 0) said.push(say(messages.corrected, { release, changes: done }));
  return { changes: [], said };
}

function noteOf(key: DriftNote['key'], drift: readonly DriftNote[]): DriftNote | undefined {
  return drift.find((note) => keyId(note.key) === keyId(key));
}

function driftLine(note: DriftNote): string {
  if (note.how === 'removed') return `${displayKey(note.key)} removed`;
  return `${displayKey(note.key)} changed${pathsOf(note)}`;
}

function pathsOf({ paths, managers }: DriftNote): string {
  if (paths.length === 0) return '';
  const by = managers.length === 0 ? '' : ` by ${managers.join(', ')}`;
  return ` (${some(paths)}${by})`;
}

/** With what Flux puts on events of releases: the chart's version, the digest of the values, and where both come from. */
export function event(
  { level, reason, text }: Said,
  latest: ReleaseSnapshot | undefined,
  wanted: Pick<WantedRelease, 'chartVersion' | 'configDigest'> | null,
): EventRecord {
  const { appVersion = '', ociDigest = '' } = latest ?? {};
  const marks = {
    revision: wanted?.chartVersion ?? latest?.chartVersion ?? '',
    token: wanted?.configDigest ?? latest?.configDigest ?? '',
    'app-version': appVersion,
    'oci-digest': ociDigest,
  };
  const given = Object.entries(marks).filter(([, value]) => value !== '');
  const annotations = Object.fromEntries(given.map(([key, value]) => [`${GROUP}/${key}`, value]));
  return { type: eventType(level), reason, message: text, ...(given.length === 0 ? {} : { annotations }) };
}
