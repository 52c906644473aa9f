import type {
  Condition,
  ConditionChange,
  ConditionRemoval,
  HistorySnapshot,
  JsonObject,
  Kustomization,
  KustomizationStatus,
  Reason,
  Said,
} from '@plumb/api';
import {
  eventType,
  formatDuration,
  formatTime,
  HISTORY_LIMIT,
  kustomizationMessages as messages,
  ownMessages,
  readyOf,
  say,
  setConditions,
} from '@plumb/api';
import { compareForApply, compareForPrune, inventoryOf } from '@plumb/core';
import type { DriftNote } from '../../delivery/drift.ts';
import { recreatedEvents } from '../../delivery/own-words.ts';
import type { FoundDrift } from '../../delivery/tolerate.ts';
import type { EventRecord } from '../../runtime/events.ts';
import { mergePatch } from '../../runtime/merge-patch.ts';
import type { Outcome, Report } from '../../runtime/outcome.ts';
import { conditionOf, isTold, requestedAt } from '../../runtime/flux-object.ts';
import type { Facts } from './facts.ts';

/** `now` and `interval` (jitter included) in milliseconds. */
export interface Moment {
  now: number;
  interval: number;
}

type Change = ConditionChange | ConditionRemoval;
type Applied = Facts['changes'][number];

const GROUP = 'kustomize.toolkit.fluxcd.io';

/** What people are told of a run, and when the next one is. Pure. */
export function report(object: Kustomization, outcome: Outcome<Facts>, moment: Moment): Report {
  const { facts } = outcome;
  switch (outcome.type) {
    case 'done':
      return doneReport(object, facts, moment);
    case 'again': {
      const waits = facts.health === 'waiting' && facts.took >= 1_000;
      const status = waits ? waitingStatus(object, facts, moment) : driftStatus(object, facts, moment);
      return { status, events: changeEvents(facts), after: outcome.after, result: 'requeue' };
    }
    case 'retry': {
      const status = failedStatus(object, facts, outcome.said, moment);
      const told = failureEvents(object, outcome.said, facts);
      return {
        status,
        events: [...changeEvents(facts), ...heldEvents(object, facts), ...told],
        after: outcome.after,
        result: 'error',
      };
    }
    case 'terminal': {
      const status = stalledStatus(object, outcome.said, moment);
      const told = failureEvents(object, outcome.said, facts);
      return { status, events: told, after: null, result: 'terminal' };
    }
  }
}

/** Status at the moment a delivery begins to write; it carries the inventory before any object is created (I4). */
export function progressStatus(object: Kustomization, facts: Facts, now: number): JsonObject {
  const said = say(messages.detecting, { revision: facts.revision ?? '', timeout: facts.timeout });
  const changes: Change[] = [
    conditionOf(object, 'Reconciling', 'True', said),
    conditionOf(object, 'Ready', 'Unknown', say(messages.reconciling, {})),
  ];
  return statusOf(object, facts, { conditions: conditions(object, changes, now) });
}

function doneReport(object: Kustomization, facts: Facts, { now, interval }: Moment): Report {
  const revision = facts.revision ?? '';
  const said = say(messages.applied, { revision });
  const changes: Change[] = [
    { type: 'Reconciling', remove: true },
    { type: 'Stalled', remove: true },
    conditionOf(object, 'Ready', 'True', said),
    ...healthyChanges(object, facts),
    ...driftedChanges(object, facts),
  ];
  const { originRevision = '' } = facts;
  const next = statusOf(object, facts, {
    conditions: conditions(object, changes, now),
    lastAppliedRevision: revision,
    ...(originRevision === '' ? {} : { lastAppliedOriginRevision: originRevision }),
    ...observed(object),
    ...handled(object),
  });
  if (originRevision === '') delete next['lastAppliedOriginRevision'];
  const before = object.status ?? {};
  const finished = { took: facts.took, next: interval };
  const news = hasNews(object, facts);
  if (!news && same(driftStatus(object, facts, { now, interval }) ?? (before as JsonObject), next)) {
    const status = same(before as JsonObject, next) ? null : next;
    return { status, events: foundEvents(facts), after: interval, result: 'success' };
  }
  const history = nextHistory(before.history ?? [], facts, { now, reason: said.reason });
  const recovered = recoveredEvents(object, facts);
  const events = news
    ? [...changeEvents(facts), ...recovered, forCommits(event(say(messages.finished, finished), facts))]
    : [...foundEvents(facts), ...recovered];
  return { status: { ...next, ...(history && { history }) }, events, after: interval, result: 'success' };
}

