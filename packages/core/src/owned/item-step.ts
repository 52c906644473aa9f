import { isMap } from '../fields.ts';
import { childSet, hasKeyFields, keyFieldsOf, sameScalar } from './fields-v1.ts';
import type { FieldSet } from './fields-v1.ts';
import { keyDefault } from './known-types.ts';

/** The step a declared item is owned under: its key fields, those left out at their default; or itself in a set. */
export function stepFor(item: unknown, steps: ReadonlySet<string>, fields: FieldSet): string | undefined {
  if (!isMap(item)) {
    const own = `v:${JSON.stringify(item)}`;
    return steps.has(own) ? own : undefined;
  }
  const keyed = [...steps].flatMap((step) => {
    const keys = keyFieldsOf(step);
    return keys === null ? [] : [{ step, keys }];
  });
  const exact = keyed.find(({ keys }) => hasKeyFields(withDefaults(item, keys), keys));
  if (exact !== undefined) return exact.step;
  // Keys with a default of the kind's own schema: left out by us, they are not owned by us.
  const open = keyed.filter(({ step, keys }) =>
    Object.keys(keys).every((name) => {
      if (item[name] !== undefined) return sameScalar(item[name], keys[name]);
      return !Object.hasOwn(childSet(fields, step), `f:${name}`);
    }),
  );
  return open.length === 1 ? open[0]?.step : undefined;
}

function withDefaults(item: Record<string, unknown>, keys: Record<string, unknown>): Record<string, unknown> {
  const filled: Record<string, unknown> = {};
  for (const field in keys) filled[field] = item[field] ?? keyDefault(field);
  return filled;
}
