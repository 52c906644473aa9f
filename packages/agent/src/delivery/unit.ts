import type { JsonObject, KubeObject, ObjectKey, Said, UnitRef } from '@plumb/api';
import { APPLY_MANAGER, parseJson, printJson, systemError } from '@plumb/api';
import type { Applied, DriftMode, ObjectRules } from '@plumb/core';
import { declaredFor, declaredRules, rulesOf, storedForm, unknownDriftMode } from '@plumb/core';
import type { Bundle, Origin, ReadSet } from '@plumb/render';
import type { BroughtConfig, Digests, Ground, SourceRange } from './brought.ts';
import type { Destination } from './destination.ts';
import { Fights } from './fights.ts';
import type { Pack } from './packs.ts';
import type { Recalled } from './record-file.ts';
import type { Target } from './settle.ts';
import { SpecExpressions } from './spec-expressions.ts';
import type { Tolerated } from './tolerate.ts';
import { Verdicts } from './verdicts.ts';

/** A desired object at rest: its body is a part of its bundle's pack. */
export interface StoredObject {
  key: ObjectKey;
  digest: string;
  rules: ObjectRules;
  /** JSON pointers of the fields that are left to others once the object exists. */
  ignored: readonly string[];
  origin: Origin;
  pack: Pack;
  /** Bytes from the pack's beginning. */
  at: number;
  size: number;
}

/** A built bundle and the inputs it stands for. */
export interface StoredBundle {
  digest: string;
  /** Digest over the part of the spec that shapes the objects. */
  specDigest: string;
  /** The versions of the ConfigMaps and Secrets it was made with (delivery/references.ts). */
  configs: string;
  /** Digests of what was put in for variables (delivery/brought.ts). */
  values?: Digests;
  /** Units that bring what was put in, as far as this process has seen it. */
  brings?: Readonly<Record<string, BroughtConfig>>;
  /** The artifact it was last found valid for. */
  revision: string;
  artifactDigest: string;
  objects: readonly StoredObject[];
  pack: Pack;
  reads: ReadSet;
  warnings: readonly string[];
  /** Objects that say something of drift that nobody knows. */
  unknownModes: readonly UnknownMode[];
}

/** A value of the annotation about drift that is none. */
export interface UnknownMode {
  object: ObjectKey;
  value: string;
}

/** What the agent knows of its own last apply to an object, and the version the server gave it. */
export interface AppliedRecord extends Applied {
  uid: string;
  resourceVersion: string;
  /** What the declaration says of drift. */
  drift?: DriftMode;
  /** What was said of it on the live object when that was last seen to differ. */
  driftSeen?: DriftMode | undefined;
}

/** Evidence of drift: the live object as it was found, that it was gone, or only that it differed. */
export type Evidence = KubeObject | 'gone' | 'unread';

/** A delivery whose objects are not all healthy yet. No worker is held while it lasts. */
export interface Settling {
  startedAt: number;
  deadline: number;
  /** What is waited for. */
  targets: readonly Target[];
  /** What is not in view, and verdicts that were not to be had, are tried again from then on. Milliseconds. */
  lookAgainAt: number;
  /** The wait is over and lost; the objects may still recover by themselves. */
  failed: boolean;
}

/** The last delivery that was carried out. `inputs` names what it was made from; `at` is when it ended, in milliseconds. */
export interface Delivered {
  inputs: string;
  revision: string;
  /** What the artifact itself was made from; '' where it does not say. */
  originRevision: string;
  at: number;
}

/** Tries in a row to delete the unit that failed, and what was told of the last one. */
export interface DeletionTrouble {
  count: number;
  told: string;
}

/** The last run failed with these inputs: the same ones are not tried again before `retryAt`. */
export interface Failed {
  said: Said;
  inputs: string;
  retryAt: number;
  count: number;
}

/** Our last applies, by object. It knows whether any of them left another state than before. */
class AppliedObjects extends Map<string, AppliedRecord> {
  changed = false;

  override set(id: string, applied: AppliedRecord): this {
    const { desiredDigest, ownedHash } = this.get(id) ?? {};
    this.changed ||= desiredDigest !== applied.desiredDigest || ownedHash !== applied.ownedHash;
    return super.set(id, applied);
  }
}

