import type { HelmRelease, Said, Source } from '@plumb/api';
import { checkHelmRelease, displayKey, FINALIZER, helmReleaseMessages as messages, ownMessages, say } from '@plumb/api';
import { compileIgnoreRules, dependencyFlaw } from '@plumb/core';
import type { Dependable, Dependency, ExpressionResult } from '@plumb/core';
import { dependenciesFlaw } from '../../delivery/dependencies.ts';
import { requestedAt } from '../../runtime/flux-object.ts';
import type { Access } from '../../runtime/source-objects.ts';
import type { FailedRun, Reconciled } from './memory.ts';
import { accessFlaw, sourceFlaw, sourceOf } from './source.ts';

/** All a decision is made from. Plain data; times are milliseconds. */
export interface Seen {
  object: HelmRelease | undefined;
  now: number;
  source: Source | undefined;
  access: Access;
  /** Names all that a reconciliation is made from. */
  inputs: string;
  dependency: (id: string) => Dependable | undefined;
  expressions: {
    flaw: string | null;
    trouble: string | null;
    result: (dependency: Dependency) => ExpressionResult | undefined;
  };
  reconciled: Reconciled | null;
  failed: FailedRun | null;
  /** What an unfinished reconciliation is made from; null for none. */
  underway: string | null;
  /** Its action waits for something. */
  isBusy: boolean;
  /** Its action has ended, and nobody has taken in what it came to. */
  hasEnded: boolean;
  /** The value of requestedAt the last reconciliation began with. */
  answering: string | null;
  awaiting: boolean;
  /** Objects that somebody changed, and that may be looked at now. */
  drifted: number;
  driftRetryAt: number;
  /** The record of the release is not the one that was looked at last. */
  isStorageNews: boolean;
  /** Something it depends on changed since its retries were spent. */
  changed: boolean;
  interval: number;
  settings: {
    crossNamespaceRefs: boolean;
    externalArtifacts: boolean;
    dependencyInterval: number;
    additiveReadyExpr: boolean;
  };
}

/** What to do now. */
export type Step =
  | { do: 'forget' }
  | { do: 'finalize' }
  | { do: 'rest' }
  /** What an action came to is taken in, though nothing is to follow it; `flaw` says why where the object itself is no good. */
  | { do: 'absorb'; flaw: Said | null }
  | { do: 'refuse'; said: Said }
  | { do: 'await'; said: Said; after: number }
  /** An action is under way, and nothing newer is to be done. */
  | { do: 'wait' }
  /** An action is under way that was for something else; `trigger` names what is another thing now. */
  | { do: 'cancel'; trigger: string }
  | { do: 'reconcile'; source: Source; isFresh: boolean }
  /** Nothing newer is to be tried now, and objects of the release in force have drifted. */
  | { do: 'repair'; said: Said; after: number }
  | { do: 'idle'; after: number };

export function decide(seen: Seen): Step {
  const { object } = seen;
  if (object === undefined) return { do: 'forget' };
  if (object.metadata.deletionTimestamp !== undefined)
    return object.metadata.finalizers?.includes(FINALIZER) ? { do: 'finalize' } : { do: 'forget' };
  const flaw = object.spec.suspend === true ? null : specFlaw(object, seen);
  if (seen.hasEnded && (object.spec.suspend === true || flaw !== null)) return { do: 'absorb', flaw };
  if (object.spec.suspend === true) return seen.isBusy ? { do: 'wait' } : { do: 'rest' };
  if (flaw !== null) return { do: 'refuse', said: flaw };
  if (seen.underway !== null) return goOn(object, seen, seen.underway);
  if (isDue(object, seen)) return begin(object, seen);
  return repairOf(seen) ?? { do: 'idle', after: idleTime(seen) };
}

/** A failure of something newer holds back nothing of what is in force. */
function repairOf({ failed, drifted, driftRetryAt, now }: Seen): Step | null {
  const said = failed?.said ?? null;
  if (failed === null || said === null || failed.holdsDrift === true || drifted === 0 || now < driftRetryAt)
    return null;
  return { do: 'repair', said, after: Math.max(0, failed.retryAt - now) };
}

/** A reconciliation that began goes on, unless what it was for is another thing by now. */
function goOn(object: HelmRelease, seen: Seen, underway: string): Step {
  const isNewer = underway !== seen.inputs;
  if (seen.isBusy && isNewer && seen.source?.status?.artifact !== undefined)
    return { do: 'cancel', trigger: triggerOf(object, underway, seen.inputs) };
  if (seen.isBusy) return { do: 'wait' };
  const { source } = seen;
  if (source !== undefined) return { do: 'reconcile', source, isFresh: isNewer };
  // What the action came to is told at once, though nothing can follow it.
  return seen.hasEnded ? { do: 'absorb', flaw: null } : { do: 'idle', after: seen.settings.dependencyInterval };
}

