import type { Kustomization, Said, Source } from '@plumb/api';
import {
  apiVersionOf,
  checkKustomization,
  EXTERNAL_ARTIFACT_KIND,
  FINALIZER,
  GIT_REPOSITORY,
  HELM_RELEASE,
  kustomizationMessages as messages,
  ownMessages,
  parseDuration,
  say,
} from '@plumb/api';
import { compileIgnoreRules, dependencyFlaw } from '@plumb/core';
import type { Cause, Dependable, Dependency, ExpressionResult } from '@plumb/core';
import { dependenciesFlaw } from '../../delivery/dependencies.ts';
import type { Delivered, Failed, Settling } from '../../delivery/unit.ts';
import { requestedAt } from '../../runtime/flux-object.ts';
import type { Access } from '../../runtime/source-objects.ts';

/** All a decision is made from. Plain data; `now` is milliseconds since the epoch. */
export interface Seen {
  object: Kustomization | undefined;
  now: number;
  source: Source | undefined;
  /** Whether sources of its kind can be looked up, and what keeps them away. */
  sources: Access;
  /** The versions of what the unit refers to and is watched. */
  configs: readonly string[];
  /** Every object a dependency names, by its id. */
  dependency: (id: string) => Dependable | undefined;
  /** Whether HelmReleases can be looked up, and what keeps them away. */
  helmReleases: Access;
  /** What the expressions of the spec say, as far as they could be evaluated. */
  expressions: SpecVerdicts;
  delivered: Delivered | null;
  failed: Failed | null;
  settling: Settling | null;
  /** The value of requestedAt the last delivery began with. */
  answering: string | null;
  /** The last run found that something else must come first. */
  awaiting: boolean;
  /** Objects found changed or gone that may be put right now, or told where they are left. */
  drifted: number;
  /** Drift that was left is over, and the status does not say so yet. */
  driftEnded: boolean;
  /** A repair that failed is not tried again before this time. */
  driftRetryAt: number;
  /** Milliseconds; spec.interval with its jitter. */
  interval: number;
  settings: {
    crossNamespaceRefs: boolean;
    /** Whether units may name sources of the kind ExternalArtifact. */
    externalArtifacts: boolean;
    dependencyInterval: number;
    /** A dependency with a readyExpr has to be ready by the usual rule too. */
    additiveReadyExpr: boolean;
  };
}

export interface SpecVerdicts {
  /** What is wrong with the expressions themselves. */
  flaw: string | null;
  /** Why they could not be evaluated. */
  trouble: string | null;
  /** What a readyExpr gave; undefined where it was not evaluated. */
  result: (dependency: Dependency) => ExpressionResult | undefined;
}

/** What to do now. */
export type Step =
  | { do: 'forget' }
  | { do: 'finalize' }
  | { do: 'rest' }
  | { do: 'refuse'; said: Said }
  /** Something else must come first. `after` is the outer safety net: its change wakes us at once. */
  | { do: 'await'; said: Said; after: number }
  /** Without a source only a repair of what it offered last. */
  | { do: 'deliver'; cause: Cause; source: Source | undefined }
  | { do: 'settle' }
  | { do: 'idle'; after: number };

export function decide(seen: Seen): Step {
  const { object } = seen;
  if (object === undefined) return { do: 'forget' };
  if (object.metadata.deletionTimestamp !== undefined) {
    return object.metadata.finalizers?.includes(FINALIZER) ? { do: 'finalize' } : { do: 'forget' };
  }
  if (object.spec.suspend === true) return { do: 'rest' };
  const flaw = specFlaw(object, seen);
  if (flaw !== null) return { do: 'refuse', said: flaw };
  const cause = dueCause(object, seen);
  if (cause !== null) return stepFor(object, cause, seen);
  return seen.settling === null ? { do: 'idle', after: idleTime(seen) } : { do: 'settle' };
}

/** A delivery is due: what has to come before it? */
function stepFor(object: Kustomization, cause: Cause, seen: Seen): Step {
  const { source } = seen;
  if (cause === 'drift') return { do: 'deliver', cause, source };
  const said =
    sourceFlaw(object, seen) ??
    expressionsTrouble(seen) ??
    dependenciesFlaw(object, seen, (dependency) => oneFlaw(object, dependency, seen));
  // What was delivered is kept as it is even while something newer has to wait.
  if (said !== null && isRepairDue(seen)) return { do: 'deliver', cause: 'drift', source };
  if (said !== null || source === undefined) {
    return { do: 'await', said: said ?? sourceMissing(object, seen.sources), after: seen.settings.dependencyInterval };
  }
  return { do: 'deliver', cause, source };
}

/** A mistake in the object itself: nothing but a change of it can help. */
function specFlaw(object: Kustomization, seen: Seen): Said | null {
  const checked = checkKustomization(object);
  if (!checked.ok) return say(ownMessages.invalidSpec, { problems: checked.problems });
  const { flaw } = seen.expressions;
  if (flaw !== null) return say(messages.invalidExpression, { error: flaw });
  const ignored = compileIgnoreRules(object.spec.ignore ?? []);
  if (typeof ignored !== 'function') return say(ownMessages.invalidSpec, { problems: ignored });
  const { kind, name, namespace = '' } = object.spec.sourceRef;
  const foreign = namespace !== '' && namespace !== object.metadata.namespace;
  if (foreign && !seen.settings.crossNamespaceRefs) {
    return say(messages.accessDenied, { source: { kind, name, namespace } });
  }
  if (kind === EXTERNAL_ARTIFACT_KIND && !seen.settings.externalArtifacts)
    return say(messages.gateDisabled, { source: sourceOf(object) });
  return null;
}