/** All that is kept of one unit between runs. A restart brings back what can be verified, and nothing depends on it but speed. */
export class UnitMemory {
  readonly ref: UnitRef;
  /** The uid of the object: one deleted and made anew under the same name is another unit. */
  readonly uid: string;
  bundle: StoredBundle | null = null;
  readonly applied = new AppliedObjects();
  /** What an earlier process applied, until it is compared with what is there, or the unit delivered. */
  recalled: ReadonlyMap<string, Recalled> | null = null;
  readonly drifted = new Map<string, Evidence>();
  fights = new Fights();
  /** Drift that is left as it is, by object. */
  readonly tolerated = new Map<string, Tolerated>();
  /** How often drift that is left was told of an object lately: who changes it all the time is told of ever more slowly. */
  tellings = new Fights();
  /** What an earlier process told of drift that is left. */
  toldBefore: ReadonlyMap<string, string> = new Map();
  /** Drift that was left is there no longer: the status says otherwise yet. */
  driftEnded = false;
  /** The cluster the last run went to; null before the first. */
  destination: Destination | null = null;
  /** The cluster that all of this is about (`Destination.place`); null where that is not known. */
  place: string | null = null;
  /** It has not been delivered to this cluster yet, but to another. */
  moved = false;
  /** The user that applies (controllers/kustomization/acting-as.ts); empty for the agent itself, null where that is not known. */
  actor: string | null = null;
  /** What is in force was applied as somebody else: this user has not delivered it yet. */
  unproven = false;
  /** Objects an apply is under way for: an event about them is judged when the answer is in. */
  readonly inFlight = new Set<string>();
  /** Objects that a stage was kept back for in vain: no run waits for them again, a change of their health brings the next. */
  readonly overdue = new Set<string>();
  /** Objects that an action of a release waited for in vain, while none began since. */
  readonly missed = new Set<string>();
  settling: Settling | null = null;
  /** What its own expressions say of the objects it waits for. */
  readonly verdicts = new Verdicts();
  /** What is known of the expressions in its spec. */
  readonly expressions = new SpecExpressions();
  delivered: Delivered | null = null;
  /** Of a release: digests of what its records say, by their names, as we brought it into force ourselves or found it (releases/vouched.ts). */
  vouched = new Map<string, string>();
  /** What is in force comes from, by what we did ourselves, whatever the status says; null where we do not know. */
  brought: Ground | null = null;
  /** What was in force in the cluster that it went to before, until it is delivered to this one. */
  elsewhere: Ground | null = null;
  failed: Failed | null = null;
  /** What gates are judged by has changed since a run was held, or while one was under way: the next one is not kept waiting. */
  judgeAgain = false;
  /** keyIds of what may not be deleted to be made anew, as gates judged the delivery that is under way; and whether gates are asked for it then. */
  guard: { guarded: ReadonlySet<string>; isAsked: boolean } = { guarded: new Set(), isAsked: true };
  /** keyIds of what has to be deleted to be made anew, and was guarded: gates are asked for that. */
  readonly replacing = new Set<string>();
  /** keyIds and uids of what hooks may delete to make their own: what gates have seen, and what hooks have made since. */
  readonly remaking = new Map<string, string>();
  /** The value of requestedAt the last delivery began with: it is answered, though its end is not reported yet. */
  answering: string | null = null;
  /** Repairs of drift in a row that failed, and when the next may be tried. */
  driftFailed: { count: number; retryAt: number } = { count: 0, retryAt: 0 };
  /** Since when something else must come first, in milliseconds. */
  awaitingSince: number | null = null;
  /** While the unit is being deleted and waits for its objects to end: until when, in milliseconds. */
  terminateBy: number | null = null;
  /** Told by the unit that brought it and was removed itself: the commits that did it. */
  removedBy: readonly SourceRange[] | null = null;
  deletion: DeletionTrouble = { count: 0, told: '' };
  /** While the unit is being deleted and its cluster cannot be reached: since when, in milliseconds. */
  unreachedSince: number | null = null;
  /** Values of the annotation about drift that nobody knows, as they were told. */
  readonly toldModes = new Set<string>();
  /** In [0, 1): where in the jitter's range this unit's next run lies. Drawn anew for each delivery. */
  spread: number | null = null;