/**
 * A run is news when it changed an object, put drift right, was warned of something, made the unit ready again or was asked for; a mere advance
 * of the revision is not.
 */
function hasNews(object: Kustomization, facts: Facts): boolean {
  const changed = facts.changes.some(isChange);
  const token = requestedAt(object);
  const asked = token !== undefined && token !== object.status?.lastHandledReconcileAt;
  return (
    changed ||
    asked ||
    facts.drift.length > 0 ||
    facts.warnings !== undefined ||
    readyOf(object as never)?.status !== 'True'
  );
}

function isChange({ action }: Applied): boolean {
  return action !== 'unchanged' && action !== 'skipped';
}

function waitingStatus(object: Kustomization, facts: Facts, { now }: Moment): JsonObject {
  const said = say(messages.checkingHealth, { revision: facts.revision ?? '', timeout: facts.timeout });
  const changes = [
    conditionOf(object, 'Reconciling', 'True', said),
    conditionOf(object, 'Ready', 'Unknown', say(messages.reconciling, {})),
    conditionOf(object, 'Healthy', 'Unknown', said),
    ...driftedChanges(object, facts),
  ];
  return statusOf(object, facts, { conditions: conditions(object, changes, now) });
}

/** A failure told already is told no more, and no longer counts. */
function failedStatus(object: Kustomization, facts: Facts, said: Said, { now }: Moment): JsonObject {
  const history = isTold(object, said) ? null : failedHistory(object, facts, said, now);
  const retrying: Said = { ...said, reason: 'ProgressingWithRetry' };
  const changes: Change[] = [
    conditionOf(object, 'Reconciling', 'True', retrying),
    conditionOf(object, 'Ready', 'False', said),
    ...driftedChanges(object, facts),
    ...heldChanges(object, facts),
  ];
  if (facts.health === 'failed') changes.push(conditionOf(object, 'Healthy', 'False', said));
  return statusOf(object, facts, {
    conditions: conditions(object, changes, now),
    ...handled(object),
    ...(history && { history }),
    ...heldStatus(object, facts, now),
  });
}

/** What became of the health of what a unit is held to. */
function heldStatus(object: Kustomization, { held }: Facts, now: number): Omit<KustomizationStatus, 'inventory'> {
  if (held === undefined || held.health === 'none') return {};
  const { revision = '', originRevision = '', lost } = held;
  const { reason } = lost ?? say(messages.applied, { revision });
  const history = nextHistory(object.status?.history ?? [], held, { now, reason });
  const applied = {
    lastAppliedRevision: revision,
    ...(originRevision === '' ? {} : { lastAppliedOriginRevision: originRevision }),
  };
  return { ...(history && { history }), ...(lost === undefined ? applied : {}) };
}

function heldChanges(object: Kustomization, { held }: Facts): Change[] {
  if (held?.lost !== undefined) return [conditionOf(object, 'Healthy', 'False', held.lost)];
  return held?.health === 'passed' ? healthyChanges(object, held) : [];
}

function heldEvents(object: Kustomization, { held }: Facts): EventRecord[] {
  if (held === undefined) return [];
  return held.lost === undefined ? recoveredEvents(object, held) : [event(held.lost, held)];
}

/** Where Flux keeps failed runs: those that had their objects built. What is still unhealthy after the run ended is no run of its own. */
function failedHistory(object: Kustomization, facts: Facts, said: Said, now: number): HistorySnapshot[] | null {
  if (!KEPT_FAILURES.has(said.reason) || said.id === messages.unhealthy.id) return null;
  return nextHistory(object.status?.history ?? [], facts, { now, reason: said.reason });
}

const KEPT_FAILURES: ReadonlySet<Reason> = new Set(['ReconciliationFailed', 'PruneFailed', 'HealthCheckFailed']);

