import type { FieldDrift, KubeObject, ObjectKey } from '@plumb/api';
import { asPlumbError, keyId, reworded } from '@plumb/api';
import type { PlumbError } from '@plumb/api';
import type { Action, DriftMode } from '@plumb/core';
import {
  appliedOtherwise,
  contentHash,
  driftModeFor,
  driftValues,
  hashOf,
  matchesLive,
  ownershipOf,
  shownValue,
} from '@plumb/core';
import { settleAll } from '../runtime/parallel.ts';
import type { ApplyContext } from './apply.ts';
import type { DriftNote } from './drift.ts';
import { hasRun } from './ended-jobs.ts';
import { toldOf } from './hide-secrets.ts';
import { record, storedOf } from './send.ts';
import type { StoredObject, UnitMemory } from './unit.ts';
import { declaredOf } from './unit.ts';

/** Drift that is left as it is, as it was when it was last looked at. No body, no value. */
export interface Tolerated {
  key: ObjectKey;
  mode: Exclude<DriftMode, 'correct'>;
  /** Of the live object: another one has changed again. */
  seen: string;
  /** Of what was told; '' for nothing. */
  told: string;
  /** What differs; null when it is only who owns it. */
  note: DriftNote | null;
}

/** Drift that was found and is left, with the values of the fields: short, and hidden where they may be secret. */
export interface FoundDrift extends DriftNote {
  changes: FieldDrift[];
  /** Fields beyond those. */
  more: number;
}

/** A live object that is gone. */
const GONE = 'gone';

/** A live object that drifted and that the unit's account may not read: whether it is gone is not known either. */
const UNSEEN = 'unseen';

/** Whether an object whose drift is left has to be looked at: it changed, or what holds for it did. */
export function isToBeLookedAt(action: Action, context: ApplyContext): boolean {
  const { unit } = context;
  const id = keyId(action.key);
  const known = unit.tolerated.get(id);
  if (unit.drifted.has(id) || known === undefined) return true;
  return known.mode === 'ignore' && modeFor(storedOf(action, context), context) === 'warn';
}

/**
 * Looks at objects whose drift is left: what is new of it is to be told, and nothing is written. One that turns out to be as declared is taken
 * for our own. An object that cannot be read now is left for the next time.
 */
export async function tolerate(
  actions: readonly Action[],
  context: ApplyContext,
): Promise<{ found: FoundDrift[]; error: PlumbError | null }> {
  const answers = await settleAll(actions, context.parallel, (action) => look(action, context));
  const values = answers.map((answer) => (answer.ok ? answer.value : null));
  const failures = answers.flatMap((answer, index) => {
    const action = actions[index];
    if (answer.ok || action === undefined) return [];
    const error = asPlumbError(answer.error);
    return [context.hidesValues ? reworded(error, toldOf(error, action.key, true)) : error];
  });
  return {
    found: values.filter((value) => value !== null),
    error: failures[0] ?? null,
  };
}

/** Which of these did not drift at all: we made them so ourselves, for another declaration. What cannot be read is none. */
export async function ownAmong(actions: readonly Action[], context: ApplyContext): Promise<Set<Action>> {
  const answers = await settleAll(actions, context.parallel, async (action) => {
    const stored = storedOf(action, context);
    const { live } = await see(stored, context);
    if (live === null || live === UNSEEN) return false;
    return isOwn(keyId(action.key), { declared: declaredOfOurs(stored, live, context), live }, context);
  });
  return new Set(actions.filter((_, index) => answers[index]?.ok === true && answers[index].value));
}

/** It differs by our own apply of something else. */
function isOwn(
  id: string,
  { declared, live }: { declared: KubeObject; live: KubeObject },
  { unit, fieldManager }: ApplyContext,
): boolean {
  return !unit.applied.has(id) && appliedOtherwise(declared, live, fieldManager);
}

/** What holds for objects that are not looked at again. */
export function keepMode(actions: readonly Action[], context: ApplyContext): void {
  for (const action of actions) {
    const known = context.unit.tolerated.get(keyId(action.key));
    const mode = modeFor(storedOf(action, context), context);
    if (known !== undefined && mode !== 'correct') known.mode = mode;
  }
}

/** The objects that are to be named as drifted, in no order. */
export function toldDrift({ tolerated }: Pick<UnitMemory, 'tolerated'>): ObjectKey[] {
  return [...tolerated.values()].filter(({ mode, note }) => mode === 'warn' && note !== null).map(({ key }) => key);
}

function modeFor({ key, rules }: StoredObject, { live, drift }: ApplyContext): DriftMode {
  return driftModeFor(rules, live.get(keyId(key))?.rules, drift);
}

async function look(action: Action, context: ApplyContext): Promise<FoundDrift | null> {
  const { unit } = context;
  const stored = storedOf(action, context);
  const id = keyId(action.key);
  const { live, isHidden } = await see(stored, context);
  if (live === UNSEEN) return leaveUnseen(action, stored, context);
  if (live === null) return hasRun(stored, unit) ? null : leave(stored, removal(stored), GONE, context);
  const declared = declaredOfOurs(stored, live, context);
  const drift = difference(stored, { declared, live }, context);
  // Only what gates have seen is applied: the next run asks them.
  if (isOwn(id, { declared, live }, context)) return null;
  const match = matchesLive(declared, live, context.fieldManager);
  if (match === 'equal' || (match === 'undecided' && drift.paths.length === 0)) {
    record(stored, live, context);
    return null;
  }
  const found = leave(stored, drift, live, context);
  return isHidden ? withoutDetails(found, stored.key, unit) : found;
}

