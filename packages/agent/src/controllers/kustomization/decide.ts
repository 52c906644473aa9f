import type { GitRepository, Kustomization, Said } from '@plumb/api';
import {
  checkKustomization,
  FINALIZER,
  kustomizationMessages as messages,
  notImplemented,
  ownMessages,
  parseDuration,
  say,
} from '@plumb/api';
import { dependencyCycle, dependencyFlaw, dependencyIds } from '@plumb/core';
import type { Cause } from '@plumb/core';
import type { Delivered, Failed, Settling } from '../../delivery/unit.ts';
import { requestedAt } from '../../runtime/flux-object.ts';

/** All a decision is made from. Plain data; `now` is milliseconds since the epoch. */
export interface Seen {
  object: Kustomization | undefined;
  now: number;
  source: GitRepository | undefined;
  /** The versions of what the unit refers to and is watched. */
  configs: readonly string[];
  /** Every Kustomization a dependency names, by `namespace/name`. */
  kustomization: (id: string) => Kustomization | undefined;
  delivered: Delivered | null;
  failed: Failed | null;
  settling: Settling | null;
  /** The value of requestedAt the last delivery began with. */
  answering: string | null;
  /** The last run found that something else must come first. */
  awaiting: boolean;
  /** Objects found changed or gone that may be put right now. */
  drifted: number;
  /** A repair that failed is not tried again before this time. */
  driftRetryAt: number;
  /** Milliseconds; spec.interval with its jitter. */
  interval: number;
  settings: { crossNamespaceRefs: boolean; dependencyInterval: number };
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
  | { do: 'deliver'; cause: Cause; source: GitRepository | undefined }
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
  const said = sourceFlaw(object, seen) ?? dependenciesFlaw(object, seen);
  // What was delivered is kept as it is even while something newer has to wait.
  if (said !== null && isRepairDue(seen)) return { do: 'deliver', cause: 'drift', source };
  if (said !== null || source === undefined) {
    return { do: 'await', said: said ?? sourceMissing(object), after: seen.settings.dependencyInterval };
  }
  return { do: 'deliver', cause, source };
}

/** A mistake in the object itself: nothing but a change of it can help. */
function specFlaw(object: Kustomization, seen: Seen): Said | null {
  const checked = checkKustomization(object);
  if (!checked.ok) return say(ownMessages.invalidSpec, { problems: checked.problems });
  const fields = notImplemented(object);
  if (fields.length > 0) return say(ownMessages.notImplemented, { fields });
  const { kind, name, namespace = '' } = object.spec.sourceRef;
  const foreign = namespace !== '' && namespace !== object.metadata.namespace;
  if (foreign && !seen.settings.crossNamespaceRefs) {
    return say(messages.accessDenied, { source: { kind, name, namespace } });
  }
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

function isRepairDue({ delivered, drifted, driftRetryAt, now }: Seen): boolean {
  return delivered !== null && drifted > 0 && now >= driftRetryAt;
}

/** A new value of the annotation requestedAt asks for a run, whatever else is due. */
function isAsked(object: Kustomization, answering: string | null): boolean {
  const requested = requestedAt(object);
  return requested !== undefined && requested !== object.status?.lastHandledReconcileAt && requested !== answering;
}

/** Names the inputs of a delivery: the same text, the same work. Its first line is of object and source, the others of one config each. */
export function inputsOf(object: Kustomization, source: GitRepository | undefined, configs: readonly string[]): string {
  const { uid, generation } = object.metadata;
  const artifact = source?.status?.artifact;
  return [[uid, generation, artifact?.revision ?? '', artifact?.digest ?? ''].join(' '), ...configs].join('\n');
}

/** Milliseconds between tries after a failure. */
export function retryIntervalOf({ spec }: Kustomization): number {
  return parseDuration(spec.retryInterval ?? spec.interval);
}

function sourceMissing(object: Kustomization): Said {
  const { kind, name, namespace = '' } = object.spec.sourceRef;
  return say(messages.sourceNotFound, { source: { kind, name, namespace } });
}

function sourceFlaw(object: Kustomization, { source, settings }: Seen): Said | null {
  if (source === undefined) return sourceMissing(object);
  if (source.status?.artifact !== undefined) return null;
  return say(messages.artifactMissing, { retry: settings.dependencyInterval });
}

function dependenciesFlaw(object: Kustomization, seen: Seen): Said | null {
  const cycle = dependencyCycle(object, seen.kustomization);
  if (cycle !== null) return say(ownMessages.dependencyCycle, { cycle });
  for (const id of dependencyIds(object)) {
    const flaw = dependencyFlaw(object, seen.kustomization(id), seen.source);
    if (flaw !== null) return say(DEPENDENCY_FLAWS[flaw], { dependency: id });
  }
  return null;
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
