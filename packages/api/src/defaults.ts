/** The part of JSON Schema that defaulting looks at. */
interface SchemaNode {
  default?: unknown;
  properties?: Record<string, SchemaNode>;
  items?: SchemaNode;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function record(properties: Record<string, SchemaNode>, value: Record<string, unknown>): Record<string, unknown> {
  const filled = { ...value };
  for (const [name, node] of Object.entries(properties)) {
    const given = Object.hasOwn(filled, name) ? filled[name] : undefined;
    if (given !== undefined && given !== null) filled[name] = withDefaults(node, given);
    else if (node.default !== undefined) filled[name] = withDefaults(node, structuredClone(node.default));
    else delete filled[name];
  }
  return filled;
}

/**
 * A copy with the schema's defaults filled in, as the API server does on every read and write: a field that is missing
 * or null gets its default, and a null without one goes (no field is `nullable`). Values of a wrong type stay.
 */
export function withDefaults(schema: object, value: unknown): unknown {
  const node = schema as SchemaNode;
  if (node.properties !== undefined && isRecord(value)) return record(node.properties, value);
  const items = node.items;
  if (items !== undefined && Array.isArray(value)) return value.map((item: unknown) => withDefaults(items, item));
  return value;
}
