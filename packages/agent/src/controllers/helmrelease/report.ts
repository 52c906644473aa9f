import type {
  ConditionChange,
  ConditionRemoval,
  HelmRelease,
  HelmReleaseStatus,
  JsonObject,
  ObjectKey,
  ReleaseSnapshot,
  Said,
} from '@plumb/api';
import {
  displayKey,
  FORCE_AT_ANNOTATION,
  helmReleaseMessages as messages,
  RESET_AT_ANNOTATION,
  say,
  setConditions,
} from '@plumb/api';
import { inventoryOf, latestSnapshot, unitDriftMode, testOptionsOf } from '@plumb/core';
import { conditionOf, isTold, requestedAt } from '../../runtime/flux-object.ts';
import { mergePatch } from '../../runtime/merge-patch.ts';
import type { EventRecord } from '../../runtime/events.ts';
import type { Outcome, Report } from '../../runtime/outcome.ts';
import type { Facts } from './facts.ts';
import { event, readyChanges } from './task-report.ts';

type Change = ConditionChange | ConditionRemoval;

/** Milliseconds; `drifted`: objects whose drift is told and left, undefined while that is not known. */
export interface Moment {
  now: number;
  interval: number;
  drifted: readonly ObjectKey[] | undefined;
}

/** What people are told of a run, and when the next one is. Pure. */
export function report(object: HelmRelease, outcome: Outcome<Facts>, moment: Moment): Report {
  const { facts } = outcome;
  const release = { ...object, status: facts.status ?? object.status ?? {} };
  switch (outcome.type) {
    case 'done': {
      const status = doneStatus(release, moment);
      return { status: changed(object, status), events: facts.events, after: moment.interval, result: 'success' };
    }
    case 'again': {
      const status = waitingStatus(release, facts, moment);
      return { status: changed(object, status), events: facts.events, after: outcome.after, result: 'requeue' };
    }
    case 'retry': {
      const { said, after } = outcome;
      const status = facts.isStalled ? stalledStatus(release, said, moment) : failedStatus(release, said, moment);
      const events = [...facts.events, ...failureEvents(object, said)];
      return { status: changed(object, status), events, after, result: facts.isStalled ? 'terminal' : 'error' };
    }
    case 'terminal': {
      const status = refusedStatus(release, outcome.said, moment);
      const events = [...facts.events, ...failureEvents(object, outcome.said)];
      return { status: changed(object, status), events, after: null, result: 'terminal' };
    }
  }
}

function changed(object: HelmRelease, status: HelmReleaseStatus): JsonObject | null {
  const after = withoutEmpty(status as JsonObject);
  return mergePatch((object.status ?? {}) as JsonObject, after) === null ? null : after;
}

/** Flux leaves out what is zero or empty, and its definition of the kind refuses some of it. */
function withoutEmpty<Status extends object>(status: Status): Status {
  const isEmpty = (value: unknown): boolean => value === 0 || value === '' || (Array.isArray(value) && !value.length);
  return Object.fromEntries(Object.entries(status).filter(([, value]) => !isEmpty(value))) as Status;
}

/** All is as declared, or differs in a way that is only told. */
function doneStatus(release: Observed, { now, drifted }: Moment): HelmReleaseStatus {
  const changes: Change[] = [
    { type: 'Reconciling', remove: true },
    { type: 'Stalled', remove: true },
    ...driftedChanges(release, drifted),
  ];
  if (!testOptionsOf(release.spec).enable) changes.push({ type: 'TestSuccess', remove: true });
  const between = setConditions(release.status.conditions, changes, new Date(now));
  const conditions = setConditions(between, readyChanges(release, between), new Date(now));
  return { ...release.status, conditions, ...observed(release), ...handled(release) };
}

type Observed = HelmRelease & { status: HelmReleaseStatus };

function driftedChanges(release: Observed, drifted: readonly ObjectKey[] | undefined): Change[] {
  if (drifted === undefined) return [];
  const isLookedAt = unitDriftMode({ ...release, kind: 'HelmRelease' }) !== 'ignore';
  const latest = latestSnapshot(release.status.history);
  const name = latest === undefined ? '' : `${latest.namespace}/${latest.name}.v${latest.version}`;
  if (drifted.length > 0) {
    const said = say(messages.drifted, { release: name, changes: drifted.map(displayKey) });
    return [conditionOf(release, 'Drifted', 'True', said)];
  }
  if (!isLookedAt || latest === undefined) return [{ type: 'Drifted', remove: true }];
  return [conditionOf(release, 'Drifted', 'False', say(messages.noDrift, { release: name }))];
}

/** What is waited for, where there is anything to tell of it. */
function waitingStatus(release: Observed, { running, held }: Facts, moment: Moment): HelmReleaseStatus {
  if (held !== null) return { ...progressing(release, held, moment.now), ...handled(release) };
  return running === null ? betweenStatus(release, moment) : runningStatus(release, running, moment.now);
}

function progressing(release: Observed, said: Said, now: number): HelmReleaseStatus {
  const changes: Change[] = [
    conditionOf(release, 'Reconciling', 'True', said),
    { type: 'Stalled', remove: true },
    conditionOf(release, 'Ready', 'Unknown', said),
  ];
  return { ...release.status, conditions: setConditions(release.status.conditions, changes, new Date(now)) };
}

/** As far as it has come. What an action came to is told by Ready from the first one on. */
function betweenStatus(release: Observed, { now }: Moment): HelmReleaseStatus {
  const { conditions = [] } = release.status;
  if (conditions.length === 0 || conditions.some(({ type }) => type === 'Ready')) return release.status;
  const withReady = setConditions(conditions, readyChanges(release, conditions), new Date(now));
  return { ...release.status, conditions: withReady };
}

