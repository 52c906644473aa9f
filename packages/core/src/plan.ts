import type { ObjectKey } from '@plumb/api';
import type { DriftMode } from './drift-mode.ts';

/** Why a plan is made. Gates, budgets and messages depend on it. */
export type Cause = 'routine' | 'emergency' | 'drift' | 'rollback' | 'prune' | 'rebuild';

/** Per-object rules read from its labels or annotations (`kustomize.toolkit.fluxcd.io/...`), labels and annotations alike. */
export interface ObjectRules {
  /** What server-side apply does with fields others own. */
  ssa: 'Override' | 'Merge' | 'IfNotPresent' | 'Ignore';
  force: boolean;
  prune: boolean;
  reconcile: boolean;
  /** What it says of drift itself (`plumb.dev/drift`). */
  drift?: DriftMode;
}

/** What applying one object would do. */
export type ActionKind =
  /** Not there: create it. */
  | 'create'
  /** There, and what we declare differs from what we last sent: apply. */
  | 'change'
  /** There, unchanged by us, but the fields we own were changed by somebody else: apply. */
  | 'correct'
  /** There, and nothing is known of our last apply (after a restart, on adoption): compare the live object first. */
  | 'compare'
  /** This very declaration was applied before, and what is there differs or is gone: drift that is left as it is. */
  | 'tolerate'
  /** Nothing to do, no request. */
  | 'unchanged'
  /** A rule of the object says to leave it alone. */
  | 'skip';

export interface Action {
  kind: ActionKind;
  key: ObjectKey;
  /** Index into the bundle's objects. */
  index: number;
}

/** Objects applied together: all are checked by dry run before the first is written. The next stage waits for this one. */
export interface Stage {
  name: 'definitions' | 'classes' | 'custom' | 'rest';
  actions: readonly Action[];
}

/** An object a plan will not touch, and why: a rule or guard refuses it. */
export interface Refusal {
  key: ObjectKey;
  reason: string;
}

/** What applying a bundle would do now. */
export interface Plan {
  cause: Cause;
  stages: readonly Stage[];
  /** Objects of the old inventory that are no longer declared, in the order to delete them. */
  prune: readonly ObjectKey[];
  /** No longer declared either, and not in view: only the server can say that they are not there. */
  unseen: readonly ObjectKey[];
  refused: readonly Refusal[];
}
