import type { JsonObject, KubeObject, ObjectKey, Said, UnitRef } from '@plumb/api';
import { parseJson, printJson } from '@plumb/api';
import type { Applied, ObjectRules } from '@plumb/core';
import { rulesOf, storedForm } from '@plumb/core';
import type { Bundle, Desired, Origin, ReadSet } from '@plumb/render';
import { Fights } from './fights.ts';

/** A desired object at rest: its body is kept as bytes, outside the JavaScript heap. */
export interface StoredObject {
  key: ObjectKey;
  digest: string;
  rules: ObjectRules;
  origin: Origin;
  body: Buffer;
}

/** A built bundle and the inputs it stands for. */
export interface StoredBundle {
  digest: string;
  /** Digest over the part of the spec that shapes the objects. */
  specDigest: string;
  /** The artifact it was last found valid for. */
  revision: string;
  artifactDigest: string;
  objects: readonly StoredObject[];
  reads: ReadSet;
  warnings: readonly string[];
}

/** What the agent knows of its own last apply to an object, and the version the server gave it. */
export interface AppliedRecord extends Applied {
  uid: string;
  resourceVersion: string;
}

/** Evidence of drift: the live object as it was found, that it was gone, or only that it differed. */
export type Evidence = KubeObject | 'gone' | 'unread';

/** A delivery whose objects are not all healthy yet. No worker is held while it lasts. */
export interface Settling {
  startedAt: number;
  deadline: number;
  /** The wait is over and lost; the objects may still recover by themselves. */
  failed: boolean;
}

/** The last delivery that was carried out. `inputs` names what it was made from; `at` is when it ended, in milliseconds. */
export interface Delivered {
  inputs: string;
  revision: string;
  at: number;
}

/** The last run failed with these inputs: the same ones are not tried again before `retryAt`. */
export interface Failed {
  said: Said;
  inputs: string;
  retryAt: number;
  count: number;
}

/** All that is kept of one unit between runs. It is lost on restart, and nothing depends on it but speed. */
export class UnitMemory {
  readonly ref: UnitRef;
  /** The uid of the object: one deleted and made anew under the same name is another unit. */
  readonly uid: string;
  bundle: StoredBundle | null = null;
  readonly applied = new Map<string, AppliedRecord>();
  readonly drifted = new Map<string, Evidence>();
  readonly fights = new Fights();
  /** Objects an apply is under way for: an event about them is judged when the answer is in. */
  readonly inFlight = new Set<string>();
  settling: Settling | null = null;
  delivered: Delivered | null = null;
  failed: Failed | null = null;
  /** The value of requestedAt the last delivery began with: it is answered, though its end is not reported yet. */
  answering: string | null = null;
  /** Repairs of drift in a row that failed, and when the next may be tried. */
  driftFailed: { count: number; retryAt: number } = { count: 0, retryAt: 0 };
  /** Since when something else must come first, in milliseconds. */
  awaitingSince: number | null = null;
  /** While the unit is being deleted and waits for its objects to end: until when, in milliseconds. */
  terminateBy: number | null = null;
  /** In [0, 1): where in the jitter's range this unit's next run lies. Drawn anew for each delivery. */
  spread: number | null = null;

  constructor(ref: UnitRef, uid: string) {
    this.ref = ref;
    this.uid = uid;
  }
}

export function storeBundle(
  bundle: Bundle,
  stamp: Pick<StoredBundle, 'specDigest' | 'revision' | 'artifactDigest'>,
): StoredBundle {
  return {
    ...stamp,
    digest: bundle.digest,
    reads: bundle.reads,
    warnings: bundle.warnings,
    objects: bundle.objects.map(storeObject),
  };
}

/** As the server will store it, so that what we own can be compared with what is there. */
function storeObject(desired: Desired): StoredObject {
  const { key, digest, origin, body } = desired;
  return { key, digest, origin, rules: rulesOf(body), body: Buffer.from(printJson(storedForm(body))) };
}

export function bodyOf(stored: StoredObject): KubeObject {
  return parseJson(stored.body.toString()) as JsonObject as unknown as KubeObject;
}