function stalledStatus(object: Kustomization, said: Said, { now }: Moment): JsonObject {
  const changes: Change[] = [conditionOf(object, 'Stalled', 'True', said), conditionOf(object, 'Ready', 'False', said)];
  const before = (object.status ?? {}) as JsonObject;
  return {
    ...before,
    conditions: conditions(object, changes, now) as unknown as JsonObject[],
    ...observed(object),
    ...handled(object),
  };
}

function healthyChanges(object: Kustomization, facts: Facts): Change[] {
  if (facts.health !== 'passed') {
    const waits = object.spec.wait === true || (object.spec.healthChecks ?? []).length > 0;
    return waits ? [] : [{ type: 'Healthy', remove: true }];
  }
  return [conditionOf(object, 'Healthy', 'True', say(messages.healthPassed, { took: facts.took }))];
}

/**
 * When Flux tells it (kustomization_controller.go, checkHealth): it was not healthy before, or a new revision changed something. What changed may
 * have been told with the run that began the wait; the status says since then that there is progress.
 */
function recoveredEvents(object: Kustomization, facts: Facts): EventRecord[] {
  if (facts.health !== 'passed') return [];
  const { conditions: known = [], lastAppliedRevision } = object.status ?? {};
  const wasHealthy = known.some(({ type, status }) => type === 'Healthy' && status === 'True');
  const isNewRevision = facts.revision !== lastAppliedRevision;
  const changed = facts.changes.some(isChange) || readyOf(object as never)?.status !== 'True';
  return wasHealthy && !(isNewRevision && changed) ? [] : [event(say(messages.recovered, { took: facts.took }), facts)];
}

/** Names the objects whose drift is left; nothing while that is not known. */
function driftedChanges(object: Kustomization, { drifted }: Facts): Change[] {
  if (drifted === undefined) return [];
  if (drifted.length === 0) return [{ type: 'Drifted', remove: true }];
  const said = say(ownMessages.drifted, { objects: drifted.toSorted(compareForApply) });
  return [conditionOf(object, 'Drifted', 'True', said)];
}

/** The status with no more than what is new of drift that is left; null when there is nothing new. */
function driftStatus(object: Kustomization, facts: Facts, { now }: Moment): JsonObject | null {
  const isNamed = object.status?.conditions?.some(({ type }) => type === 'Drifted') === true;
  const changes = driftedChanges(object, facts).filter((change) => isNamed || !('remove' in change));
  if (changes.length === 0) return null;
  const next = statusOf(object, {}, { conditions: conditions(object, changes, now) });
  return same((object.status ?? {}) as JsonObject, next) ? null : next;
}

function conditions(object: Kustomization, changes: readonly Change[], now: number): Condition[] {
  const before = object.status?.conditions;
  // The time a check took is no news of its own.
  const kept = changes.filter((change) => !('status' in change && isSameHealth(before, change)));
  return setConditions(before, kept, new Date(now));
}

function isSameHealth(before: readonly Condition[] | undefined, change: ConditionChange): boolean {
  if (change.type !== 'Healthy' || change.status !== 'True') return false;
  const known = before?.find(({ type }) => type === 'Healthy');
  return known?.status === 'True' && known.observedGeneration === change.observedGeneration;
}

function statusOf(
  object: Kustomization,
  facts: Pick<Facts, 'revision' | 'inventory'>,
  changes: Omit<KustomizationStatus, 'inventory'>,
): JsonObject {
  const { revision, inventory } = facts;
  const entries = inventory === undefined ? undefined : inventoryOf(inventory);
  return {
    ...(object.status as JsonObject | undefined),
    ...(revision === undefined ? {} : { lastAttemptedRevision: revision }),
    ...(entries === undefined ? {} : { inventory: { entries: entries as unknown as JsonObject[] } }),
    ...(changes as unknown as JsonObject),
  };
}

function observed(object: Kustomization): { observedGeneration: number } {
  return { observedGeneration: object.metadata.generation ?? 0 };
}

/** The token is recorded whatever the outcome (I7). */
function handled(object: Kustomization): { lastHandledReconcileAt?: string } {
  const token = requestedAt(object);
  return token === undefined ? {} : { lastHandledReconcileAt: token };
}

/** Whether writing the status would change nothing. */
function same(before: JsonObject, after: JsonObject): boolean {
  return mergePatch(before, after) === null;
}

