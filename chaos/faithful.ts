import type { KubeObject } from '@plumb/api';
import { displayKey, keyId, keyOf, OWNER_NAME_LABEL } from '@plumb/api';
import type { ObjectKey } from '@plumb/api';
import { inventoryId, parseInventoryEntry } from '@plumb/core';
import { checkStatus } from '@plumb/testkit';
import { inventoryIds, isOwnedBy } from './converged.ts';
import type { Field } from './field.ts';
import type { State } from './history.ts';
import type { Model } from './model.ts';
import { KINDS } from './model.ts';

/** What was done to one object by the agent, and how often it was disturbed, as the history shows. */
export interface Deeds {
  created: number;
  changed: number;
  deleted: number;
}

export function deedsOf(field: Field, id: string): Deeds {
  const deeds = { created: 0, changed: 0, deleted: 0 };
  for (const [index, state] of field.history.of(id).entries()) {
    const before = field.history.of(id)[index - 1];
    const word = wordOf(state, before);
    const byHand = word === 'deleted' ? field.byHand.removed(before?.uid ?? '') : field.byHand.wrote(id, state.at);
    if (!byHand) deeds[word] += 1;
  }
  return deeds;
}

function wordOf(state: State, before: State | undefined): keyof Deeds {
  if (state.object === null) return 'deleted';
  return before === undefined || before.object === null ? 'created' : 'changed';
}

/** Nothing that no unit declares was touched. */
export function strangerProblems(field: Field, strangers: readonly KubeObject[]): string[] {
  return strangers.flatMap(({ kind, metadata }) => {
    const ref = KINDS.find((known) => known.kind === kind);
    if (ref === undefined) return [];
    const key = { ...ref, namespace: field.target, name: metadata.name };
    const states = field.history.of(keyId(key));
    const untouched = states.length === 1 && states[0]?.object?.metadata.resourceVersion === metadata.resourceVersion;
    return untouched ? [] : [`${displayKey(key)} is nobody's, and was written ${states.length} times (I1)`];
  });
}

/** No status that was ever written breaks a rule (I6). */
export function brokenStatuses(states: Iterable<State>): string[] {
  return [...states].flatMap(({ at, object }) =>
    object === null ? [] : checkStatus(object).map((broken) => `${displayKey(keyOf(object))} at ${at}: ${broken} (I6)`),
  );
}

/** The inventory names an object before it is created, and until it is gone or another's (I4). */
export function inventoryProblems(field: Field, { owners }: Model): string[] {
  const units = new Set([...owners.values()].flatMap((names) => [...names]));
  return [
    ...[...owners.keys()].flatMap((id) => creationProblems(field, id)),
    ...[...units].flatMap((name) => departureProblems(field, keyId(field.unitKey(name)))),
  ];
}

function creationProblems(field: Field, id: string): string[] {
  const states = field.history.of(id);
  return states.flatMap((state, index) => {
    if (state.object === null || wordOf(state, states[index - 1]) !== 'created' || field.byHand.wrote(id, state.at))
      return [];
    const owner = state.object.metadata.labels?.[OWNER_NAME_LABEL] ?? '';
    const unit = field.history.before(keyId(field.unitKey(owner)), state.at)?.object;
    const entry = inventoryId(keyOfId(id));
    const listed = unit !== null && unit !== undefined && inventoryIds(unit).includes(entry);
    return listed ? [] : [`${entry} was created at ${state.at} before the inventory of ${owner} named it (I4)`];
  });
}

function departureProblems(field: Field, id: string): string[] {
  const states = field.history.of(id);
  return states.flatMap(({ at, object }, index) => {
    const before = states[index - 1]?.object;
    if (before === null || before === undefined) return [];
    const now = new Set(object === null ? [] : inventoryIds(object));
    const left = inventoryIds(before).filter((entry) => !now.has(entry));
    const { name } = before.metadata;
    return left.flatMap((entry) => {
      const key = parseInventoryEntry({ id: entry, v: 'v1' });
      const live = field.history.before(keyId(key), at)?.object;
      const isGone = live === null || live === undefined || !isOwnedBy(live, name, field);
      return isGone ? [] : [`${entry} left the inventory of ${name} at ${at}, and is still there (I4)`];
    });
  });
}

function keyOfId(id: string): ObjectKey {
  const [group = '', kind = '', namespace = '', name = ''] = id.split('/');
  return { group, version: 'v1', kind, namespace, name };
}
