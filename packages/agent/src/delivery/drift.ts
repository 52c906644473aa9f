import type { KubeObject, ObjectKey } from '@plumb/api';
import { keyId, printJson } from '@plumb/api';
import type { ActionKind, DriftMode, Plan } from '@plumb/core';
import { contentHash, endOfJob, explainDrift, ownershipOf } from '@plumb/core';
import type { ApplyContext } from './apply.ts';
import type { LiveChange } from './live.ts';
import type { UnitMemory } from './unit.ts';
import { declaredOf } from './unit.ts';
import { compareVersions } from '../runtime/versions.ts';

/** What was found changed on one object, and by whom: names of field managers and paths, never values. */
export interface DriftNote {
  key: ObjectKey;
  how: 'changed' | 'removed';
  paths: string[];
  managers: string[];
}

/**
 * Judges a change of a live object against what the unit last applied to it. A drifted object is remembered with its evidence until it is put
 * right, or told where it is to be left. @returns whether there is something to do: it is drift, or drift that was left is over
 */
export function judge(change: LiveChange, unit: UnitMemory): boolean {
  const { id, after, object } = change;
  const applied = unit.applied.get(id);
  if (applied === undefined || unit.inFlight.has(id)) return false;
  if (after === undefined) {
    const ended = endOfJob(object);
    if (ended !== null) {
      applied.ended = ended;
      return isOver(id, unit);
    }
    applied.driftSeen = undefined;
    unit.drifted.set(id, 'gone');
    return true;
  }
  // What comes after is measured against the state the server went back to.
  if (change.rewound === true) applied.resourceVersion = after.resourceVersion;
  else if (after.uid === applied.uid && compareVersions(after.resourceVersion, applied.resourceVersion) <= 0)
    return false;
  if (after.ownedHash === applied.ownedHash) return isOver(id, unit);
  if (unit.tolerated.get(id)?.seen === contentHash(object)) return false;
  applied.driftSeen = after.rules?.drift;
  unit.drifted.set(id, isRoomFor(object, id, unit) ? object : 'unread');
  return true;
}

/** It is as it was left, or done. @returns whether the status says otherwise yet */
function isOver(id: string, unit: UnitMemory): boolean {
  unit.drifted.delete(id);
  if (!unit.tolerated.delete(id)) return false;
  unit.driftEnded = true;
  return true;
}

/** Objects of one unit whose drift is kept with the object itself until it is put right, to name managers and paths; and the longest of them, in characters. */
const EVIDENCE = { objects: 64, length: 65_536 };

function isRoomFor(object: KubeObject, id: string, { drifted }: UnitMemory): boolean {
  if (drifted.size >= EVIDENCE.objects && typeof drifted.get(id) !== 'object') return false;
  return printJson(object).length <= EVIDENCE.length;
}

/** What is done about drift of an object, as far as is known without its declaration. */
function modeOf({ applied }: UnitMemory, id: string, unitMode: DriftMode): DriftMode {
  const record = applied.get(id);
  return record?.drift ?? record?.driftSeen ?? unitMode;
}

/** Whether drift of an object is neither put right nor told. */
export function isIgnored(unit: UnitMemory, id: string, unitMode: DriftMode): boolean {
  return modeOf(unit, id, unitMode) === 'ignore';
}

/** When drift of an object may be acted upon: who insists on it waits, whether it is put right or told. */
export function driftActionAt(unit: UnitMemory, id: string, now: number, unitMode: DriftMode): number {
  const series = modeOf(unit, id, unitMode) === 'correct' ? unit.fights : unit.tellings;
  return series.dueAt(id, now);
}

/** The drifted objects that may be acted upon now, with those whose drift was left and is not to be left so any more. */
export function dueDrift(unit: UnitMemory, now: number, unitMode: DriftMode): Set<string> {
  const drifted = [...unit.drifted.keys()].filter((id) => driftActionAt(unit, id, now, unitMode) <= now);
  const left = [...unit.tolerated].filter(([id, { mode }]) => modeOf(unit, id, unitMode) !== mode);
  return new Set([...drifted, ...left.map(([id]) => id)]);
}

/** When the next of those that wait may be acted upon; null when none waits. */
export function nextDrift(unit: UnitMemory, now: number, unitMode: DriftMode): number | null {
  const times = [...unit.drifted.keys()].map((id) => driftActionAt(unit, id, now, unitMode));
  const waits = times.filter((at) => at > now);
  return waits.length === 0 ? null : Math.min(...waits);
}

/** An object is as declared again: what is found from now on is new drift. */
export function settleDrift(unit: UnitMemory, id: string, now: number): void {
  if (unit.drifted.delete(id)) unit.fights.corrected(id, now);
  unit.tolerated.delete(id);
}

/** Who changed a drifted object again; null while that is not known. */
export function culprits(unit: UnitMemory, id: string, manager: string): string[] | null {
  const evidence = unit.drifted.get(id);
  if (evidence === undefined || evidence === 'unread') return null;
  if (evidence === 'gone') return [];
  const stored = unit.bundle?.objects.find(({ key }) => keyId(key) === id);
  if (stored === undefined || stored.pack.bytes === null) return null;
  return explainDrift(declaredOf(stored, evidence), evidence, manager).managers;
}

/** Says what a plan is about to put right, from the evidence kept when it was found. */
export function explain(plan: Plan, context: ApplyContext): DriftNote[] {
  const { unit, bundle, fieldManager } = context;
  const notes: DriftNote[] = [];
  for (const { key, index, kind } of plan.stages.flatMap((stage) => stage.actions)) {
    const evidence = unit.drifted.get(keyId(key));
    const stored = bundle.objects[index];
    if (stored === undefined || !REPAIRS.has(kind)) continue;
    if (evidence === undefined) notes.push(...wasLeft(unit, keyId(key), kind));
    if (evidence === undefined) continue;
    if (evidence === 'gone') notes.push({ key, how: 'removed', paths: [], managers: [] });
    else if (evidence === 'unread') notes.push({ key, how: 'changed', paths: [], managers: [] });
    else notes.push(...changeNotes(key, explainDrift(declaredOf(stored, evidence), evidence, fieldManager)));
  }
  return notes;
}

const REPAIRS: ReadonlySet<ActionKind> = new Set(['create', 'change', 'correct', 'compare']);

/** Drift that was left until now. A change of the declaration is no repair of it. */
function wasLeft({ tolerated }: UnitMemory, id: string, kind: ActionKind): DriftNote[] {
  const note = tolerated.get(id)?.note ?? null;
  return note === null || kind === 'change' ? [] : [note];
}

/** A path may change hands without a declared value changing, as when the first annotation is added beside our empty map: that is no news. */
function changeNotes(key: ObjectKey, found: { paths: string[]; managers: string[] }): DriftNote[] {
  return found.paths.length === 0 ? [] : [{ key, how: 'changed', paths: found.paths, managers: found.managers }];
}

/**
 * An object that left the watch was deleted, or only lost the label it is watched by: the answer to its repair tells, being the same object or
 * another. Call it before the repair; what it gives, after.
 */
export function tellApart(notes: readonly DriftNote[], unit: UnitMemory): () => DriftNote[] {
  const uidOf = ({ key }: DriftNote): string | undefined => unit.applied.get(keyId(key))?.uid;
  const before = new Map(notes.map((note) => [note, uidOf(note)]));
  return () =>
    notes.map((note) => {
      const same = note.how === 'removed' && uidOf(note) === before.get(note);
      return same ? { ...note, how: 'changed', paths: [`metadata.labels[${ownershipOf(unit.ref).nameLabel}]`] } : note;
    });
}
