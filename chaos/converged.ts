import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '@plumb/api';
import {
  displayKey,
  GIT_REPOSITORY,
  keyId,
  keyOf,
  KUSTOMIZATION,
  OWNER_NAME_LABEL,
  OWNER_NAMESPACE_LABEL,
  readyOf,
} from '@plumb/api';
import { inventoryId } from '@plumb/core';
import { checkStatus } from '@plumb/testkit';
import type { Field } from './field.ts';
import type { Model, Unit } from './model.ts';
import { fieldsOf, KINDS } from './model.ts';

/** What is not yet as Git says, or never will be: empty when the cluster equals Git and the inventories equal the cluster. */
export async function differences(field: Field, model: Model, revision: string): Promise<string[]> {
  const found: string[] = [];
  const lists = await Promise.all(KINDS.map((kind) => field.cluster.list(kind, { namespace: field.target })));
  const live = new Map(lists.flatMap(({ items }) => items).map((object) => [keyId(keyOf(object)), object]));
  for (const { unit, object } of model.declared()) {
    const there = live.get(keyId(object.key));
    const wrong =
      there === undefined ? 'is not there' : wrongOf(there, fieldsOf(object.key.kind, object.value), unit, field);
    if (wrong !== null) found.push(`${displayKey(object.key)} of ${unit.name} ${wrong}`);
  }
  const units = await field.cluster.list(KUSTOMIZATION, { namespace: field.namespace });
  for (const object of units.items)
    found.push(...unitProblems(object, { field, model, revision, live: [...live.values()] }));
  const missing = [...model.units.keys()].filter((name) => !units.items.some(({ metadata }) => metadata.name === name));
  for (const object of live.values()) {
    const owner = object.metadata.labels?.[OWNER_NAME_LABEL];
    const isLeft = owner !== undefined && !model.units.has(owner) && object.metadata.name !== 'impostor';
    if (isLeft) found.push(`${displayKey(keyOf(object))} was left behind by ${owner}, which is gone`);
  }
  const sources = await field.cluster.list(GIT_REPOSITORY, { namespace: field.namespace });
  return [
    ...found,
    ...missing.map((name) => `Kustomization ${name} is not there`),
    ...sources.items.flatMap(statusProblems),
  ];
}

function wrongOf(object: KubeObject, fields: object, unit: Unit, field: Field): string | null {
  for (const [name, value] of Object.entries(fields)) {
    const is = object[name];
    if (!isDeepStrictEqual(is, value)) return `has ${name} ${JSON.stringify(is)}, not ${JSON.stringify(value)}`;
  }
  const labels = object.metadata.labels ?? {};
  if (!isOwnedBy(object, unit.name, field)) return `is not labelled as its own, but ${JSON.stringify(labels)}`;
  if (unit.built && labels['team'] !== unit.name) return `has team ${labels['team']}`;
  return null;
}

export function isOwnedBy({ metadata }: KubeObject, unit: string, { namespace }: Pick<Field, 'namespace'>): boolean {
  return metadata.labels?.[OWNER_NAME_LABEL] === unit && metadata.labels[OWNER_NAMESPACE_LABEL] === namespace;
}

function unitProblems(
  object: KubeObject,
  { field, model, revision, live }: { field: Field; model: Model; revision: string; live: readonly KubeObject[] },
): string[] {
  const { name } = object.metadata;
  const unit = model.units.get(name);
  if (unit === undefined) return [`Kustomization ${name} was deleted and is still there`];
  const found: string[] = [];
  const status = object['status'] as { lastAppliedRevision?: string } | undefined;
  if (status?.lastAppliedRevision !== revision)
    found.push(`${name} is at ${status?.lastAppliedRevision}, not ${revision}`);
  const inventory = inventoryIds(object).toSorted();
  const declared = [...unit.objects.values()].map(({ key }) => inventoryId(key)).toSorted();
  if (!isDeepStrictEqual(inventory, declared)) {
    found.push(`${name} has the inventory ${inventory.join(' ')}, and Git declares ${declared.join(' ')}`);
  }
  const labelled = live.filter((one) => isOwnedBy(one, name, field) && one.metadata.name !== 'impostor');
  const ids = labelled.map((one) => inventoryId(keyOf(one))).toSorted();
  if (!isDeepStrictEqual(inventory, ids)) {
    found.push(`${name} has the inventory ${inventory.join(' ')}, and its labels are on ${ids.join(' ')}`);
  }
  return [...found, ...statusProblems(object)];
}

export function inventoryIds(object: KubeObject): string[] {
  const status = object['status'] as { inventory?: { entries: { id: string }[] } } | undefined;
  return (status?.inventory?.entries ?? []).map(({ id }) => id);
}

function statusProblems(object: KubeObject): string[] {
  const name = `${object.kind} ${object.metadata.name}`;
  const ready = readyOf(object as never);
  const wrong = ready?.status === 'True' ? [] : [`is not ready: ${ready?.message}`];
  return [...wrong, ...checkStatus(object)].map((text) => `${name} ${text}`);
}
