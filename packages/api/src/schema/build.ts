import * as Type from 'typebox';

/** A Go duration in the units Flux accepts; see duration.ts. */
const DURATION = '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$';
const DURATION_BELOW_HOURS = '^([0-9]+(\\.[0-9]+)?(ms|s|m))+$';

export function text(description: string, options: Type.TStringOptions = {}) {
  return Type.String({ description, ...options });
}

export function flag(description: string, options: Type.TSchemaOptions = {}) {
  return Type.Boolean({ description, ...options });
}

export function count(description: string, options: Type.TNumberOptions = {}) {
  return Type.Integer({ description, format: 'int64', ...options });
}

export function time(description: string) {
  return Type.String({ description, format: 'date-time' });
}

export function duration(description: string) {
  return Type.String({ description, pattern: DURATION });
}

/** Timeouts of sources: Flux does not allow hours there. */
export function shortDuration(description: string, options: Type.TStringOptions = {}) {
  return Type.String({ description, pattern: DURATION_BELOW_HOURS, ...options });
}

export function choice<const Values extends string[]>(
  description: string,
  values: readonly [...Values],
  options: Type.TSchemaOptions = {},
) {
  return Type.Enum<Values>(values, { description, type: 'string', ...options });
}

export function textMap(description: string) {
  return Type.Record(Type.String(), Type.String(), { description });
}

export function list<Items extends Type.TSchema>(description: string, items: Items) {
  return Type.Array(items, { description });
}

export function object<Properties extends Type.TProperties>(
  description: string,
  properties: Properties,
  options: Type.TObjectOptions = {},
) {
  return Type.Object(properties, { description, ...options });
}

/** A rule over several fields: CEL for the API server, the same in TypeScript for the check at the border. */
export interface Rule<Value> {
  rule: string;
  message: string;
  holds: (value: Value) => boolean;
}

/** Adds rules to a schema: `x-kubernetes-validations` and the equal check. */
export function withRules<Schema extends Type.TSchema>(
  schema: Schema,
  rules: readonly Rule<Type.Static<Schema>>[],
): Schema {
  const annotated = { ...schema, 'x-kubernetes-validations': rules.map(({ rule, message }) => ({ rule, message })) };
  let refined: Type.TSchema = annotated;
  for (const { holds, message } of rules) {
    refined = Type.Refine(
      refined,
      (value) => holds(value as Type.Static<Schema>),
      () => message,
    );
  }
  return refined as Schema;
}