  constructor(ref: UnitRef, uid: string) {
    this.ref = ref;
    this.uid = uid;
  }

  /** From now on it is about this cluster: what is known of its objects in another says nothing of them here. */
  goTo(destination: Destination): void {
    const { place } = destination;
    if (this.place !== null && this.place !== place) this.#startOver();
    this.destination = destination;
    this.place = place;
  }

  /** From now on this user applies. That another one could deliver the objects does not say that this one may. */
  actAs(actor: string): void {
    this.unproven ||= this.actor !== null && this.actor !== actor;
    this.actor = actor;
  }

  /** A rule says to leave the object alone: whatever becomes of it is no drift. */
  letGo(id: string): void {
    this.drifted.delete(id);
    this.tolerated.delete(id);
  }

  /** From now on it is none of ours. */
  disown(id: string): void {
    this.applied.delete(id);
    this.overdue.delete(id);
    this.letGo(id);
  }

  #startOver(): void {
    this.applied.clear();
    this.applied.changed = true;
    this.recalled = null;
    this.elsewhere = this.brought ?? this.elsewhere;
    this.brought = null;
    this.vouched.clear();
    this.drifted.clear();
    this.fights = new Fights();
    this.tolerated.clear();
    this.tellings = new Fights();
    this.toldBefore = new Map();
    this.driftEnded = false;
    this.driftFailed = { count: 0, retryAt: 0 };
    this.overdue.clear();
    this.missed.clear();
    this.settling = null;
    this.verdicts.begin([], []);
    this.moved = true;
  }
}

export function storeBundle(
  bundle: Bundle,
  stamp: Pick<StoredBundle, 'specDigest' | 'configs' | 'values' | 'brings' | 'revision' | 'artifactDigest'>,
  manager: string = APPLY_MANAGER,
): StoredBundle {
  const { digest, reads, warnings, secrets } = bundle;
  const pack: Pack = secrets.length === 0 ? { bytes: null } : { bytes: null, secrets };
  const texts: string[] = [];
  let end = 0;
  const objects = bundle.objects.map((desired): StoredObject => {
    const text = printJson(storedForm(desired.body));
    texts.push(text);
    const at = end;
    const size = Buffer.byteLength(text);
    end += size;
    const { key, digest, origin, ignored, body } = desired;
    const rules = declaredRules(body, ignored, manager);
    return { key, digest, origin, ignored, rules, pack, at, size };
  });
  // Of its own: a piece of the pool that buffers share would keep all of that, for as long as the unit is there.
  pack.bytes = Buffer.allocUnsafeSlow(end);
  pack.bytes.write(texts.join(''));
  const unknownModes = bundle.objects.flatMap(({ key: object, body }) => {
    const value = rulesOf(body, manager).drift === undefined ? null : unknownDriftMode(body);
    // A variable may have put it there.
    return value === null ? [] : [{ object, value: secrets.length === 0 ? value : '***' }];
  });
  return { ...stamp, digest, reads, warnings, objects, unknownModes, pack };
}

/** @throws PlumbError `internal` while the bundle's bodies are not in memory */
export function bodyOf({ pack, at, size }: StoredObject): KubeObject {
  if (pack.bytes === null) throw systemError('internal', 'the bodies of a bundle are used without being loaded');
  return parseJson(pack.bytes.toString('utf8', at, at + size)) as JsonObject as unknown as KubeObject;
}

/** What is declared of an object as it is there now, null for none: its ignored fields are left out, as far as there is something to leave. */
export function declaredOf(stored: StoredObject, live: KubeObject | null): KubeObject {
  const body = bodyOf(stored);
  return live === null ? body : declaredFor(body, live, stored.ignored);
}

/** Puts the bodies of a bundle that was built again in their place. @returns false when it came out different */
export function refill(bundle: StoredBundle, again: StoredBundle): boolean {
  const same =
    bundle.objects.length === again.objects.length &&
    bundle.objects.every(({ digest, size }, index) => {
      const other = again.objects[index];
      return other?.digest === digest && other.size === size;
    });
  if (same) Object.assign(bundle.pack, again.pack);
  return same;
}