/** What Flux calls actions that have another name here. */
const FLUX_NAMES: Readonly<Record<string, string>> = {
  'uninstall-remediation': 'uninstall',
  correct: 'correct cluster drift',
};

function runningStatus(release: Observed, running: NonNullable<Facts['running']>, now: number): HelmReleaseStatus {
  const { action, timeout } = running;
  const said = say(messages.running, { action: FLUX_NAMES[action] ?? action, timeout });
  const isRelease = running.action === 'install' || running.action === 'upgrade';
  const isNew = release.status.conditions?.some(({ type }) => type === 'Ready') !== true;
  if (isRelease || isNew) return progressing(release, said, now);
  const changes: Change[] = [conditionOf(release, 'Reconciling', 'True', said), { type: 'Stalled', remove: true }];
  return { ...release.status, conditions: setConditions(release.status.conditions, changes, new Date(now)) };
}

/** An action lasts, and so does its run. */
export function whileRunning(
  release: HelmRelease,
  running: NonNullable<Facts['running']>,
  now: number,
): HelmReleaseStatus {
  return withoutEmpty(runningStatus({ ...release, status: release.status ?? {} }, running, now));
}

/** What is about to be done, and to what: a release that the status did not tell of yet, and all it owns. */
export function announced(
  release: HelmRelease,
  about: NonNullable<Facts['running']> & { snapshot: ReleaseSnapshot | null; owned: readonly ObjectKey[] },
  now: number,
): HelmReleaseStatus {
  const { snapshot, owned, ...running } = about;
  const status = whileRunning(release, running, now);
  const history = snapshot === null ? {} : { history: [snapshot] };
  return withoutEmpty({ ...status, inventory: { entries: inventoryOf(owned) }, ...history });
}

/** It is tried again by itself. What actions came to is told by Ready; what kept them from beginning is, too. */
function failedStatus(release: Observed, said: Said, { now, drifted }: Moment): HelmReleaseStatus {
  const summary = OF_ACTIONS.has(said.id) ? readyChanges(release, release.status.conditions) : [];
  const ready = summary.length > 0 ? summary : [conditionOf(release, 'Ready', 'False', said)];
  const retrying: Said = { ...said, reason: 'ProgressingWithRetry' };
  const changes = [
    conditionOf(release, 'Reconciling', 'True', retrying),
    ...ready,
    ...driftedChanges(release, drifted),
  ];
  const conditions = setConditions(release.status.conditions, changes, new Date(now));
  return { ...release.status, conditions, ...handled(release) };
}

function stalledStatus(release: Observed, said: Said, { now, drifted }: Moment): HelmReleaseStatus {
  const changes = [
    conditionOf(release, 'Stalled', 'True', said),
    ...readyChanges(release, release.status.conditions),
    ...driftedChanges(release, drifted),
  ];
  const between = setConditions(release.status.conditions, changes, new Date(now));
  const hasReady = between.some(({ type }) => type === 'Ready');
  const conditions = hasReady
    ? between
    : setConditions(between, [conditionOf(release, 'Ready', 'False', said)], new Date(now));
  return { ...release.status, conditions, ...observed(release), ...handled(release) };
}

/** Nothing is done before the object itself is another. */
function refusedStatus(release: Observed, said: Said, { now }: Moment): HelmReleaseStatus {
  const changes = [conditionOf(release, 'Stalled', 'True', said), conditionOf(release, 'Ready', 'False', said)];
  const conditions = setConditions(release.status.conditions, changes, new Date(now));
  return { ...release.status, conditions, ...observed(release), ...handled(release) };
}

/** What keeps a release that is to go: it is tried again by itself. */
export function keptStatus(release: HelmRelease, said: Said, now: number): HelmReleaseStatus {
  const { status = {} } = release;
  const retrying: Said = { ...said, reason: 'ProgressingWithRetry' };
  const changes = [
    conditionOf(release, 'Reconciling', 'True', retrying),
    conditionOf(release, 'Ready', 'False', said),
    ...(said.id === messages.uninstallFailed.id ? [conditionOf(release, 'Released', 'False', said)] : []),
  ];
  return { ...status, conditions: setConditions(status.conditions, changes, new Date(now)) };
}

/** Failures that the conditions of actions tell already. */
const OF_ACTIONS: ReadonlySet<string> = new Set([
  messages.installFailed.id,
  messages.upgradeFailed.id,
  messages.testFailed.id,
  messages.rollbackFailed.id,
  messages.removeFailed.id,
  messages.rolledBack.id,
  messages.removed.id,
]);

/** A failure where it is new, given as its entry says. What actions came to was told when they ended. */
function failureEvents(object: HelmRelease, said: Said): EventRecord[] {
  if (OF_ACTIONS.has(said.id) || isTold(object, said) || !said.channels.includes('log')) return [];
  const stalled = object.status?.conditions?.find(({ type }) => type === 'Stalled');
  if (stalled?.status === 'True' && stalled.message === said.text) return [];
  const told = event(said, latestSnapshot(object.status?.history), null);
  return [said.channels.includes('event') ? told : { ...told, logOnly: true }];
}

function observed({ metadata }: HelmRelease): { observedGeneration: number } {
  return { observedGeneration: metadata.generation ?? 0 };
}

/** The tokens are recorded whatever the outcome (I7). */
function handled(object: HelmRelease): HelmReleaseStatus {
  const token = requestedAt(object);
  if (token === undefined) return {};
  const { annotations = {} } = object.metadata;
  const isForced = annotations[FORCE_AT_ANNOTATION] === token;
  const isReset = annotations[RESET_AT_ANNOTATION] === token;
  return {
    lastHandledReconcileAt: token,
    ...(isForced ? { lastHandledForceAt: token } : {}),
    ...(isReset ? { lastHandledResetAt: token } : {}),
  };
}
