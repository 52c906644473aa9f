import type { ConditionChange, ConditionRemoval, GitRepository, JsonObject, Said } from '@plumb/api';
import { eventType, gitRepositoryMessages as messages, say, setConditions } from '@plumb/api';
import type { EventRecord } from '../../runtime/events.ts';
import type { Outcome, Report } from '../../runtime/outcome.ts';
import { conditionOf, isTold, requestedAt } from '../../runtime/flux-object.ts';
import type { Facts } from './act.ts';
import { withoutObserved } from './observed.ts';

type Change = ConditionChange | ConditionRemoval;

const GROUP = 'source.toolkit.fluxcd.io';

/** What people are told of a run, and when the next one is. `now` and `interval` in milliseconds. Pure. */
export function report(
  object: GitRepository,
  outcome: Outcome<Facts>,
  moment: { now: number; interval: number },
): Report {
  const { facts } = outcome;
  switch (outcome.type) {
    case 'done':
      return { ...doneReport(object, facts, moment.now), after: moment.interval, result: 'success' };
    case 'again':
      return { status: null, events: [], after: outcome.after, result: 'requeue' };
    case 'retry': {
      const { said, after } = outcome;
      const changes: Change[] = [
        conditionOf(object, 'Reconciling', 'True', { ...said, reason: 'ProgressingWithRetry' }),
        conditionOf(object, 'Ready', 'False', said),
        ...failing(object, facts, said),
      ];
      const status = statusOf(object, changes, moment.now, {});
      return { status, events: newsOf(object, said), after, result: 'error' };
    }
    case 'terminal': {
      const { said } = outcome;
      const changes: Change[] = [
        conditionOf(object, 'Stalled', 'True', said),
        conditionOf(object, 'Ready', 'False', said),
        ...(facts.failing === 'SourceVerified' ? failing(object, facts, said) : unverifiedGone(object)),
      ];
      const status = statusOf(object, changes, moment.now, observed(object));
      return { status, events: newsOf(object, said), after: null, result: 'terminal' };
    }
  }
}

function doneReport(object: GitRepository, facts: Facts, now: number): Pick<Report, 'status' | 'events'> {
  const { artifact, subject, observed: content = {}, verified } = facts;
  if (artifact === undefined) return { status: null, events: [] };
  const stored = say(messages.stored, { revision: artifact.revision });
  const changes: Change[] = [
    { type: 'Reconciling', remove: true },
    { type: 'Stalled', remove: true },
    { type: 'FetchFailed', remove: true },
    { type: 'IncludeUnavailable', remove: true },
    conditionOf(object, 'Ready', 'True', stored),
    conditionOf(object, 'ArtifactInStorage', 'True', stored),
    ...(verified === undefined
      ? [REMOVED]
      : [conditionOf(object, 'SourceVerified', 'True', say(messages.verified, verified))]),
  ];
  const rest = withoutObserved(statusOf(object, changes, now, observed(object)));
  const status = {
    ...rest,
    ...(verified && { sourceVerificationMode: verified.mode }),
    artifact: artifact as unknown as JsonObject,
    ...(content as JsonObject),
  };
  const events = verified === undefined ? [] : verifiedNews(object, say(messages.verified, verified));
  if (subject === undefined && !isAsked(object)) return { status, events };
  const { revision } = artifact;
  const said = subject === undefined ? say(messages.upToDate, { revision }) : say(messages.newArtifact, { subject });
  const annotations = { [`${GROUP}/revision`]: revision, [`${GROUP}/digest`]: artifact.digest };
  const told = { type: eventType(said.level), reason: said.reason, message: said.text, annotations };
  return { status, events: [...events, told] };
}

const REMOVED: Change = { type: 'SourceVerified', remove: true };

function verifiedNews({ status }: GitRepository, said: Said): EventRecord[] {
  const before = status?.conditions?.find(({ type }) => type === 'SourceVerified');
  if (before?.status === 'True' && before.message === said.text) return [];
  return [{ type: eventType(said.level), reason: said.reason, message: said.text }];
}

/** That an earlier revision was not verified says nothing any more; that one was still holds for the artifact on offer. */
function unverifiedGone({ status }: GitRepository): Change[] {
  const before = status?.conditions?.find(({ type }) => type === 'SourceVerified');
  return before?.status === 'False' ? [REMOVED] : [];
}

const FETCHED: readonly Change[] = [
  { type: 'FetchFailed', remove: true },
  { type: 'IncludeUnavailable', remove: true },
];

/** What was fetched before a missing include is not what failed. */
function failing(object: GitRepository, { failing: type = 'FetchFailed' }: Facts, said: Said): Change[] {
  if (type === 'SourceVerified') return [conditionOf(object, type, 'False', said), ...FETCHED];
  const other = type === 'FetchFailed' ? 'IncludeUnavailable' : 'FetchFailed';
  return [conditionOf(object, type, 'True', said), { type: other, remove: true }, ...unverifiedGone(object)];
}

function statusOf(object: GitRepository, changes: readonly Change[], now: number, more: JsonObject): JsonObject {
  const token = requestedAt(object);
  return {
    ...(object.status as JsonObject | undefined),
    conditions: setConditions(object.status?.conditions, changes, new Date(now)) as unknown as JsonObject[],
    ...more,
    ...(token === undefined ? {} : { lastHandledReconcileAt: token }),
  };
}

/** Somebody waits for an answer, even where there is nothing new. */
function isAsked({ metadata, status }: GitRepository): boolean {
  const token = requestedAt({ metadata });
  return token !== undefined && token !== status?.lastHandledReconcileAt;
}

function observed(object: GitRepository): JsonObject {
  return { observedGeneration: object.metadata.generation ?? 0 };
}

/** The same failure, told already, is not told again at each try. */
function newsOf(object: GitRepository, said: Said): EventRecord[] {
  if (isTold(object, said)) return [];
  return [{ type: eventType(said.level), reason: said.reason, message: said.text }];
}
