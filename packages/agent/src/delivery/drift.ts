import type { ObjectKey } from '@plumb/api';
import { keyId, OWNER_NAME_LABEL } from '@plumb/api';
import type { Plan } from '@plumb/core';
import { endOfJob, explainDrift } from '@plumb/core';
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
 * right. @returns whether it is drift
 */
export function judge(change: LiveChange, unit: UnitMemory): boolean {
  const { id, after, object } = change;
  const applied = unit.applied.get(id);
  if (applied === undefined || unit.inFlight.has(id)) return false;
  if (after === undefined) {
    const ended = endOfJob(object);
    if (ended !== null) {
      applied.ended = ended;
      unit.drifted.delete(id);
      return false;
    }
    unit.drifted.set(id, 'gone');
    return true;
  }
  // What comes after is measured against the state the server went back to.
  if (change.rewound === true) applied.resourceVersion = after.resourceVersion;
  else if (after.uid === applied.uid && compareVersions(after.resourceVersion, applied.resourceVersion) <= 0)
    return false;
  if (after.ownedHash === applied.ownedHash) {
    unit.drifted.delete(id);
    return false;
  }
  unit.drifted.set(id, unit.drifted.size < EVIDENCE_LIMIT ? object : 'unread');
  return true;
}

/** Objects of one unit whose drift is kept with the object itself, to name managers and paths. */
const EVIDENCE_LIMIT = 256;

/** The drifted objects that may be put right now; those somebody insists on wait their time. */
export function dueDrift({ drifted, fights }: UnitMemory, now: number): Set<string> {
  return new Set([...drifted.keys()].filter((id) => fights.dueAt(id, now) <= now));
}

/** When the next of those that wait may be put right; null when none waits. */
export function nextDrift({ drifted, fights }: UnitMemory, now: number): number | null {
  const waits = [...drifted.keys()].map((id) => fights.dueAt(id, now)).filter((at) => at > now);
  return waits.length === 0 ? null : Math.min(...waits);
}

/** An object is as declared again: what is found from now on is new drift. */
export function settleDrift({ drifted, fights }: UnitMemory, id: string, now: number): void {
  if (drifted.delete(id)) fights.corrected(id, now);
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
    if (evidence === undefined || stored === undefined || kind === 'unchanged' || kind === 'skip') continue;
    if (evidence === 'gone') notes.push({ key, how: 'removed', paths: [], managers: [] });
    else if (evidence === 'unread') notes.push({ key, how: 'changed', paths: [], managers: [] });
    else notes.push(...changeNotes(key, explainDrift(declaredOf(stored, evidence), evidence, fieldManager)));
  }
  return notes;
}

/** A path may change hands without a declared value changing, as when the first annotation is added beside our empty map: that is no news. */
function changeNotes(key: ObjectKey, found: { paths: string[]; managers: string[] }): DriftNote[] {
  return found.paths.length === 0 ? [] : [{ key, how: 'changed', paths: found.paths, managers: found.managers }];
}

const UNLABELLED = [`metadata.labels[${OWNER_NAME_LABEL}]`];

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
      return same ? { ...note, how: 'changed', paths: UNLABELLED } : note;
    });
}
