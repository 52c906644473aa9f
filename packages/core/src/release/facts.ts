import type { HelmRelease } from '@plumb/api';

/** The states of a record in Helm's storage (helm pkg/release/common/status.go). */
export type HelmStatus =
  | 'deployed'
  | 'superseded'
  | 'failed'
  | 'uninstalled'
  | 'uninstalling'
  | 'pending-install'
  | 'pending-upgrade'
  | 'pending-rollback'
  | 'unknown';

/** What can be done to a release. `correct` puts drifted objects right; `uninstall` removes a release that moved away. */
export type ActionName =
  | 'install'
  | 'upgrade'
  | 'unlock'
  | 'test'
  | 'rollback'
  | 'uninstall-remediation'
  | 'uninstall'
  | 'correct';

/** What a release was made with beside its chart and values; empty where with nothing. */
export interface MadeWith {
  readonly postRenderersDigest: string;
  readonly commonMetadataDigest: string;
}

/** The newest record of a release in Helm's storage, as far as a decision needs it. */
export interface LastRelease {
  readonly version: number;
  readonly status: HelmStatus;
  /** Digest of the record, by the method of the snapshot of this version in status.history. */
  readonly digest: string;
  readonly name: string;
  readonly namespace: string;
  readonly chartName: string;
  readonly chartVersion: string;
  /** Digest of the values that the record holds. */
  readonly configDigest: string;
  /** When it was, as its snapshot has it: it tells a release from one that was made anew with the same number. */
  readonly lastDeployed: string;
  /** Null where nobody noted it beside the record: helm and Flux do not. */
  readonly madeWith: MadeWith | null;
  /** Its action neither succeeded nor failed: a kill cut it short, and the record was unlocked since (unlockedBy), or a lockdown did. Null: it ended. */
  readonly interrupted: 'killed' | 'locked-down' | null;
}

/** What is declared now. Digests are empty where nothing is declared. */
export interface WantedRelease extends MadeWith {
  /** As releaseNameOf gives it. */
  readonly releaseName: string;
  readonly chartName: string;
  /** With the digest that is appended for charts of an OCIRepository. */
  readonly chartVersion: string;
  /** Digest of the values that are declared. */
  readonly configDigest: string;
  /** With upgrade.preserveValues: digest of the values that a release made now would record, those of the last one under the declared ones. */
  readonly recordedDigest?: string;
}

/** All that a decision about a release is made from. Plain data; times are milliseconds. */
export interface ReleaseFacts {
  /** Its status is that of this moment, counters and history included. */
  readonly release: HelmRelease;
  /** Null when there is no record. */
  readonly last: LastRelease | null;
  readonly wanted: WantedRelease;
  /** A policy governs the release, and others made or edited the record in force since the agent knows of it. */
  readonly doubted: boolean;
  /** Whether somebody is at work on the release who is still alive: an action of this process, or whoever else the caller takes for alive. */
  readonly held: boolean;
  /** Objects differ from what the release says, and that is to be put right (`correct`) or only told (`warn`). Null: they do not, or nobody looks. */
  readonly drifted: 'correct' | 'warn' | null;
  /** What became of the record that previousSnapshot names: `changed` when its digest is another one, `none` when no snapshot is one to roll back to. */
  readonly target: 'there' | 'missing' | 'changed' | 'none';
  /** Number of the record to roll back to where the target is not there (fallbacksIn). Null: there is none, or none is needed. */
  readonly fallback: number | null;
  /** A force token that was not handled yet. */
  readonly forceRequested: boolean;
  /** A reset token that was not handled yet. */
  readonly resetRequested: boolean;
  /** Something that the release depends on changed since it ran out of retries: a dependency turned ready, the cluster came back. */
  readonly changedSinceExhausted: boolean;
  /** Time since the last install, upgrade or remedy ended; Infinity where nobody knows. */
  readonly sinceLastTry: number;
  /** What this run did already, in order. */
  readonly done: readonly ActionName[];
}

/** Whether an action was under way when the record was written. Helm's list leaves out `uninstalling`, which binds a release just as well. */
export function isPending(status: string): boolean {
  return status.startsWith('pending-') || status === 'uninstalling';
}

const UNLOCKED = "Release unlocked from stale '";

/** The description of a record that is unlocked, in Flux's words (internal/reconcile/unlock.go). */
export function unlockedBy(status: HelmStatus): string {
  return `${UNLOCKED}${status}' state`;
}

/** Why a lockdown ends what is under way: a record's description ends with it then. */
export const LOCKED_DOWN = 'changes are locked down';

/** What cut an action short, by its record's description; null where nothing did. */
export function interruptionOf(description: string): LastRelease['interrupted'] {
  if (description.startsWith(UNLOCKED)) return 'killed';
  return description.endsWith(LOCKED_DOWN) ? 'locked-down' : null;
}

/** The action that a pending record was made by, for its snapshot in status.history. */
export function pendingAction(status: HelmStatus): 'install' | 'upgrade' | 'rollback' | 'uninstall' | undefined {
  switch (status) {
    case 'pending-install':
      return 'install';
    case 'pending-upgrade':
      return 'upgrade';
    case 'pending-rollback':
      return 'rollback';
    case 'uninstalling':
      return 'uninstall';
    default:
      return undefined;
  }
}
