import type { Json, JsonObject, KubeObject } from '@plumb/api';

import type { SchemaNode } from './schema.ts';
import { equal, isMap } from './values.ts';

/** Drops what the schema does not know and fills in its defaults, as the API server does with custom objects. */
export function conform(object: KubeObject, schema: SchemaNode): KubeObject {
  const { apiVersion, kind, metadata, ...rest } = object;
  const content = shapeMap(rest as JsonObject, { ...schema, properties: schema.properties ?? {} });
  return { apiVersion, kind, metadata, ...content };
}

function shapeMap(value: JsonObject, schema: SchemaNode): JsonObject {
  const free = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const result: JsonObject = {};
  for (const [name, item] of Object.entries(value)) {
    const known = schema.properties?.[name] ?? additional(schema);
    if (known !== null) result[name] = shapeValue(item, known);
    else if (free) result[name] = item;
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (result[name] === undefined && property.default !== undefined) {
      result[name] = shapeValue(structuredClone(property.default) as Json, property);
    }
  }
  return result;
}

function additional(schema: SchemaNode): SchemaNode | null {
  if (schema.additionalProperties === true) return { 'x-kubernetes-preserve-unknown-fields': true };
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : null;
}

function shapeValue(value: Json, schema: SchemaNode): Json {
  if (Array.isArray(value))
    return schema.items ? value.map((item) => shapeValue(item, schema.items as SchemaNode)) : value;
  if (!isMap(value) || schema['x-kubernetes-embedded-resource']) return value;
  return shapeMap(value, schema);
}

/** What is wrong with a custom object, in the API server's words: `spec.interval: Required value`. */
export function violations(object: KubeObject, schema: SchemaNode): string[] {
  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...rest } = object;
  return [...inMap(rest as JsonObject, schema, '')];
}

function* inMap(value: JsonObject, schema: SchemaNode, path: string): Generator<string> {
  for (const name of schema.required ?? []) if (value[name] === undefined) yield `${join(path, name)}: Required value`;
  for (const [name, item] of Object.entries(value)) {
    const known = schema.properties?.[name] ?? additional(schema);
    if (known !== null) yield* inValue(item, known, join(path, name));
  }
}

function* inValue(value: Json, schema: SchemaNode, path: string): Generator<string> {
  if (value === null && schema.nullable) return;
  if (!hasType(value, schema)) {
    yield `${path}: Invalid value: "${typeof value}": ${path} in body must be of type ${schema.type}`;
    return;
  }
  if (schema.enum && !schema.enum.some((allowed) => equal(allowed, value))) {
    yield `${path}: Unsupported value: ${JSON.stringify(value)}: supported values: ${schema.enum.map((item) => JSON.stringify(item)).join(', ')}`;
  }
  if (typeof value === 'string') yield* inString(value, schema, path);
  if (typeof value === 'number') yield* inNumber(value, schema, path);
  if (isMap(value)) yield* inMap(value, schema, path);
  if (Array.isArray(value))
    for (const [index, item] of value.entries()) yield* inValue(item, schema.items ?? {}, `${path}[${index}]`);
}

function* inString(value: string, schema: SchemaNode, path: string): Generator<string> {
  const said = `${path}: Invalid value: ${JSON.stringify(value)}: ${path} in body`;
  if (schema.pattern && !new RegExp(schema.pattern, 'u').test(value)) yield `${said} should match '${schema.pattern}'`;
  if (schema.minLength !== undefined && value.length < schema.minLength)
    yield `${said} should be at least ${schema.minLength} chars long`;
  if (schema.maxLength !== undefined && value.length > schema.maxLength)
    yield `${path}: Too long: may not be more than ${schema.maxLength} bytes`;
}

function* inNumber(value: number, schema: SchemaNode, path: string): Generator<string> {
  const said = `${path}: Invalid value: ${value}: ${path} in body`;
  if (schema.minimum !== undefined && value < schema.minimum)
    yield `${said} should be greater than or equal to ${schema.minimum}`;
  if (schema.maximum !== undefined && value > schema.maximum)
    yield `${said} should be less than or equal to ${schema.maximum}`;
}

function hasType(value: Json, schema: SchemaNode): boolean {
  if (schema['x-kubernetes-int-or-string']) return typeof value === 'string' || isInteger(value);
  switch (schema.type) {
    case 'object':
      return isMap(value);
    case 'array':
      return Array.isArray(value);
    case 'string':
    case 'boolean':
      return typeof value === schema.type;
    case 'integer':
      return isInteger(value);
    case 'number':
      return typeof value === 'number' || typeof value === 'bigint';
    default:
      return true;
  }
}

function isInteger(value: Json): boolean {
  return typeof value === 'bigint' || Number.isInteger(value);
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
