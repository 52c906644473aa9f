/** What stands in place of a secret value. */
export const MASK = '***';

/** A copy of a value in which every leaf and key that another build of it has otherwise is masked; `found` is told what was hidden. */
export function maskDifferences(value: unknown, other: unknown, found: (text: string) => void): unknown {
  if (Array.isArray(value) && Array.isArray(other) && value.length === other.length)
    return value.map((item: unknown, index) => maskDifferences(item, other[index], found));
  if (isMap(value) && isMap(other)) return maskMap(value, other, found);
  if (!isNode(value) && Object.is(value, other)) return value;
  if (isNode(value) && isEmpty(value) && isNode(other) && isEmpty(other)) return value;
  for (const text of textsIn(value)) found(text);
  return MASK;
}

type JsonMap = Readonly<Record<string, unknown>>;

function maskMap(map: JsonMap, other: JsonMap, found: (text: string) => void): JsonMap {
  let hidden = 0;
  const entries = Object.entries(map).map(([key, item]) => {
    if (Object.hasOwn(other, key)) return [key, maskDifferences(item, other[key], found)];
    for (const text of [key, ...textsIn(item)]) found(text);
    hidden += 1;
    return [hidden === 1 ? MASK : `${MASK} (${hidden})`, MASK];
  });
  return Object.fromEntries(entries) as JsonMap;
}

/** Every leaf and key, as a text. */
function textsIn(value: unknown): string[] {
  if (!isNode(value)) return [String(value)];
  const keys = Array.isArray(value) ? [] : Object.keys(value);
  return [...keys, ...Object.values(value).flatMap(textsIn)];
}

function isNode(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isMap(value: unknown): value is JsonMap {
  return isNode(value) && !Array.isArray(value);
}

function isEmpty(node: object): boolean {
  return Object.keys(node).length === 0;
}