/** Newest first, one entry for each result: the same bundle ending the same way again only counts up (Flux: docs/spec/v1/kustomizations.md). */
export function nextHistory(
  history: readonly HistorySnapshot[],
  facts: Facts,
  { now, reason }: { now: number; reason: Reason },
): HistorySnapshot[] | null {
  if (facts.digest === undefined) return null;
  const digest = `sha256:${facts.digest}`;
  const at = formatTime(new Date(now));
  const { originRevision = '' } = facts;
  const known = history.find((entry) => entry.digest === digest && entry.lastReconciledStatus === reason);
  const entry: HistorySnapshot = {
    digest,
    firstReconciled: known?.firstReconciled ?? at,
    lastReconciled: at,
    lastReconciledDuration: formatDuration(facts.took),
    lastReconciledStatus: reason,
    totalReconciliations: Number(known?.totalReconciliations ?? 0) + 1,
    metadata: { revision: facts.revision ?? '', ...(originRevision === '' ? {} : { originRevision }) },
  };
  return [entry, ...history.filter((other) => other !== known)].slice(0, HISTORY_LIMIT);
}

function changeEvents(facts: Facts): EventRecord[] {
  const changes = facts.changes.filter(isChange);
  const repaired = new Set(facts.drift.map(({ key }) => key));
  const deliberate = changes.filter(({ key }) => !repaired.has(key)).toSorted(compareChanges);
  const list = deliberate.map(({ key, action }) => ({ object: key, action }));
  const { warnings } = facts;
  const warned = warnings === undefined ? [] : [say(ownMessages.buildWarnings, { warnings })];
  const canceled = facts.canceled === undefined ? [] : [say(messages.healthCanceled, { trigger: facts.canceled })];
  return [
    ...(facts.held === undefined ? [] : changeEvents(facts.held)),
    ...[...canceled, ...warned].map((said) => event(said, facts)),
    ...facts.drift.map((note) => event(driftSaid(note), facts)),
    ...foundEvents(facts),
    ...recreatedEvents(changes, (said) => event(said, facts)),
    ...(list.length === 0 ? [] : [event(say(messages.changed, { changes: list }), facts)]),
  ];
}

/** As Flux lists them: what was applied, then what was pruned. Answers come in any order; the same changes make the same message. */
function compareChanges(a: Applied, b: Applied): number {
  const [first, second] = [a.action === 'deleted', b.action === 'deleted'];
  if (first !== second) return first ? 1 : -1;
  return first ? compareForPrune(a.key, b.key) : compareForApply(a.key, b.key);
}

function driftSaid({ key, how, managers, paths }: DriftNote): Said {
  if (how === 'removed') return say(ownMessages.deletionCorrected, { object: key });
  return say(ownMessages.driftCorrected, { object: key, managers, paths });
}

function foundEvents(facts: Facts): EventRecord[] {
  return facts.found.map((found) => event(foundSaid(found), facts));
}

function foundSaid({ key, how, managers, changes, more }: FoundDrift): Said {
  if (how === 'removed') return say(ownMessages.deletionDetected, { object: key });
  return say(ownMessages.driftDetected, { object: key, managers, changes, more });
}

/** A failure where it is new, given as its entry says. */
function failureEvents(object: Kustomization, said: Said, facts: Facts): EventRecord[] {
  if (isTold(object, said) || !said.channels.includes('log')) return [];
  const told = event(said, facts);
  return [said.channels.includes('event') ? told : { ...told, logOnly: true }];
}

/** Marked for notification-controller, which sets the status of a commit by it. */
function forCommits({ annotations, ...rest }: EventRecord): EventRecord {
  return { ...rest, annotations: { ...annotations, [`${GROUP}/commit_status`]: 'update' } };
}

function event(said: Said, facts: Facts): EventRecord {
  const { level, reason, text } = said;
  const { revision, originRevision = '' } = facts;
  const origin = originRevision === '' ? {} : { [`${GROUP}/originRevision`]: originRevision };
  return {
    type: eventType(level),
    reason,
    message: text,
    ...(revision === undefined ? {} : { annotations: { [`${GROUP}/revision`]: revision, ...origin } }),
  };
}