function begin(object: HelmRelease, seen: Seen): Step {
  const { source, access, settings } = seen;
  const said =
    expressionsTrouble(seen) ??
    dependenciesFlaw(object, seen, (dependency) => oneFlaw(object, dependency, seen)) ??
    sourceFlaw(object, source, access);
  if (said !== null || source === undefined) {
    return {
      do: 'await',
      said: said ?? say(ownMessages.notEvaluated, { error: '' }),
      after: settings.dependencyInterval,
    };
  }
  return { do: 'reconcile', source, isFresh: true };
}

/** A mistake in the object itself: nothing but a change of it can help. */
function specFlaw(object: HelmRelease, { expressions, settings }: Seen): Said | null {
  const checked = checkHelmRelease(object);
  if (!checked.ok) return say(ownMessages.invalidSpec, { problems: checked.problems });
  if (expressions.flaw !== null) return say(messages.invalidExpression, { error: expressions.flaw });
  const ignored = compileIgnoreRules(object.spec.driftDetection?.ignore ?? [], 'spec.driftDetection.ignore');
  if (typeof ignored !== 'function') return say(ownMessages.invalidSpec, { problems: ignored });
  return accessFlaw(object, settings);
}

/** A failure holds back the same inputs until its retry. */
function isDue(object: HelmRelease, seen: Seen): boolean {
  const { failed, reconciled, inputs, now } = seen;
  if (isAsked(object, seen.answering) || seen.changed || seen.isStorageNews) return true;
  const isHeld = failed !== null && failed.inputs === inputs && now < failed.retryAt;
  if (isHeld) return false;
  const isElapsed = reconciled !== null && now >= reconciled.at + seen.interval;
  const isNew = failed !== null || seen.awaiting || reconciled?.inputs !== inputs;
  return isNew || isElapsed || (seen.drifted > 0 && now >= seen.driftRetryAt);
}

/** A new value of the annotation requestedAt asks for a run, whatever else is due. */
function isAsked(object: HelmRelease, answering: string | null): boolean {
  const requested = requestedAt(object);
  return requested !== undefined && requested !== object.status?.lastHandledReconcileAt && requested !== answering;
}

/** Names the inputs of a reconciliation: the same text, the same work. */
export function inputsOf(object: HelmRelease, source: Source | undefined, configs: readonly string[]): string {
  const { uid, generation } = object.metadata;
  const artifact = source?.status?.artifact;
  return [[uid, generation, artifact?.revision ?? '', artifact?.digest ?? ''].join(' '), ...configs].join('\n');
}

/** What made the inputs other ones: the object itself, its source, or the first ConfigMap or Secret that changed, came or went. */
function triggerOf(object: HelmRelease, before: string, now: string): string {
  const [[own = '', ...configs], [newOwn = '', ...newConfigs]] = [before.split('\n'), now.split('\n')];
  const { namespace = '', name } = object.metadata;
  if (identityIn(own) !== identityIn(newOwn)) return displayKey({ kind: object.kind, namespace, name });
  if (own !== newOwn) return displayKey(sourceOf(object));
  const changed =
    newConfigs.find((line) => !configs.includes(line)) ?? configs.find((line) => !newConfigs.includes(line));
  return changed?.split(' ', 1)[0] ?? '';
}

/** Of the first line of inputs. */
function identityIn(line: string): string {
  return line.split(' ').slice(0, 2).join(' ');
}

function expressionsTrouble({ expressions: { trouble } }: Seen): Said | null {
  return trouble === null ? null : say(ownMessages.notEvaluated, { error: trouble });
}

function oneFlaw(object: HelmRelease, dependency: Dependency, seen: Seen): Said | null {
  const { id, readyExpr } = dependency;
  const found = seen.dependency(id);
  const name = nameOf(dependency);
  if (found === undefined) return say(messages.dependencyNotFound, { dependency: name });
  const flaw = dependencyFlaw(object, found, undefined);
  const usual = flaw === null ? null : say(messages.dependencyNotReady, { dependency: name });
  if (readyExpr === '') return usual;
  const result = seen.expressions.result(dependency);
  if (result !== undefined && 'error' in result) return say(messages.dependencyNotEvaluated, result);
  if (result?.value !== true) return say(messages.dependencyNotReadyByExpression, { dependency: name });
  return seen.settings.additiveReadyExpr ? usual : null;
}

function nameOf({ id, kind }: Dependency): string {
  return kind === 'HelmRelease' ? id.slice('HelmRelease/'.length) : id;
}

function idleTime({ failed, reconciled, now, interval, drifted, driftRetryAt }: Seen): number {
  const next = failed?.retryAt ?? (reconciled === null ? now : reconciled.at + interval);
  return Math.max(0, (drifted > 0 ? Math.min(next, driftRetryAt) : next) - now);
}
