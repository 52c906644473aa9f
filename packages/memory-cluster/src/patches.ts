import type { Json, JsonObject } from '@plumb/api';

import { failure } from './failures.ts';
import { mergeApplied } from './merge.ts';
import type { Shape } from './schema.ts';
import { equal, isMap } from './values.ts';

/** JSON merge patch (RFC 7386). */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isMap(patch)) return patch;
  const result: JsonObject = isMap(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = mergePatch(result[name], value);
  }
  return result;
}

interface Operation {
  op: string;
  path: string;
  from?: string;
  value?: Json;
}

/** JSON patch (RFC 6902). @throws PlumbError `api-invalid` when an operation does not fit */
export function jsonPatch(target: Json, patch: Json): Json {
  if (!Array.isArray(patch)) throw failure(400, 'json patch must be a list of operations');
  return (patch as unknown as Operation[]).reduce(applyOperation, structuredClone(target));
}

function applyOperation(document: Json, operation: Operation): Json {
  const { op, path, value = null } = operation;
  if (op === 'test') {
    if (!equal(read(document, path), value))
      throw failure(422, `testing path ${path}: the server rejected our request due to an error in our request`);
    return document;
  }
  if (op === 'move' || op === 'copy') {
    const from = operation.from ?? '';
    const moved = structuredClone(read(document, from));
    if (op === 'move') change(document, from, 'remove', null);
    change(document, path, 'add', moved);
    return document;
  }
  if (op !== 'add' && op !== 'remove' && op !== 'replace') throw failure(400, `unknown json patch operation ${op}`);
  if (path === '') return value;
  change(document, path, op, value);
  return document;
}

function read(document: Json, path: string): Json {
  let value: Json | undefined = document;
  for (const step of steps(path))
    value = Array.isArray(value) ? value[Number(step)] : isMap(value) ? value[step] : undefined;
  if (value === undefined) throw missing(path);
  return value;
}

function change(document: Json, path: string, op: 'add' | 'remove' | 'replace', value: Json): void {
  const all = steps(path);
  const last = all.pop() ?? '';
  const parent = read(document, all.map((step) => `/${escape(step)}`).join(''));
  if (Array.isArray(parent)) changeList(parent, last, op, value);
  else if (isMap(parent)) changeMap(parent, last, op, value);
  else throw missing(path);
}

function changeList(list: Json[], step: string, op: 'add' | 'remove' | 'replace', value: Json): void {
  const index = step === '-' ? list.length : Number(step);
  if (!(index >= 0) || index > list.length || (op !== 'add' && index === list.length)) throw missing(step);
  list.splice(index, op === 'add' ? 0 : 1, ...(op === 'remove' ? [] : [value]));
}

function changeMap(map: JsonObject, step: string, op: 'add' | 'remove' | 'replace', value: Json): void {
  if (op !== 'add' && !(step in map)) throw missing(step);
  if (op === 'remove') delete map[step];
  else map[step] = value;
}

function steps(path: string): string[] {
  return path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function escape(step: string): string {
  return step.replaceAll('~', '~0').replaceAll('/', '~1');
}

function missing(path: string): Error {
  return failure(422, `the server rejected our request due to an error in our request: no value at ${path}`);
}

/** Strategic merge patch as far as it is merging by keys and deleting by null; directives are not spoken here. */
export function strategicPatch(target: JsonObject, patch: Json, shape: Shape): JsonObject {
  if (!isMap(patch)) throw failure(400, 'a strategic merge patch must be an object');
  if (JSON.stringify(patch).includes('"$'))
    throw failure(400, 'strategic merge directives are not supported by the in-memory cluster');
  return withoutNulls(mergeApplied(target, patch, shape));
}

function withoutNulls(value: JsonObject): JsonObject {
  const entries = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(entries.map(([name, item]) => [name, isMap(item) ? withoutNulls(item) : item]));
}
