import type { UnitRef } from '@plumb/api';
import type { Health } from './health.ts';
import type { ObjectRules } from './plan.ts';

/** All that is kept of a live object (docs/architecture.md): no body. */
export interface Observed {
  uid: string;
  resourceVersion: string;
  /** Hash over the paths and values our field manager owns; '' when it owns none. */
  ownedHash: string;
  health: Health;
  /** The unit its owner labels name; null without them. */
  owner: UnitRef | null;
  /** The rules the live object itself carries; they hold beside the declared ones. Left out: the defaults. */
  rules?: ObjectRules;
  /** Of a Kustomization: which of its specs that is. */
  generation?: number;
  /** It holds fields or notes of kubectl, which are taken over with the next change of its declaration. */
  former?: true;
}

/** What the agent knows of its own last apply to an object. Lost on restart; then the live object is compared instead. */
export interface Applied {
  /** Desired.digest of what was sent. */
  desiredDigest: string;
  /** Observed.ownedHash of the API server's answer. Another value seen later is drift. */
  ownedHash: string;
  /** A Job that ended, and how, before its time to live removed it: it is not made again until its declaration changes, or its release is upgraded. */
  ended?: 'complete' | 'failed';
}