/**
 * The live object. What our own watch kept of it is not for the unit's account, which may not be allowed to read it: where anything is to be
 * told, it is read as that account. `isHidden`: it may not.
 * @throws PlumbError api-forbidden where it may not, and nothing shows that the object drifted
 */
async function see(
  stored: StoredObject,
  context: ApplyContext,
): Promise<{ live: KubeObject | typeof UNSEEN | null; isHidden: boolean }> {
  const { key } = stored;
  const { unit } = context;
  const id = keyId(key);
  const evidence = unit.drifted.get(id);
  const isOurs = (unit.actor ?? '') === '';
  const isKept = typeof evidence === 'object';
  if (isKept && (isOurs || modeFor(stored, context) !== 'warn')) return { live: evidence, isHidden: false };
  try {
    // What left the watch may only have lost the label it is watched by.
    return { live: await read(key, context), isHidden: false };
  } catch (thrown) {
    if (asPlumbError(thrown).code !== 'api-forbidden') throw thrown;
    if (evidence === undefined && !unit.tolerated.has(id)) throw thrown;
    return { live: isKept ? evidence : UNSEEN, isHidden: true };
  }
}

/** It stays as it is, and only that it differs is told. */
function leaveUnseen(action: Action, stored: StoredObject, context: ApplyContext): FoundDrift | null {
  const { drifted, tolerated } = context.unit;
  const id = keyId(stored.key);
  if (drifted.has(id) || tolerated.get(id)?.note !== null)
    return leave(stored, { ...bare(stored.key), changes: [], more: 0 }, UNSEEN, context);
  // Nothing has changed since that was to be told.
  keepMode([action], context);
  return null;
}

function bare(key: ObjectKey): DriftNote {
  return { key, how: 'changed', paths: [], managers: [] };
}

/** Only that it differs. */
function withoutDetails(found: FoundDrift | null, key: ObjectKey, { tolerated }: UnitMemory): FoundDrift | null {
  const left = tolerated.get(keyId(key));
  if (left !== undefined && left.note !== null) left.note = bare(key);
  return found === null ? null : { ...bare(key), changes: [], more: 0 };
}

async function read(key: ObjectKey, { cluster, signal }: ApplyContext): Promise<KubeObject | null> {
  return (await cluster.resource(key)) === null ? null : cluster.get(key, { signal });
}

/** Remembers what is left, and how it is. @returns what is to be told of it; null when it is told, or is not to be */
function leave(
  stored: StoredObject,
  drift: FoundDrift,
  live: KubeObject | typeof GONE | typeof UNSEEN,
  context: ApplyContext,
): FoundDrift | null {
  const { unit, clock } = context;
  const id = keyId(stored.key);
  const mode = modeFor(stored, context);
  if (mode === 'correct') return null;
  const isVisible = typeof live === 'string' || drift.paths.length > 0;
  const { key, how, paths, managers } = drift;
  const news = isVisible && mode === 'warn' ? hashOf([how, drift.changes]) : '';
  const told = unit.tolerated.get(id)?.told ?? unit.toldBefore.get(id) ?? '';
  unit.drifted.delete(id);
  noteApplied(stored, live, unit);
  unit.tolerated.set(id, {
    key,
    mode,
    seen: typeof live === 'string' ? live : contentHash(live),
    told: news === '' ? told : news,
    note: isVisible ? { key, how, paths, managers } : null,
  });
  if (news === '' || news === told) return null;
  unit.tellings.corrected(id, clock.now());
  unit.applied.changed = true;
  return drift;
}

function removal({ key }: StoredObject): FoundDrift {
  return { key, how: 'removed', paths: [], managers: [], changes: [], more: 0 };
}

/** What was never applied by us, such as what helm made, has not lost the labels of its owner. */
function declaredOfOurs(stored: StoredObject, live: KubeObject, { unit, fieldManager }: ApplyContext): KubeObject {
  const declared = declaredOf(stored, live);
  const isOurs = live.metadata.managedFields?.some(
    ({ manager, operation }) => manager === fieldManager && operation === 'Apply',
  );
  if (isOurs === true) return declared;
  const { nameLabel, namespaceLabel } = ownershipOf(unit.ref);
  const { [nameLabel]: _name, [namespaceLabel]: _namespace, ...labels } = declared.metadata.labels ?? {};
  return { ...declared, metadata: { ...declared.metadata, labels } };
}

function difference(
  stored: StoredObject,
  { declared, live }: { declared: KubeObject; live: KubeObject },
  context: ApplyContext,
): FoundDrift {
  const { key } = stored;
  const { paths, managers, more, values } = driftValues(declared, live, context.fieldManager);
  const hidden = context.hidesValues || key.kind === 'Secret';
  const changes = values.map(({ declared, live: is }, index) => ({
    path: paths[index] ?? '',
    declared: shownValue(declared, hidden),
    live: shownValue(is, hidden),
  }));
  return { key, how: 'changed', paths, managers, changes, more };
}

/** After a restart: what was applied is what is declared, and what is there is something else. */
function noteApplied({ key, digest, rules }: StoredObject, live: KubeObject | string, unit: UnitMemory): void {
  const id = keyId(key);
  if (unit.applied.has(id)) return;
  const { uid = '', resourceVersion = '' } = typeof live === 'string' ? {} : live.metadata;
  unit.applied.set(id, {
    desiredDigest: digest,
    ownedHash: unit.recalled?.get(id)?.ownedHash ?? '',
    uid,
    resourceVersion,
    ...(rules.drift === undefined ? {} : { drift: rules.drift }),
  });
}
