/** The part of JSON Schema that defaulting looks at. */
interface SchemaNode {
  type?: string;
  required?: readonly string[];
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

/** Fields whose empty text says something of its own: pointers in Flux's Go types. An empty spec.ignore of a GitRepository ignores nothing. */
const POINTERS: ReadonlySet<string> = new Set(['ignore']);

function fieldsOf(node: SchemaNode, value: Record<string, unknown>): Record<string, unknown> {
  const { properties = {}, required = [] } = node;
  const isUnset = (name: string, field: unknown): boolean =>
    field === '' && properties[name]?.type === 'string' && !required.includes(name) && !POINTERS.has(name);
  const given = Object.entries(value).filter(([name, field]) => !isUnset(name, field));
  return Object.fromEntries(
    given.map(([name, field]) => {
      const child = properties[name];
      return [name, child === undefined ? field : withoutEmptyText(child, field)];
    }),
  );
}

/**
 * A copy without the optional texts that are empty, below objects and lists: Flux reads an empty one as one that is not there (Go's omitempty).
 * Elements of lists and values of maps stay.
 */
export function withoutEmptyText(schema: object, value: unknown): unknown {
  const node = schema as SchemaNode;
  if (node.properties !== undefined && isRecord(value)) return fieldsOf(node, value);
  const items = node.items;
  if (items !== undefined && Array.isArray(value)) return value.map((item: unknown) => withoutEmptyText(items, item));
  return value;
}

/** The path of the first field that a schema does not name, below objects and lists; null where it names all. */
export function unknownField(schema: object, value: unknown, path: string): string | null {
  const { properties, items } = schema as SchemaNode;
  if (properties !== undefined && isRecord(value)) {
    const found = Object.entries(value).map(([name, field]) => {
      const child = Object.hasOwn(properties, name) ? properties[name] : undefined;
      return child === undefined ? `${path}.${name}` : unknownField(child, field, `${path}.${name}`);
    });
    return found.find((one) => one !== null) ?? null;
  }
  if (items === undefined || !Array.isArray(value)) return null;
  const found = value.map((item: unknown, index) => unknownField(items, item, `${path}[${index}]`));
  return found.find((one) => one !== null) ?? null;
}
