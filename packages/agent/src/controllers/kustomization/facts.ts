import type { ObjectKey, Said } from '@plumb/api';
import type { Change } from '../../delivery/apply.ts';
import type { DriftNote } from '../../delivery/drift.ts';
import type { FoundDrift } from '../../delivery/tolerate.ts';

/** What the run did for a Kustomization, for its report. Only what happened is there. */
export interface Facts {
  /** The source's revision this run was about. */
  revision?: string;
  /** What its artifact itself was made from; '' where it does not say. */
  originRevision?: string;
  /** What the unit owns now. */
  inventory?: readonly ObjectKey[];
  /** The bundle that is in force now. */
  digest?: string;
  /** What cut the wait for the last delivery short. */
  canceled?: Pick<ObjectKey, 'kind' | 'namespace' | 'name'>;
  /** What the build warned of, where it is another than the last time. */
  warnings?: readonly string[];
  changes: readonly Change[];
  drift: readonly DriftNote[];
  /** Drift that is new and left as it is. */
  found: readonly FoundDrift[];
  /** What was done to keep to what was delivered last, where what is declared now could not be. */
  held?: Facts;
  /** Of what is held to: what the wait for its health came to, where it was lost. */
  lost?: Said;
  /** Every object whose drift is left and told; left out while that is not known. */
  drifted?: readonly ObjectKey[];
  /** Milliseconds from the first step of the delivery. */
  took: number;
  /** 'none': nothing to wait for. */
  health: 'none' | 'waiting' | 'passed' | 'failed';
  /** Milliseconds the run may take in all. */
  timeout: number;
}

export const NOTHING: Facts = { changes: [], drift: [], found: [], took: 0, health: 'none', timeout: 0 };