/**
 * Why a delivery is due now; null when it is not. A failure holds back the same inputs until its retry; it does not hold back the repair of
 * drift, which works on what was delivered last.
 */
function dueCause(object: Kustomization, seen: Seen): Cause | null {
  const { delivered, failed, now } = seen;
  const inputs = inputsOf(object, seen.source, seen.configs);
  const held = failed !== null && failed.inputs === inputs && now < failed.retryAt;
  // A wait ends by itself: its timeout may be longer than the interval.
  const waiting = seen.settling !== null && !seen.settling.failed;
  const elapsed = !waiting && delivered !== null && now >= delivered.at + seen.interval;
  const due = failed !== null || seen.awaiting || delivered?.inputs !== inputs || elapsed;
  if (isAsked(object, seen.answering) || (due && !held)) return 'routine';
  return isRepairDue(seen) ? 'drift' : null;
}

function isRepairDue({ delivered, drifted, driftEnded, driftRetryAt, now }: Seen): boolean {
  return delivered !== null && (drifted > 0 || driftEnded) && now >= driftRetryAt;
}

/** A new value of the annotation requestedAt asks for a run, whatever else is due. */
function isAsked(object: Kustomization, answering: string | null): boolean {
  const requested = requestedAt(object);
  return requested !== undefined && requested !== object.status?.lastHandledReconcileAt && requested !== answering;
}

/** Names the inputs of a delivery: the same text, the same work. Its first line is of object and source, the others of one config each. */
export function inputsOf(object: Kustomization, source: Source | undefined, configs: readonly string[]): string {
  const { uid, generation } = object.metadata;
  const artifact = source?.status?.artifact;
  return [[uid, generation, artifact?.revision ?? '', artifact?.digest ?? ''].join(' '), ...configs].join('\n');
}

/**
 * Whether a bundle was delivered, and no other tried since. A run that failed with it later changes nothing of that; one with another bundle
 * may have come halfway.
 */
export function isInForce({ status }: Pick<Kustomization, 'status'>, digest: string): boolean {
  for (const entry of status?.history ?? []) {
    if (entry.digest !== digest) return false;
    if (entry.lastReconciledStatus === 'ReconciliationSucceeded') return true;
  }
  return false;
}

/** Milliseconds between tries after a failure. */
export function retryIntervalOf({ spec }: Kustomization): number {
  return parseDuration(spec.retryInterval ?? spec.interval);
}

/** A unit's source as the spec names it, its namespace filled in. */
function sourceOf({ spec, metadata }: Kustomization): { kind: string; namespace: string; name: string } {
  const { kind, name, namespace = metadata.namespace ?? '' } = spec.sourceRef;
  return { kind, namespace, name };
}

/** Not in view is not found only where one can look. */
function sourceMissing(object: Kustomization, { availability, trouble }: Access): Said {
  const source = sourceOf(object);
  if (availability === 'not-served')
    return say(ownMessages.sourceNotServed, { source, apiVersion: apiVersionOf(GIT_REPOSITORY) });
  if (availability === 'pending') {
    const error = trouble ?? 'no answer yet';
    return say(messages.sourceUnknown, { source: `${source.namespace}/${source.name}`, error });
  }
  const { kind, name, namespace = '' } = object.spec.sourceRef;
  return say(messages.sourceNotFound, { source: { kind, name, namespace } });
}

function sourceFlaw(object: Kustomization, { source, sources, settings }: Seen): Said | null {
  if (source === undefined) return sourceMissing(object, sources);
  if (source.status?.artifact !== undefined) return null;
  return say(messages.artifactMissing, { retry: settings.dependencyInterval });
}

function expressionsTrouble({ expressions: { trouble } }: Seen): Said | null {
  return trouble === null ? null : say(ownMessages.notEvaluated, { error: trouble });
}

function oneFlaw(object: Kustomization, dependency: Dependency, seen: Seen): Said | null {
  const { id, readyExpr } = dependency;
  const found = seen.dependency(id);
  if (found === undefined) return absenceOf(dependency, seen);
  const flaw = dependencyFlaw(object, found, seen.source);
  const usual = flaw === null ? null : say(DEPENDENCY_FLAWS[flaw], { dependency: id });
  if (readyExpr === '') return usual;
  return expressionFlaw(dependency, seen) ?? (seen.settings.additiveReadyExpr ? usual : null);
}

function expressionFlaw(dependency: Dependency, { expressions }: Seen): Said | null {
  const result = expressions.result(dependency);
  if (result !== undefined && 'error' in result) return say(messages.dependencyNotEvaluated, result);
  if (result?.value === true) return null;
  return say(messages.dependencyNotReadyByExpression, { dependency: dependency.id });
}

/** Not in view is not found only where one can look. */
function absenceOf({ id, kind }: Dependency, { helmReleases }: Seen): Said {
  const { availability, trouble } = helmReleases;
  if (kind === 'Kustomization' || availability === 'listed')
    return say(messages.dependencyNotFound, { dependency: id });
  if (availability === 'not-served') {
    return say(ownMessages.dependencyNotServed, { dependency: id, kind, apiVersion: apiVersionOf(HELM_RELEASE) });
  }
  return say(ownMessages.dependencyUnknown, { dependency: id, why: trouble ?? 'no answer yet' });
}

const DEPENDENCY_FLAWS = {
  'not-found': messages.dependencyNotFound,
  'not-ready': messages.dependencyNotReady,
  outdated: messages.dependencyOutdated,
} as const;

function idleTime(seen: Seen): number {
  const { delivered, failed, now } = seen;
  const next = failed?.retryAt ?? (delivered === null ? now : delivered.at + seen.interval);
  const repair = seen.drifted > 0 && delivered !== null ? seen.driftRetryAt : next;
  return Math.max(0, Math.min(next, repair) - now);
}
